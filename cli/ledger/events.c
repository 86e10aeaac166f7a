#include "cli/ledger/events.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

/* The most that one answer of ledgerd holds. */
#define PAGE            200
#define INTERVAL_MS     1000
#define INTERVAL_MIN_MS 250

static volatile sig_atomic_t stopped;
static sigset_t waiting;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

void
feed_catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};
	sigset_t block;

	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGINT);
	(void)sigaddset(&block, SIGTERM);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)pthread_sigmask(SIG_BLOCK, &block, &waiting);
}

bool
feed_stopped(void)
{
	sigset_t pending;

	/* One that came while something was in hand is still blocked. */
	return stopped != 0 || (sigpending(&pending) == 0 &&
				   (sigismember(&pending, SIGINT) == 1 ||
				       sigismember(&pending, SIGTERM) == 1));
}

void
feed_sleep(int64_t ms)
{
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000};

	if (!feed_stopped()) {
		(void)ppoll(NULL, 0, &limit, &waiting);
	}
}

int
feed_interval(const struct args *a, int64_t *out, struct err *e)
{
	const char *text = args_get(a, "interval-ms");
	long long value =
	    text == NULL ? INTERVAL_MS : str_to_number(text, 86400000);

	*out = value;
	return value >= INTERVAL_MIN_MS
		   ? 0
		   : err_set(e, CS_E_INVALID, "USAGE",
			 "--interval-ms wants at least %d", INTERVAL_MIN_MS);
}

void
event_print(struct view *v, uint32_t r, bool details)
{
	view_print(v, "%s  %s\n  proposal: %s\n  actor: %s\n",
	    view_text(v, r, "created_at", "?"), view_text(v, r, "kind", "?"),
	    view_text(v, r, "proposal_id", "none"),
	    view_text(v, r, "actor", "?"));
	if (details) {
		view_print(v, "  payload: %s\n",
		    view_scalar(v, json_get(&v->doc, r, "payload")));
	}
	view_print(v, "\n");
}

/* The same arguments with one value changed. */
static void
set_value(struct args *a, const char *name, const char *value)
{
	size_t i = 0;

	while (a->spec[i].name != NULL && strcmp(a->spec[i].name, name) != 0) {
		i++;
	}
	cs_assert(a->spec[i].name != NULL);
	a->values[i] = value;
}

static int64_t
number_of(const struct view *v, uint32_t event)
{
	int64_t number = 0;
	uint32_t node = json_get(&v->doc, event, "event_id");

	if (node != JSON_NONE) {
		(void)json_int64(json_raw(&v->doc, node), &number);
	}
	return number;
}

/* One answer, newest first; its memory is the page's own. */
struct page {
	struct arena *kept; /* the connection's, meanwhile */
	struct view v;
	uint32_t *rows; /* oldest first */
	uint32_t count;
};

static void
page_close(struct feed *f, struct page *p)
{
	buf_clear(&p->v.out);
	arena_free(&f->c.arena);
	f->c.arena = p->kept;
}

/* After an error the page is closed, and the connection as well. */
static int
page_open(struct feed *f, struct page *p, const struct args *a, struct err *e)
{
	struct span answer;
	uint32_t list;
	uint32_t at = 0;
	int rc = f->is_open ? 0 : control_open(&f->c, f->args, e);

	*p = (struct page){0};
	if (rc != 0) {
		control_close(&f->c);
		return rc;
	}
	f->is_open = true;
	/* A feed lives long: what one answer took is given back. */
	p->kept = f->c.arena;
	f->c.arena = arena_new();
	rc = control_query(&f->c, QUERY_EVENTS, a, &answer, e);
	if (rc == 0) {
		rc = view_open(&p->v, answer, f->c.arena, e);
	}
	if (rc != 0) {
		page_close(f, p);
		feed_close(f);
		return rc;
	}
	list = json_get(&p->v.doc, 0, "events");
	p->count = list == JSON_NONE ? 0 : p->v.doc.nodes[list].count;
	p->rows = arena_array(f->c.arena, p->count + 1, sizeof(*p->rows));
	for (uint32_t i = view_first(&p->v, list); i != JSON_NONE;
	     i = view_next(&p->v, list, i)) {
		p->rows[p->count - ++at] = i;
	}
	return 0;
}

static int
page_walk(struct feed *f, struct page *p, struct err *e)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < p->count && !feed_stopped(); i++) {
		rc = f->each(&p->v, p->rows[i], f->arg, e);
		if (rc == 0) {
			f->last = number_of(&p->v, p->rows[i]);
		}
	}
	return rc;
}

