/*
 * Giving up privileges, with proof that they cannot come back.
 */
#ifndef CS_COMMON_PROC_PRIVDROP_H
#define CS_COMMON_PROC_PRIVDROP_H

#include <stdint.h>

struct err;

/*
 * No core files, no ptrace, no /proc/PID/{mem,environ,fd} for others of the
 * same uid. exec undoes it, and so may a change of uid: call it again then.
 */
int proc_make_undumpable(struct err *e);

/*
 * From root to the named user: groups, gids, uids, then try to regain root and
 * fail if that works. Only the user's own group is kept. Not root: CS_E_DENIED.
 * No such user: CS_E_NOT_FOUND. After any error the process must end.
 */
int privdrop_to_user(const char *name, struct err *e);

/*
 * Keep of the capabilities that are there only those in `keep` (bit n =
 * capability n), nothing inheritable or ambient, and lock the securebits so
 * that uid 0 gives none back. With keep 0 it also works for an ordinary user.
 */
int privdrop_caps(uint64_t keep, struct err *e);

#endif
