#include "common/db/my_session.h"

#include <errmsg.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

#define DEFAULT_STATEMENT_TIMEOUT_MS 10000
#define DEFAULT_LOCK_TIMEOUT_S       5
/* Room for any row that a message can hold, and no more. */
#define MAX_PACKET (16UL << 20)
/* Challenge and response only: never the password itself. */
#define AUTH_PLUGINS                                   \
	"mysql_native_password,caching_sha2_password," \
	"client_ed25519"

/*
 * Each server reads its own part: MariaDB that in the M comment, MySQL that in
 * the other, and both know the rest. The idle timeout lies above the statement
 * timeout, so that it only ends sessions that we forgot. MySQL has none for
 * transactions alone; a writer's session ends as a whole there, so that a
 * writer that hangs before COMMIT cannot commit much later.
 */
void
my_settings(const struct my_session *session, char out[MY_SETTINGS_SIZE])
{
	int64_t ms = session->statement_timeout_ms > 0
			 ? session->statement_timeout_ms
			 : DEFAULT_STATEMENT_TIMEOUT_MS;
	unsigned lock_s = session->lock_timeout_s > 0 ? session->lock_timeout_s
						      : DEFAULT_LOCK_TIMEOUT_S;
	char idle[48] = "";
	int n = session->read_only
		    ? 0
		    : snprintf(idle, sizeof(idle), ", wait_timeout = %" PRId64,
			  ms / 1000 + 6);

	cs_assert(n >= 0 && n < (int)sizeof(idle));
	n = snprintf(out, MY_SETTINGS_SIZE,
	    "SET NAMES utf8mb4, time_zone = '+00:00',"
	    " sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
	    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
	    " lock_wait_timeout = %u, innodb_lock_wait_timeout = %u"
	    " /*M! , max_statement_time = %" PRId64 ".%03" PRId64
	    ", idle_transaction_timeout = %" PRId64 " */"
	    " /*!50708 , max_execution_time = %" PRId64 "%s */",
	    lock_s, lock_s, ms / 1000, ms % 1000, ms / 1000 + 6, ms, idle);

	cs_assert(n > 0 && n < MY_SETTINGS_SIZE);
}

/* One reader sees one state of the row; a writer reads with locks anyway. */
static const char *
transaction_settings(const struct my_session *session)
{
	return session->read_only
		   ? "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ,"
		     " READ ONLY"
		   : "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ,"
		     " READ WRITE";
}

/*
 * TLS is asked for but for `disable`. Checking the certificate's name makes
 * the driver refuse a server without TLS; the modes in between are checked
 * when the login is done.
 */
static void
set_tls(MYSQL *my, const struct my_url *url)
{
	const char *ca = url->part[MY_URL_SSLROOTCERT];
	my_bool yes = 1;
	my_bool no = 0;

	if (url->tls == TLS_VERIFY_CA && ca == NULL) {
		ca = URL_SYSTEM_CA;
	}
	/* With a CA the driver checks the chain, whatever else is set. */
	if (ca != NULL && url->tls >= TLS_REQUIRE) {
		(void)mysql_optionsv(my, MYSQL_OPT_SSL_CA, ca);
	}
	(void)mysql_optionsv(
	    my, MYSQL_OPT_SSL_ENFORCE, url->tls == TLS_DISABLE ? &no : &yes);
	(void)mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT,
	    url->tls == TLS_VERIFY_FULL ? &yes : &no);
}

