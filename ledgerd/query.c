/*
 * Lists with filters. The statement is composed from literals in these tables;
 * every value is a bound parameter; a filter that a kind does not have is an
 * error, so that a list never shows what it was asked to leave out.
 */
#include "common/base/clock.h"
#include "ledgerd/documents.h"

#define LIMIT_DEFAULT 20U
#define LIMIT_MAX     200U

enum value_kind {
	VALUE_TEXT,
	VALUE_TIME,
	VALUE_NUMBER
};

/* `where` holds one ?: or several of the same value, numbered by hand. */
struct filter {
	const char *key;
	const char *where;
	enum value_kind kind;
};

struct query {
	const char *member; /* of the result: {"proposals": […]} */
	const char *select;
	const char *where; /* always */
	const char *order;
	put_row_fn put;
	const struct filter *filters;
};

#define OBJECT_TYPE(column)                                                 \
	"(" column " = ?1 OR " column " || 's' = ?1 OR " column " = ?1 || " \
	"'s')"

/* A receipt has what its proposal has. */
#define OF_PROPOSAL(column)                                            \
	"proposal_id IN (SELECT p.proposal_id FROM proposals p WHERE " \
	"p." column " = ?1)"
#define READ_FIELD(name) "read_field(body, capability, tenant, '" name "')"

static const struct filter proposal_filters[] = {
    {"proposal", "proposal_id = ?1", VALUE_TEXT},
    {"tenant", "tenant_id = ?1", VALUE_TEXT},
    {"principal", "principal = ?1", VALUE_TEXT},
    {"capability", "action = ?1", VALUE_TEXT},
    {"action", "action = ?1", VALUE_TEXT},
    {"object-type", OBJECT_TYPE("business_object"), VALUE_TEXT},
    {"object-id", "object_id = ?1", VALUE_TEXT},
    {"state", "state = ?1", VALUE_TEXT},
    {"source", "source_id = ?1", VALUE_TEXT},
    {"mode",
	"iif(json_valid(CAST(change_set AS TEXT)),"
	" json_extract(CAST(change_set AS TEXT), '$.mode'), '') = ?1",
	VALUE_TEXT},
    {"table",
	"(source_schema || '.' || source_table = ?1 OR source_table = ?1)",
	VALUE_TEXT},
    {"evidence",
	"proposal_id = (SELECT e.proposal_id FROM events e"
	" WHERE e.event_id = event_of(?1) AND e.evidence_id = ?1)",
	VALUE_TEXT},
    {"receipt",
	"proposal_id = (SELECT r.proposal_id FROM receipts r"
	" WHERE r.receipt_id = ?1)",
	VALUE_NUMBER},
    {"from", "created_us >= ?1", VALUE_TIME},
    {"to", "created_us <= ?1", VALUE_TIME},
    {NULL, NULL, VALUE_TEXT},
};

static const struct filter event_filters[] = {
    {"proposal", "proposal_id = ?1", VALUE_TEXT},
    {"kind", "kind = ?1", VALUE_TEXT},
    {"actor", "actor = ?1", VALUE_TEXT},
    {"tenant", "tenant = ?1", VALUE_TEXT},
    {"after", "event_id > ?1", VALUE_NUMBER},
    {"upto", "event_id <= ?1", VALUE_NUMBER},
    {"from", "at_us >= ?1", VALUE_TIME},
    {"to", "at_us <= ?1", VALUE_TIME},
    {NULL, NULL, VALUE_TEXT},
};

static const struct filter read_filters[] = {
    {"evidence", "(event_id = event_of(?1) AND evidence_id = ?1)", VALUE_TEXT},
    {"proposal", "proposal_id = ?1", VALUE_TEXT},
    {"tenant", "tenant = ?1", VALUE_TEXT},
    {"principal", "actor = ?1", VALUE_TEXT},
    {"capability", "capability = ?1", VALUE_TEXT},
    {"object-id", "object_id = ?1", VALUE_TEXT},
    {"primary-key", "object_id = ?1", VALUE_TEXT},
    {"object-type", OBJECT_TYPE(READ_FIELD("table")), VALUE_TEXT},
    {"source", READ_FIELD("source") " = ?1", VALUE_TEXT},
    {"table",
	"(" READ_FIELD("table") " = ?1 OR " READ_FIELD(
	    "schema") " || '.' || " READ_FIELD("table") " = ?1)",
	VALUE_TEXT},
    {"query-fingerprint", READ_FIELD("fingerprint") " = ?1", VALUE_TEXT},
    {"from", "at_us >= ?1", VALUE_TIME},
    {"to", "at_us <= ?1", VALUE_TIME},
    {NULL, NULL, VALUE_TEXT},
};

static const struct filter receipt_filters[] = {
    {"receipt", "receipt_id = ?1", VALUE_NUMBER},
    {"tenant", OF_PROPOSAL("tenant_id"), VALUE_TEXT},
    {"principal", OF_PROPOSAL("principal"), VALUE_TEXT},
    {"capability", OF_PROPOSAL("action"), VALUE_TEXT},
    {"action", OF_PROPOSAL("action"), VALUE_TEXT},
    {"object-id", OF_PROPOSAL("object_id"), VALUE_TEXT},
    {"source", OF_PROPOSAL("source_id"), VALUE_TEXT},
    {"proposal", "proposal_id = ?1", VALUE_TEXT},
    {"writeback-job", "job_id = ?1", VALUE_TEXT},
    {"idempotency-key", "idempotency_key = ?1", VALUE_TEXT},
    {"status", "status = ?1", VALUE_TEXT},
    {"from", "created_us >= ?1", VALUE_TIME},
    {"to", "created_us <= ?1", VALUE_TIME},
    {NULL, NULL, VALUE_TEXT},
};

