/*
 * What a process can still do once it has confined itself. Landlock limits
 * paths, TCP ports and scopes; seccomp limits system calls. Neither can be
 * undone. Both need no_new_privs and a process without threads.
 */
#ifndef CS_COMMON_PROC_SANDBOX_H
#define CS_COMMON_PROC_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum proc_role {
	PROC_MCPD,
	PROC_LEDGERD,
	PROC_WRITERD, /* writerd-handler, too */
	PROC_JWKS,
	PROC_COMMAND, /* what writerd-handler has started for an application */
	PROC_RUN
};

enum path_access {
	PATH_RO, /* read files, list folders; skipped when it does not exist */
	PATH_RX, /* also execute; likewise skipped (PROC_COMMAND only) */
	PATH_RW  /* also create, write, truncate, remove; must exist */
};

/* A file or a folder with everything beneath it. Execution is
 * given to PROC_COMMAND alone. */
struct path_rule {
	const char *path; /* borrowed */
	enum path_access access;
};

struct confine {
	const struct path_rule *paths;
	size_t path_count;
	/* What DNS, TLS and time zones need to read (sandbox_client_paths). */
	bool is_db_client;
	/* Ports to connect to; 53 is added when there is any. None: none. */
	const uint16_t *tcp_ports;
	size_t tcp_port_count;
	/* A database URL is a Unix socket: leaves a hole, so it is recorded. */
	bool needs_unix_socket;
	/* A listener was made or inherited: connections are accepted. */
	bool accepts;
};

/* The read-only list behind is_db_client. */
extern const struct path_rule sandbox_client_paths[];
extern const size_t sandbox_client_path_count;

/* Version of the kernel's Landlock, 0: none. */
int sandbox_landlock_abi(void);

/*
 * Confine this thread, for ever, and what it starts. CS_E_UNSUPPORTED: no
 * Landlock here. CS_E_IO: a rule could not be added; then nothing is confined.
 * What this kernel's ABI cannot do is appended to *missing as text, entries
 * joined by "; ".
 */
int sandbox_landlock(enum proc_role role, const struct confine *c,
    struct buf *missing, struct err *e);

/* Install the role's filter (seccomp_tables.c). After Landlock, which some
 * roles cannot call any more then. CS_E_UNSUPPORTED: no seccomp filters. */
int sandbox_seccomp(
    enum proc_role role, const struct confine *c, struct err *e);

#ifdef CS_TEST_HOOKS
/* "kill" or "log": what calls come to that are refused with EPERM otherwise. */
void sandbox_test_mode(const char *mode);
#endif

/* Append a degradation to a text as described above. */
void sandbox_note(struct buf *missing, const char *text);

#endif
