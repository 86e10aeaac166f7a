/*
 * Any names in the contract and the patch: either no statement, or one whose
 * quoted parts are identifiers and whose rest is ours.
 */
#include "common/base/str.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fixture.h"
#include "writerd/stmt_plan.h"

#define NAMES 5U

static struct fixture f;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fixture_billing(&f);
	return 0;
}

/* The next line of the input. */
static struct span
take_line(struct span *rest)
{
	const char *end =
	    rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
	size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
	struct span line = {rest->ptr, len};

	len += end == NULL ? 0 : 1;
	rest->ptr += len;
	rest->len -= len;
	return line;
}

/* Identifiers in quotes; outside of them words, numbers and signs. */
static void
check_statement(const char *sql)
{
	for (const char *p = sql; *p != '\0'; p++) {
		if (*p == '"' || *p == '`') {
			const char *end = strchr(p + 1, *p);
			cs_assert(end != NULL);
			cs_assert(str_is_identifier(
			    (struct span){p + 1, (size_t)(end - p - 1)}));
			p = end;
			continue;
		}
		cs_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 " $?<=>,.()",
			      *p) != NULL);
	}
}

static void
check_plan(const struct contract_capability *cap, const struct change_set *cs,
    struct arena *a)
{
	struct stmt_plan plan;
	struct err e = {0};

	if (stmt_plan_build(cap, cs, "\"main\".\"r\"", a, &plan, &e) != 0) {
		cs_assert(strcmp(err_reason(&e), "UNSAFE_IDENTIFIER") == 0);
		return;
	}
	check_statement(plan.lock_row);
	check_statement(plan.update);
	for (size_t i = 0; i < plan.column_count; i++) {
		cs_assert(str_is_identifier(plan.columns[i]));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data, size};
	struct arena *a = arena_new();
	struct contract_capability cap = *f.cap;
	struct contract_source source = *f.cap->source;
	struct change_set cs = {0};
	const char *names[NAMES];

	source.engine = size % 3 == 0   ? ENGINE_POSTGRES
			: size % 3 == 1 ? ENGINE_MYSQL
					: ENGINE_SQLITE;
	for (size_t i = 0; i < NAMES; i++) {
		struct span line = take_line(&rest);
		names[i] = arena_strndup(a, line.ptr, line.len);
	}
	cap.source = &source;
	cap.schema = names[0];
	cap.table = names[1];
	cap.primary_key = names[2];
	cap.tenant_key = names[3][0] == '-' ? NULL : names[3];
	cap.conflict_column = names[4][0] == '-' ? NULL : names[4];
	cs.patch = arena_array(a, rest.len + 1, sizeof(*cs.patch));
	do {
		cs.patch[cs.patch_count++].name = take_line(&rest);
	} while (rest.len > 0);
	check_plan(&cap, &cs, a);
	arena_free(&a);
	return 0;
}
