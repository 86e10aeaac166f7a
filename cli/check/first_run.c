/*
 * doctor --first-run: what a new machine needs, before there is a contract
 * (cli-config.md §2.7). Each check says why it matters and what mends it.
 */
#include <arpa/inet.h>
#include <glob.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "cli/check/commands.h"
#include "cli/check/doctor.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define GIB         ((uint64_t)1 << 30)
#define SNIPPET_MAX (1 << 20)

struct finding_text {
	const char *name;
	enum level level;
	const char *checked;
	const char *why;
	const char *fix;
};

struct first_run {
	const struct args *args;
	struct view v;
	struct json_out j;
	bool as_json;
	bool failed;
};

static void
add(struct first_run *f, const struct finding_text *t)
{
	static const char *const words[] = {"PASS", "WARN", "FAIL"};
	static const char *const status[] = {"pass", "warn", "fail"};

	f->failed = f->failed || t->level == LEVEL_FAIL;
	if (f->as_json) {
		json_open(&f->j, '{');
		json_field_text(&f->j, "name", t->name);
		json_field_text(&f->j, "status", status[t->level]);
		json_field_text(&f->j, "checked", t->checked);
		json_field_text(&f->j, "why", t->why);
		json_field_text(&f->j, "fix", t->fix);
		json_close(&f->j, '}');
		return;
	}
	view_print(&f->v, "%s %s\nWhy it matters: %s\nFix: %s\n\n",
	    words[t->level], t->checked, t->why, t->fix);
}

static const char *
format(struct first_run *f, const char *form, const char *word)
{
	struct buf text = BUF_INIT;
	const char *copy;

	for (; *form != '\0'; form++) {
		if (form[0] == '@') {
			buf_puts(&text, word);
		} else {
			buf_putc(&text, *form);
		}
	}
	copy = arena_strndup(f->v.arena, text.data, text.len);
	buf_clear(&text);
	return copy;
}

static void
check_programs(struct first_run *f)
{
	static const char *const programs[] = {"countersign-run", "mcpd",
	    "ledgerd", "writerd", "writerd-handler", "countersign-inspect",
	    "countersign-http"};
	char path[PATH_MAX];
	struct err e = {0};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		bool found =
		    sibling_program(programs[i], path, sizeof(path), &e) == 0;
		add(f, &(struct finding_text){programs[i],
			   found ? LEVEL_PASS : LEVEL_FAIL,
			   format(f,
			       found ? "@ is installed" : "@ is not installed",
			       programs[i]),
			   "the command starts the daemons; it does nothing of "
			   "their work itself",
			   "make install, or build/release/bin in PATH"});
	}
}

static void
check_space(struct first_run *f)
{
	struct statvfs disk;
	struct sysinfo memory;
	bool room = statvfs(".", &disk) == 0 &&
		    (uint64_t)disk.f_bavail * disk.f_frsize >= 2 * GIB;
	bool wide = sysinfo(&memory) == 0 &&
		    (uint64_t)memory.totalram * memory.mem_unit >= GIB / 2;

	add(f,
	    &(struct finding_text){"disk-space", room ? LEVEL_PASS : LEVEL_WARN,
		room ? "2 GB or more are free" : "less than 2 GB are free",
		"if the ledger cannot record, nothing happens",
		"free space where the ledger is"});
	add(f, &(struct finding_text){"memory", wide ? LEVEL_PASS : LEVEL_WARN,
		   wide ? "512 MB of memory or more"
			: "less than 512 MB of memory",
		   "the daemons need about 15 MB, the database more",
		   "a larger machine"});
}

static void
check_port(struct first_run *f, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *address = (const struct sockaddr *)&at;
	bool is_free = fd >= 0 && bind(fd, address, sizeof(at)) == 0;
	char name[32];

	fd_close(&fd);
	(void)snprintf(name, sizeof(name), "port-%u", port);
	add(f, &(struct finding_text){name, is_free ? LEVEL_PASS : LEVEL_WARN,
		   format(f, is_free ? "@ is free" : "@ is taken", name),
		   "mcp serve over HTTP listens there unless told otherwise",
		   "end what uses it, or pass --port"});
}

/* Each variable that the contract names, and the separation of the two
 * credentials. */
