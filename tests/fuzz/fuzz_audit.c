/*
 * Any bytes as what a foreign server, manifest or client's configuration says:
 * the review ends, and each report of it is what its form promises.
 */
#include "cli/audit/audit.h"
#include "cli/audit/messages.h"
#include "cli/jsonc.h"
#include "common/base/arena.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"
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

/* JSON reports are strict JSON; the others show nothing invisible. */
static void
check_reports(const struct audit *a)
{
	struct buf out = BUF_INIT;
	struct json_doc doc;
	static void (*const json_forms[])(const struct audit *,
	    struct buf *) = {audit_put_json, audit_put_sarif};
	static void (*const texts[])(const struct audit *, struct buf *) = {
	    audit_put_text, audit_put_markdown};

	for (size_t i = 0; i < 2; i++) {
		struct span text;
		int rc;

		buf_reset(&out);
		json_forms[i](a, &out);
		rc = json_scan(&doc, buf_as_span(&out), a->arena, NULL);
		cs_assert(rc == 0 || out.len > 100000);
		buf_reset(&out);
		texts[i](a, &out);
		text = buf_as_span(&out);
		for (size_t at = 0; at < text.len;) {
			unsigned c = utf8_next(text, &at);
			cs_assert(c == '\n' || utf8_is_visible(c));
		}
	}
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct audit a;
	struct json_doc doc;
	uint32_t result = JSON_NONE;
	/* The same bytes in memory of their own: jsonc writes to them. */
	char *copy = arena_strndup(arena, (const char *)data, size);
	struct span text = {copy, size};

	if (message_is_answer(&doc, &result, text, 2, arena) &&
	    result != JSON_NONE) {
		(void)message_next(&doc, result, arena);
	}
	jsonc_blank(copy, size);
	if (json_scan(&doc, text, arena, NULL) == 0) {
		audit_begin(&a, arena, "fuzz");
		a.target_uri = "x.json";
		if (audit_collect(&a, &doc, NULL) == 0) {
			audit_judge_servers(&a, &doc, NULL);
			audit_judge(&a);
			check_reports(&a);
		}
	}
	arena_free(&arena);
	return 0;
}
