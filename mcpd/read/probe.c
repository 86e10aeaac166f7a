#include "mcpd/read/probe.h"

#include <event2/event.h>

#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/db/pg_scope.h"
#include "mcpd/read/plan.h"

/* While something is wrong, somebody may be mending it. */
#define RETRY_S 5
/* No tenant and no principal is called so. */
#define NOBODY "countersign-canary/no-such-scope"

static const struct probe_list *const lists[] = {
    [ENGINE_POSTGRES] = &probe_pg,
    [ENGINE_MYSQL] = &probe_my,
    [ENGINE_SQLITE] = &probe_lite,
};

/* One query about one thing. */
struct step {
	const struct probe_query *query;
	const struct contract_capability *cap; /* NULL: the source */
};

struct probe {
	const struct contract_source *source;
	const struct contract *contract;
	struct link *link;
	struct event timer;
	struct step *steps;
	size_t step_count;
	void (*end)(void *context);
	void *context;
	/* Of the run that is under way. */
	bool is_running;
	size_t step;
	struct arena *arena;
	struct db_job job;
	struct buf lines;
	bool source_refused;
	bool *refused; /* by capability */
	/* Of the last one that came to its end. */
	bool is_known;
	struct buf known_lines;
	bool *known_refused;
};

static void ask(struct probe *p);

static void
set_timer(struct probe *p, int64_t seconds)
{
	struct timeval tv = {seconds, 0};

	event_add(&p->timer, &tv);
}

/* The log says each thing once, until it changes. */
static bool
was_known(const struct probe *p, struct span line)
{
	return p->known_lines.len >= line.len && line.len > 0 &&
	       memmem(p->known_lines.data, p->known_lines.len, line.ptr,
		   line.len) != NULL;
}

static void
refuse(struct probe *p, const struct contract_capability *cap)
{
	if (cap == NULL) {
		p->source_refused = true;
	} else {
		p->refused[cap->index] = true;
	}
}

/* What the contract accepts is said, and refuses nothing. */
static void
put(struct probe *p, const struct finding *f, bool is_accepted)
{
	size_t start = p->lines.len;
	struct finding line = *f;
	struct span text;

	if (is_accepted) {
		line.check = arena_printf(
		    p->arena, "%s (accepted: %s)", f->check, f->code);
		line.code = NULL;
	}
	finding_put(&p->lines, &line);
	text = (struct span){p->lines.data + start, p->lines.len - start};
	if (f->code == NULL || was_known(p, text)) {
		return;
	}
	log_event(is_accepted ? LOG_LEVEL_WARN : LOG_LEVEL_ERR,
	    is_accepted ? "source_accepted" : "source_refused",
	    "source=%s subject=%s code=%s detail=\"%s\" remedy=\"%s\"",
	    p->source->name, f->subject, f->code, f->detail,
	    is_accepted ? "none: reader_can_write" : f->remedy);
}

static const char *
subject_of(const struct probe *p, const struct step *s)
{
	return s->cap == NULL ? p->source->name : s->cap->name;
}

static bool
is_something(struct scalar value)
{
	return value.kind != SCALAR_NULL && value.text.len > 0;
}

/* The answer's columns against the query's faults. */
static void
judge(struct probe *p, const struct step *s)
{
	const struct db_job *j = &p->job;
	const struct probe_query *q = s->query;
	struct finding f = {.subject = subject_of(p, s), .check = q->check};
	const char *table = s->cap == NULL ? ""
					   : arena_printf(p->arena, "%s.%s",
						 s->cap->schema, s->cap->table);
	struct named_scalar words[] = {
	    {span_of("t"), {SCALAR_TEXT, span_of(table)}},
	    {span_of("w"), {SCALAR_TEXT, span_of("")}},
	    {span_of("r"), {SCALAR_TEXT, span_of("the role")}}};
	size_t found = 0;

	if (j->columns > q->fault_count) {
		words[2].value = j->values[q->fault_count];
	}
	for (size_t i = 0; i < q->fault_count && i < j->columns; i++) {
		const struct probe_fault *fault = &q->faults[i];
		bool accepted =
		    fault->is_write && p->source->accept_reader_can_write;
		if (!is_something(j->values[i])) {
			continue;
		}
		words[1].value = j->values[i];
		f.code = fault->code;
		f.detail = finding_text(p->arena, fault->detail, words, 3);
		f.remedy = finding_text(p->arena, fault->remedy, words, 3);
		put(p, &f, accepted);
		if (!accepted) {
			refuse(p, s->cap);
		}
		found++;
	}
	if (found == 0) {
		put(p, &f, false);
	}
}

