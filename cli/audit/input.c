#include "cli/audit/input.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/control_client.h"
#include "cli/http_client.h"
#include "cli/jsonc.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

#define FILE_BYTES_MAX (16U << 20)
#define LIST_MS        20000
#define TIMEOUT_MS     5000
#define SERVERS_MAX    64U

static bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

int
input_target(
    struct target *t, const struct args *a, struct arena *arena, struct err *e)
{
	const char *word = a->word_count > 0 ? a->words[0] : NULL;

	*t = (struct target){TARGET_FILE, NULL, NULL};
	if (args_has(a, "example")) {
		*t = (struct target){
		    TARGET_EXAMPLE, args_get(a, "example"), NULL};
		t->shown = arena_printf(arena, "example:%s", t->name);
		if (audit_example(t->name) == NULL) {
			return err_set(e, CS_E_INVALID, "USAGE",
			    "no such example: %s; there is dangerous-db-mcp",
			    t->name);
		}
		return 0;
	}
	t->name = args_has(a, "url")          ? args_get(a, "url")
		  : args_has(a, "stdio")      ? args_get(a, "stdio")
		  : args_has(a, "mcp-config") ? args_get(a, "mcp-config")
					      : word;
	if (t->name == NULL || a->word_count > 1) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "one target is wanted: a file, a URL, stdio:<command>, or "
		    "--example dangerous-db-mcp");
	}
	if (args_has(a, "url") ||
	    (t->name == word && (has_prefix(word, "http://") ||
				    has_prefix(word, "https://")))) {
		t->kind = TARGET_URL;
		t->shown = http_shown_url(t->name, arena);
	} else if (args_has(a, "stdio") ||
		   (t->name == word && has_prefix(word, "stdio:"))) {
		t->kind = TARGET_STDIO;
		t->name += has_prefix(t->name, "stdio:") ? 6 : 0;
		t->shown = arena_printf(arena, "stdio:%s", t->name);
	} else {
		t->shown = t->name;
	}
	return 0;
}

static int
read_file(const char *path, struct buf *out, struct err *e)
{
	struct stat st;
	int fd = strcmp(path, "-") == 0
		     ? dup(STDIN_FILENO)
		     : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0) {
		return err_sys(e, "cannot open %s", path);
	}
	if (strcmp(path, "-") != 0 &&
	    (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		rc = err_set(e, CS_E_INVALID, "FILE_NOT_REGULAR",
		    "%s is not a file", path);
	} else {
		rc = fd_read_rest(fd, FILE_BYTES_MAX, out, e);
	}
	fd_close(&fd);
	return rc;
}

