/*
 * The conversation: one question after the other, "b" goes back, an empty
 * answer takes what is in brackets, "-" takes nothing.
 */
#include "cli/onboard/wizard.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/args.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

#define LINE_SIZE 4096

/* Where a conversation stands: which question, and which time. */
struct place {
	size_t question, k;
};

void
wizard_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)fflush(stdout);
}

/* How often it is to be asked, with what is known now. */
static size_t
count_of(const struct wizard *w, size_t question)
{
	const struct question *q = &wizard_questions[question];

	return q->count == NULL ? 1 : q->count(w);
}

/* The one before; stays where it is at the beginning. */
static struct place
previous(const struct wizard *w, struct place at)
{
	size_t i = at.question;

	if (at.k > 0) {
		return (struct place){i, at.k - 1};
	}
	while (i > 0) {
		size_t count = count_of(w, --i);
		if (count > 0) {
			return (struct place){i, count - 1};
		}
	}
	return at;
}

/* The next one that is to be asked, or the end of the table. */
static struct place
next(const struct wizard *w, struct place at)
{
	at.k++;
	while (wizard_questions[at.question].label != NULL &&
	       at.k >= count_of(w, at.question)) {
		at = (struct place){at.question + 1, 0};
	}
	return at;
}

/* On standard error, so that standard output can be kept; everything
 * escaped, for suggestions come from a database. */
static void
prompt(const struct question *q, const char *label, const char *suggested)
{
	struct buf line = BUF_INIT;

	str_escape_for_people(&line, span_of(label));
	if (q->choices != NULL) {
		buf_printf(&line, " (%s)", q->choices);
	}
	if (suggested != NULL && suggested[0] != '\0') {
		buf_puts(&line, " [");
		str_escape_for_people(&line, span_of(suggested));
		buf_putc(&line, ']');
	}
	(void)fprintf(stderr, "%s: ", buf_text(&line));
	buf_clear(&line);
}

/* One line without its blanks; false at the end of input. */
static bool
read_line(char line[LINE_SIZE])
{
	size_t len = 0;
	size_t start = 0;

	if (fgets(line, LINE_SIZE, stdin) == NULL) {
		return false;
	}
	len = strlen(line);
	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL) {
		line[--len] = '\0';
	}
	start = strspn(line, " \t");
	memmove(line, line + start, len - start + 1);
	return true;
}

/* Whole words of "a/b/c" only. */
static bool
is_choice(const char *choices, const char *answer)
{
	size_t len = strlen(answer);

	for (const char *c = choices; c != NULL; c = strchr(c, '/')) {
		c += *c == '/';
		if (len > 0 && strncmp(c, answer, len) == 0 &&
		    (c[len] == '/' || c[len] == '\0')) {
			return true;
		}
	}
	return false;
}

/* A plain text; one that breaks a rule is not taken. */
static int
take_text(struct wizard *w, int which, const char *text, struct err *e)
{
	const char *before = w->s->text[which];
	int rc = 0;

	w->s->text[which] = text[0] == '\0' ? NULL : text;
	rc = wizard_check(w, e);
	if (rc != 0) {
		w->s->text[which] = before;
	}
	return rc;
}

/* Choices first, then the question's own way, then as a text. */
static int
take(struct wizard *w, struct place at, const char *answer, struct err *e)
{
	const struct question *q = &wizard_questions[at.question];
	const char *text = arena_strndup(w->s->arena, answer, strlen(answer));

	if (q->choices != NULL && !is_choice(q->choices, text)) {
		return err_set(e, CS_E_INVALID, "SELECTION_INVALID",
		    "please answer one of %s", q->choices);
	}
	if (q->take != NULL) {
		return q->take(w, at.k, text, e);
	}
	return take_text(w, q->text, text, e);
}

/* What to take for "what is in brackets" and for "nothing". */
static const char *
meaning(const char *answer, const char *suggested)
{
	if (strcmp(answer, "-") == 0) {
		return "";
	}
	return answer[0] == '\0' && suggested != NULL ? suggested : answer;
}

