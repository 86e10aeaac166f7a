/*
 * The launcher's own side; see launcher.h.
 */
#ifndef CS_WRITERD_HANDLER_LAUNCHED_H
#define CS_WRITERD_HANDLER_LAUNCHED_H

#include "writerd/handler/launcher.h"

/* Before each answer: both ends are the same program, so it goes as it is. */
struct launched_end {
	uint32_t end; /* enum launch_end */
	int32_t code;
	uint32_t len; /* bytes of output that follow */
};

/* A length and the bytes. */
int launched_send(int fd, struct span bytes, int64_t patience_ms);

/* Be the launcher until `fd` ends. */
void launched_main(int fd, const struct contract *c, bool reduced)
    __attribute__((noreturn));

#endif
