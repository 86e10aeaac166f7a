#include "cli/args.h"

#include "common/base/err.h"
#include "common/base/xalloc.h"

/* The row of a name, or the row that ends the table. */
static size_t
find_spec(const struct args_spec *spec, const char *name, size_t len)
{
	size_t i = 0;

	while (spec[i].name != NULL &&
	       (strlen(spec[i].name) != len ||
		   strncmp(spec[i].name, name, len) != 0)) {
		i++;
	}
	return i;
}

/* A repeatable flag keeps all of its values. */
static int
keep_repeat(struct args *a, size_t at, struct err *e)
{
	if (a->spec[at].kind != ARGS_REPEAT) {
		return 0;
	}
	if (a->repeat_count == REPEAT_MAX) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--%s is given too often", a->spec[at].name);
	}
	a->repeats[a->repeat_count].at = at;
	a->repeats[a->repeat_count++].value = a->values[at];
	return 0;
}

/* One "--flag" in any of its spellings; steps over its value. */
static int
take_flag(struct args *a, int *i, int argc, char **argv, struct err *e)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
	size_t at = find_spec(a->spec, name, len);

	/* 0.1.1 took both everywhere. */
	if (a->spec[at].name == NULL && len == 3 &&
	    strncmp(name, "out", len) == 0) {
		at = find_spec(a->spec, "output", strlen("output"));
	}
	if (a->spec[at].name == NULL) {
		return err_set(
		    e, CS_E_INVALID, "USAGE", "Unknown option: %s", argv[*i]);
	}
	cs_assert(at < ARGS_MAX);
	if (a->spec[at].kind == ARGS_FLAG) {
		if (equals != NULL) {
			return err_set(e, CS_E_INVALID, "USAGE",
			    "--%s takes no value", a->spec[at].name);
		}
		a->values[at] = "";
	} else if (a->spec[at].kind == ARGS_OBJECT && equals == NULL &&
		   (*i + 1 == argc || argv[*i + 1][0] != '{')) {
		a->values[at] = "";
	} else if (equals != NULL) {
		a->values[at] = equals + 1;
	} else if (*i + 1 < argc) {
		a->values[at] = argv[++*i];
	} else {
		return err_set(e, CS_E_INVALID, "USAGE", "--%s wants a value",
		    a->spec[at].name);
	}
	return keep_repeat(a, at, e);
}

int
args_parse(struct args *a, const struct args_spec *spec, int argc, char **argv,
    struct err *e)
{
	*a = (struct args){.spec = spec};
	for (int i = 0; i < argc; i++) {
		/* The rest belongs to somebody else, even if it looks like a
		 * flag of ours. */
		if (strcmp(argv[i], "--") == 0) {
			a->rest = (const char *const *)(argv + i + 1);
			return 0;
		}
		if (strncmp(argv[i], "--", 2) == 0) {
			int rc = take_flag(a, &i, argc, argv, e);
			if (rc != 0) {
				return rc;
			}
		} else if (a->word_count == WORDS_MAX) {
			return err_set(e, CS_E_INVALID, "USAGE",
			    "one word too many: %s", argv[i]);
		} else {
			a->words[a->word_count++] = argv[i];
		}
	}
	return 0;
}

const char *
args_get(const struct args *a, const char *name)
{
	size_t at = find_spec(a->spec, name, strlen(name));

	return a->spec[at].name == NULL ? NULL : a->values[at];
}

bool
args_has(const struct args *a, const char *name)
{
	return args_get(a, name) != NULL;
}

const char *
args_nth(const struct args *a, const char *name, size_t n)
{
	size_t at = find_spec(a->spec, name, strlen(name));

	for (size_t i = 0; i < a->repeat_count; i++) {
		if (a->repeats[i].at == at && n-- == 0) {
			return a->repeats[i].value;
		}
	}
	return NULL;
}