/* A URI reference: what SARIF wants of a path. */
static const char *
uri_of(const char *path, struct arena *arena)
{
	struct buf out = BUF_INIT;
	const char *copy;

	buf_puts(&out, path[0] == '/' ? "file://" : "");
	for (const char *p = path; *p != '\0'; p++) {
		bool is_plain =
		    (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("/._-~", *p) != NULL;
		if (is_plain) {
			buf_putc(&out, *p);
		} else {
			buf_printf(&out, "%%%02X", (unsigned char)*p);
		}
	}
	copy = arena_strndup(arena, buf_text(&out), out.len);
	buf_clear(&out);
	return copy;
}

/* A contract's tools: mcpd itself lists them, without credentials. */
static int
list_contract(struct audit *audit, const char *path, struct err *e)
{
	char program[PATH_MAX];
	struct child c = {.timeout_ms = LIST_MS, .max = FILE_BYTES_MAX};
	struct json_doc *doc = arena_alloc(audit->arena, sizeof(*doc));
	int rc = sibling_program("mcpd", program, sizeof(program), e);

	if (rc == 0) {
		child_add(&c, program);
		child_add(&c, "--config");
		child_add(&c, path);
		child_add(&c, "--list-tools");
		/* It opens nothing, so nothing has to be confined. */
		child_add(&c, "--accept-reduced-isolation");
		rc = child_run(&c, e);
	}
	if (rc == 0 && c.status != CS_EXIT_OK) {
		rc = child_explain(&c, CS_E_CONFIG, e);
	}
	if (rc == 0) {
		rc = json_scan(doc,
		    arena_span(audit->arena, buf_as_span(&c.out)), audit->arena,
		    e);
	}
	if (rc == 0) {
		rc = audit_collect(audit, doc, e);
	}
	child_clear(&c);
	return rc;
}

static void
options_of(struct live_options *o, const struct args *a)
{
	const char *text = args_get(a, "timeout-ms");
	long long value = text == NULL ? -1 : str_to_number(text, 600000);

	*o = (struct live_options){value > 0 ? value : TIMEOUT_MS,
	    args_get(a, "pass-env"), args_has(a, "allow-plain-http")};
}

static int
read_url(struct audit *audit, const char *url, const struct args *a,
    const struct live_options *o, struct err *e)
{
	const char *name = args_get(a, "bearer-env");
	const char *token =
	    secure_getenv(name != NULL ? name : "SYNAPSOR_MCP_AUDIT_BEARER");
	struct http_field headers[] = {{NULL, NULL}, {NULL, NULL}};

	if (name != NULL && token == NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--bearer-env: %s is not set", name);
	}
	if (token != NULL) {
		headers[0] = (struct http_field){"Authorization",
		    arena_printf(audit->arena, "Bearer %s", token)};
	}
	return live_http(audit, url, headers, o, e);
}

/* One server of a client's configuration, as the client would reach it. */
static int
read_server(struct audit *audit, const struct json_doc *d, uint32_t server,
    const struct live_options *o, struct err *e)
{
	const struct json_node *n = d->nodes;
	struct arena *arena = audit->arena;
	struct span command = json_get_string(d, server, "command", arena);
	struct span url = json_get_string(d, server, "url", arena);
	uint32_t list = json_get_type(d, server, "args", JSON_ARRAY);
	uint32_t env = json_get_type(d, server, "env", JSON_OBJECT);
	uint32_t heads = json_get_type(d, server, "headers", JSON_OBJECT);
	struct live_command c = {{NULL}, {NULL}};
	struct http_field fields[9] = {{NULL, NULL}};
	size_t count = 0;

	if (url.len > 0 && command.len == 0) {
		for (uint32_t k = heads == JSON_NONE ? 0 : heads + 1;
		     k != 0 && k < n[heads].next && count < 8;
		     k = n[k + 1].next) {
			struct span name = json_string(d, k, arena);
			struct span value = n[k + 1].type == JSON_STRING
						? json_string(d, k + 1, arena)
						: span_of("");
			fields[count++] = (struct http_field){
			    arena_strndup(arena, name.ptr, name.len),
			    arena_strndup(arena, value.ptr, value.len)};
		}
		return live_http(audit, arena_strndup(arena, url.ptr, url.len),
		    fields, o, e);
	}
	if (command.len == 0) {
		return err_set(e, CS_E_INVALID, "AUDIT_TARGET_INVALID",
		    "it has neither a command nor a url");
	}
	c.words[count++] = arena_strndup(arena, command.ptr, command.len);
	for (uint32_t i = list == JSON_NONE ? 0 : list + 1;
	     i != 0 && i < n[list].next && count < LIVE_WORDS_MAX;
	     i = n[i].next) {
		struct span word = n[i].type == JSON_STRING
				       ? json_string(d, i, arena)
				       : span_of("");
		c.words[count++] = arena_strndup(arena, word.ptr, word.len);
	}
	count = 0;
	for (uint32_t k = env == JSON_NONE ? 0 : env + 1;
	     k != 0 && k < n[env].next && count < LIVE_ENV_MAX / 2;
	     k = n[k + 1].next) {
		if (n[k + 1].type == JSON_STRING) {
			c.env[count++] = arena_printf(arena, "%.*s=%.*s",
			    SPAN_ARGS(json_string(d, k, arena)),
			    SPAN_ARGS(json_string(d, k + 1, arena)));
		}
	}
	live_environment(&c, o, arena);
	return live_stdio(audit, &c, o, e);
}

/* Every server of the file; one that does not answer stays unverified. */
static void
read_servers(struct audit *audit, const struct json_doc *d,
    const struct live_options *o, const char **verified)
{
	static const char *const keys[] = {"mcpServers", "servers"};
	const struct json_node *n = d->nodes;
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		uint32_t map = json_get_type(d, 0, keys[i], JSON_OBJECT);
		for (uint32_t k = map == JSON_NONE ? 0 : map + 1;
		     k != 0 && k < n[map].next && count < SERVERS_MAX;
		     k = n[k + 1].next) {
			struct span name = json_string(d, k, audit->arena);
			struct buf shown = BUF_INIT;
			struct err e = {0};
			if (n[k + 1].type == JSON_OBJECT &&
			    read_server(audit, d, k + 1, o, &e) == 0) {
				verified[count++] = arena_strndup(
				    audit->arena, name.ptr, name.len);
				continue;
			}
			str_escape_for_people(&shown, name);
			(void)fprintf(stderr, "warning: server %s: %s\n",
			    buf_text(&shown), e.msg);
			buf_clear(&shown);
		}
	}
}