/* Without the filters: where the record ends now. */
static int
find_end(struct feed *f, struct err *e)
{
	struct args newest = {.spec = f->args->spec};
	struct page p;
	int rc;

	set_value(&newest, "limit", "1");
	rc = page_open(f, &p, &newest, e);
	if (rc == 0) {
		f->last = p.count > 0 ? number_of(&p.v, p.rows[0]) : 0;
		page_close(f, &p);
	}
	return rc;
}

int
feed_start_newest(struct feed *f, struct err *e)
{
	struct page p;
	int rc = find_end(f, e);

	if (rc == 0) {
		rc = page_open(f, &p, f->args, e);
	}
	if (rc == 0) {
		if (p.count > 0) {
			f->last = number_of(&p.v, p.rows[0]) - 1;
		}
		page_close(f, &p);
	}
	return rc;
}

/* Events after `last` and up to `end` (0: no end): at most a page of them. */
static int
window(struct feed *f, struct page *p, int64_t end, struct err *e)
{
	struct args a = *f->args;
	char from[24];
	char to[24];

	(void)snprintf(from, sizeof(from), "%lld", (long long)f->last);
	(void)snprintf(to, sizeof(to), "%lld", (long long)end);
	set_value(&a, "after", from);
	set_value(&a, "upto", end > 0 ? to : NULL);
	set_value(&a, "limit", "200");
	return page_open(f, p, &a, e);
}

int
feed_advance(struct feed *f, struct err *e)
{
	struct page p;
	int64_t end = 0;
	int rc = window(f, &p, 0, e);

	if (rc != 0) {
		return rc;
	}
	if (p.count < PAGE) {
		rc = page_walk(f, &p, e);
		page_close(f, &p);
		return rc;
	}
	/* A full page is the newest of more: numbers have no gaps that could
	 * hide an event, so windows of as many numbers hold all of them. */
	end = number_of(&p.v, p.rows[p.count - 1]);
	page_close(f, &p);
	while (rc == 0 && f->last < end && !feed_stopped()) {
		int64_t upto = f->last + PAGE < end ? f->last + PAGE : end;
		rc = window(f, &p, upto, e);
		if (rc == 0) {
			rc = page_walk(f, &p, e);
			page_close(f, &p);
			if (rc == 0 && !feed_stopped()) {
				f->last = upto;
			}
		}
	}
	return rc;
}

void
feed_close(struct feed *f)
{
	if (f->is_open) {
		control_close(&f->c);
		f->is_open = false;
	}
}

/* To standard output; a reader that left ends the command, and that is no
 * error. */
static int
print_one(struct view *v, uint32_t event, void *arg, struct err *e)
{
	const bool *details = arg;
	int rc;

	event_print(v, event, *details);
	rc = fd_write_all(STDOUT_FILENO, v->out.data, v->out.len, -1);
	buf_clear(&v->out);
	return rc == 0 ? 0
		       : err_set(e, CS_E_EOF, "OUTPUT_CLOSED",
			     "standard output was closed");
}

static bool
is_for_good(int rc, const struct err *e)
{
	return rc != CS_E_EOF && rc != CS_E_UNAVAILABLE && rc != CS_E_IO
		   ? true
		   : strcmp(err_reason(e), "OUTPUT_CLOSED") == 0;
}

int
events_follow(const struct args *a, struct err *e)
{
	bool details = args_has(a, "details");
	struct feed f = {.args = a, .each = print_one, .arg = &details};
	int64_t interval = 0;
	int rc = feed_interval(a, &interval, e);

	if (rc == 0 && args_has(a, "json")) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--json and --follow do not go together");
	}
	if (rc != 0) {
		return rc;
	}
	feed_catch_signals();
	rc = feed_start_newest(&f, e);
	while (rc == 0 && !feed_stopped()) {
		struct pollfd out = {STDOUT_FILENO, 0, 0};

		rc = feed_advance(&f, e);
		/* ledgerd may be restarted meanwhile. */
		if (rc != 0 && !is_for_good(rc, e)) {
			rc = 0;
		}
		/* Nobody reads on, and nothing happens that would tell. */
		if (poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0) {
			break;
		}
		if (rc == 0) {
			feed_sleep(interval);
		}
	}
	feed_close(&f);
	return rc != 0 && strcmp(err_reason(e), "OUTPUT_CLOSED") == 0 ? 0 : rc;
}
