#include "cli/control_client.h"
#include "cli/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/path.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

#define DEFAULT_STORE ".countersign/local.db"
#define LEGACY_STORE  ".synapsor/local.db"
/* Longer than the longest wait that ledgerd grants an APPLY. */
#define REPLY_MS 180000
#define START_MS 15000
#define WAIT_MS  60000

#define ATTACH_TRIES 5
#define LOG_MAX      (1 << 20)

/* The order of 0.1.1, so that scripts find the ledger they found before. A
 * contract that does not load is not reported here: another command does. */
static const char *
choose_store(struct control *c, const struct args *a)
{
	const char *store = args_get(a, "store");
	struct contract *contract = NULL;
	struct err ignored = {0};

	if (store == NULL) {
		store = secure_getenv("SYNAPSOR_LOCAL_STORE");
	}
	if (store == NULL && c->config != NULL &&
	    contract_load(c->config, &contract, &ignored) == 0 &&
	    contract->sqlite_path != NULL) {
		store = arena_strndup(c->arena, contract->sqlite_path,
		    strlen(contract->sqlite_path));
	}
	contract_free(&contract);
	if (store != NULL) {
		return store;
	}
	/* The service manager's ledger, unless this folder has one of its own.
	 */
	if (access(DEFAULT_STORE, F_OK) != 0 &&
	    access(LEGACY_STORE, F_OK) != 0 &&
	    access(CONTROL_SERVICE_STORE ".run/control.sock", F_OK) == 0) {
		return CONTROL_SERVICE_STORE;
	}
	/* A folder of 0.1.1 goes on being used until there is one of ours. */
	return access(DEFAULT_STORE, F_OK) != 0 &&
		       access(LEGACY_STORE, F_OK) == 0
		   ? LEGACY_STORE
		   : DEFAULT_STORE;
}

int
control_locate(struct control *c, const struct args *a, struct err *e)
{
	char folder[PATH_MAX];
	const char *store;
	int rc;

	*c = (struct control){.fd = -1, .arena = arena_new()};
	c->place = shell_place(a, c->arena);
	rc = contract_find(args_get(a, "config"), &c->config, e);
	if (rc != 0 && args_get(a, "config") != NULL) {
		return rc;
	}
	store = choose_store(c, a);
	if (store[0] != '/' && getcwd(folder, sizeof(folder)) != NULL) {
		store = arena_printf(c->arena, "%s/%s", folder,
		    strncmp(store, "./", 2) == 0 ? store + 2 : store);
	}
	c->store = store;
	return 0;
}

/* Connect by way of the folder's descriptor: a path of any length works. -1
 * with errno. */
static int
connect_once(const struct control *c)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *run = arena_printf(c->arena, "%s.run", c->store);
	int folder = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int saved = errno;
	int fd = -1;

	if (folder >= 0) {
		(void)snprintf(address.sun_path, sizeof(address.sun_path),
		    "/proc/self/fd/%d/control.sock", folder);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address,
			   sizeof(address)) != 0) {
		saved = errno;
		fd_close(&fd);
	}
	fd_close(&folder);
	errno = saved;
	return fd;
}

int
sibling_program(const char *name, char *out, size_t size, struct err *e)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0) {
		return err_sys(e, "cannot find this program's folder");
	}
	self[len] = '\0';
	if (snprintf(out, size, "%.*s/%s", SPAN_ARGS(path_folder(self)), name) <
		(int)size &&
	    access(out, X_OK) == 0) {
		return 0;
	}
	if (snprintf(out, size, "%s/%s", CS_LIBEXECDIR, name) < (int)size &&
	    access(out, X_OK) == 0) {
		return 0;
	}
	return err_set(e, CS_E_NOT_FOUND, NULL,
	    "%s is neither beside this program nor in %s: install Countersign "
	    "again",
	    name, CS_LIBEXECDIR);
}

/* Where programs that we leave running in the background write their log. It
 * starts anew when it has grown large. */
static int
open_log(const struct control *c, off_t *start_out)
{
	struct stat st;
	const char *path = arena_printf(c->arena, "%s.log", c->store);
	int fd = open(
	    path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	*start_out = 0;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (st.st_size > LOG_MAX && ftruncate(fd, 0) == 0) {
			st.st_size = 0;
		}
		*start_out = st.st_size;
	}
	return fd;
}

/* What the programs said since `start`, for a person whose command failed. */
static void
show_log(int log, off_t start)
{
	char text[4096];
	ssize_t n = pread(log, text, sizeof(text), start);

	if (n > 0) {
		(void)fd_write_all(STDERR_FILENO, text, (size_t)n, -1);
	}
}

