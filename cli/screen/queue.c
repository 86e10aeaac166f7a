#include "cli/screen/queue.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#define LIST_LIMIT 200

static const struct {
	const char *name;
	const char *state; /* NULL: any */
} filters[FILTER_NAMES] = {
    {"waiting", "pending_review"}, {"approved", "approved"}, {"all", NULL}};

const char *
queue_filter_name(enum filter_name filter)
{
	return filters[filter].name;
}

void
queue_close(struct queue *q)
{
	if (q->connected) {
		control_close(&q->control);
	}
	q->connected = false;
	q->count = 0;
	q->line_count = 0;
}

/* A new connection for each refresh: memory of the last one goes with it, and
 * a ledgerd that was restarted is found again. */
static int
connect_again(struct queue *q, struct err *e)
{
	struct control next;
	int rc = control_open(&next, q->args, e);

	queue_close(q);
	if (rc != 0) {
		control_close(&next);
		return rc;
	}
	q->control = next;
	q->connected = true;
	return 0;
}

int
queue_refresh(struct queue *q, struct err *e)
{
	struct msg_filter state = {
	    span_of("state"), span_of(filters[q->filter].state)};
	struct msg_query m = {.kind = QUERY_PROPOSALS,
	    .limit = LIST_LIMIT,
	    .filters = {&state, filters[q->filter].state != NULL}};
	struct span answer;
	uint32_t list;
	int rc = connect_again(q, e);

	if (rc != 0 || (rc = control_list(&q->control, &m, &answer, e)) != 0 ||
	    (rc = view_open(&q->list, answer, q->control.arena, e)) != 0) {
		queue_close(q);
		return rc;
	}
	list = json_get(&q->list.doc, 0, "proposals");
	q->rows = arena_array(q->control.arena,
	    q->list.doc.nodes[list].count + 1, sizeof(*q->rows));
	for (uint32_t i = view_first(&q->list, list); i != JSON_NONE;
	     i = view_next(&q->list, list, i)) {
		q->rows[q->count++] = i;
	}
	return 0;
}

/* "5m", "3h", "2d" since a time in 0.1.1's form. */
static const char *
age_of(struct view *v, uint32_t node)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
	struct span text =
	    json_get_string(&v->doc, node, "created_at", v->arena);
	int64_t at = 0;
	int64_t age;

	if (clock_parse(text.ptr, text.len, &at) != 0) {
		return "?";
	}
	age = (clock_now_us() - at) / 1000000;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (age >= units[i].seconds) {
			return arena_printf(v->arena, "%lld%s",
			    (long long)(age / units[i].seconds), units[i].unit);
		}
	}
	return "now";
}

const char *
queue_line(struct queue *q, uint32_t index)
{
	struct view *v = &q->list;
	uint32_t p = q->rows[index];

	return arena_printf(v->arena, "%5s  %-15s  %s  %s:%s  tenant %s",
	    age_of(v, p), view_text(v, p, "state", "?"),
	    view_text(v, p, "action", "?"),
	    view_text(v, p, "business_object", "?"),
	    view_text(v, p, "object_id", "?"),
	    view_text(v, p, "tenant_id", "?"));
}

/* What was read, when, for whom. */
static void
print_evidence(struct view *v)
{
	uint32_t list = json_get(&v->doc, 0, "evidence");

	view_print(v, "\nEvidence (data, not an instruction):\n");
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		uint32_t item = view_first(v, json_get(&v->doc, i, "items"));
		uint32_t row = json_get(
		    &v->doc, json_get(&v->doc, item, "item"), "visible_row");
		view_print(v, "  %s, read %s ago for %s\n",
		    view_text(v, i, "evidence_bundle_id", "?"), age_of(v, i),
		    view_text(v, i, "principal", "?"));
		if (row == JSON_NONE || v->doc.nodes[row].type != JSON_OBJECT) {
			continue;
		}
		for (uint32_t k = row + 1; k < v->doc.nodes[row].next;
		     k = v->doc.nodes[k + 1].next) {
			view_print(v, "  | %s: %s\n", view_scalar(v, k),
			    view_scalar(v, k + 1));
		}
	}
}

/* Cut at line ends; the buffer stays as it is. */
static void
split(struct queue *q)
{
	struct arena *a = q->control.arena;
	char *text = arena_strndup(a, q->shown.out.data, q->shown.out.len);
	size_t count = 1;

	for (const char *p = text; *p != '\0'; p++) {
		count += *p == '\n';
	}
	q->lines = arena_array(a, count, sizeof(*q->lines));
	q->line_count = 0;
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		bool more = text[len] == '\n';
		q->lines[q->line_count++] = text;
		text[len] = '\0';
		text += len + more;
	}
}

int
queue_open(struct queue *q, uint32_t index, struct err *e)
{
	const char *id =
	    view_text(&q->list, q->rows[index], "proposal_id", "?");
	struct span answer;
	int rc = control_show(&q->control, SHOW_PROPOSAL, id, &answer, e);

	if (rc == 0) {
		rc = view_open(&q->shown, answer, q->control.arena, e);
	}
	if (rc == 0) {
		view_proposal_details(
		    &q->shown, json_get(&q->shown.doc, 0, "proposal"));
		print_evidence(&q->shown);
		split(q);
		buf_clear(&q->shown.out);
	}
	return rc;
}

int
queue_decide(struct queue *q, enum decision_action action, const char *reason,
    const char **said, struct err *e)
{
	struct view *v = &q->shown;
	uint32_t p = json_get(&v->doc, 0, "proposal");
	struct msg_decide m = {.action = action,
	    .proposal_id =
		json_get_string(&v->doc, p, "proposal_id", q->control.arena),
	    .proposal_hash =
		json_get_string(&v->doc, p, "proposal_hash", q->control.arena),
	    .proposal_version = 1,
	    .reason = span_of(reason)};
	struct span answer;
	int rc = control_request(&q->control, MSG_DECIDE, &m, &answer, e);

	if (rc == 0) {
		*said = arena_printf(q->control.arena,
		    "%s %.*s. Source database changed: no",
		    action == DECISION_APPROVE ? "approved" : "rejected",
		    SPAN_ARGS(m.proposal_id));
	}
	return rc;
}
