/*
 * The parser below us (evhttp) is lenient. What it may have understood in
 * another way than a proxy in front of us is refused here, and the connection
 * closed, so that no bytes of one request are ever taken for the next.
 */
#include "mcpd/transport/http_check.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <strings.h>
#include <sys/queue.h>

#define BAD_REQUEST     400
#define HEADERS_TOO_BIG 431
#define LINE_OVERHEAD   4U /* ": " and the line end */

struct known_header {
	const char *name;
	size_t offset;
};

#define HEADER(text, field)                               \
	{                                                 \
		(text), offsetof(struct http_head, field) \
	}

static const struct known_header known[] = {
    HEADER("Host", host),
    HEADER("Origin", origin),
    HEADER("Authorization", authorization),
    HEADER("Accept", accept),
    HEADER("Content-Type", content_type),
    HEADER("Content-Length", content_length),
    HEADER("Transfer-Encoding", transfer_encoding),
    HEADER("Mcp-Session-Id", session),
    HEADER("MCP-Protocol-Version", version),
    HEADER("Mcp-Method", method),
    HEADER("Mcp-Name", name),
};

/* RFC 9110's token. A blank before the colon is the classic that proxies and
 * servers disagree on. */
static bool
is_token(const char *text)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

/* Accept may come in several lines; the first one counts. */
static int
keep(struct http_head *head, const struct evkeyval *line)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char **field =
		    (const char **)(void *)((char *)head + known[i].offset);

		if (strcasecmp(line->key, known[i].name) != 0) {
			continue;
		}
		if (*field != NULL) {
			return known[i].offset ==
				       offsetof(struct http_head, accept)
				   ? 0
				   : BAD_REQUEST;
		}
		*field = line->value;
	}
	return 0;
}

/* Exactly one way to know where the body ends. */
static bool
has_clear_length(const struct http_head *head)
{
	const char *length = head->content_length;

	if (head->transfer_encoding != NULL) {
		return length == NULL &&
		       strcasecmp(head->transfer_encoding, "chunked") == 0;
	}
	return length == NULL ||
	       (length[0] != '\0' &&
		   length[strspn(length, "0123456789")] == '\0');
}

int
http_head_read(struct http_head *head, const struct evkeyvalq *lines)
{
	const struct evkeyval *line = NULL;
	size_t bytes = 0;

	memset(head, 0, sizeof(*head));
	TAILQ_FOREACH (line, lines, next) {
		bytes +=
		    strlen(line->key) + strlen(line->value) + LINE_OVERHEAD;
		if (bytes > HTTP_HEAD_MAX) {
			return HEADERS_TOO_BIG;
		}
		if (!is_token(line->key) || keep(head, line) != 0) {
			return BAD_REQUEST;
		}
	}
	return has_clear_length(head) ? 0 : BAD_REQUEST;
}

static const char *const loopback_names[] = {"localhost", "127.0.0.1", "[::1]"};

#define LOOPBACK_NAMES (sizeof(loopback_names) / sizeof(loopback_names[0]))

/* Nothing, or a colon and up to five digits. */
static bool
is_port_or_empty(const char *text)
{
	size_t digits;

	if (text[0] == '\0') {
		return true;
	}
	digits = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;
	return digits > 0 && digits <= 5 && text[digits + 1] == '\0';
}

/* A name in front, and behind it a port at most. */
static bool
is_name_with_port(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncasecmp(text, name, len) == 0 &&
	       is_port_or_empty(text + len);
}

static bool
is_loopback_name(const char *text)
{
	for (size_t i = 0; i < LOOPBACK_NAMES; i++) {
		if (is_name_with_port(text, loopback_names[i])) {
			return true;
		}
	}
	return false;
}

/* Does an entry end in ":port"? A bracketed address has colons of its own. */
static bool
has_port(const char *entry)
{
	const char *bracket = strrchr(entry, ']');

	return strchr(bracket == NULL ? entry : bracket, ':') != NULL;
}

bool
http_host_is_allowed(const struct http_names *names, const char *host)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *entry = names->items[i];

		if (has_port(entry) ? strcasecmp(entry, host) == 0
				    : is_name_with_port(host, entry)) {
			return true;
		}
	}
	return names->loopback && is_loopback_name(host);
}

bool
http_origin_is_allowed(const struct http_names *origins, const char *origin)
{
	if (origin == NULL) {
		return true;
	}
	for (size_t i = 0; i < origins->count; i++) {
		if (strcmp(origins->items[i], origin) == 0) {
			return true;
		}
	}
	if (!origins->loopback) {
		return false;
	}
	if (strncmp(origin, "http://", 7) == 0) {
		return is_loopback_name(origin + 7);
	}
	return strncmp(origin, "https://", 8) == 0 &&
	       is_loopback_name(origin + 8);
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 &&
	       (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
		s.len--;
	}
	return s;
}

static bool
equals(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.ptr, text, s.len) == 0;
}

/* One element of Accept; "q=0" takes back what it names. */
static void
take_range(struct span element, bool *json, bool *events)
{
	const char *semicolon = memchr(element.ptr, ';', element.len);
	struct span range = element;

	if (semicolon != NULL) {
		struct span rest = {semicolon + 1,
		    (size_t)(element.ptr + element.len - semicolon - 1)};

		range.len = (size_t)(semicolon - element.ptr);
		rest = trim(rest);
		if (equals(rest, "q=0") || equals(rest, "q=0.0")) {
			return;
		}
	}
	range = trim(range);
	*json |= equals(range, "application/json") ||
		 equals(range, "application/*") || equals(range, "*/*");
	*events |=
	    equals(range, "text/event-stream") || equals(range, "text/*");
}

enum http_form
http_form_of(const char *accept)
{
	bool json = accept == NULL || accept[0] == '\0';
	bool events = false;

	while (accept != NULL && accept[0] != '\0') {
		size_t len = strcspn(accept, ",");

		take_range((struct span){accept, len}, &json, &events);
		accept += len + (accept[len] == ',' ? 1 : 0);
	}
	if (json) {
		return HTTP_FORM_JSON;
	}
	return events ? HTTP_FORM_EVENTS : HTTP_FORM_NONE;
}

bool
http_is_json(const char *content_type)
{
	struct span type = span_of(content_type);

	if (content_type == NULL) {
		return false;
	}
	type.len = strcspn(content_type, ";");
	return equals(trim(type), "application/json");
}

struct span
http_path_of(const char *target)
{
	if (target == NULL || target[0] != '/') {
		return span_of("");
	}
	return (struct span){target, strcspn(target, "?#")};
}