/* In the child: countersign-run, whose standard output is our pipe. */
_Noreturn static void
run_supervisor(const struct control *c, const char *roles, const char *program,
    int out, int log)
{
	/* Every argument is our own or a path; there is no shell in between. */
	const char *arguments[12] = {program, "--config", c->config, "--store",
	    c->store, "--roles", roles, "--exit-idle", "--print-ready"};
	union {
		const char **read;
		char **argv;
	} words = {.read = arguments};
	int null = open("/dev/null", O_RDONLY);

	/* A variable, for this start has no command line of its own. */
	if (secure_getenv("COUNTERSIGN_ACCEPT_REDUCED_ISOLATION") != NULL) {
		arguments[9] = "--accept-reduced-isolation";
	}
	(void)setsid();
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	/* It outlives this command: it must not hold the terminal or a pipe. */
	(void)dup2(log >= 0 ? log : null, STDERR_FILENO);
	(void)execv(program, words.argv);
	_exit(CS_EXIT_ENVIRONMENT);
}

/* One line on the pipe, or its end: countersign-run says "ready" when every
 * role is confined, and closes the pipe when it fails. */
static int
wait_ready(int fd, const char *store, struct err *e)
{
	char line[256];
	int64_t deadline = clock_mono_ms() + START_MS;
	int rc = fd_wait(fd, POLLIN, deadline);

	if (rc == 0 && read(fd, line, sizeof(line)) > 5 &&
	    strncmp(line, "ready", 5) == 0) {
		return 0;
	}
	return err_set(e, CS_E_UNAVAILABLE, "LEDGER_NOT_STARTED",
	    "the background programs could not be started; the lines above and "
	    "%s.log say why. Source database changed: no",
	    store);
}

int
control_start(const struct control *c, const char *roles, struct err *e)
{
	char program[PATH_MAX];
	off_t log_start = 0;
	int ends[2];
	int log;
	int rc =
	    sibling_program("countersign-run", program, sizeof(program), e);
	pid_t pid;

	if (rc != 0) {
		return rc;
	}
	if (c->config == NULL) {
		return contract_find(NULL, &(const char *){NULL}, e);
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return err_sys(e, "pipe");
	}
	/* Without a log it still starts; it is only harder to say why it did
	 * not. */
	log = open_log(c, &log_start);
	pid = fork();
	if (pid == 0) {
		run_supervisor(c, roles, program, ends[1], log);
	}
	fd_close(&ends[1]);
	rc = pid < 0 ? err_sys(e, "fork") : wait_ready(ends[0], c->store, e);
	if (rc != 0) {
		show_log(log, log_start);
	}
	fd_close(&log);
	fd_close(&ends[0]);
	return rc;
}

static int
send_request(
    struct control *c, uint16_t type, const void *message, struct err *e)
{
	struct buf out = BUF_INIT;
	int rc = msg_encode(&out, type, 0, ++c->next_id, message);

	if (rc != 0) {
		rc = err_set(e, CS_E_TOO_LARGE, "ARGUMENT_TOO_LONG",
		    "an argument is too long");
	} else if (fd_write_all(c->fd, out.data, out.len,
		       clock_mono_ms() + REPLY_MS) != 0) {
		rc = err_set(e, CS_E_EOF, "LEDGER_GONE",
		    "ledgerd closed the connection");
	}
	buf_clear(&out);
	return rc;
}

/* One frame, its payload copied to the arena. */
static int
read_frame(struct control *c, struct frame *f, struct err *e)
{
	uint8_t header[FRAME_HEADER_LEN];
	int64_t deadline = clock_mono_ms() + REPLY_MS;
	char *payload;
	int rc = fd_read_exact(c->fd, header, sizeof(header), deadline);

	/* Checked before the payload is allocated, also by id: an answer to
	 * something else would be shown as the answer to this. */
	if (rc == 0 &&
	    (frame_header(header, f) != 0 ||
		f->len > msg_role_cap(ROLE_LEDGER) || f->id != c->next_id)) {
		return err_set(e, CS_E_PROTOCOL, "PROTOCOL",
		    "ledgerd sent a damaged frame");
	}
	if (rc == 0) {
		/* msg_role_cap has bounded the length. */
		payload = arena_alloc(c->arena, f->len + 1);
		f->payload = (struct span){payload, f->len};
		rc = fd_read_exact(c->fd, payload, f->len, deadline);
	}
	return rc == 0 ? 0
		       : err_set(e, rc, "LEDGER_GONE",
			     "ledgerd closed the connection before it "
			     "answered; look again before you repeat it");
}

/* ledgerd's own words become the error; whether trying again can help is its
 * judgement, not ours. */
