/*
 * countersign-inspect - tells what tables a database has.
 *
 *	countersign-inspect --url-env NAME [--engine auto|postgres|mysql|sqlite]
 *	    [--schema NAME] [--tables LIST] [--timeout-ms N] [--brief]
 *
 * Prints one JSON object: the schema, or {"error": {...}}. `countersign
 * inspect`, `init` and `onboard db` start it, because they themselves hold no
 * credential and no driver.
 *
 * SECURITY
 *	Holds one database URL, taken from the variable that is named; the
 *	environment is overwritten and emptied before anything else, and the
 *	process cannot be dumped. Reads only the catalog, in a read-only session
 *	with a time limit, by statements that are constants with bound values.
 *	What the database answers is data: it is written as JSON and never
 *	becomes part of a statement.
 *
 * DIAGNOSTICS
 *	Exit 0: the schema was printed. 1: an object with "error" was printed,
 *	with a reason word and a sentence that holds no password. 100: usage.
 *	Killed by SIGALRM when the server takes its time beyond every limit.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/json_out.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "common/db/lite.h"
#include "common/db/my_url.h"
#include "common/db/pg_url.h"
#include "common/proc/envclean.h"
#include "common/proc/privdrop.h"
#include "inspect/catalog.h"
#include "inspect/print.h"

#define DEFAULT_TIMEOUT_MS "3000"
#define MAX_TIMEOUT_MS     60000

enum option {
	OPTION_URL_ENV,
	OPTION_ENGINE,
	OPTION_SCHEMA,
	OPTION_TABLES,
	OPTION_TIMEOUT,
	OPTIONS
};

static const char *const option_names[OPTIONS] = {
    [OPTION_URL_ENV] = "--url-env",
    [OPTION_ENGINE] = "--engine",
    [OPTION_SCHEMA] = "--schema",
    [OPTION_TABLES] = "--tables",
    [OPTION_TIMEOUT] = "--timeout-ms",
};

static const struct engine {
	const char *name;
	bool (*is_url)(struct span);
	int (*read)(struct span, const struct request *, struct arena *,
	    struct catalog *, struct err *);
} engines[] = {
    {"postgres", pg_url_is, pg_read},
    {"mysql", my_url_is, my_read},
    {"sqlite", lite_url_is, lite_read},
};

#define ENGINES (sizeof(engines) / sizeof(engines[0]))

/* What the secret's callback gets to see. */
struct job {
	const char *engine_name;
	struct request request;
	struct arena *arena;
	struct catalog catalog;
	struct err *err;
};

/* The engine that is named, or that the URL's scheme names. */
static const struct engine *
find_engine(const char *name, struct span url)
{
	bool by_url = strcmp(name, "auto") == 0;

	for (size_t i = 0; i < ENGINES; i++) {
		if (by_url ? engines[i].is_url(url)
			   : strcmp(engines[i].name, name) == 0) {
			return &engines[i];
		}
	}
	return NULL;
}

/* secret_with callback: the only code that sees the URL. */
static int
look(struct span url, void *context)
{
	struct job *job = context;
	const struct engine *engine = find_engine(job->engine_name, url);

	if (engine == NULL) {
		return err_set(job->err, CS_E_CONFIG, URL_REASON,
		    "the URL begins with none of postgres://, mysql://, "
		    "mariadb:// and sqlite:; correct it");
	}
	job->catalog.engine = engine->name;
	return engine->read(
	    url, &job->request, job->arena, &job->catalog, job->err);
}

static void
print_error(struct buf *out, const struct err *e)
{
	struct json_out j;
	struct buf line = BUF_INIT;
	struct buf text = BUF_INIT;

	/* A server's own words may be in any encoding, and on many lines. */
	for (const char *at = e->msg; *at != '\0'; at++) {
		bool blank = *at == '\n' || *at == '\t';

		buf_append(&line, blank ? " " : at, 1);
	}
	str_escape_for_people(&text, buf_as_span(&line));
	json_begin(&j, out, 2);
	json_open(&j, '{');
	json_key(&j, "error");
	json_open(&j, '{');
	json_field_text(&j, "reason", err_reason(e));
	json_field_span(&j, "message", buf_as_span(&text));
	json_close(&j, '}');
	json_close(&j, '}');
	buf_putc(out, '\n');
	buf_clear(&text);
	buf_clear(&line);
}