/* The database answered, but not the question. */
static void
judge_error(struct probe *p, const struct step *s)
{
	put(p,
	    &(struct finding){subject_of(p, s), s->query->check,
		"SOURCE_CHECK_FAILED",
		"the database refused the question of this check",
		"look into the database's log; the reader's role must be able "
		"to read the catalogs"},
	    false);
	refuse(p, s->cap);
}

/* An error shows no row either: a policy that casts the setting, or that wants
 * it set, ends so. */
static bool
is_error_fine(const struct probe *p, const struct step *s)
{
	return s->query->subject == PROBE_NO_SCOPE ||
	       (s->query->subject == PROBE_CANARY &&
		   strcmp(p->job.error, "ROW_NOT_FOUND") == 0);
}

static bool
is_passing(const char *error)
{
	static const char *const passing[] = {"SOURCE_UNAVAILABLE",
	    "SOURCE_POOL_TIMEOUT", "SOURCE_POOL_QUEUE_FULL"};

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (strcmp(error, passing[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* What was found counts from now on. */
static void
adopt(struct probe *p)
{
	bool well = !p->source_refused;

	for (size_t i = 0; i < p->contract->capability_count; i++) {
		p->known_refused[i] = p->source_refused || p->refused[i];
		well = well && !p->refused[i];
	}
	if (well && p->is_known && p->known_lines.len > 0 &&
	    !span_equal(buf_as_span(&p->lines), buf_as_span(&p->known_lines))) {
		log_event(LOG_LEVEL_NOTICE, "source_passed", "source=%s",
		    p->source->name);
	}
	p->is_known = true;
	buf_reset(&p->known_lines);
	buf_span(&p->known_lines, buf_as_span(&p->lines));
	set_timer(p, well || p->source->probe_interval_s < RETRY_S
			 ? p->source->probe_interval_s
			 : RETRY_S);
}

/* An answer that did not come decides nothing: what was known stays, and what
 * was not is not served. */
static void
end_run(struct probe *p, bool complete)
{
	p->is_running = false;
	if (complete) {
		adopt(p);
	} else {
		set_timer(p, RETRY_S);
	}
	p->end(p->context);
}

static void
on_answer(struct db_job *j)
{
	struct probe *p = j->context;
	const struct step *s = &p->steps[p->step];

	if (j->error != NULL && is_passing(j->error)) {
		end_run(p, false);
		return;
	}
	if (j->error == NULL && j->rows == 1) {
		judge(p, s);
	} else if (j->error != NULL && is_error_fine(p, s)) {
		put(p,
		    &(struct finding){
			subject_of(p, s), s->query->check, NULL, NULL, NULL},
		    false);
	} else {
		judge_error(p, s);
	}
	p->step++;
	ask(p);
}

static void
add_param(struct db_job *j, const char *text)
{
	cs_assert(j->param_count < JOB_PARAMS);
	j->params[j->param_count++] = (struct db_param){
	    {SCALAR_TEXT, span_of(text == NULL ? "" : text)}, NO_COLUMN};
}

static const char *
columns_of(const struct contract_capability *cap, struct arena *a)
{
	struct buf list = BUF_INIT;
	struct json_out j;
	const char *text;

	json_begin(&j, &list, 0);
	json_open(&j, '[');
	for (size_t i = 0; i < cap->read_count; i++) {
		json_put_text(&j, cap->read_columns[i]);
	}
	json_close(&j, ']');
	text = arena_strndup(a, list.data, list.len);
	buf_clear(&list);
	return text;
}

static void
add_params(struct probe *p, const struct step *s)
{
	struct db_job *j = &p->job;
	const struct contract_capability *cap = s->cap;

	switch (s->query->subject) {
	case PROBE_CAPABILITY:
		add_param(j, cap->schema);
		add_param(j, cap->table);
		add_param(j, columns_of(cap, p->arena));
		add_param(j, cap->primary_key);
		add_param(j, cap->tenant_key);
		add_param(j, cap->conflict_column);
		break;
	case PROBE_SCOPE:
		add_param(j, cap->schema);
		add_param(j, cap->table);
		add_param(j, p->source->scope_tenant_setting);
		add_param(j, p->source->scope_principal_setting);
		break;
	case PROBE_CANARY:
		j->is_scoped = true;
		j->tenant = span_of(NOBODY);
		j->principal = span_of(NOBODY);
		j->sql = plan_canary_sql(cap, p->arena);
		break;
	case PROBE_NO_SCOPE:
		j->sql = plan_canary_sql(cap, p->arena);
		break;
	case PROBE_SOURCE:
	default:
		break;
	}
}

static void
ask(struct probe *p)
{
	const struct step *s = &p->steps[p->step];

	if (p->step == p->step_count) {
		end_run(p, true);
		return;
	}
	p->job = (struct db_job){.sql = s->query->sql,
	    .kept = JOB_ONCE,
	    .is_urgent = true,
	    .arena = p->arena,
	    .done = on_answer,
	    .context = p};
	add_params(p, s);
	p->link->ops->submit(p->link, &p->job);
}

void
probe_run(struct probe *p)
{
	if (p->is_running) {
		return;
	}
	p->is_running = true;
	p->step = 0;
	p->source_refused = false;
	memset(p->refused, 0, p->contract->capability_count * sizeof(bool));
	buf_reset(&p->lines);
	arena_reset(p->arena);
	event_del(&p->timer);
	ask(p);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	probe_run(arg);
}

enum probe_verdict
probe_verdict(const struct probe *p, const struct contract_capability *cap)
{
	if (!p->is_known) {
		return PROBE_UNKNOWN;
	}
	return p->known_refused[cap->index] ? PROBE_REFUSED : PROBE_PASSED;
}

void
probe_stats(const struct probe *p, struct reader_stats *out)
{
	out->probe_known = p->is_known;
	for (size_t i = 0; i < p->contract->capability_count; i++) {
		const struct contract_capability *cap =
		    &p->contract->capabilities[i];

		out->probe_refused += cap->source == p->source &&
				      probe_verdict(p, cap) == PROBE_REFUSED;
	}
}

struct span
probe_lines(const struct probe *p)
{
	return buf_as_span(&p->known_lines);
}

void
probe_on_end(struct probe *p, void (*end)(void *context), void *context)
{
	p->end = end;
	p->context = context;
}

static bool
is_wanted(const struct probe *p, const struct probe_query *q)
{
	return q->subject == PROBE_CAPABILITY || pg_scope_is_set(p->source);
}

/* The source once, then each of its capabilities. */
static void
build_steps(struct probe *p)
{
	const struct probe_list *list = lists[p->source->engine];
	size_t room = list->count * (p->contract->capability_count + 1);

	p->steps = xcalloc(room + 1, sizeof(*p->steps));
	for (size_t q = 0; q < list->count; q++) {
		const struct probe_query *query = &list->queries[q];
		if (query->subject == PROBE_SOURCE) {
			p->steps[p->step_count++] = (struct step){query, NULL};
			continue;
		}
		for (size_t i = 0; i < p->contract->capability_count; i++) {
			const struct contract_capability *cap =
			    &p->contract->capabilities[i];
			if (cap->source == p->source && is_wanted(p, query)) {
				p->steps[p->step_count++] =
				    (struct step){query, cap};
			}
		}
	}
}

static void
no_end(void *context)
{
	(void)context;
}

struct probe *
probe_new(struct event_base *base, const struct contract *c,
    const struct contract_source *source, struct link *link)
{
	struct probe *p = xcalloc(1, sizeof(*p));

	p->contract = c;
	p->source = source;
	p->link = link;
	p->end = no_end;
	p->arena = arena_new();
	p->refused = xcalloc(c->capability_count + 1, sizeof(bool));
	p->known_refused = xcalloc(c->capability_count + 1, sizeof(bool));
	evtimer_assign(&p->timer, base, on_timer, p);
	build_steps(p);
	return p;
}

void
probe_free(struct probe **p)
{
	if (*p == NULL) {
		return;
	}
	event_del(&(*p)->timer);
	buf_clear(&(*p)->lines);
	buf_clear(&(*p)->known_lines);
	arena_free(&(*p)->arena);
	free((*p)->steps);
	free((*p)->refused);
	free((*p)->known_refused);
	free(*p);
	*p = NULL;
}
