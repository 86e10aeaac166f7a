/*
 * Errors: a function returns 0 or a negative CS_E_ code; the optional last
 * parameter `struct err *` gathers what a person needs to know. Libraries never
 * log: whoever stands at the boundary reports once.
 */
#ifndef CS_COMMON_BASE_ERR_H
#define CS_COMMON_BASE_ERR_H

enum cs_error {
	CS_OK = 0,
	CS_E_INVALID = -1,      /* input that breaks a rule */
	CS_E_TOO_LARGE = -2,    /* over a cap */
	CS_E_PROTOCOL = -3,     /* a peer broke the wire protocol */
	CS_E_IO = -4,           /* the operating system refused */
	CS_E_EOF = -5,          /* the other side is gone */
	CS_E_TIMEOUT = -6,      /* a deadline passed */
	CS_E_DENIED = -7,       /* not allowed */
	CS_E_NOT_FOUND = -8,    /* no such thing */
	CS_E_STATE = -9,        /* not possible in this state */
	CS_E_INTEGRITY = -10,   /* a hash, signature or chain does not match */
	CS_E_CONFIG = -11,      /* contract or settings */
	CS_E_UNAVAILABLE = -12, /* try again later */
	CS_E_UNSUPPORTED = -13, /* this system or build cannot */
	CS_E_NOMEM = -14,       /* a peer-chosen size could not be had */
	CS_E_UNKNOWN = -15      /* the outcome is not known */
};

/* Exit codes of every program. */
enum cs_exit {
	CS_EXIT_OK = 0,
	CS_EXIT_FAILED = 1,
	CS_EXIT_USAGE = 100,
	CS_EXIT_BUG = 101,
	CS_EXIT_ENVIRONMENT = 111
};

struct err {
	int code;           /* enum cs_error */
	int saved_errno;    /* 0 when no system call was involved */
	const char *reason; /* static upper-case word for programs, or NULL */
	char msg[400];      /* for people; never holds a secret */
};

/* Fill *e (may be NULL) and return `code`. `reason` must be a literal. */
int err_set(struct err *e, int code, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Like err_set with CS_E_IO; appends the text of the current errno, which is
 * therefore read first: nothing may come between the call and this. */
int err_sys(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "context: " before the message already in *e. */
void err_context(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * A reason word that came over the wire, as a word that outlives everything:
 * the same text gives the same pointer. The first 256 distinct words are kept
 * (peers of ours have a closed list); after that, or over 63 bytes, it is
 * "OTHER".
 */
const char *err_intern(const char *word, unsigned long len);

/* The reason word of *e, or the name of its code: never NULL. */
const char *err_reason(const struct err *e);

/* Fixed text of a CS_E_ code. */
const char *cs_strerror(int code);

#endif
