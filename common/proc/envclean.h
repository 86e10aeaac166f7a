/*
 * The environment: copied once, overwritten, emptied. clearenv() alone leaves
 * every string readable in /proc/PID/environ; writing over the strings does
 * not. An empty environment also takes away what steers libraries from outside
 * (PG*, MYSQL_*, SSL_*, OPENSSL_*, LD_*, MALLOC_*).
 */
#ifndef CS_COMMON_PROC_ENVCLEAN_H
#define CS_COMMON_PROC_ENVCLEAN_H

struct env_snapshot;
struct secret;

/*
 * Copy the environment into secret memory, overwrite the original strings in
 * place and clear it. Once per process, before anything else reads it. The
 * caller frees the snapshot as soon as it knows which names it needs.
 */
struct env_snapshot *env_snapshot_take(void);

/* Wipe and free; NULL is fine. Sets the caller's pointer to NULL. */
void env_snapshot_free(struct env_snapshot **snapshot);

/* Copy of a value that is not secret; the caller frees. NULL if not set. */
char *env_dup(const struct env_snapshot *snapshot, const char *name);

/* The value as a secret; the caller frees. NULL if not set or empty. */
struct secret *env_secret(
    const struct env_snapshot *snapshot, const char *name);

#endif
