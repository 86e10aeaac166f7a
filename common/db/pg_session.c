/*
 * Connection parameters and session settings. libpq fills whatever is not
 * given from the environment, the home folder and service files; so everything
 * that matters is given here.
 */
#include "common/db/pg_session.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

#define DEFAULT_STATEMENT_TIMEOUT_MS 10000

/*
 * search_path is fixed: our own statements qualify every name, but triggers,
 * views and policies of the application may not, and rely on public. The
 * formats are those that pg_value.c reads.
 */
static const char fixed_options[] = "-c TimeZone=UTC -c DateStyle=ISO,YMD "
				    "-c IntervalStyle=postgres "
				    "-c bytea_output=hex "
				    "-c extra_float_digits=1 "
				    "-c standard_conforming_strings=on "
				    "-c search_path=pg_catalog,public";

/* The "-c name=value" list of the start-up packet. The idle timeout lies
 * above the statement timeout, so that it only ends sessions that we forgot. */
static void
format_options(const struct pg_session *session, char *out, size_t size)
{
	int64_t timeout = session->statement_timeout_ms;
	int n = 0;

	if (timeout <= 0) {
		timeout = DEFAULT_STATEMENT_TIMEOUT_MS;
	}
	n = snprintf(out, size,
	    "-c default_transaction_read_only=%s "
	    "-c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64
	    " -c idle_in_transaction_session_timeout=%" PRId64 " %s",
	    session->read_only ? "on" : "off", timeout,
	    session->lock_timeout_ms, timeout + 5000, fixed_options);
	cs_assert(n > 0 && (size_t)n < size);
}

/* A keyword of its own: PG_SESSION_PARAMS leaves room for all of ours. */
static void
add(struct pg_conninfo *info, size_t *n, const char *keyword, const char *value)
{
	cs_assert(*n + 1 < PG_SESSION_PARAMS);
	info->keywords[*n] = keyword;
	info->values[*n] = value;
	*n += 1;
}

/* A path below a file cannot exist: what is not given is not looked for. */
#define NO_FILE "/dev/null/none"

/*
 * libpq verifies a certificate as soon as it finds a CA somewhere, and knows
 * no word for not asking; so mode and CA are always given together, and so are
 * the files that it would look for in the home folder.
 */
static void
add_tls(struct pg_conninfo *info, size_t *n, const struct pg_url *url)
{
	static const char *const modes[] = {
	    [TLS_DISABLE] = "disable",
	    [TLS_PREFER] = "prefer",
	    [TLS_NO_VERIFY] = "require",
	    [TLS_REQUIRE] = "require",
	    [TLS_VERIFY_CA] = "verify-ca",
	    [TLS_VERIFY_FULL] = "verify-full",
	};
	static const enum pg_url_part files[] = {
	    PG_URL_SSLCERT, PG_URL_SSLKEY, PG_URL_SSLCRL};
	const char *named[PG_URL_FILES];

	pg_url_files(url, named);
	add(info, n, "sslmode", modes[url->tls]);
	add(info, n, "sslrootcert", named[0] == NULL ? NO_FILE : named[0]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (url->part[files[i]] == NULL) {
			add(info, n, pg_url_keyword(files[i]), NO_FILE);
		}
	}
}

void
pg_conninfo_build(const struct pg_url *url, const struct pg_session *session,
    struct pg_conninfo *out)
{
	size_t n = 0;
	int part = 0;

	memset(out, 0, sizeof(*out));
	format_options(session, out->options, sizeof(out->options));
	add(out, &n, "passfile", NO_FILE);
	add(out, &n, "client_encoding", "UTF8");
	add(out, &n, "options", out->options);
	add(out, &n, "gssencmode", "disable");
	for (part = 0; part < PG_URL_PARTS; part++) {
		if (url->part[part] != NULL && part != PG_URL_SSLMODE &&
		    part != PG_URL_SSLROOTCERT) {
			add(out, &n, pg_url_keyword((enum pg_url_part)part),
			    url->part[part]);
		}
	}
	add_tls(out, &n, url);
	if (url->part[PG_URL_HOST] == NULL) {
		add(out, &n, "host", "localhost");
	}
	if (url->part[PG_URL_PORT] == NULL) {
		add(out, &n, "port", "5432");
	}
	if (url->part[PG_URL_CONNECT_TIMEOUT] == NULL) {
		add(out, &n, "connect_timeout", "5");
	}
	if (url->part[PG_URL_APPLICATION_NAME] == NULL) {
		add(out, &n, "application_name", session->application_name);
	}
}

