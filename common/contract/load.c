#include "common/contract/contract.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"
#include "common/contract/check.h"
#include "common/crypto/digest.h"

static const char *const default_names[] = {
    "countersign.json", "synapsor.runner.json"};

/* Our own name first: a folder that has both has been migrated. */
int
contract_find(const char *explicit_path, const char **path_out, struct err *e)
{
	if (explicit_path != NULL) {
		*path_out = explicit_path;
		return 0;
	}
	for (size_t i = 0; i < sizeof(default_names) / sizeof(default_names[0]);
	     i++) {
		if (access(default_names[i], F_OK) == 0) {
			*path_out = default_names[i];
			return 0;
		}
	}
	*path_out = NULL;
	return err_set(e, CS_E_NOT_FOUND, "CONFIG_NOT_FOUND",
	    "no contract here: neither %s nor %s (name one with --config)",
	    default_names[0], default_names[1]);
}

/* Codes are literals and stay. */
void
contract_report_clear(struct contract_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->issues[i].path);
		free(report->issues[i].message);
	}
	free(report->issues);
	*report = (struct contract_report){.issues = NULL};
}

/* Text that cannot be read as a contract at all: one error, no path. */
static int
report_not_json(struct contract_report *report, struct err *e)
{
	bool twice =
	    e->reason != NULL && strcmp(e->reason, "JSON_DUPLICATE_KEY") == 0;

	report->issues = xcalloc(1, sizeof(*report->issues));
	report->issues[0] = (struct contract_issue){xstrdup("$"),
	    twice ? "CONFIG_DUPLICATE_KEY" : "CONFIG_NOT_JSON", xstrdup(e->msg),
	    false};
	report->count = report->errors = 1;
	e->code = CS_E_CONFIG;
	e->reason = report->issues[0].code;
	return CS_E_CONFIG;
}

/* Advice needs the built struct, so it comes last, which is also where it
 * belongs in the list of findings. */
static int
validate_tree(const struct tree *t, struct contract *c,
    struct contract_report *report, struct err *e)
{
	struct check check = {.t = t, .report = report, .strict = true};

	check_document(&check);
	if (report->errors > 0) {
		return err_set(e, CS_E_CONFIG, "CONFIG_INVALID",
		    "the contract has %zu errors", report->errors);
	}
	contract_build(t, c);
	contract_advise(&check, c);
	return 0;
}

/* Validate c->bytes and build the rest of *c. */
static int
validate_and_build(
    struct contract *c, struct contract_report *report, struct err *e)
{
	struct arena *scratch = arena_new();
	struct json_doc doc;
	struct tree t;
	int rc = json_scan(&doc, c->bytes, scratch, e);

	*report = (struct contract_report){.issues = NULL};
	if (rc != 0) {
		rc = report_not_json(report, e);
	} else {
		tree_init(&t, &doc, scratch);
		rc = validate_tree(&t, c, report, e);
	}
	arena_free(&scratch);
	return rc;
}

/* The struct lives in its own arena: one free releases everything. */
static struct contract *
contract_new(struct span bytes)
{
	struct arena *a = arena_new();
	struct contract *c = arena_alloc(a, sizeof(*c));

	c->arena = a;
	c->bytes = arena_span(a, bytes);
	return c;
}

/* The arena holds the struct itself, so its address is saved first. */
void
contract_free(struct contract **c)
{
	struct arena *a;

	if (c == NULL || *c == NULL) {
		return;
	}
	a = (*c)->arena;
	*c = NULL;
	arena_free(&a);
}

/* Builds and throws away: what validates is what loads. */
int
contract_validate(
    struct span bytes, struct contract_report *report, struct err *e)
{
	struct err unused;
	struct contract *c = contract_new(bytes);
	int rc = validate_and_build(c, report, e != NULL ? e : &unused);

	contract_free(&c);
	return rc;
}

/* As many whole lines as fit; the rest is counted. */
static void
describe_errors(const struct contract_report *report, struct err *e)
{
	struct buf text = BUF_INIT;
	size_t shown = 0;

	buf_puts(&text, "Invalid Synapsor runner config:");
	for (size_t i = 0; i < report->count; i++) {
		const struct contract_issue *issue = &report->issues[i];
		size_t before = text.len;
		if (issue->warning) {
			continue;
		}
		buf_printf(&text, "\n%s %s: %s", issue->path, issue->code,
		    issue->message);
		if (text.len > sizeof(e->msg) - sizeof("\n(and 1000 more)")) {
			text.len = before;
			text.data[before] = '\0';
			break;
		}
		shown++;
	}
	if (shown < report->errors) {
		buf_printf(&text, "\n(and %zu more)", report->errors - shown);
	}
	(void)snprintf(e->msg, sizeof(e->msg), "%s", buf_text(&text));
	buf_clear(&text);
}

/* The digest is over the file's bytes, not over what was understood: two
 * daemons with one digest have read one text. */
int
contract_parse(struct span bytes, struct contract **out, struct err *e)
{
	struct contract_report report;
	struct err unused;
	struct err *why = e != NULL ? e : &unused;
	struct contract *c = contract_new(bytes);
	int rc = validate_and_build(c, &report, why);

	if (rc != 0) {
		describe_errors(&report, why);
		contract_free(&c);
	} else {
		digest_bytes(c->bytes, c->digest);
		digest_format(c->digest, c->digest_text);
	}
	contract_report_clear(&report);
	*out = c;
	return rc;
}

/* The descriptor that was checked is the one that is read, so the file cannot
 * be exchanged in between. */
int
contract_load(const char *path, struct contract **out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct err unused;
	struct err *why = e != NULL ? e : &unused;
	int rc = file_read_trusted(path, CONTRACT_MAX_BYTES, &bytes, why);

	*out = NULL;
	if (rc == 0) {
		rc = contract_parse(buf_as_span(&bytes), out, why);
	} else if (rc == CS_E_IO && why->saved_errno == ELOOP) {
		rc = err_set(why, CS_E_DENIED, "FILE_IS_LINK",
		    "%s: a symbolic link; name the contract file itself", path);
	}
	buf_clear(&bytes);
	return rc;
}
