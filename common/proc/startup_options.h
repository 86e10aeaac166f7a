/*
 * The options that all daemons share. Internal to common/proc.
 */
#ifndef CS_COMMON_PROC_STARTUP_OPTIONS_H
#define CS_COMMON_PROC_STARTUP_OPTIONS_H

struct err;
struct startup;

/*
 * Take the common options out of argv into *s and check the descriptors. What
 * is not known stays in argv, in order. CS_E_INVALID for a missing value or a
 * number that is no inherited descriptor.
 */
int startup_take_options(
    struct startup *s, int *argc, char **argv, struct err *e);

/* Close everything above 2 that *s does not name. */
int startup_close_others(const struct startup *s, struct err *e);

#endif
