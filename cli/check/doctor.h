/*
 * What a doctor found: a list of checks, filled by the files that look at one
 * thing each, printed by doctor.c.
 */
#ifndef CS_CLI_CHECK_DOCTOR_H
#define CS_CLI_CHECK_DOCTOR_H

#include "cli/check/boundary.h"
#include "common/contract/contract.h"

enum level {
	LEVEL_PASS,
	LEVEL_WARN,
	LEVEL_FAIL
};

struct doctor_check {
	const char *name;
	enum level level;
	const char *message;
};

struct doctor {
	const struct args *args;
	struct arena *arena;
	const char *config;
	const char *store;         /* absolute; NULL: not known */
	struct contract *contract; /* NULL: it is not valid */
	struct boundary boundary;
	bool has_boundary;
	struct doctor_check *checks; /* owned */
	size_t count;
	bool failed;
};

/* Add one check. The message is formatted into the arena; it must not hold a
 * secret or a driver's raw text. */
void doctor_add(struct doctor *d, enum level level, const char *name,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Is this variable set, or a credential of that name there? */
bool doctor_is_set(const char *name);

/* doctor --first-run: prints; returns the exit code. */
int first_run_doctor(const struct args *a);

/* The files of this folder, each adding what it looks at. */
void doctor_contract(struct doctor *d);    /* doctor_env.c */
void doctor_environment(struct doctor *d); /* doctor_env.c */
void doctor_databases(struct doctor *d);   /* doctor_db.c */
void doctor_handlers(struct doctor *d);    /* doctor_handler.c */
void doctor_system(struct doctor *d);      /* doctor_os.c */
void doctor_files(struct doctor *d);       /* doctor_os.c */

#endif
