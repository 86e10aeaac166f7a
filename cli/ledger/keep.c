/* store stats, vacuum, prune, reset, backup: care for the ledger file. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

#define PIECE      65536
#define LEAVE_MS   10000
#define PARTING_MS 2000

/* One request, its answer opened, printed as JSON or by `print`. */
static int
ask(const struct args *a, uint16_t type, const void *message,
    void (*print)(struct view *v), struct err *e)
{
	struct control c;
	struct span answer;
	struct view v = {0};
	int rc = control_open(&c, a, e);

	if (rc == 0 &&
	    (rc = control_request(&c, type, message, &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			print(&v);
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

/* Every member of an object on a line: "proposal events: 12". */
static void
print_members(struct view *v, uint32_t object, const char *indent)
{
	for (uint32_t i = object + 1; i < v->doc.nodes[object].next;
	     i = v->doc.nodes[i + 1].next) {
		struct span key = json_string(&v->doc, i, v->arena);
		view_print(v, "%s", indent);
		for (size_t k = 0; k < key.len; k++) {
			view_print(
			    v, "%c", key.ptr[k] == '_' ? ' ' : key.ptr[k]);
		}
		view_print(v, ": %s\n", view_scalar(v, i + 1));
	}
}

static void
print_stats(struct view *v)
{
	view_print(v, "Local store: %s\n", view_text(v, 0, "path", "?"));
	print_members(v, 0, "  ");
	view_print(
	    v, "Approx size: %s bytes\n", view_text(v, 0, "approx_bytes", "?"));
}

int
cmd_store_stats(const struct args *a, struct err *e)
{
	struct msg_show m = {.kind = SHOW_STATS, .id = span_of("")};

	return ask(a, MSG_SHOW, &m, print_stats, e);
}

static void
print_vacuum(struct view *v)
{
	view_print(v, "vacuumed local store\nsize: %s -> %s bytes\n",
	    view_text(v, 0, "before", "?"), view_text(v, 0, "after", "?"));
}

int
cmd_store_vacuum(const struct args *a, struct err *e)
{
	struct msg_keep m = {
	    .action = KEEP_VACUUM, .forced = args_has(a, "force")};

	return ask(a, MSG_KEEP, &m, print_vacuum, e);
}

/* "90d" in seconds. */
static int
parse_age(const char *text, uint32_t *out, struct err *e)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char number[16];
	size_t len = text == NULL ? 0 : strlen(text);

	for (size_t i = 0; len > 1 && len < sizeof(number) &&
			   i < sizeof(units) / sizeof(units[0]);
	     i++) {
		if (text[len - 1] != units[i].unit) {
			continue;
		}
		memcpy(number, text, len - 1);
		number[len - 1] = '\0';
		long long value =
		    str_to_number(number, INT32_MAX / units[i].seconds);
		if (value >= 0) {
			*out = (uint32_t)value * units[i].seconds;
			return 0;
		}
	}
	return err_set(e, CS_E_INVALID, "USAGE",
	    "--older-than wants a number and s, m, h or d, like 90d. Nothing "
	    "was removed");
}

static void
print_prune(struct view *v)
{
	view_print(v, "Local store prune %s\nCutoff: %s\nRows:\n",
	    view_bool(v, 0, "dry_run") ? "dry run" : "complete",
	    view_text(v, 0, "cutoff", "?"));
	print_members(v, json_get(&v->doc, 0, "deleted"), "  ");
	if (view_bool(v, 0, "dry_run")) {
		view_print(v, "Nothing was removed. With --yes it will be.\n");
	} else {
		view_print(v,
		    "Source database changed: no\nNext:\n"
		    "  countersign store vacuum\n  countersign ledger "
		    "verify\n");
	}
}

int
cmd_store_prune(const struct args *a, struct err *e)
{
	struct msg_keep m = {
	    .action = KEEP_PRUNE, .dry_run = !args_has(a, "yes")};
	int rc;

	if (args_has(a, "yes") && args_has(a, "dry-run")) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--dry-run and --yes exclude each other. Nothing was "
		    "removed");
	}
	rc = parse_age(args_get(a, "older-than"), &m.older_than_s, e);
	return rc != 0 ? rc : ask(a, MSG_KEEP, &m, print_prune, e);
}

/* How many others use the ledger; -1 when nobody owns it. */
static int
others_connected(const struct args *a, struct err *e)
{
	struct control c;
	struct span answer;
	struct view v = {0};
	int64_t count = 0;
	int rc = control_open(&c, a, e);

	if (rc == 0 &&
	    (rc = control_show(&c, SHOW_HEALTH, "", &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		uint32_t node =
		    json_get_type(&v.doc, 0, "connections", JSON_NUMBER);
		if (node != JSON_NONE) {
			(void)json_int64(json_raw(&v.doc, node), &count);
		}
	}
	control_close(&c);
	return rc != 0 ? rc : (int)count - 1;
}

/* The same, but not counting whoever is just leaving. */
static int
others_stay(const struct args *a, struct err *e)
{
	int64_t until = clock_mono_ms() + PARTING_MS;
	int others = others_connected(a, e);

	while (others > 0 && clock_mono_ms() < until) {
		(void)poll(NULL, 0, 100);
		others = others_connected(a, e);
	}
	return others;
}

/* A file that is not there is locked by nobody. */
static bool
is_locked(const char *store, const char *suffix)
{
	char path[PATH_MAX + 32];
	int fd;
	bool locked;

	(void)snprintf(path, sizeof(path), "%s%s", store, suffix);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
	fd_close(&fd);
	return locked;
}

/* The ledgerd that served the question leaves when nobody asks any more. One
 * that a service manager started has the second lock only, and stays. */
static int
wait_until_free(const char *store, struct err *e)
{
	int64_t begin = clock_mono_ms();
	int64_t limit_ms = LEAVE_MS;

	while (clock_mono_ms() < begin + limit_ms) {
		if (is_locked(store, ".run/lock")) {
			limit_ms = LEAVE_MS;
		} else if (is_locked(store, ".key")) {
			limit_ms = PARTING_MS;
		} else {
			return 0;
		}
		(void)poll(NULL, 0, 100);
	}
	return err_set(e, CS_E_STATE, "STORE_BUSY",
	    "a ledgerd still owns the store. Nothing was removed");
}

static int
remove_files(struct control *c, const struct args *a, struct err *e)
{
	static const char *const suffixes[] = {
	    "", "-wal", "-shm", ".lease.json"};
	struct view v = {.arena = c->arena};
	struct json_out j;
	int rc = 0;

	json_begin(&j, &v.out, 2);
	json_open(&j, '{');
	json_field_bool(&j, "ok", true);
	json_field_text(&j, "store", c->store);
	json_key(&j, "removed");
	json_open(&j, '[');
	for (size_t i = 0;
	     rc == 0 && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		const char *path =
		    arena_printf(c->arena, "%s%s", c->store, suffixes[i]);
		json_put_text(&j, path);
		if (unlink(path) != 0 && access(path, F_OK) == 0) {
			rc = err_sys(e, "cannot remove %s", path);
		}
	}
	json_close(&j, ']');
	json_field_bool(&j, "source_database_changed", false);
	json_close(&j, '}');
	if (rc == 0 && args_has(a, "json")) {
		view_print(&v, "\n");
	} else if (rc == 0) {
		buf_reset(&v.out);
		view_print(&v,
		    "Local store reset complete\nStore: %s\nSource database "
		    "changed: no\nRemoved:\n",
		    c->store);
		for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]);
		     i++) {
			view_print(&v, "  %s%s\n", c->store, suffixes[i]);
		}
	}
	if (rc == 0) {
		view_flush(&v);
	}
	buf_clear(&v.out);
	return rc;
}

