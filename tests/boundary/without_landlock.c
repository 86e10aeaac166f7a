/*
 * without_landlock PROGRAM ARGUMENT…: runs a program as on a kernel that has no
 * Landlock, by answering its calls with ENOSYS.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					 offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(
		BPF_JMP | BPF_JGE | BPF_K, SYS_landlock_create_ruleset, 0, 2),
	    BPF_JUMP(
		BPF_JMP | BPF_JGT | BPF_K, SYS_landlock_restrict_self, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog filter = {
	    .len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
		perror("without_landlock");
		return 111;
	}
	(void)execv(argv[1], argv + 1);
	perror(argv[1]);
	return 111;
}