/* By enum query_kind. Events of a proposal leave its reads to the evidence. */
static const struct query queries[QUERY_KINDS] = {
    {"proposals", "SELECT " PROPOSAL_COLUMNS " FROM proposals", "1", "seq",
	put_proposal_row, proposal_filters},
    {"events", "SELECT " EVENT_COLUMNS " FROM events",
	"kind NOT IN ('read_recorded', 'contract_activated')", "event_id",
	put_event_row, event_filters},
    {"receipts", "SELECT " RECEIPT_COLUMNS " FROM receipts", "1", "receipt_id",
	put_receipt_row, receipt_filters},
    {"evidence", "SELECT " READ_COLUMNS " FROM events",
	"kind = 'read_recorded'", "event_id", put_evidence_row, read_filters},
    {"query_audit", "SELECT " READ_COLUMNS " FROM events",
	"kind = 'read_recorded'", "event_id", put_audit_row, read_filters},
    {"replays", "SELECT " PROPOSAL_COLUMNS " FROM proposals", "1", "seq",
	put_replay_row, proposal_filters},
};

static const struct filter *
find_filter(const struct query *q, struct span key)
{
	const struct filter *f = q->filters;

	while (f->key != NULL && !span_is(key, f->key)) {
		f++;
	}
	return f->key == NULL ? NULL : f;
}

/* Put ?<number> in place of every ?1. */
static void
put_where(struct buf *sql, const char *where, uint32_t number)
{
	buf_puts(sql, " AND ");
	for (const char *p = where; *p != '\0'; p++) {
		if (p[0] == '?' && p[1] == '1') {
			buf_printf(sql, "?%u", number);
			p++;
		} else {
			buf_putc(sql, *p);
		}
	}
}

/* Only literals of the tables and numbers go into the text. */
static int
compose(const struct query *q, const struct msg_query *m, struct buf *sql,
    struct err *e)
{
	uint32_t limit = m->limit == 0 ? LIMIT_DEFAULT : m->limit;

	buf_printf(sql, "%s WHERE %s", q->select, q->where);
	for (uint32_t i = 0; i < m->filters.count; i++) {
		const struct filter *f =
		    find_filter(q, m->filters.items[i].key);
		if (f == NULL) {
			return err_set(e, CS_E_INVALID, "INVALID_FILTER",
			    "%s cannot be filtered by %.*s", q->member,
			    SPAN_ARGS(m->filters.items[i].key));
		}
		put_where(sql, f->where, i + 1);
	}
	buf_printf(sql, " ORDER BY %s DESC LIMIT %u", q->order,
	    limit < LIMIT_MAX ? limit : LIMIT_MAX);
	return 0;
}

/* A value (untrusted) as its filter wants it. A time or number that is none
 * is an error with the filter's name. */
static int
bind_value(sqlite3_stmt *st, int at, const struct filter *f, struct span value,
    struct err *e)
{
	int64_t number = 0;

	if (f->kind == VALUE_TEXT) {
		(void)sqlite3_bind_text(
		    st, at, value.ptr, (int)value.len, SQLITE_STATIC);
		return 0;
	}
	if (f->kind == VALUE_TIME
		? clock_parse(value.ptr, value.len, &number) != 0
		: json_int64(value, &number) != 0) {
		return err_set(e, CS_E_INVALID, "INVALID_FILTER",
		    "--%s wants %s, not '%.*s'", f->key,
		    f->kind == VALUE_TIME ? "a time like 2026-07-01T12:00:00Z"
					  : "a number",
		    SPAN_ARGS(value));
	}
	/* "to" is inclusive, and texts end at the millisecond. */
	if (f->kind == VALUE_TIME && strcmp(f->key, "to") == 0) {
		number += 999;
	}
	(void)sqlite3_bind_int64(st, at, number);
	return 0;
}

static int
bind_all(const struct query *q, const struct msg_query *m, sqlite3_stmt *st,
    struct err *e)
{
	for (uint32_t i = 0; i < m->filters.count; i++) {
		int rc = bind_value(st, (int)i + 1,
		    find_filter(q, m->filters.items[i].key),
		    m->filters.items[i].value, e);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

int
document_query(
    struct ledger *l, const struct msg_query *m, struct buf *out, struct err *e)
{
	const struct query *q = &queries[m->kind];
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	struct json_out j;
	int rc = compose(q, m, &sql, e);

	if (rc == 0) {
		rc = reader_prepare(l, sql.data, &st, e);
	}
	if (rc == 0) {
		rc = bind_all(q, m, st, e);
	}
	if (rc == 0) {
		json_begin(&j, out, 0);
		json_open(&j, '{');
		json_key(&j, q->member);
		rc = put_rows(l, &j, st, q->put, e);
	}
	if (rc == 0) {
		json_close(&j, '}');
	}
	(void)sqlite3_finalize(st);
	buf_clear(&sql);
	return rc;
}
