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

struct control {
	int fd;
	uint32_t next_id;
	struct buf in;
	struct arena *arena; /* answers live here until control_close */
	const char *store;   /* absolute path */
	const char *config;  /* contract file */
};

/*
 * Which store and contract: --store, SYNAPSOR_LOCAL_STORE, the contract's
 * storage.sqlite_path, else ./.countersign/local.db (./.synapsor/local.db when
 * that exists and the other does not).
 */
int control_locate(struct control *c, const struct args *a, struct err *e);

/* Locate, connect (starting a ledgerd if need be) and say HELLO. The store must
 * exist unless `create`. */
int control_open(struct control *c, const struct args *a, struct err *e);
void control_close(struct control *c);

/*
 * Send one request and gather its whole DOCUMENT. CS_E_* with the ledger's
 * reason and message on failure. *out borrows from the connection's arena.
 */
int control_request(struct control *c, uint16_t type, const void *message,
    struct span *out, struct err *e);

/* SHOW of one kind. */
int control_show(struct control *c, enum show_kind kind, const char *id,
    struct span *out, struct err *e);

/* QUERY with the command's filter flags. */
int control_query(struct control *c, enum query_kind kind, const struct args *a,
    struct span *out, struct err *e);

/* Start countersign-run in the background for `roles`; returns when it says
 * that it is ready. */
int control_start(const struct control *c, const char *roles, struct err *e);

/* The path of a program beside this one or in libexec. */
int sibling_program(const char *name, char *out, size_t size, struct err *e);

#endif
