/*
 * Shadow mode (cli-config.md §2.20): what agents would have done, beside what
 * people did.
 */
#include <fcntl.h>
#include <unistd.h>

#include "cli/control_client.h"
#include "cli/render.h"
#include "cli/shadow/commands.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/people.h"
#include "common/base/str.h"

#define PATCH_MAX   8192
#define ALL         200U
#define ACTION_KIND "shadow_human_action_recorded"

enum verdict {
	EXACT_MATCH,
	PARTIAL_MATCH,
	MISMATCH,
	NO_HUMAN_ACTION,
	VERDICTS
};

static const char *const verdict_names[VERDICTS] = {
    "exact_match", "partial_match", "mismatch", "no_human_action"};

/* How one column fared. */
enum side {
	MATCHING,
	DIFFERING,
	MISSING_FROM_HUMAN,
	EXTRA_HUMAN,
	SIDES
};

static const char *const side_names[SIDES] = {"matching_columns",
    "differing_columns", "missing_from_human", "extra_human_columns"};

struct comparison {
	enum verdict verdict;
	struct span proposal_id;
	struct json_doc agent; /* node of its patch */
	uint32_t agent_patch;
	struct json_doc human;
	uint32_t human_patch; /* JSON_NONE: no action */
	uint32_t notes;
	struct span *columns[SIDES];
	size_t counts[SIDES];
};

static int
ask_proposals(struct control *c, uint32_t limit, struct view *v, struct err *e)
{
	struct msg_filter only = {span_of("mode"), span_of("shadow")};
	struct msg_query m = {
	    .kind = QUERY_PROPOSALS, .limit = limit, .filters = {&only, 1}};
	struct span answer;
	int rc = control_request(c, MSG_QUERY, &m, &answer, e);

	return rc != 0 ? rc : view_open(v, answer, c->arena, e);
}

static int
limit_of(const struct args *a, uint32_t otherwise, uint32_t *out, struct err *e)
{
	const char *text = args_get(a, "limit");
	long long value = text == NULL ? otherwise : str_to_number(text, ALL);

	*out = (uint32_t)value;
	return value > 0 ? 0
			 : err_set(e, CS_E_INVALID, "USAGE",
			       "--limit wants a number up to %u", ALL);
}