static int
usage(void)
{
	static const char text[] =
	    "usage: countersign-inspect --url-env NAME [--engine ENGINE] "
	    "[--schema NAME] [--tables LIST] [--timeout-ms N] [--brief]\n";

	(void)fd_write_all(STDERR_FILENO, text, sizeof(text) - 1, -1);
	return CS_EXIT_USAGE;
}

/* False for what is no option of ours. */
static bool
parse(int argc, char **argv, const char *values[OPTIONS], bool *brief)
{
	for (int i = 1; i < argc; i++) {
		int option = 0;

		if (strcmp(argv[i], "--brief") == 0) {
			*brief = true;
			continue;
		}
		while (option < OPTIONS &&
		       strcmp(argv[i], option_names[option]) != 0) {
			option++;
		}
		if (option == OPTIONS || i + 1 == argc) {
			return false;
		}
		values[option] = argv[++i];
	}
	return values[OPTION_URL_ENV] != NULL;
}

/* Nothing of this process is left behind on disk, and it does not stay:
 * connecting, then one statement for each set. */
static int
harden(int64_t timeout_ms, struct err *e)
{
	(void)alarm((unsigned)(timeout_ms / 1000) * (CATALOG_SETS + 1) + 10);
	return proc_make_undumpable(e);
}

static int
run(const char *const values[OPTIONS], bool brief, struct buf *out,
    struct err *e)
{
	struct env_snapshot *env = env_snapshot_take();
	struct secret *url = env_secret(env, values[OPTION_URL_ENV]);
	struct arena *a = arena_new();
	struct job job = {.engine_name = values[OPTION_ENGINE],
	    .request = {values[OPTION_SCHEMA],
		str_to_number(values[OPTION_TIMEOUT], MAX_TIMEOUT_MS)},
	    .arena = a,
	    .err = e};
	struct print_options options = {values[OPTION_TABLES], brief};
	int rc = 0;

	env_snapshot_free(&env);
	if (job.request.timeout_ms < 1) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--timeout-ms must be 1 to %d", MAX_TIMEOUT_MS);
	} else if (url == NULL) {
		rc = err_set(e, CS_E_CONFIG, "DATABASE_URL_MISSING",
		    "%s is not set.", values[OPTION_URL_ENV]);
	} else {
		rc = harden(job.request.timeout_ms, e);
	}
	if (rc == 0) {
		rc = secret_with(url, look, &job);
	}
	secret_free(&url);
	if (rc == 0) {
		print_catalog(out, &job.catalog, &options, a);
	}
	arena_free(&a);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *values[OPTIONS] = {[OPTION_ENGINE] = "auto",
	    [OPTION_SCHEMA] = "",
	    [OPTION_TIMEOUT] = DEFAULT_TIMEOUT_MS};
	struct buf out = BUF_INIT;
	struct err e = {0};
	bool brief = false;
	int rc = 0;

	log_init("countersign-inspect", LOG_LEVEL_WARN);
	crypto_init();
	if (!parse(argc, argv, values, &brief)) {
		return usage();
	}
	if (!str_is_env_name(span_of(values[OPTION_URL_ENV]))) {
		rc = err_set(&e, CS_E_INVALID, "USAGE",
		    "database-url-env must be an environment variable name.");
	} else {
		rc = run(values, brief, &out, &e);
	}
	if (rc != 0) {
		print_error(&out, &e);
	}
	if (fd_write_all(STDOUT_FILENO, out.data, out.len, -1) != 0) {
		rc = CS_E_IO;
	}
	buf_clear(&out);
	return rc == 0 ? CS_EXIT_OK : CS_EXIT_FAILED;
}
