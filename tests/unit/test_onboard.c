/* Names, short texts, suggestions and what is generated from a selection. */
#include "tests/unit/check.h"

#include "cli/onboard/generate.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "inspect/suggest.h"

static struct selection *
new_selection(void)
{
	struct arena *a = arena_new();
	struct selection *s = arena_alloc(a, sizeof(*s));

	s->arena = a;
	return s;
}

static void
free_selection(struct selection *s)
{
	struct arena *a = s->arena;

	arena_free(&a);
}

static void
names_of_tables(void **state)
{
	static const struct {
		const char *table, *object, *singular, *namespace;
	} cases[] = {
	    {"invoices", "invoice", "invoice", "invoice"},
	    {"support_tickets", "support_ticket", "support_ticket", "support"},
	    {"companies", "companie", "company", "companie"},
	    {"Order-Lines", "Order_Line", "order_line", "Order"},
	    {"2fa", "record_2fa", "record_2fa", "record"},
	    {"s", "s", "s", "s"},
	    {"__x", "__x", "x", "x"},
	    {"\xc3\xa9", "__", "record", "__"},
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *object = name_object(cases[i].table, a);
		assert_string_equal(object, cases[i].object);
		assert_string_equal(
		    name_singular(cases[i].table, a), cases[i].singular);
		assert_string_equal(
		    name_namespace(object, a), cases[i].namespace);
	}
	arena_free(&a);
}

static void
patches_as_texts(void **state)
{
	struct selection *s = new_selection();

	(void)state;
	assert_int_equal(selection_add_patch(s,
			     "a=fixed:x, y,b=arg:n, c=fixed:-1.50,d=fixed:true,"
			     "e=fixed:null,f=fixed:1e3,g=fixed:a=b:c",
			     NULL),
	    0);
	assert_int_equal(s->patch_count, 7);
	assert_span(s->patch[0].fixed.text, "x, y");
	assert_string_equal(s->patch[1].from_arg, "n");
	assert_int_equal(s->patch[2].fixed.kind, SCALAR_NUMBER);
	assert_span(s->patch[2].fixed.text, "-1.5");
	assert_int_equal(s->patch[3].fixed.kind, SCALAR_BOOL);
	assert_int_equal(s->patch[4].fixed.kind, SCALAR_NULL);
	assert_int_equal(s->patch[5].fixed.kind, SCALAR_TEXT);
	assert_span(s->patch[6].fixed.text, "a=b:c");
	/* The later one of a column counts. */
	assert_int_equal(selection_add_patch(s, "b=fixed:2", NULL), 0);
	assert_int_equal(s->patch_count, 7);
	assert_null(s->patch[1].from_arg);
	assert_int_equal(
	    selection_add_patch(s, "a=other:x", NULL), CS_E_INVALID);
	assert_int_equal(selection_add_patch(s, "a", NULL), CS_E_INVALID);
	free_selection(s);
}

static void
bounds_and_guards_as_texts(void **state)
{
	struct selection *s = new_selection();

	(void)state;
	assert_int_equal(
	    selection_add_bound(s, "a=0:10,b=:5, c=-1.5:", NULL), 0);
	assert_int_equal(s->bound_count, 3);
	assert_span(s->bounds[0].maximum, "10");
	assert_int_equal(s->bounds[1].minimum.len, 0);
	assert_span(s->bounds[2].minimum, "-1.5");
	assert_int_equal(selection_add_bound(s, "a=x:1", NULL), CS_E_INVALID);
	assert_int_equal(selection_add_bound(s, "a=1", NULL), CS_E_INVALID);
	assert_int_equal(
	    selection_add_guard(s, "s=open:paid|void;paid:open", NULL), 0);
	assert_int_equal(s->guards[0].count, 2);
	assert_string_equal(s->guards[0].states[0].to.items[1], "void");
	assert_int_equal(selection_add_guard(s, "s=open:", NULL), CS_E_INVALID);
	assert_int_equal(
	    selection_add_guard(s, "s=open:a||b", NULL), CS_E_INVALID);
	free_selection(s);
}

static void
suggestions(void **state)
{
	static const struct {
		const char *name, *type;
		enum suggestion what;
		bool is;
	} cases[] = {
	    {"tenant_id", "text", SUGGEST_TENANT, true},
	    {"tenant", "text", SUGGEST_TENANT, false},
	    {"Updated_At", "text", SUGGEST_CONFLICT, true},
	    {"last_updated_at", "text", SUGGEST_CONFLICT, false},
	    {"ApiKey", "text", SUGGEST_SENSITIVE, true},
	    {"api-key", "text", SUGGEST_SENSITIVE, true},
	    {"api__key", "text", SUGGEST_SENSITIVE, false},
	    {"user_ssn", "text", SUGGEST_SENSITIVE, true},
	    {"classname", "text", SUGGEST_SENSITIVE, false},
	    {"session_count", "text", SUGGEST_SENSITIVE, true},
	    {"photo", "varbinary(20)", SUGGEST_BINARY, true},
	    {"search", "tsvector", SUGGEST_BINARY, true},
	    {"data", "jsonb", SUGGEST_BINARY, true},
	    {"data", "jsonpath", SUGGEST_BINARY, false},
	    {"created_at", "text", SUGGEST_IMMUTABLE, true},
	    {"api", "text", SUGGEST_SENSITIVE, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct suggested s = {{NULL}};

		suggest_column(
		    cases[i].name, cases[i].type, cases[i].type, false, &s);
		if ((s.why[cases[i].what] != NULL) != cases[i].is) {
			fail_msg("%s as %s", cases[i].name,
			    suggest_name(cases[i].what));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_of_tables),
	    cmocka_unit_test(patches_as_texts),
	    cmocka_unit_test(bounds_and_guards_as_texts),
	    cmocka_unit_test(suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