int
cmd_store_reset(const struct args *a, struct err *e)
{
	struct control c;
	int others;
	int rc = control_locate(&c, a, e);

	if (rc == 0 && !args_has(a, "yes")) {
		rc = err_set(e, CS_E_DENIED, "CONFIRMATION_REQUIRED",
		    "store reset removes the whole record of %s and needs "
		    "--yes. Nothing was removed",
		    c.store);
	}
	if (rc == 0 && access(c.store, F_OK) == 0) {
		others = others_stay(a, e);
		rc = others < 0 ? others : 0;
		/* A ledger that does not open any more can be reset by
		 * force. */
		if (rc != 0 && args_has(a, "force")) {
			rc = 0;
		}
		/* Not even by force under a ledgerd that goes on: it would
		 * answer for records that nobody can find. */
		if (rc == 0 && others > 0) {
			rc = err_set(e, CS_E_STATE, "STORE_BUSY",
			    "Local store appears active for %d other "
			    "connection(s). Refusing store reset: what they "
			    "record would be lost. End the servers first. "
			    "Nothing was removed",
			    others);
		}
		if (rc == 0) {
			rc = wait_until_free(c.store, e);
		}
	}
	if (rc == 0) {
		rc = remove_files(&c, a, e);
	}
	control_close(&c);
	return rc;
}

