/*
 * System-call rules as data. The first rule that matches decides; a role's
 * default decides for the rest.
 */
#ifndef CS_COMMON_PROC_SECCOMP_TABLES_H
#define CS_COMMON_PROC_SECCOMP_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "common/proc/sandbox.h"

enum verdict {
	V_ALLOW,
	V_KILL,
	V_EPERM,
	V_EACCES,
	V_ENOSYS
};

enum arg_test {
	T_ANY,     /* whatever the arguments are */
	T_EQUAL,   /* (arg & mask) == value */
	T_DIFFERS, /* (arg & mask) != value */
	T_NOT_SELF /* arg != our own pid */
};

/* Only the low 32 bits of an argument are looked at: all tested ones are int
 * or flags below 2^32, of which the kernel sees no more either. */
struct syscall_rule {
	int nr;
	enum verdict verdict;
	enum arg_test test;
	unsigned arg;
	uint32_t mask;
	uint32_t value;
};

struct rule_table {
	const struct syscall_rule *rules;
	size_t count;
};

#define ROLE_TABLES_MAX 7

struct role_rules {
	const struct rule_table *tables[ROLE_TABLES_MAX]; /* NULL ends */
	enum verdict otherwise;
};

/* The rules of a role: of *c it depends on whether AF_UNIX sockets may be made
 * and connections accepted. */
struct role_rules seccomp_rules_of(
    enum proc_role role, const struct confine *c);

#endif