/* Notices may quote row values; they never reach our log. */
static void
drop_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* libpq has no codes for this, only English. */
static const char *
remedy(const char *text)
{
	if (strstr(text, "does not support SSL") != NULL) {
		return "; give the server a certificate, or sslmode=disable";
	}
	if (strstr(text, "does not match host name") != NULL) {
		return "; connect by a name that the certificate holds, or "
		       "have one made for this name";
	}
	if (strstr(text, "certificate") != NULL) {
		return "; give the server's CA with sslrootcert= in the URL, "
		       "or "
		       "sslmode=no-verify to encrypt without knowing to whom";
	}
	return "";
}

int
pg_connect_failure(const PGconn *conn, struct err *e)
{
	const char *text = PQerrorMessage(conn);
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '\n') {
		len--;
	}
	return err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE", "%.*s%s",
	    (int)len, text, remedy(text));
}

/* Asked here, because libpq 15 prints memory that was never written when its
 * TLS library cannot open a file. */
static int
check_files(const struct pg_url *url, struct err *e)
{
	const char *files[PG_URL_FILES];

	pg_url_files(url, files);
	for (size_t i = 0; i < PG_URL_FILES; i++) {
		int fd = files[i] == NULL
			     ? -1
			     : open(files[i], O_RDONLY | O_CLOEXEC);
		if (files[i] != NULL && fd < 0) {
			return err_set(e, CS_E_UNAVAILABLE,
			    "DATABASE_UNAVAILABLE",
			    "cannot read the file %s that TLS needs; correct "
			    "sslrootcert, sslcert, sslkey or sslcrl in the URL",
			    files[i]);
		}
		if (fd >= 0) {
			(void)close(fd);
		}
	}
	return 0;
}

/* The part that both ways to connect share: parse, connect, and wipe the
 * decoded password from the stack whatever came out. */
static int
start(struct span text, const struct pg_session *session,
    PGconn *(*connect)(const char *const *, const char *const *, int),
    PGconn **out, struct err *e)
{
	struct pg_url url;
	struct pg_conninfo info;
	int r = pg_url_parse(text, &url, e);

	*out = NULL;
	if (r == 0) {
		r = check_files(&url, e);
	}
	if (r == 0) {
		pg_conninfo_build(&url, session, &info);
		*out = connect(info.keywords, info.values, 0);
		if (*out == NULL) {
			r = err_set(e, CS_E_NOMEM, NULL, "no memory");
		}
	}
	pg_url_clear(&url);
	if (r != 0) {
		return r;
	}
	PQsetNoticeReceiver(*out, drop_notice, NULL);
	if (PQstatus(*out) != CONNECTION_BAD) {
		return 0;
	}
	r = pg_connect_failure(*out, e);
	pg_close(out);
	return r;
}

int
pg_connect_start(struct span url, const struct pg_session *session,
    PGconn **out, struct err *e)
{
	return start(url, session, PQconnectStartParams, out, e);
}

int
pg_connect(struct span url, const struct pg_session *session, PGconn **out,
    struct err *e)
{
	return start(url, session, PQconnectdbParams, out, e);
}

bool
pg_is_superuser(const PGconn *conn)
{
	const char *value = PQparameterStatus(conn, "is_superuser");

	return value != NULL && strcmp(value, "on") == 0;
}

void
pg_close(PGconn **conn)
{
	if (*conn != NULL) {
		PQfinish(*conn);
	}
	*conn = NULL;
}
