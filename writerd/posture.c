#include "writerd/posture.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/contract/finding.h"
#include "writerd/posture_rules.h"

#define PARAMS_MAX 3

/* One look at one connection. */
struct look {
	const struct posture_question *q;
	struct arena *arena;
	struct span role;
	struct span tables; /* that the contract writes: "s.t,s.t" */
};

static const struct posture_engine *
engine_of(const struct contract_source *source)
{
	static const struct posture_engine *const engines[] = {
	    [ENGINE_POSTGRES] = &posture_postgres,
	    [ENGINE_MYSQL] = &posture_mysql,
	    [ENGINE_SQLITE] = NULL /* a file knows no roles */};

	return engines[source->engine];
}

bool
posture_is_written(const struct contract_capability *cap)
{
	return cap->kind == KIND_PROPOSAL && cap->handler == NULL;
}

/* The next capability of the source that writes; NULL: no more. */
static const struct contract_capability *
next_written(const struct look *l, size_t *at)
{
	const struct contract *c = l->q->contract;

	while (*at < c->capability_count) {
		const struct contract_capability *cap =
		    &c->capabilities[(*at)++];
		if (cap->source == l->q->source && posture_is_written(cap)) {
			return cap;
		}
	}
	return NULL;
}

static struct span
take_list(struct look *l, struct buf *list)
{
	struct span text = buf_as_span(list);

	/* Without the first comma. */
	text = text.len > 0 ? arena_span(l->arena,
				  (struct span){text.ptr + 1, text.len - 1})
			    : span_of("");
	buf_clear(list);
	return text;
}

static struct span
tables_of(struct look *l)
{
	const struct contract_capability *cap;
	struct buf list = BUF_INIT;
	size_t at = 0;

	while ((cap = next_written(l, &at)) != NULL) {
		buf_printf(&list, ",%s.%s", cap->schema, cap->table);
	}
	return take_list(l, &list);
}

/* All that this contract changes in the table of a capability. */
static struct span
columns_of(struct look *l, const struct contract_capability *cap)
{
	const struct contract_capability *o;
	struct buf list = BUF_INIT;
	size_t at = 0;

	while ((o = next_written(l, &at)) != NULL) {
		if (strcmp(o->schema, cap->schema) != 0 ||
		    strcmp(o->table, cap->table) != 0) {
			continue;
		}
		for (size_t k = 0; k < o->patch_count; k++) {
			buf_printf(&list, ",%s", o->patch[k].column);
		}
		if (o->advance == ADVANCE_INTEGER_INCREMENT) {
			buf_printf(&list, ",%s", o->conflict_column);
		}
	}
	return take_list(l, &list);
}

/* The answer of one row with one column; NULL when there is none. */
static int
ask(struct look *l, const char *sql, struct db_params params,
    struct scalar *out, struct err *e)
{
	struct db_result answer;
	int rc =
	    l->q->db->ops->query(l->q->db, sql, params, l->arena, &answer, e);

	*out = rc == 0 && answer.rows == 1
		   ? answer.values[0]
		   : (struct scalar){.kind = SCALAR_NULL};
	return rc;
}

static void
tell(struct look *l, const struct posture_rule *rule,
    const struct contract_capability *cap, struct scalar what)
{
	char q = l->q->source->engine == ENGINE_MYSQL ? '`' : '"';
	const char *table = cap == NULL
				? ""
				: arena_printf(l->arena, "%c%s%c.%c%s%c", q,
				      cap->schema, q, q, cap->table, q);
	const struct named_scalar words[] = {
	    {span_of("t"), {SCALAR_TEXT, span_of(table)}}, {span_of("w"), what},
	    {span_of("r"), {SCALAR_TEXT, l->role}}};

	l->q->fn(l->q->context,
	    &(struct posture_finding){
		.subject = cap == NULL ? l->q->source->name : cap->name,
		.code = rule->code,
		.detail = finding_text(l->arena, rule->detail, words, 3),
		.remedy = finding_text(l->arena, rule->remedy, words, 3),
		.hard = rule->hard});
}

