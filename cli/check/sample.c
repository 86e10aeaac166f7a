#include "cli/check/sample.h"

#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "common/base/scalar.h"

#define CENTS 1000

/* Words in a name, and what stands for it; the first row that fits counts. */
struct guess {
	const char *words[6];
	const char *value;
};

/* By capability, table and argument together. */
static const struct guess ids[] = {
    {{"invoice", "billing"}, "INV-3001"},
    {{"account", "customer"}, "cust_acme_1"},
    {{"ticket", "support"}, "T-1042"},
    {{"order"}, "O-1001"},
    {{""}, "sample_1"},
};
static const struct guess reasons[] = {
    {{"order", "status_change"}, "customer asked to change the order"},
    {{"credit", "customer", "account"}, "goodwill credit for an outage"},
    {{"late_fee", "waiver", "billing", "invoice"}, "approved support waiver"},
    {{""}, "requested by the customer"},
};

static bool
holds(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static const char *
guess(const struct guess *rows, const char *text)
{
	for (;; rows++) {
		for (size_t i = 0; i < 6 && rows->words[i] != NULL; i++) {
			if (holds(text, rows->words[i])) {
				return rows->value;
			}
		}
	}
}

/* A number within the limits: the smaller of 1000 and the maximum for what is
 * money, else the minimum. */
static void
put_number(struct json_out *j, const struct contract_arg *arg)
{
	static const char *const money[] = {
	    "amount", "cents", "fee", "credit", "balance"};
	int64_t most = 0;

	for (size_t i = 0; i < sizeof(money) / sizeof(money[0]); i++) {
		if (!holds(arg->name, money[i]) || arg->maximum.len == 0) {
			continue;
		}
		if (json_int64(arg->maximum, &most) == 0 && most >= CENTS) {
			json_put_int(j, CENTS);
		} else {
			json_put_raw(j, arg->maximum);
		}
		return;
	}
	if (arg->minimum.len > 0) {
		json_put_raw(j, arg->minimum);
	} else if (arg->maximum.len > 0) {
		json_put_raw(j, arg->maximum);
	} else {
		json_put_int(j, 1);
	}
}

static void
put_string(struct json_out *j, const struct contract_capability *cap,
    const struct contract_arg *arg)
{
	struct buf all = BUF_INIT;
	struct buf made = BUF_INIT;
	struct span value;

	buf_printf(&all, "%s %s %s", cap->name, cap->table, arg->name);
	if (cap->lookup_arg != NULL &&
	    strcmp(arg->name, cap->lookup_arg) == 0) {
		value = span_of(guess(ids, buf_text(&all)));
	} else if (holds(arg->name, "reason")) {
		value = span_of(guess(reasons, buf_text(&all)));
	} else if (holds(arg->name, "resolution")) {
		value = span_of("Resolved after talking to the customer.");
	} else if (holds(arg->name, "status")) {
		value = span_of("pending_review");
	} else {
		buf_printf(&made, "sample_%s", arg->name);
		value = buf_as_span(&made);
	}
	/* ASCII: a byte is a character. */
	if (arg->max_length > 0 && value.len > (size_t)arg->max_length) {
		value.len = (size_t)arg->max_length;
	}
	json_put_span(j, value);
	buf_clear(&all);
	buf_clear(&made);
}

void
sample_put(struct json_out *j, const struct contract_capability *cap)
{
	json_open(j, '{');
	for (size_t i = 0; i < cap->arg_count; i++) {
		const struct contract_arg *arg = &cap->args[i];

		json_key(j, arg->name);
		if (arg->allowed_count > 0) {
			scalar_put(j, arg->allowed[0]);
		} else if (arg->type == ARG_NUMBER) {
			put_number(j, arg);
		} else if (arg->type == ARG_BOOLEAN) {
			json_put_bool(j, true);
		} else {
			put_string(j, cap, arg);
		}
	}
	json_close(j, '}');
}