/* Copy the bytes and hash them on the way. */
static int
copy_hashed(int from, int to, char digest[DIGEST_TEXT_SIZE], struct err *e)
{
	static unsigned char piece[PIECE];
	crypto_hash_sha256_state state;
	uint8_t raw[32];
	ssize_t n;

	(void)crypto_hash_sha256_init(&state);
	while ((n = read(from, piece, sizeof(piece))) > 0) {
		(void)crypto_hash_sha256_update(
		    &state, piece, (unsigned long long)n);
		if (fd_write_all(to, piece, (size_t)n, -1) != 0) {
			return err_sys(e, "cannot write the backup");
		}
	}
	if (n < 0 || fsync(to) != 0) {
		return err_sys(e, "cannot copy the backup");
	}
	(void)crypto_hash_sha256_final(&state, raw);
	digest_format(raw, digest);
	return 0;
}

/* To another place, whole or not at all; what lies beside the ledger goes only
 * when the copy is the verified bytes. */
static int
move_backup(struct view *v, const char *output, struct err *e)
{
	const char *path = view_text(v, 0, "path", "");
	const char *part = arena_printf(v->arena, "%s.part", output);
	char digest[DIGEST_TEXT_SIZE] = "";
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int to = -1;
	int rc = 0;

	if (from < 0) {
		return err_sys(e,
		    "the verified copy is %s, but this user cannot read it",
		    path);
	}
	to = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0) {
		rc = err_sys(e, "cannot make %s", part);
	}
	if (rc == 0) {
		rc = copy_hashed(from, to, digest, e);
	}
	if (rc == 0 && strcmp(digest, view_text(v, 0, "sha256", "")) != 0) {
		rc = err_set(e, CS_E_INTEGRITY, "BACKUP_DAMAGED",
		    "the copy at %s is not the one that was verified", part);
	}
	if (rc == 0 && rename(part, output) != 0) {
		rc = err_sys(e, "cannot rename %s", part);
	}
	if (rc == 0) {
		(void)unlink(path);
	} else if (to >= 0) {
		(void)unlink(part);
	}
	fd_close(&from);
	fd_close(&to);
	return rc;
}

/* No command to verify the copy with: beside it there is no key, so a ledgerd
 * would make one and call the copy's heads unsigned. It was verified. */
static void
print_backup(struct view *v, const char *store, const char *output)
{
	view_print(v,
	    "backed up %s events to %s\nsize: %s bytes\nsha256: %s\nverified: "
	    "yes\nNext:\n  keep %s.key too, in another place; a copy is opened "
	    "and restored only with its key beside it\n",
	    view_text(v, 0, "events", "?"),
	    output != NULL ? output : view_text(v, 0, "path", "?"),
	    view_text(v, 0, "bytes", "?"), view_text(v, 0, "sha256", "?"),
	    control_is_service(store) ? CONTROL_SERVICE_LEDGER : store);
}

int
cmd_store_backup(const struct args *a, struct err *e)
{
	struct msg_keep m = {.action = KEEP_BACKUP};
	const char *output = args_get(a, "output");
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = 0;

	if (output != NULL && access(output, F_OK) == 0) {
		return err_set(e, CS_E_STATE, "FILE_EXISTS",
		    "%s already exists; nothing was written", output);
	}
	if ((rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_request(&c, MSG_KEEP, &m, &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0 && output != NULL) {
		rc = move_backup(&v, output, e);
	}
	if (rc == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			print_backup(&v, c.store, output);
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}
