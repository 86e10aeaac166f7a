#include "http/target.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>

static bool
part(CURLU *u, CURLUPart which, unsigned flags, char *out, size_t size)
{
	char *text = NULL;
	bool fits = curl_url_get(u, which, &text, flags) == CURLUE_OK &&
		    strlen(text) < size;

	if (fits) {
		memcpy(out, text, strlen(text) + 1);
	}
	curl_free(text);
	return fits;
}

/* Is a part there at all? */
static bool
has_part(CURLU *u, CURLUPart which)
{
	char *text = NULL;
	bool there = curl_url_get(u, which, &text, 0) == CURLUE_OK;

	curl_free(text);
	return there;
}

static bool
in_net4(uint32_t address, uint32_t net, unsigned bits)
{
	return address >> (32U - bits) == net >> (32U - bits);
}

static enum address_kind
kind_of_v4(uint32_t address)
{
	static const struct {
		uint32_t net;
		unsigned bits;
		enum address_kind kind;
	} nets[] = {
	    {0x7f000000, 8, ADDRESS_LOOPBACK},
	    {0x0a000000, 8, ADDRESS_PRIVATE},
	    {0xac100000, 12, ADDRESS_PRIVATE},
	    {0xc0a80000, 16, ADDRESS_PRIVATE},
	    {0xa9fe0000, 16, ADDRESS_PRIVATE},
	    {0x64400000, 10, ADDRESS_PRIVATE},
	    {0x00000000, 8, ADDRESS_NEVER},
	    {0xe0000000, 3, ADDRESS_NEVER},
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		if (in_net4(address, nets[i].net, nets[i].bits)) {
			return nets[i].kind;
		}
	}
	return ADDRESS_PUBLIC;
}

static enum address_kind
kind_of_v6(const struct in6_addr *a)
{
	uint32_t last = (uint32_t)a->s6_addr[12] << 24 |
			(uint32_t)a->s6_addr[13] << 16 |
			(uint32_t)a->s6_addr[14] << 8 | a->s6_addr[15];

	if (IN6_IS_ADDR_LOOPBACK(a)) {
		return ADDRESS_LOOPBACK;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_MULTICAST(a)) {
		return ADDRESS_NEVER;
	}
	/* IPv4 in other clothes is what it is inside. */
	if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a)) {
		return kind_of_v4(last);
	}
	if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_SITELOCAL(a) ||
	    (a->s6_addr[0] & 0xfeU) == 0xfcU) {
		return ADDRESS_PRIVATE;
	}
	return ADDRESS_PUBLIC;
}

static enum address_kind
kind_of(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, a, sizeof(v6));
		return kind_of_v6(&v6.sin6_addr);
	}
	if (a->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, a, sizeof(v4));
		return kind_of_v4(ntohl(v4.sin_addr.s_addr));
	}
	return ADDRESS_NEVER;
}

/* Look up without a name service: is this text an address, and of which kind?
 */
static bool
numeric_kind(const char *host, enum address_kind *kind)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;

	if (getaddrinfo(host, NULL, &hints, &found) != 0) {
		return false;
	}
	*kind = kind_of(found->ai_addr);
	freeaddrinfo(found);
	return true;
}

bool
target_parse(const char *url, struct target *t)
{
	CURLU *u = curl_url();
	char host[TARGET_HOST_MAX];
	char scheme[8];
	enum address_kind kind = ADDRESS_PUBLIC;
	bool ok =
	    u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    !has_part(u, CURLUPART_USER) && !has_part(u, CURLUPART_PASSWORD) &&
	    part(u, CURLUPART_SCHEME, 0, scheme, sizeof(scheme)) &&
	    part(u, CURLUPART_HOST, 0, host, sizeof(host)) &&
	    part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, t->port,
		sizeof(t->port)) &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

	if (ok) {
		size_t len = strlen(host);
		bool in_brackets = host[0] == '[' && len > 2;

		(void)snprintf(t->host, sizeof(t->host), "%.*s",
		    (int)(in_brackets ? len - 2 : len), host + in_brackets);
		t->is_https = strcmp(scheme, "https") == 0;
		t->is_numeric = numeric_kind(t->host, &kind);
		t->is_loopback = (t->is_numeric && kind == ADDRESS_LOOPBACK) ||
				 strcmp(t->host, "localhost") == 0;
	}
	curl_url_cleanup(u);
	return ok;
}

bool
target_resolve(const struct target *t, char address[TARGET_ADDRESS_SIZE],
    enum address_kind *kind)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	bool ok;

	if (getaddrinfo(t->host, t->port, &hints, &found) != 0) {
		return false;
	}
	ok = getnameinfo(found->ai_addr, found->ai_addrlen, address,
		 TARGET_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0;
	*kind = kind_of(found->ai_addr);
	freeaddrinfo(found);
	return ok;
}
