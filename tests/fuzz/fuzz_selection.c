/*
 * Any bytes as what onboarding reads: "I" an inspection, "R" a recipe, else a
 * selection. Whatever passes the rules must give a contract that only the
 * contract's own rules can still refuse, made of identifiers.
 */
#include "cli/onboard/generate.h"
#include "cli/onboard/recipes.h"
#include "common/base/str.h"
#include "common/contract/contract.h"
#include "common/crypto/digest.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	crypto_init();
	return 0;
}

static void
check_report(const struct contract_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const char *code = report->issues[i].code;
		cs_assert(strcmp(code, "CONFIG_NOT_JSON") != 0);
		cs_assert(strcmp(code, "UNKNOWN_FIELD") != 0);
		cs_assert(strcmp(code, "INVALID_TARGET_IDENTIFIER") != 0);
		cs_assert(strcmp(code, "INVALID_VISIBLE_COLUMN") != 0);
		cs_assert(strcmp(code, "INVALID_PATCH_COLUMN") != 0);
	}
}

static void
check_selection(struct selection *s)
{
	struct contract_report report = {0};
	struct buf contract = BUF_INIT;
	struct buf env = BUF_INIT;
	struct err e;

	selection_complete(s, "review");
	if (selection_check(s, &e) == 0) {
		cs_assert(str_is_identifier(span_of(s->text[SEL_TABLE])));
		generate_contract(s, DEFAULT_STORE, &contract);
		(void)contract_validate(buf_as_span(&contract), &report, NULL);
		check_report(&report);
		contract_report_clear(&report);
		generate_env(s, &env);
		generate_input(s, "1", selection_proposes(s), &env);
	}
	buf_clear(&contract);
	buf_clear(&env);
}

/* Each table of the inspection, with its first column changed. */
static void
from_inspection(struct selection *s, struct span text)
{
	struct buf warnings = BUF_INIT;
	struct arena *a = s->arena;
	struct inspection in;
	struct err e;

	if (inspection_read(text, a, &in, &e) != 0) {
		return;
	}
	for (size_t i = 0; i < in.table_count && i < 4; i++) {
		*s = (struct selection){.arena = a};
		s->text[SEL_TABLE] = in.tables[i].name;
		if (in.tables[i].column_count > 0) {
			s->patch[0].column = in.tables[i].columns[0].name;
			s->patch[0].from_arg = "value";
			s->patch_count = 1;
		}
		if (selection_from_table(s, &in, &warnings, &e) == 0) {
			check_selection(s);
		}
	}
	buf_clear(&warnings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct selection *s = arena_alloc(a, sizeof(*s));
	struct span text =
	    arena_span(a, (struct span){(const char *)data, size});
	char kind = size > 0 ? text.ptr[0] : '\0';
	struct recipe r;
	struct err e;

	s->arena = a;
	if (kind == 'I' || kind == 'R') {
		text.ptr++;
		text.len--;
	}
	if (kind == 'I') {
		from_inspection(s, text);
	} else if (kind != 'R') {
		if (selection_from_json(s, text, &e) == 0) {
			check_selection(s);
		}
	} else if (recipe_read(text, a, &r, &e) == 0 &&
		   selection_from_json(s, r.spec, &e) == 0) {
		check_selection(s);
	}
	arena_free(&a);
	return 0;
}
