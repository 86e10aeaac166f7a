/*
 * The command's side of the control socket. When no ledgerd owns the store, a
 * short-lived one is started through countersign-run; the ledger file itself is
 * never opened here.
 */
#ifndef CS_CLI_CONTROL_CLIENT_H
#define CS_CLI_CONTROL_CLIENT_H

#include "cli/args.h"
#include "proto/messages.h"

struct arena;
struct err;

/* Where the units of packaging/systemd listen: a store of this name has no file
 * that we could see, but CONTROL_SERVICE_STORE.run/control.sock. */
#define CONTROL_SERVICE_STORE  "/run/countersign/ledger"
#define CONTROL_SERVICE_LEDGER "/var/lib/countersign/ledger/ledger.db"
bool control_is_service(const char *store);

/* One connection, for one command. Answers and paths live in its arena. */
struct control {
	int fd;
	uint32_t next_id;
	struct buf in;
	struct arena *arena; /* answers live here until control_close */
	const char *store;   /* absolute path */
	const char *config;  /* contract file */
	const char *place;   /* flags for commands that are printed */
	bool has_progress;   /* something stands on the terminal's line */
};

/*
 * Which store and contract: --store, SYNAPSOR_LOCAL_STORE, the contract's
 * storage.sqlite_path, else ./.countersign/local.db (./.synapsor/local.db when
 * that exists and the other does not). Initialises *c. A missing contract is an
 * error only when --config names one: looking at a ledger needs none.
 */
int control_locate(struct control *c, const struct args *a, struct err *e);

/*
 * Locate, connect (starting a ledgerd if need be) and say HELLO. The store must
 * exist: a mistyped path must not make a new, empty ledger. After an error
 * control_close is still due.
 */
int control_open(struct control *c, const struct args *a, struct err *e);
void control_close(struct control *c);

/*
 * Send one request and gather its whole DOCUMENT; one at a time. Waits up to
 * three minutes. CS_E_UNAVAILABLE (retryable) or CS_E_DENIED with the ledger's
 * reason and message when it refuses, CS_E_EOF with LEDGER_GONE when the answer
 * did not come: then it is not known whether the request was done. *out borrows
 * from the connection's arena.
 */
int control_request(struct control *c, uint16_t type, const void *message,
    struct span *out, struct err *e);

/* Milliseconds to wait for a writer (--timeout-ms, a minute). ledgerd waits at
 * most two minutes, whatever is asked for; the job goes on in any case. */
int control_wait_ms(const struct args *a, uint32_t *out, struct err *e);

/*
 * A request that needs a writer: when there is none, one is started for it and
 * the request is sent again. Only then: NO_WRITER says that nothing was
 * released, and no other request is sent twice without a person.
 */
int control_ask_writer(struct control *c, uint16_t type, const void *message,
    struct span *out, struct err *e);

/* SHOW of one kind; `id` may be "latest" where that makes sense. */
int control_show(struct control *c, enum show_kind kind, const char *id,
    struct span *out, struct err *e);

/* The same with filters of the caller's own; `limit` 0: the default. */
int control_list(struct control *c, const struct msg_query *m, struct span *out,
    struct err *e);

/* The command's filter flags as filters, --object split in two, into `list`,
 * which has room for ARGS_MAX + 1. `proposals`: --status is the state. */
int control_filters(const struct args *a, bool proposals,
    struct filter_list *list, struct err *e);

/* --limit (1 to 200, beyond it 200); 0 when it is not given. */
int control_limit(const struct args *a, uint32_t *out, struct err *e);

/* QUERY with the command's filter flags and --limit (at most 200). */
int control_query(struct control *c, enum query_kind kind, const struct args *a,
    struct span *out, struct err *e);

/*
 * Start countersign-run in the background for `roles` (comma-separated);
 * returns when it says that it is ready, or CS_E_UNAVAILABLE after 15 s. It
 * outlives this command and leaves when nobody needs it.
 */
int control_start(const struct control *c, const char *roles, struct err *e);

/* The path of a program beside this one or in libexec, never from PATH: what
 * is started here gets to see credentials. */
int sibling_program(const char *name, char *out, size_t size, struct err *e);

#endif