/* A blocking session waits for the server's own timeouts to be said first. */
static void
set_timeouts(
    MYSQL *my, const struct my_url *url, const struct my_session *session)
{
	unsigned seconds = url->connect_timeout_s;

	(void)mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
	if (!session->non_blocking) {
		int64_t ms = session->statement_timeout_ms > 0
				 ? session->statement_timeout_ms
				 : DEFAULT_STATEMENT_TIMEOUT_MS;
		seconds = (unsigned)(ms / 1000) + 5;
		(void)mysql_optionsv(my, MYSQL_OPT_READ_TIMEOUT, &seconds);
		(void)mysql_optionsv(my, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
	}
}

static void
set_options(
    MYSQL *my, const struct my_url *url, const struct my_session *session)
{
	unsigned tcp = MYSQL_PROTOCOL_TCP;
	unsigned no_files = 0;
	unsigned long packet = MAX_PACKET;
	char settings[MY_SETTINGS_SIZE];

	my_settings(session, settings);
	(void)mysql_optionsv(my, MYSQL_OPT_PROTOCOL, &tcp);
	(void)mysql_optionsv(my, MYSQL_OPT_LOCAL_INFILE, &no_files);
	(void)mysql_optionsv(my, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	(void)mysql_optionsv(my, MARIADB_OPT_RESTRICTED_AUTH, AUTH_PLUGINS);
	(void)mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	(void)mysql_optionsv(my, MYSQL_INIT_COMMAND, settings);
	(void)mysql_optionsv(
	    my, MYSQL_INIT_COMMAND, transaction_settings(session));
	if (session->non_blocking) {
		(void)mysql_optionsv(my, MYSQL_OPT_NONBLOCK, 0);
	}
	set_timeouts(my, url, session);
	set_tls(my, url);
}

/* Parse and set everything; nothing is sent yet. */
static int
prepare(struct span text, const struct my_session *session,
    struct my_login *login, MYSQL **out, struct err *e)
{
	int rc = my_url_parse(text, &login->url, e);

	*out = NULL;
	login->result = NULL;
	if (rc == 0 && (*out = mysql_init(NULL)) == NULL) {
		rc = err_set(e, CS_E_NOMEM, NULL, "no memory");
	}
	if (rc != 0) {
		my_login_clear(login);
		return rc;
	}
	set_options(*out, &login->url, session);
	return 0;
}

/* Matched rows are counted, not changed ones; one statement per query. */
static unsigned long
client_flags(const struct my_session *session)
{
	return session->read_only ? 0 : CLIENT_FOUND_ROWS;
}

int
my_login_start(struct span text, const struct my_session *session,
    struct my_login *login, MYSQL **out, int *wait, struct err *e)
{
	int rc = prepare(text, session, login, out, e);
	const char **part = login->url.part;

	if (rc == 0) {
		*wait = mysql_real_connect_start(&login->result, *out,
		    part[MY_URL_HOST], part[MY_URL_USER], part[MY_URL_PASSWORD],
		    part[MY_URL_DATABASE], login->url.port, NULL,
		    client_flags(session));
	}
	return rc;
}

int
my_login_cont(struct my_login *login, MYSQL *my, int ready)
{
	return mysql_real_connect_cont(&login->result, my, ready);
}

static const char *
remedy(unsigned code, const char *text)
{
	/* One number for all of TLS; only the English tells. */
	if (code == CR_SSL_CONNECTION_ERROR &&
	    strstr(text, "does not support") != NULL) {
		return "; give the server a certificate, or sslmode=disable";
	}
	return code == CR_SSL_CONNECTION_ERROR
		   ? "; give the server's CA with sslrootcert= in the URL, or "
		     "sslmode=no-verify to encrypt without knowing to whom"
		   : "";
}

int
my_login_finish(const struct my_login *login, MYSQL *my, struct err *e)
{
	if (login->result == NULL) {
		return err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE",
		    "%s%s", mysql_error(my),
		    remedy(mysql_errno(my), mysql_error(my)));
	}
	if (login->url.tls > TLS_PREFER && mysql_get_ssl_cipher(my) == NULL) {
		return err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE",
		    "the server does not offer TLS, which sslmode asks for; "
		    "give the server a certificate, or sslmode=disable");
	}
	return 0;
}

void
my_login_clear(struct my_login *login)
{
	my_url_clear(&login->url);
	login->result = NULL;
}

int
my_connect(struct span text, const struct my_session *session, MYSQL **out,
    struct err *e)
{
	struct my_login login;
	int rc = prepare(text, session, &login, out, e);
	const char **part = login.url.part;

	if (rc != 0) {
		return rc;
	}
	login.result = mysql_real_connect(*out, part[MY_URL_HOST],
	    part[MY_URL_USER], part[MY_URL_PASSWORD], part[MY_URL_DATABASE],
	    login.url.port, NULL, client_flags(session));
	rc = my_login_finish(&login, *out, e);
	my_login_clear(&login);
	if (rc != 0) {
		my_close(out);
	}
	return rc;
}

/* The driver says goodbye to the server; into a closed socket that cannot
 * wait. */
void
my_close(MYSQL **my)
{
	if (*my != NULL) {
		my_socket fd = mysql_get_socket(*my);

		if (fd != MARIADB_INVALID_SOCKET) {
			(void)shutdown(fd, SHUT_RDWR);
		}
		mysql_close(*my);
	}
	*my = NULL;
}
