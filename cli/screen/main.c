/*
 * countersign-review - the terminal screen of `countersign review`.
 *
 * Shows the queue of proposals and one of them in full, and records the
 * decision of the person at the keyboard about exactly what is on the screen.
 *
 * SECURITY
 *	Holds no credential and opens no ledger file: it is a client of
 *	ledgerd's control socket like `countersign`, and its user is the person
 *	whom the kernel reports there. A program of its own only because of
 *	ncurses. All that is drawn was escaped; a decision names the hash of the
 *	bytes that were drawn, and an approval has to be typed as a word, so
 *	that no single key approves.
 *
 * DIAGNOSTICS
 *	Exit 0 at the end; 1 without a terminal or for a wrong option, explained
 *	on standard error. While it runs, errors stand in the last line; a
 *	ledger that went away is asked for again every few seconds.
 */
#include <curses.h>
#include <string.h>
#include <unistd.h>

#include "cli/screen/queue.h"
#include "cli/screen/screen.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/crypto/digest.h"

#define REFRESH_MS  3000
#define REASON_MAX  500
#define KEY_ESCAPE  27
#define HEAD_ROWS   2 /* title and an empty line */
#define FOOT_ROWS   2 /* keys and status */
#define STATUS_SIZE 400

struct review {
	struct queue queue;
	bool is_open; /* one proposal, not the list */
	uint32_t at;  /* in the list */
	size_t top;   /* first line that is seen */
	bool leaving;
	bool is_bad;
	char status[STATUS_SIZE];
};

static void
say(struct review *r, bool is_bad, const char *text)
{
	r->is_bad = is_bad;
	(void)snprintf(r->status, sizeof(r->status), "%s", text);
	/* One line: the first. */
	r->status[strcspn(r->status, "\n")] = '\0';
}

static int
body_rows(void)
{
	int rows = screen_rows() - HEAD_ROWS - FOOT_ROWS;

	return rows > 1 ? rows : 1;
}

/* After every change of the list: the mark stays inside. */
static void
refresh_list(struct review *r)
{
	struct err e = {0};

	if (queue_refresh(&r->queue, &e) != 0) {
		say(r, true, e.msg);
	} else if (r->is_bad) {
		say(r, false, "");
	}
	if (r->at >= r->queue.count) {
		r->at = r->queue.count > 0 ? r->queue.count - 1 : 0;
	}
}

static void
draw_list(struct review *r)
{
	int rows = body_rows();
	uint32_t first =
	    r->at < (uint32_t)rows ? 0 : r->at - (uint32_t)rows + 1;
	char title[SCREEN_LINE_MAX];

	(void)snprintf(title, sizeof(title), "Countersign review - %s: %u",
	    queue_filter_name(r->queue.filter), r->queue.count);
	screen_title(title);
	if (r->queue.count == 0) {
		screen_line(HEAD_ROWS, false,
		    r->is_bad ? "The ledger cannot be asked; trying again."
			      : "Nothing here. New proposals appear by "
				"themselves.");
	}
	for (int i = 0; i < rows && first + (uint32_t)i < r->queue.count; i++) {
		screen_line(HEAD_ROWS + i, first + (uint32_t)i == r->at,
		    queue_line(&r->queue, first + (uint32_t)i));
	}
	screen_line(screen_rows() - FOOT_ROWS, false,
	    "Enter open  j/k move  f waiting/approved/all  r refresh  q quit");
}

/* A long line goes on in the next row; nothing of it is cut off. */
static void
draw_detail(struct review *r)
{
	int row = HEAD_ROWS;
	int last = HEAD_ROWS + body_rows();
	size_t width = screen_columns() > 8 ? (size_t)screen_columns() : 8;

	screen_title("Countersign review - one proposal");
	for (size_t i = r->top; i < r->queue.line_count && row < last; i++) {
		const char *text = r->queue.lines[i];
		size_t len = strlen(text);
		do {
			char piece[SCREEN_LINE_MAX];
			size_t n = len < width ? len : width;
			n = n < sizeof(piece) ? n : sizeof(piece) - 1;
			/* Never inside of a character. */
			while (n < len && n > 1 &&
			       ((unsigned char)text[n] & 0xC0) == 0x80) {
				n--;
			}
			memcpy(piece, text, n);
			piece[n] = '\0';
			screen_line(row++, false, piece);
			text += n;
			len -= n;
		} while (len > 0 && row < last);
	}
	screen_line(screen_rows() - FOOT_ROWS, false,
	    "a approve  x reject  j/k PgUp/PgDn scroll  b back  q quit");
}

static void
draw(struct review *r)
{
	screen_clear();
	if (r->is_open) {
		draw_detail(r);
	} else {
		draw_list(r);
	}
	screen_status(r->status, r->is_bad);
	screen_show();
}