static int
judge_document(struct audit *audit, struct span text, const char *path,
    const struct args *a, struct err *e)
{
	struct json_doc *d = arena_alloc(audit->arena, sizeof(*d));
	const char *verified[SERVERS_MAX + 1] = {NULL};
	struct live_options o;
	int64_t version = 0;
	uint32_t node;
	struct err strict = {0};
	int rc = json_scan(d, text, audit->arena, &strict);

	if (rc != 0) {
		/* VS Code's files have comments. */
		char *copy = arena_strndup(audit->arena, text.ptr, text.len);
		jsonc_blank(copy, text.len);
		rc = json_scan(
		    d, (struct span){copy, text.len}, audit->arena, NULL);
	}
	if (rc != 0) {
		*e = strict;
		return rc;
	}
	node = json_get_type(d, 0, "version", JSON_NUMBER);
	if (node != JSON_NONE) {
		(void)json_int64(json_raw(d, node), &version);
	}
	if (version == 1 && path != NULL &&
	    json_get_type(d, 0, "capabilities", JSON_ARRAY) != JSON_NONE) {
		return list_contract(audit, path, e);
	}
	rc = audit_collect(audit, d, e);
	if (rc == 0) {
		options_of(&o, a);
		if (args_has(a, "live")) {
			read_servers(audit, d, &o, verified);
		}
		audit_judge_servers(audit, d, verified);
	}
	return rc;
}

int
input_read(struct audit *audit, const struct target *t, const struct args *a,
    struct err *e)
{
	struct live_options o;
	struct live_command c = {{NULL}, {NULL}};
	struct buf text = BUF_INIT;
	int rc = 0;

	options_of(&o, a);
	switch (t->kind) {
	case TARGET_URL:
		return read_url(audit, t->name, a, &o, e);
	case TARGET_STDIO:
		rc = live_split(&c, t->name, audit->arena, e);
		if (rc == 0) {
			live_environment(&c, &o, audit->arena);
			rc = live_stdio(audit, &c, &o, e);
		}
		return rc;
	case TARGET_EXAMPLE:
		return judge_document(
		    audit, span_of(audit_example(t->name)), NULL, a, e);
	case TARGET_FILE:
	default:
		audit->target_uri = uri_of(t->name, audit->arena);
		rc = read_file(t->name, &text, e);
		if (rc == 0) {
			rc = judge_document(audit,
			    arena_span(audit->arena, buf_as_span(&text)),
			    strcmp(t->name, "-") == 0 ? NULL : t->name, a, e);
		}
		buf_clear(&text);
		return rc;
	}
}
