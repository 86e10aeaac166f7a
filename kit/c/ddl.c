/*
 * The table of receipts in the application's database (engine.md §6.9, and the
 * proposal's hash). Printed for who owns the database; never made in passing.
 */
#include "common/base/arena.h"
#include "kit/c/internal.h"

#define MY_HASH "varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"

static const struct {
	const char *by_default; /* its name */
	const char *columns;
	const char *added; /* what a table of 0.1.1 lacks */
} tables[] = {
    [CS_HANDLER_POSTGRES] = {"public.synapsor_handler_receipts",
	"  idempotency_key text PRIMARY KEY,\n"
	"  proposal_id text NOT NULL,\n"
	"  proposal_hash text,\n"
	"  action text NOT NULL,\n"
	"  status text NOT NULL,\n"
	"  receipt_json jsonb NOT NULL,\n"
	"  created_at timestamptz NOT NULL DEFAULT now(),\n"
	"  completed_at timestamptz\n)",
	"proposal_hash text"},
    [CS_HANDLER_MYSQL] = {"synapsor_handler_receipts",
	"  idempotency_key varchar(512) CHARACTER SET utf8mb4 COLLATE "
	"utf8mb4_bin PRIMARY KEY,\n"
	"  proposal_id varchar(512) NOT NULL,\n"
	"  proposal_hash " MY_HASH ",\n"
	"  action varchar(512) NOT NULL,\n"
	"  status varchar(64) NOT NULL,\n"
	"  receipt_json longtext NOT NULL,\n"
	"  created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),\n"
	"  completed_at timestamp(6) NULL\n"
	") ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4",
	"proposal_hash " MY_HASH},
};

void
kit_ddl_put(struct buf *out, enum cs_handler_dialect d, const char *table)
{
	buf_printf(out, "CREATE TABLE IF NOT EXISTS %s (\n%s;\n", table,
	    tables[d].columns);
}

const char *
kit_receipt_table(const char *table, enum cs_handler_dialect d, struct arena *a)
{
	return kit_quote_table(
	    table == NULL ? tables[d].by_default : table, d, a);
}

/* Rows of 0.1.1 then have no hash, so their key is not compared by it. */
const char *
kit_ddl_alter(enum cs_handler_dialect d, const char *table, struct arena *a)
{
	return arena_printf(
	    a, "ALTER TABLE %s ADD COLUMN %s;", table, tables[d].added);
}

int
cs_handler_print_ddl(
    enum cs_handler_dialect dialect, const char *table, FILE *out)
{
	struct arena *a = arena_new();
	struct buf text = BUF_INIT;
	const char *quoted = kit_receipt_table(table, dialect, a);
	int rc = CS_HANDLER_E_INVALID;

	if (quoted != NULL) {
		kit_ddl_put(&text, dialect, quoted);
		rc = fputs(buf_text(&text), out) < 0 ? CS_HANDLER_E_REFUSED : 0;
	}
	buf_clear(&text);
	arena_free(&a);
	return rc;
}