int
cmd_shadow_list(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct view v = {0};
	uint32_t limit = 0;
	int rc = limit_of(a, 20, &limit, e);

	if (rc == 0 && (rc = control_open(&c, a, e)) == 0 &&
	    (rc = ask_proposals(&c, limit, &v, e)) == 0) {
		uint32_t list = json_get(&v.doc, 0, "proposals");
		uint32_t p = view_first(&v, list);

		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else if (p == JSON_NONE) {
			view_print(&v, "No shadow proposals found.\n");
		}
		for (; !args_has(a, "json") && p != JSON_NONE;
		     p = view_next(&v, list, p)) {
			view_print(&v, "%s  %s  %s  %s\n",
			    view_text(&v, p, "created_at", "?"),
			    view_text(&v, p, "proposal_id", "?"),
			    view_text(&v, p, "action", "?"),
			    view_text(&v, p, "object_id", "?"));
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

/* 0.1.1's scripts pass --actor; who records is who asks. */
static int
check_actor(const struct args *a, struct err *e)
{
	const char *actor = args_get(a, "actor");
	char user[PEOPLE_NAME_SIZE];

	if (actor == NULL ||
	    (people_name(geteuid(), user) && strcmp(actor, user) == 0)) {
		return 0;
	}
	return err_set(e, CS_E_DENIED, "ACTOR_NOT_YOU",
	    "--actor %s: who records is the user who runs this command; "
	    "nothing was recorded",
	    actor);
}

static int
read_patch(const char *path, struct buf *out, struct err *e)
{
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (path == NULL) {
		return err_set(
		    e, CS_E_INVALID, "USAGE", "--patch FILE is needed");
	}
	if (fd < 0) {
		return err_sys(e, "cannot open %s", path);
	}
	rc = fd_read_rest(fd, PATCH_MAX, out, e);
	fd_close(&fd);
	if (rc == 0 && !utf8_is_valid(buf_as_span(out))) {
		rc = err_set(e, CS_E_INVALID, "SHADOW_PATCH_INVALID",
		    "%s is no JSON object; nothing was recorded", path);
	}
	return rc;
}

static int
one_word(const struct args *a, struct err *e)
{
	return a->word_count == 1 ? 0
				  : err_set(e, CS_E_INVALID, "USAGE",
					"one proposal id is wanted");
}

int
cmd_shadow_record(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct buf patch = BUF_INIT;
	struct msg_shadow m = {.notes = span_of(args_get(a, "notes"))};
	struct view v = {0};
	struct span answer;
	int rc = one_word(a, e);

	if (rc == 0 && (rc = check_actor(a, e)) == 0 &&
	    (rc = read_patch(args_get(a, "patch"), &patch, e)) == 0 &&
	    (rc = control_open(&c, a, e)) == 0) {
		m.proposal_id = span_of(a->words[0]);
		m.patch = buf_as_span(&patch);
		rc = control_request(&c, MSG_SHADOW, &m, &answer, e);
	}
	if (rc == 0 && (rc = view_open(&v, answer, c.arena, e)) == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			view_print(&v, "recorded human action %s for %s\n",
			    view_scalar(&v, json_get(&v.doc, 0, "action_id")),
			    view_text(&v, 0, "proposal_id", "?"));
		}
		view_flush(&v);
	}
	buf_clear(&patch);
	control_close(&c);
	return rc;
}

/* One value in its canonical form: 1.0 is 1. */
static struct span
canonical(const struct json_doc *d, uint32_t node, struct arena *a)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span copy;

	json_begin(&j, &text, 0);
	json_rewrite(&j, d, node, a);
	copy = arena_span(a, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

static void
put_column(struct comparison *c, enum side side, struct span column)
{
	c->columns[side][c->counts[side]++] = column;
}

/* Every column of both, in the agent's order, then the person's. */
static void
compare_columns(struct comparison *c, struct arena *a)
{
	const struct json_node *agent = c->agent.nodes;
	const struct json_node *human = c->human.nodes;
	uint32_t count =
	    agent[c->agent_patch].count + human[c->human_patch].count;

	for (size_t i = 0; i < SIDES; i++) {
		c->columns[i] =
		    arena_array(a, count + 1, sizeof(*c->columns[i]));
	}
	for (uint32_t k = c->agent_patch + 1; k < agent[c->agent_patch].next;
	     k = agent[k + 1].next) {
		struct span name = json_string(&c->agent, k, a);
		const char *key = arena_strndup(a, name.ptr, name.len);
		uint32_t other = json_get(&c->human, c->human_patch, key);

		put_column(c,
		    other == JSON_NONE ? MISSING_FROM_HUMAN
		    : span_equal(canonical(&c->agent, k + 1, a),
			  canonical(&c->human, other, a))
			? MATCHING
			: DIFFERING,
		    name);
	}
	for (uint32_t k = c->human_patch + 1; k < human[c->human_patch].next;
	     k = human[k + 1].next) {
		struct span name = json_string(&c->human, k, a);
		const char *key = arena_strndup(a, name.ptr, name.len);

		if (json_get(&c->agent, c->agent_patch, key) == JSON_NONE) {
			put_column(c, EXTRA_HUMAN, name);
		}
	}
	c->verdict = c->counts[MATCHING] == 0 ? MISMATCH : PARTIAL_MATCH;
	if (c->counts[MATCHING] > 0 && c->counts[DIFFERING] == 0 &&
	    c->counts[MISSING_FROM_HUMAN] == 0 && c->counts[EXTRA_HUMAN] == 0) {
		c->verdict = EXACT_MATCH;
	}
}

/* Node `proposal` of a document, with the latest action that is about it. */
static int
compare(struct control *con, const struct view *v, uint32_t proposal,
    struct comparison *c, struct err *e)
{
	uint32_t change = json_get(&v->doc, proposal, "change_set");
	struct msg_filter filters[] = {{span_of("kind"), span_of(ACTION_KIND)},
	    {span_of("proposal"), {NULL, 0}}};
	struct msg_query m = {
	    .kind = QUERY_EVENTS, .limit = 1, .filters = {filters, 2}};
	struct view events = {0};
	struct span answer;
	uint32_t event;
	int rc;

	*c = (struct comparison){.verdict = NO_HUMAN_ACTION,
	    .agent = v->doc,
	    .agent_patch = json_get_type(&v->doc, change, "patch", JSON_OBJECT),
	    .human_patch = JSON_NONE,
	    .notes = JSON_NONE};
	c->proposal_id =
	    json_get_string(&v->doc, proposal, "proposal_id", con->arena);
	if (c->agent_patch == JSON_NONE ||
	    !span_is(json_get_string(&v->doc, change, "mode", con->arena),
		"shadow")) {
		return err_set(e, CS_E_STATE, "SHADOW_PROPOSAL_REQUIRED",
		    "proposal %.*s was not made in mode shadow",
		    SPAN_ARGS(c->proposal_id));
	}
	filters[1].value = c->proposal_id;
	rc = control_request(con, MSG_QUERY, &m, &answer, e);
	if (rc == 0) {
		rc = view_open(&events, answer, con->arena, e);
	}
	if (rc != 0) {
		return rc;
	}
	event = view_first(&events, json_get(&events.doc, 0, "events"));
	if (event != JSON_NONE) {
		uint32_t payload = json_get(&events.doc, event, "payload");
		c->human = events.doc;
		c->human_patch =
		    json_get_type(&events.doc, payload, "patch", JSON_OBJECT);
		c->notes =
		    json_get_type(&events.doc, payload, "notes", JSON_STRING);
	}
	if (c->human_patch != JSON_NONE) {
		compare_columns(c, con->arena);
	}
	return 0;
}

static void
put_comparison(const struct comparison *c, struct json_out *j, struct arena *a)
{
	char now[CLOCK_TEXT_SIZE];

	clock_format(clock_now_us(), now);
	json_open(j, '{');
	json_field_span(j, "proposal_id", c->proposal_id);
	json_field_text(j, "status", verdict_names[c->verdict]);
	json_key(j, "agent_patch");
	json_rewrite(j, &c->agent, c->agent_patch, a);
	if (c->human_patch != JSON_NONE) {
		json_key(j, "human_patch");
		json_rewrite(j, &c->human, c->human_patch, a);
	}
	for (size_t i = 0; i < SIDES; i++) {
		json_key(j, side_names[i]);
		json_open(j, '[');
		for (size_t n = 0; n < c->counts[i]; n++) {
			json_put_span(j, c->columns[i][n]);
		}
		json_close(j, ']');
	}
	if (c->notes != JSON_NONE) {
		json_field_span(
		    j, "notes", json_string(&c->human, c->notes, a));
	}
	json_field_text(j, "compared_at", now);
	json_close(j, '}');
}

static void
print_comparison(const struct comparison *c, struct view *v)
{
	struct buf text = BUF_INIT;

	view_print(v, "shadow comparison: %.*s\n  status: %s\n",
	    SPAN_ARGS(c->proposal_id), verdict_names[c->verdict]);
	for (size_t i = 0; i < SIDES; i++) {
		buf_reset(&text);
		for (size_t n = 0; n < c->counts[i]; n++) {
			buf_puts(&text, n > 0 ? ", " : "");
			str_escape_for_people(&text, c->columns[i][n]);
		}
		if (c->verdict != NO_HUMAN_ACTION) {
			view_print(v, "  %s: %s\n", side_names[i],
			    text.len > 0 ? buf_text(&text) : "none");
		}
	}
	buf_clear(&text);
}

int
cmd_shadow_compare(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct comparison result;
	struct view v = {0};
	struct json_out j;
	struct span answer;
	int rc = one_word(a, e);

	if (rc == 0 && (rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_show(&c, SHOW_PROPOSAL, a->words[0], &answer, e)) ==
		0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0 &&
	    (rc = compare(
		 &c, &v, json_get(&v.doc, 0, "proposal"), &result, e)) == 0) {
		if (args_has(a, "json")) {
			json_begin(&j, &v.out, 2);
			put_comparison(&result, &j, c.arena);
			view_print(&v, "\n");
		} else {
			print_comparison(&result, &v);
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

static void
put_totals(const size_t totals[VERDICTS], size_t all, struct json_out *j)
{
	json_field_int(j, "total_shadow_proposals", (int64_t)all);
	json_field_int(
	    j, "with_human_action", (int64_t)(all - totals[NO_HUMAN_ACTION]));
	json_field_int(j, "exact_matches", (int64_t)totals[EXACT_MATCH]);
	json_field_int(j, "partial_matches", (int64_t)totals[PARTIAL_MATCH]);
	json_field_int(j, "mismatches", (int64_t)totals[MISMATCH]);
	json_field_int(j, "no_human_action", (int64_t)totals[NO_HUMAN_ACTION]);
}

static void
print_report(struct view *v, const size_t totals[VERDICTS], size_t all,
    const struct buf *lines)
{
	view_print(v,
	    "Shadow mode report\n  shadow proposals: %zu\n  with human "
	    "action: %zu\n  exact matches: %zu\n  partial matches: %zu\n  "
	    "mismatches: %zu\n  no human action: %zu\n\n%s",
	    all, all - totals[NO_HUMAN_ACTION], totals[EXACT_MATCH],
	    totals[PARTIAL_MATCH], totals[MISMATCH], totals[NO_HUMAN_ACTION],
	    buf_text(lines));
}

/* Of the newest proposals, up to --limit (200). */
int
cmd_shadow_report(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct view v = {0};
	struct view each = {0};
	struct buf list = BUF_INIT;
	struct json_out j;
	struct json_out l;
	size_t totals[VERDICTS] = {0};
	size_t all = 0;
	uint32_t limit = 0;
	uint32_t proposals;
	uint32_t p;
	int rc = limit_of(a, ALL, &limit, e);

	if (rc != 0 || (rc = control_open(&c, a, e)) != 0 ||
	    (rc = ask_proposals(&c, limit, &v, e)) != 0) {
		control_close(&c);
		return rc;
	}
	json_begin(&l, &list, 0);
	json_open(&l, '[');
	proposals = json_get(&v.doc, 0, "proposals");
	for (p = view_first(&v, proposals); rc == 0 && p != JSON_NONE;
	     p = view_next(&v, proposals, p)) {
		struct comparison one;
		rc = compare(&c, &v, p, &one, e);
		if (rc == 0) {
			totals[one.verdict]++;
			all++;
			put_comparison(&one, &l, c.arena);
			print_comparison(&one, &each);
		}
	}
	json_close(&l, ']');
	if (rc == 0 && args_has(a, "json")) {
		struct buf text = BUF_INIT;
		struct json_doc doc;
		json_begin(&j, &text, 0);
		json_open(&j, '{');
		put_totals(totals, all, &j);
		json_field_raw(&j, "comparisons", buf_as_span(&list));
		json_close(&j, '}');
		rc = json_scan(&doc, buf_as_span(&text), c.arena, e);
		if (rc == 0) {
			json_begin(&j, &v.out, 2);
			json_rewrite(&j, &doc, 0, c.arena);
			view_print(&v, "\n");
		}
		buf_clear(&text);
	} else if (rc == 0) {
		print_report(&v, totals, all, &each.out);
	}
	view_flush(&v);
	buf_clear(&each.out);
	buf_clear(&list);
	control_close(&c);
	return rc;
}
