/*
 * Where a URL leads: its host looked up once, the addresses that it may have.
 */
#ifndef CS_HTTP_TARGET_H
#define CS_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* A host name of DNS has at most 253 characters. */
#define TARGET_HOST_MAX 256U

struct target {
	char host[TARGET_HOST_MAX]; /* without the brackets of IPv6 */
	char port[8];
	bool is_https;
	bool is_numeric;  /* the host is an address */
	bool is_loopback; /* "localhost" or a numeric loopback address */
};

enum address_kind {
	ADDRESS_PUBLIC,
	ADDRESS_LOOPBACK,
	ADDRESS_PRIVATE, /* RFC 1918, link-local, unique local, CGNAT */
	ADDRESS_NEVER    /* unspecified, multicast, broadcast */
};

/* Room for the text of any address. */
#define TARGET_ADDRESS_SIZE 64U

/* Split an http or https URL (untrusted); false for anything else, also for
 * one with a user or password in it. */
bool target_parse(const char *url, struct target *t);

/*
 * Look the host up and write its first address as text; what an answer says
 * later cannot lead elsewhere. False when it has none. Blocks as long as the
 * system's resolver does.
 */
bool target_resolve(const struct target *t, char address[TARGET_ADDRESS_SIZE],
    enum address_kind *kind);

#endif
