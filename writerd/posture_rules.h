/*
 * The questions that posture.c asks, as data. Internal to it.
 */
#ifndef CS_WRITERD_POSTURE_RULES_H
#define CS_WRITERD_POSTURE_RULES_H

#include <stdbool.h>

/*
 * One question: `sql` answers with one text, what is too much, or NULL. In
 * detail and remedy %w is that text, %t the quoted table, %r the role.
 */
struct posture_rule {
	const char *code;
	bool hard;
	/* Its parameters, in order: s schema, t table, c the columns that the
	 * contract changes there, l the tables that it writes (both lists with
	 * commas). With s it is asked once per table. */
	const char *params;
	const char *detail;
	const char *remedy;
	const char *sql;
};

/* The role's name as SQL spells it, and the questions; code NULL ends them. */
struct posture_engine {
	const char *role_sql;
	const struct posture_rule *rules;
};

extern const struct posture_engine posture_postgres;
extern const struct posture_engine posture_mysql;

#endif
