/*
 * Opening a MySQL or MariaDB session the one way we allow: nothing from option
 * files or the environment, TCP only, no local files for the server, no
 * password in the clear, and the session settings before any statement of ours.
 */
#ifndef CS_COMMON_DB_MY_SESSION_H
#define CS_COMMON_DB_MY_SESSION_H

#include <mysql.h>
#include <stdint.h>

#include "common/db/my_url.h"

struct err;

struct my_session {
	bool read_only;               /* SET SESSION TRANSACTION READ ONLY */
	bool non_blocking;            /* for _start and _cont */
	int64_t statement_timeout_ms; /* 0: 10 s */
	unsigned lock_timeout_s;      /* 0: 5 s */
};

/*
 * A login under way. The driver looks at the parts of the URL until it is
 * done, so they stay here and my_login_clear wipes them.
 */
struct my_login {
	struct my_url url;
	MYSQL *result; /* of mysql_real_connect */
};

/* The statement that every session begins with (an init command). */
#define MY_SETTINGS_SIZE 640
void my_settings(const struct my_session *session, char out[MY_SETTINGS_SIZE]);

/*
 * Begin to connect without blocking (a host name is still looked up by the
 * driver, which blocks). `text` is the secret's content. *wait is what
 * mysql_real_connect_start returned: 0 means that it is done, and
 * my_login_finish says how. CS_E_CONFIG for the URL.
 */
int my_login_start(struct span text, const struct my_session *session,
    struct my_login *login, MYSQL **out, int *wait, struct err *e);

/* Go on after the events in `ready`; returns what to wait for, 0: done. */
int my_login_cont(struct my_login *login, MYSQL *my, int ready);

/*
 * How did it end? CS_E_UNAVAILABLE (DATABASE_UNAVAILABLE) with the server's or
 * the driver's text (which holds host and user, never the password) and, where
 * TLS is the reason, what to do about it.
 */
int my_login_finish(const struct my_login *login, MYSQL *my, struct err *e);

void my_login_clear(struct my_login *login);

/* Connect and wait, for the writer. */
int my_connect(struct span text, const struct my_session *session, MYSQL **out,
    struct err *e);

/* Let go without waiting for the server; NULL is fine; *my becomes NULL. */
void my_close(MYSQL **my);

#endif