static int
failure_of(struct control *c, const struct frame *f, struct err *e)
{
	struct msg_failure m;

	if (msg_decode(MSG_FAILURE, f->payload, &m, c->arena) != 0) {
		return err_set(e, CS_E_PROTOCOL, "PROTOCOL",
		    "ledgerd sent a damaged message");
	}
	return err_set(e, m.retryable ? CS_E_UNAVAILABLE : CS_E_DENIED,
	    err_intern(m.reason.ptr, m.reason.len), "%.*s",
	    SPAN_ARGS(m.message));
}

/* On a terminal only: a log or a pipe gets nothing. */
static void
show_progress(struct control *c, const struct frame *f)
{
	struct msg_progress m;
	struct buf line = BUF_INIT;

	if (isatty(STDERR_FILENO) != 1 ||
	    msg_decode(MSG_PROGRESS, f->payload, &m, c->arena) != 0) {
		return;
	}
	str_escape_for_people(&line, m.phase);
	(void)dprintf(STDERR_FILENO, "\r\033[K%s %u%%", buf_text(&line),
	    m.percent < 100 ? m.percent : 100);
	c->has_progress = true;
	buf_clear(&line);
}

static void
end_progress(struct control *c)
{
	if (c->has_progress) {
		(void)dprintf(STDERR_FILENO, "\r\033[K");
	}
	c->has_progress = false;
}

int
control_request(struct control *c, uint16_t type, const void *message,
    struct span *out, struct err *e)
{
	struct buf whole = BUF_INIT;
	struct msg_document m = {.more = true};
	struct frame f = {0};
	int rc = send_request(c, type, message, e);

	while (rc == 0 && m.more) {
		rc = read_frame(c, &f, e);
		if (rc != 0) {
			break;
		}
		/* Also in the middle of a document: what came before is not
		 * shown. */
		if ((f.flags & FRAME_ERROR) != 0) {
			rc = failure_of(c, &f, e);
		} else if (f.type == MSG_PROGRESS) {
			show_progress(c, &f);
		} else if (f.type != MSG_DOCUMENT ||
			   msg_decode(MSG_DOCUMENT, f.payload, &m, c->arena) !=
			       0) {
			rc = err_set(e, CS_E_PROTOCOL, "PROTOCOL",
			    "ledgerd sent another message");
		} else {
			buf_span(&whole, m.bytes);
		}
	}
	end_progress(c);
	*out = arena_span(c->arena, buf_as_span(&whole));
	buf_clear(&whole);
	return rc;
}

/* The contract is left zero: people may look with another one in hand. */
static int
say_hello(struct control *c, struct err *e)
{
	struct msg_hello m = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .minor = PROTO_MINOR,
	    .role = ROLE_CONTROL,
	    .build = span_of(CS_VERSION)};
	struct frame f = {0};
	int rc = send_request(c, MSG_HELLO, &m, e);

	if (rc == 0) {
		rc = read_frame(c, &f, e);
	}
	if (rc == 0 && (f.flags & FRAME_ERROR) != 0) {
		rc = failure_of(c, &f, e);
	}
	if (rc == 0 &&
	    (f.type != MSG_HELLO ||
		msg_decode(MSG_HELLO, f.payload, &m, c->arena) != 0 ||
		m.magic != PROTO_MAGIC || m.major != PROTO_MAJOR)) {
		rc = err_set(e, CS_E_PROTOCOL, "PROTOCOL",
		    "ledgerd is of another version: upgrade them together");
	}
	return rc;
}

/* 0.1.1's text: what to do, not only what is missing. */
static int
missing_store(const struct control *c, struct err *e)
{
	return err_set(e, CS_E_NOT_FOUND, "STORE_NOT_FOUND",
	    "No local Countersign proposal store was found at %s\nRun:\n"
	    "  countersign mcp serve\nor pass:\n  --store /path/to/local.db",
	    c->store);
}

bool
control_is_service(const char *store)
{
	return strcmp(store, CONTROL_SERVICE_STORE) == 0;
}

/* Nothing that this command could start in its place. */
static int
missing_service(struct err *e)
{
	if (errno == EACCES) {
		return err_set(e, CS_E_DENIED, "LEDGER_NOT_STARTED",
		    "this account may not connect to the ledger's service: "
		    "reviewers are in the group cs-reviewers (log in again "
		    "after it was joined). Source database changed: no");
	}
	return err_set(e, CS_E_UNAVAILABLE, "LEDGER_NOT_STARTED",
	    "the ledger's service cannot be reached at %s.run/control.sock: "
	    "systemctl status countersign.target. Source database changed: no",
	    CONTROL_SERVICE_STORE);
}