static int
apply_rule(struct look *l, const struct posture_rule *rule,
    const struct contract_capability *cap, struct err *e)
{
	struct scalar params[PARAMS_MAX];
	struct scalar found;
	size_t count = 0;
	int rc;

	for (const char *p = rule->params; *p != '\0'; p++) {
		struct span text = l->tables;

		if (cap != NULL && *p != 'l') {
			text = *p == 's'   ? span_of(cap->schema)
			       : *p == 't' ? span_of(cap->table)
					   : columns_of(l, cap);
		}
		params[count++] = (struct scalar){SCALAR_TEXT, text};
	}
	rc = ask(l, rule->sql,
	    (struct db_params){.items = params, .count = count}, &found, e);
	if (rc == 0 && found.kind != SCALAR_NULL) {
		tell(l, rule, cap, found);
	}
	return rc;
}

static int
apply_to_tables(struct look *l, const struct posture_rule *rule, struct err *e)
{
	const struct contract_capability *cap;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && (cap = next_written(l, &at)) != NULL) {
		rc = apply_rule(l, rule, cap, e);
	}
	return rc;
}

int
posture_check(const struct posture_question *q, struct arena *a, struct err *e)
{
	const struct posture_engine *engine = engine_of(q->source);
	struct look l = {.q = q, .arena = a};
	struct scalar role;
	int rc;

	if (engine == NULL) {
		return 0;
	}
	l.tables = tables_of(&l);
	rc = ask(&l, engine->role_sql, (struct db_params){0}, &role, e);
	l.role = rc == 0 ? role.text : span_of("");
	for (const struct posture_rule *r = engine->rules;
	     rc == 0 && r->code != NULL; r++) {
		if (q->hard_only && !r->hard) {
			continue;
		}
		rc = r->params[0] == 's' ? apply_to_tables(&l, r, e)
					 : apply_rule(&l, r, NULL, e);
	}
	return rc;
}

/* What a look found, for those who only want to know whether to go on. */
struct verdict {
	const struct contract_source *source;
	bool found;
	bool refused;
	bool silent;
	struct err *err;
};

static void
judge(void *context, const struct posture_finding *f)
{
	struct verdict *v = context;
	bool accepted = f->hard && v->source->accept_writer_posture;

	v->found = true;
	if (!v->silent || accepted) {
		log_event(f->hard && !accepted ? LOG_LEVEL_ERR : LOG_LEVEL_WARN,
		    accepted ? "writer_posture_accepted" : "writer_posture",
		    "source=\"%s\" subject=\"%s\" reason=%s detail=\"%s\""
		    " remedy=\"%s\" accepted=\"%s\"",
		    v->source->name, f->subject, f->code, f->detail, f->remedy,
		    accepted ? "writer_posture" : "no");
	}
	if (f->hard && !accepted && !v->refused) {
		v->refused = true;
		(void)err_set(v->err, CS_E_DENIED, f->code,
		    "the writer's role of source %s is not used: %s. %s",
		    v->source->name, f->detail, f->remedy);
	}
}

int
posture_refuse(struct db *db, const struct contract *c,
    const struct contract_source *source, struct err *e)
{
	struct verdict v = {.source = source, .silent = true, .err = e};
	struct arena *a = arena_new();
	int rc = posture_check(
	    &(struct posture_question){db, c, source, true, judge, &v}, a, e);

	arena_free(&a);
	return rc != 0 ? rc : v.refused ? CS_E_DENIED : 0;
}

bool
posture_log(struct db *db, const struct contract *c,
    const struct contract_source *source)
{
	struct err e = {0};
	struct verdict v = {.source = source, .err = &e};
	struct arena *a = arena_new();
	int rc = posture_check(
	    &(struct posture_question){db, c, source, false, judge, &v}, a, &e);

	if (rc != 0) {
		log_err(LOG_LEVEL_WARN, "writer_posture_not_known", &e);
	} else if (!v.found) {
		log_event(LOG_LEVEL_NOTICE, "writer_posture_clean",
		    "source=\"%s\"", source->name);
	}
	arena_free(&a);
	return !v.refused;
}
