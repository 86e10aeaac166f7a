/*
 * MySQL and MariaDB URLs: mysql://user:password@host:port/database?param=value,
 * or mariadb://. Only TCP: a Unix socket would open the sandbox to all of them.
 * A parsed URL holds the password in the clear: parse it inside secret_with,
 * use it, and call my_url_clear at once.
 */
#ifndef CS_COMMON_DB_MY_URL_H
#define CS_COMMON_DB_MY_URL_H

#include "common/db/url.h"

/* The first five as in enum url_part. */
enum my_url_part {
	MY_URL_USER,
	MY_URL_PASSWORD,
	MY_URL_HOST, /* name or address */
	MY_URL_PORT,
	MY_URL_DATABASE,
	MY_URL_SSLMODE,
	MY_URL_SSLROOTCERT,
	MY_URL_CONNECT_TIMEOUT,
	MY_URL_PARTS
};

struct my_url {
	const char *part[MY_URL_PARTS]; /* NULL: not given; into text */
	enum url_tls tls;
	unsigned port;
	unsigned connect_timeout_s;
	char text[URL_MAX];
};

/* Is this a URL for MySQL or MariaDB at all? */
bool my_url_is(struct span text);

/*
 * Parse into *out; CS_E_CONFIG with reason DATABASE_URL_INVALID otherwise. The
 * message never quotes a value. Call my_url_clear in either case.
 */
int my_url_parse(struct span text, struct my_url *out, struct err *e);

/* Overwrite everything, the password too. */
void my_url_clear(struct my_url *url);

#endif