static void
check_contract(struct first_run *f)
{
	struct doctor d = {.args = f->args, .arena = f->v.arena};
	struct err e = {0};

	if (contract_find(args_get(f->args, "config"), &d.config, &e) != 0) {
		add(f, &(struct finding_text){"config", LEVEL_WARN,
			   "there is no contract here",
			   "the contract says which tools there are",
			   "countersign onboard db --from-env DATABASE_URL"});
		return;
	}
	doctor_contract(&d);
	if (d.contract != NULL) {
		doctor_environment(&d);
	}
	for (size_t i = 0; i < d.count; i++) {
		bool is_variable = strncmp(d.checks[i].name, "env:", 4) == 0;
		enum level level = d.checks[i].level;
		/* Variables may come later; one credential for both may
		 * not. */
		if (is_variable && level == LEVEL_FAIL) {
			level = LEVEL_WARN;
		}
		add(f,
		    &(struct finding_text){d.checks[i].name, level,
			d.checks[i].message,
			is_variable ? "a process that misses it does not serve"
				    : "what is wrong is refused at start",
			is_variable ? "set the variable before serving"
				    : "countersign config validate"});
	}
	free(d.checks);
	contract_free(&d.contract);
}

static void
check_store(struct first_run *f)
{
	struct control c;
	struct err e = {0};
	bool there =
	    control_locate(&c, f->args, &e) == 0 && access(c.store, F_OK) == 0;

	control_close(&c);
	add(f, &(struct finding_text){"sqlite-store",
		   there ? LEVEL_PASS : LEVEL_WARN,
		   there ? "there is a ledger" : "there is no ledger yet",
		   "it keeps every read, proposal, decision and write",
		   "it is made by the first call: countersign smoke call"});
}

/* A client's file travels: into backups, chats and repositories. */
static void
check_snippet(struct first_run *f, const char *path)
{
	static const char *const signs[] = {"postgres://", "postgresql://",
	    "mysql://", "password\":", "password=", "Bearer ", "syn_wbr_"};
	struct buf text = BUF_INIT;
	struct err e = {0};
	enum level level = LEVEL_PASS;

	if (file_read_public(path, SNIPPET_MAX, &text, &e) != 0) {
		level = LEVEL_WARN;
	}
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strcasestr(buf_text(&text), signs[i]) != NULL) {
			level = LEVEL_FAIL;
		}
	}
	add(f,
	    &(struct finding_text){
		arena_printf(f->v.arena, "mcp-client-config-%s", path), level,
		format(f,
		    level == LEVEL_PASS   ? "@ holds no credential"
		    : level == LEVEL_WARN ? "@ cannot be read"
					  : "@ holds a credential",
		    path),
		"a client's file is read by the client, and by what it runs",
		"countersign mcp config writes one without any"});
	buf_clear(&text);
}

static void
check_snippets(struct first_run *f)
{
	const char *one = args_get(f->args, "client-config");
	glob_t found = {0};

	if (one != NULL) {
		check_snippet(f, one);
		return;
	}
	// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
	(void)glob(".countersign/mcp/*.json", 0, NULL, &found);
	// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
	(void)glob(".synapsor/mcp/*.json", GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		check_snippet(f, found.gl_pathv[i]);
	}
	if (found.gl_pathc == 0) {
		add(f, &(struct finding_text){"mcp-client-config", LEVEL_WARN,
			   "no client configuration here",
			   "a client needs to know what to start",
			   "countersign mcp config --write"});
	}
	globfree(&found);
}

/* {ok, checks}: ok is known last and printed first. */
static void
print_json(struct first_run *f, struct view *body)
{
	struct buf whole = BUF_INIT;
	struct json_out j;
	struct err ignored = {0};

	json_begin(&j, &whole, 0);
	json_open(&j, '{');
	json_field_bool(&j, "ok", !f->failed);
	json_field_raw(&j, "checks", buf_as_span(&f->v.out));
	json_close(&j, '}');
	if (view_open(body, arena_span(f->v.arena, buf_as_span(&whole)),
		f->v.arena, &ignored) == 0) {
		view_json(body, 0);
	}
	buf_clear(&whole);
}

int
first_run_doctor(const struct args *a)
{
	struct arena *arena = arena_new();
	struct first_run f = {.args = a, .v = {.arena = arena}};
	struct view body = {.arena = arena};

	f.as_json = args_has(a, "json");
	json_begin(&f.j, &f.v.out, 0);
	if (f.as_json) {
		json_open(&f.j, '[');
	}
	check_programs(&f);
	check_space(&f);
	check_port(&f, 8766);
	check_port(&f, 8765);
	check_contract(&f);
	check_store(&f);
	check_snippets(&f);
	if (f.as_json) {
		json_close(&f.j, ']');
		print_json(&f, &body);
	} else {
		view_print(&body, "Countersign first-run doctor: %s\n\n%s",
		    f.failed ? "needs attention" : "ok", buf_text(&f.v.out));
	}
	view_flush(&body);
	buf_clear(&f.v.out);
	arena_free(&arena);
	return f.failed ? CS_EXIT_FAILED : CS_EXIT_OK;
}