/* Connect to the ledgerd that runs, or start one, and say HELLO. */
static int
attach(struct control *c, struct err *e)
{
	int rc = 0;

	c->fd = connect_once(c);
	if (c->fd < 0 && control_is_service(c->store)) {
		return missing_service(e);
	}
	if (c->fd < 0) {
		/* Only now: a running ledgerd may own a folder that we
		 * cannot look into. */
		if (access(c->store, F_OK) != 0) {
			return missing_store(c, e);
		}
		rc = control_start(c, "ledgerd", e);
		c->fd = rc == 0 ? connect_once(c) : -1;
	}
	if (rc == 0 && c->fd < 0) {
		rc = err_sys(
		    e, "cannot connect to the control socket of %s", c->store);
	}
	return rc != 0 ? rc : say_hello(c, e);
}

int
control_open(struct control *c, const struct args *a, struct err *e)
{
	int rc = control_locate(c, a, e);

	if (rc != 0) {
		return rc;
	}
	/* A ledgerd that was idle may end between the connection and its
	 * HELLO. Nothing was asked by then, so it can be said to another. */
	for (int tries = 0; tries < ATTACH_TRIES; tries++) {
		rc = attach(c, e);
		if (rc != CS_E_EOF) {
			break;
		}
		fd_close(&c->fd);
	}
	return rc;
}

void
control_close(struct control *c)
{
	fd_close(&c->fd);
	buf_clear(&c->in);
	arena_free(&c->arena);
}

int
control_wait_ms(const struct args *a, uint32_t *out, struct err *e)
{
	const char *text = args_get(a, "timeout-ms");
	long long value = text == NULL ? WAIT_MS : str_to_number(text, 3600000);

	if (value < 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--timeout-ms wants a number of milliseconds");
	}
	*out = (uint32_t)value;
	return 0;
}

int
control_ask_writer(struct control *c, uint16_t type, const void *message,
    struct span *out, struct err *e)
{
	int rc = control_request(c, type, message, out, e);

	const char *missing =
	    rc != CS_E_UNAVAILABLE                     ? NULL
	    : strcmp(err_reason(e), "NO_WRITER") == 0  ? "writerd"
	    : strcmp(err_reason(e), "NO_HANDLER") == 0 ? "writerd-handler"
						       : NULL;

	if (missing != NULL && !control_is_service(c->store)) {
		rc = control_start(c, missing, e);
		if (rc == 0) {
			rc = control_request(c, type, message, out, e);
		}
	}
	return rc;
}

int
control_show(struct control *c, enum show_kind kind, const char *id,
    struct span *out, struct err *e)
{
	struct msg_show m = {.kind = kind, .id = span_of(id)};

	return control_request(c, MSG_SHOW, &m, out, e);
}

/* --object type:id is two filters. */
static int
add_filter(struct filter_list *list, const char *name, const char *value,
    struct err *e)
{
	const char *colon = strchr(value, ':');

	if (strcmp(name, "object") != 0) {
		list->items[list->count++] =
		    (struct msg_filter){span_of(name), span_of(value)};
		return 0;
	}
	if (colon == NULL) {
		return err_set(
		    e, CS_E_INVALID, "USAGE", "--object wants type:id");
	}
	list->items[list->count++] = (struct msg_filter){
	    span_of("object-type"), {value, (size_t)(colon - value)}};
	list->items[list->count++] =
	    (struct msg_filter){span_of("object-id"), span_of(colon + 1)};
	return 0;
}

int
control_filters(const struct args *a, bool proposals, struct filter_list *list,
    struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && a->spec[i].name != NULL; i++) {
		if (a->spec[i].kind == ARGS_FILTER && a->values[i] != NULL &&
		    a->values[i][0] != '\0') {
			/* 0.1.1 called the state of a proposal its status. */
			rc = add_filter(list,
			    strcmp(a->spec[i].name, "status") == 0 && proposals
				? "state"
				: a->spec[i].name,
			    a->values[i], e);
		}
	}
	return rc;
}

int
control_limit(const struct args *a, uint32_t *out, struct err *e)
{
	const char *limit = args_get(a, "limit");
	long long value = limit == NULL ? 0 : str_to_number(limit, INT32_MAX);

	if (value < 0 || (limit != NULL && value == 0)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--limit wants a positive number");
	}
	*out = value > 200 ? 200 : (uint32_t)value;
	return 0;
}

int
control_list(struct control *c, const struct msg_query *m, struct span *out,
    struct err *e)
{
	return control_request(c, MSG_QUERY, m, out, e);
}

int
control_query(struct control *c, enum query_kind kind, const struct args *a,
    struct span *out, struct err *e)
{
	struct msg_filter filters[ARGS_MAX + 1];
	struct msg_query m = {.kind = kind, .filters = {filters, 0}};
	int rc = control_filters(a, kind == QUERY_PROPOSALS, &m.filters, e);

	if (rc == 0) {
		rc = control_limit(a, &m.limit, e);
	}
	return rc != 0 ? rc : control_list(c, &m, out, e);
}