static void
close_detail(struct review *r)
{
	r->is_open = false;
	r->top = 0;
	refresh_list(r);
}

/* The answer stays on the screen; the list is asked for again behind it. */
static void
decide(struct review *r, enum decision_action action, const char *reason)
{
	const char *said = "";
	struct err e = {0};
	char text[STATUS_SIZE];
	int rc = queue_decide(&r->queue, action, reason, &said, &e);

	(void)snprintf(text, sizeof(text), "%s%s", rc == 0 ? "" : e.msg, said);
	close_detail(r);
	say(r, rc != 0, text);
}

static void
approve(struct review *r)
{
	char word[16];
	char reason[REASON_MAX];

	if (!screen_ask("Approve exactly this change? Type yes: ", word,
		sizeof(word)) ||
	    strcmp(word, "yes") != 0) {
		say(r, false, "not approved; nothing was recorded");
		return;
	}
	(void)screen_ask("Reason (Enter for none): ", reason, sizeof(reason));
	decide(r, DECISION_APPROVE, reason);
}

static void
reject(struct review *r)
{
	char reason[REASON_MAX];

	if (!screen_ask("Reject. Reason: ", reason, sizeof(reason))) {
		say(r, false, "not rejected; nothing was recorded");
		return;
	}
	decide(r, DECISION_REJECT, reason);
}

static void
scroll_by(struct review *r, int lines)
{
	size_t last = r->queue.line_count > 0 ? r->queue.line_count - 1 : 0;
	long long top = (long long)r->top + lines;

	r->top = top < 0 ? 0 : (size_t)top > last ? last : (size_t)top;
}

static void
open_marked(struct review *r)
{
	struct err e = {0};

	if (r->queue.count == 0) {
		return;
	}
	if (queue_open(&r->queue, r->at, &e) != 0) {
		say(r, true, e.msg);
		return;
	}
	r->is_open = true;
	r->top = 0;
	say(r, false, "");
}

static void
on_list_key(struct review *r, int key)
{
	if ((key == 'j' || key == KEY_DOWN) && r->at + 1 < r->queue.count) {
		r->at++;
	} else if ((key == 'k' || key == KEY_UP) && r->at > 0) {
		r->at--;
	} else if (key == '\n' || key == KEY_ENTER) {
		open_marked(r);
	} else if (key == 'f') {
		r->queue.filter = (r->queue.filter + 1) % FILTER_NAMES;
		refresh_list(r);
	} else if (key == 'r' || key == ERR) {
		refresh_list(r);
	} else if (key == 'q') {
		r->leaving = true;
	}
}

static void
on_detail_key(struct review *r, int key)
{
	if (key == 'j' || key == KEY_DOWN) {
		scroll_by(r, 1);
	} else if (key == 'k' || key == KEY_UP) {
		scroll_by(r, -1);
	} else if (key == KEY_NPAGE || key == ' ') {
		scroll_by(r, body_rows());
	} else if (key == KEY_PPAGE) {
		scroll_by(r, -body_rows());
	} else if (key == 'a') {
		approve(r);
	} else if (key == 'x') {
		reject(r);
	} else if (key == 'b' || key == KEY_ESCAPE) {
		close_detail(r);
	} else if (key == 'q') {
		r->leaving = true;
	}
}

static int
fail(const struct err *e)
{
	(void)dprintf(STDERR_FILENO, "error: %s\n", e->msg);
	return CS_EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	static const struct args_spec spec[] = {
	    {"store", ARGS_VALUE, "ledger file"},
	    {"config", ARGS_VALUE, "contract file"}, {NULL, ARGS_FLAG, NULL}};
	struct review r = {.leaving = false};
	struct args a;
	struct err e = {0};

	log_init("countersign-review", LOG_LEVEL_WARN);
	crypto_init();
	if (args_parse(&a, spec, argc - 1, argv + 1, &e) != 0) {
		return fail(&e);
	}
	if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
		(void)err_set(&e, CS_E_INVALID, "USAGE",
		    "countersign review needs a terminal; without one: "
		    "countersign proposals list");
		return fail(&e);
	}
	r.queue.args = &a;
	/* Before the terminal is taken: what is wrong is readable. */
	if (queue_refresh(&r.queue, &e) != 0) {
		return fail(&e);
	}
	screen_open();
	while (!r.leaving) {
		int key;
		draw(&r);
		/* What is open stays as it was shown: only the list moves by
		 * itself. */
		key = screen_key(r.is_open ? -1 : REFRESH_MS);
		if (r.is_open) {
			on_detail_key(&r, key);
		} else {
			on_list_key(&r, key);
		}
	}
	screen_close();
	queue_close(&r.queue);
	return CS_EXIT_OK;
}
