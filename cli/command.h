/*
 * What a command is: two words, a table of flags, a function, a help text.
 */
#ifndef CS_CLI_COMMAND_H
#define CS_CLI_COMMAND_H

#include "cli/args.h"

struct err;

struct command {
	const char *group; /* "proposals" */
	const char *verb;  /* "show"; NULL when the group is the command */
	const char *words; /* for the usage line: "<id|latest>" */
	const char *summary;
	const struct args_spec *spec;
	/* Returns the exit code; a negative CS_E_ code with *e filled is an
	 * error that main prints. */
	int (*run)(const struct args *a, struct err *e);
};

/* Every command, in the order of the help. */
extern const struct command commands[];

/* Flags that many commands share. */
#define ARG_STORE                                                   \
	{                                                           \
		"store", ARGS_VALUE,                                \
		    "ledger file (default ./.countersign/local.db)" \
	}
#define ARG_CONFIG                                    \
	{                                             \
		"config", ARGS_VALUE, "contract file" \
	}
#define ARG_JSON                                \
	{                                       \
		"json", ARGS_FLAG, "print JSON" \
	}
#define ARG_HELP                                    \
	{                                           \
		"help", ARGS_FLAG, "show this help" \
	}
#define ARG_END                       \
	{                             \
		NULL, ARGS_FLAG, NULL \
	}

int cmd_config_validate(const struct args *a, struct err *e);
int cmd_proposals_list(const struct args *a, struct err *e);
int cmd_proposals_show(const struct args *a, struct err *e);
int cmd_proposals_approve(const struct args *a, struct err *e);
int cmd_proposals_reject(const struct args *a, struct err *e);
int cmd_proposals_job(const struct args *a, struct err *e);
int cmd_apply(const struct args *a, struct err *e);
int cmd_reconcile_list(const struct args *a, struct err *e);
int cmd_reconcile_inspect(const struct args *a, struct err *e);
int cmd_reconcile_resolve(const struct args *a, struct err *e);
int cmd_replay_list(const struct args *a, struct err *e);
int cmd_replay_show(const struct args *a, struct err *e);
int cmd_replay_export(const struct args *a, struct err *e);
int cmd_evidence_list(const struct args *a, struct err *e);
int cmd_evidence_show(const struct args *a, struct err *e);
int cmd_audit_list(const struct args *a, struct err *e);
int cmd_receipts_list(const struct args *a, struct err *e);
int cmd_receipts_show(const struct args *a, struct err *e);
int cmd_events_tail(const struct args *a, struct err *e);
int cmd_ledger_verify(const struct args *a, struct err *e);
int cmd_ledger_status(const struct args *a, struct err *e);
int cmd_metrics(const struct args *a, struct err *e);
int cmd_writeback_migration(const struct args *a, struct err *e);
int cmd_writeback_grants(const struct args *a, struct err *e);
int cmd_writeback_doctor(const struct args *a, struct err *e);
int cmd_mcp_serve(const struct args *a, struct err *e);
int cmd_mcp_serve_streamable(const struct args *a, struct err *e);
int cmd_mcp_serve_bridge(const struct args *a, struct err *e);
int cmd_mcp_connect(const struct args *a, struct err *e);

#endif
