/*
 * Who changes the row of an approved proposal, when it is not plain SQL: the
 * application, reached by HTTP or by a command. Part of contract.h.
 */
#ifndef CS_COMMON_CONTRACT_EXECUTOR_H
#define CS_COMMON_CONTRACT_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a source row is changed; anything but SQL is done by the application. */
enum executor_type {
	EXECUTOR_SQL_UPDATE,
	EXECUTOR_HTTP,
	EXECUTOR_COMMAND
};

struct contract_executor {
	const char *name;
	enum executor_type type;
	const char *url_env;            /* http */
	const char *method;             /* http: POST, PUT or PATCH */
	const char *token_env;          /* NULL: no bearer token */
	const char *signing_secret_env; /* NULL: unsigned */
	const char *command_env;        /* command */
	int64_t timeout_ms;             /* default 5000 */
	bool allow_private; /* http: addresses of private networks */
	/* command: files and folders that it may write; absolute. */
	const char **writable_paths;
	size_t writable_count;
	bool honours_dry_run; /* it does nothing when asked for a dry run */
};

#endif
