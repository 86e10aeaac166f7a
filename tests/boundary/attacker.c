/*
 * Tries what code under some uid can try against another process:
 *
 *	attacker PID [SECRET]
 *
 * One line per attempt: `<name> <yes|no> <detail>`. "yes" means that it worked,
 * for environ, mem and process_vm that SECRET was found there (without SECRET:
 * that anything could be read). Status 0 whatever works; the caller knows what
 * each mode promises.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/boundary/probes.h"

int
main(int argc, char **argv)
{
	struct target t = {0};

	if (argc < 2 || argc > 3) {
		(void)fputs("usage: attacker PID [SECRET]\n", stderr);
		return 100;
	}
	t.pid = (pid_t)strtol(argv[1], NULL, 10);
	t.secret = argc == 3 ? argv[2] : NULL;
	for (const struct probe *p = probes; p->name != NULL; p++) {
		errno = 0;
		int worked = p->run(&t);
		(void)printf("%-12s %-3s %s\n", p->name, worked ? "yes" : "no",
		    worked || errno == 0 ? "-" : strerrorname_np(errno));
	}
	return 0;
}