/* Whatever the reason, nothing was written. */
static int
canceled(struct err *e)
{
	return err_set(e, CS_E_DENIED, "CANCELED",
	    "guided init canceled before writing files");
}

/* Until the table of questions ends. After a wrong answer the heading is
 * not printed again. */
static int
converse(struct wizard *w, struct err *e)
{
	struct place at = {0, 0};
	char line[LINE_SIZE];
	bool again = false;
	int rc = 0;

	while (wizard_questions[at.question].label != NULL) {
		const struct question *q = &wizard_questions[at.question];
		const char *suggested =
		    q->suggest == NULL ? NULL : q->suggest(w, at.k);

		if (q->before != NULL && at.k == 0 && !again) {
			q->before(w);
		}
		prompt(
		    q, q->ask == NULL ? q->label : q->ask(w, at.k), suggested);
		if (!read_line(line)) {
			(void)fputc('\n', stderr);
			return canceled(e);
		}
		again = false;
		if (strcmp(line, "b") == 0 || strcmp(line, "back") == 0) {
			at = previous(w, at);
			continue;
		}
		rc = take(w, at, meaning(line, suggested), e);
		if (rc == WIZARD_CANCEL) {
			return canceled(e);
		}
		if (rc < 0) {
			(void)fprintf(stderr, "  %s\n", e->msg);
			again = true;
			continue;
		}
		at = next(w, at);
	}
	return 0;
}

/* The first call, when everything that it needs is there. */
static int
first_call(struct wizard *w, struct err *e)
{
	const char *words[] = {"smoke", "call", w->s->text[SEL_READ_TOOL],
	    "--input", SMOKE_INPUT, "--config", w->setup.output, "--store",
	    w->setup.store, NULL};
	struct names missing = setup_missing(w->s);
	int rc = 0;

	if (w->setup.smoke_id == NULL) {
		return 0;
	}
	if (missing.count > 0) {
		wizard_say("Smoke call not run yet. Not set: %s\n",
		    names_join(&missing, "", w->s->arena));
		return 0;
	}
	rc = run_countersign(words, e);
	if (rc == 0) {
		wizard_say("Smoke call ran successfully.\n");
	} else if (rc > 0) {
		wizard_say("The smoke call did not succeed; the files were "
			   "written, and it can be tried again.\n");
	}
	return rc < 0 ? rc : 0;
}

/* Commands that run as they stand here. */
static void
print_next(struct wizard *w)
{
	const char *config = setup_config_flag(&w->setup, w->s->arena);

	wizard_say("\nNext:\n"
		   "1. countersign config validate%s\n"
		   "2. countersign tools preview%s\n"
		   "3. countersign mcp serve%s\n"
		   "OpenAI Agents SDK: countersign mcp serve-streamable-http "
		   "--dev-no-auth --tool-name-style openai%s\n",
	    config, config, config, config);
}

int
wizard_run(const struct args *a, struct inspect_request *request,
    struct selection *s, struct err *e)
{
	struct wizard w = {.args = a, .request = *request, .s = s};
	int rc = 0;

	if (isatty(STDIN_FILENO) == 0) {
		return err_set(e, CS_E_DENIED, "TERMINAL_REQUIRED",
		    "the wizard needs a terminal and there is none; give "
		    "--table and --yes, or --answers FILE. No file was "
		    "written.");
	}
	setup_take(a, &w.setup);
	w.recipe_word = args_get(a, "recipe");
	rc = selection_from_flags(s, a, e);
	if (rc == 0) {
		rc = converse(&w, e);
	}
	if (rc == 0) {
		selection_complete(s, "read_only");
		w.setup.inspected = true;
		rc = setup_write(&w.setup, s, e);
	}
	if (rc == 0 && !w.setup.dry_run) {
		rc = first_call(&w, e);
	}
	if (rc == 0 && !w.setup.dry_run) {
		print_next(&w);
	}
	return rc;
}
