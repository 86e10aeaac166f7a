#include "tests/unit/fixture.h"

#include <fcntl.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"

static const uint8_t seed[32] = "a test seed, never a real key...";

/* Say what went wrong before ending: a fixture has no other way. */
static void
must(int rc, const struct err *e)
{
	if (rc != 0) {
		bug(e->msg, __FILE__, __LINE__);
	}
}

struct span
fixture_file(struct arena *a, const char *name)
{
	const char *path =
	    arena_printf(a, "%s/tests/vectors/%s", CS_SOURCE_DIR, name);
	struct buf text = BUF_INIT;
	struct err e = {0};
	struct span copy;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		bug(path, __FILE__, __LINE__);
	}
	must(fd_read_rest(fd, 1U << 20, &text, &e), &e);
	fd_close(&fd);
	copy = arena_span(a, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

static const char *
find(struct span text, const char *from, bool last)
{
	size_t len = strlen(from);
	const char *found = NULL;

	for (size_t i = 0; i + len <= text.len; i++) {
		if (memcmp(text.ptr + i, from, len) == 0) {
			found = text.ptr + i;
			if (!last) {
				break;
			}
		}
	}
	if (found == NULL) {
		bug(from, __FILE__, __LINE__);
	}
	return found;
}

struct span
fixture_replace(struct arena *a, struct span text, const char *from,
    const char *to, bool last)
{
	const char *at = find(text, from, last);
	size_t head = (size_t)(at - text.ptr);
	size_t skip = head + strlen(from);
	struct buf out = BUF_INIT;
	struct span copy;

	buf_append(&out, text.ptr, head);
	buf_puts(&out, to);
	buf_append(&out, text.ptr + skip, text.len - skip);
	copy = arena_span(a, buf_as_span(&out));
	buf_clear(&out);
	return copy;
}

struct named_scalar *
fixture_scalars(struct arena *a, const char *json, size_t *count_out)
{
	struct json_doc doc;
	struct named_scalar *list;
	struct err e = {0};

	must(json_scan(&doc, span_of(json), a, &e), &e);
	list = arena_array(a, doc.nodes[0].count, sizeof(*list));
	for (uint32_t i = 0; i < doc.nodes[0].count; i++) {
		list[i].name = json_string(&doc, 2 * i + 1, a);
		must(scalar_from_json(&doc, 2 * i + 2, a, &list[i].value), &e);
	}
	*count_out = doc.nodes[0].count;
	return list;
}

static const char *
time_text(struct arena *a, int64_t time_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time_us, text);
	return arena_strndup(a, text, sizeof(text) - 1);
}

void
fixture_init(struct fixture *f, const char *contract, const char *capability)
{
	struct err e = {0};

	crypto_init();
	*f = (struct fixture){.arena = arena_new(),
	    .key = sign_key_from_seed(seed),
	    .now_us = FIXTURE_NOW};
	must(contract_parse(fixture_file(f->arena, contract), &f->contract, &e),
	    &e);
	f->cap = contract_capability(f->contract, span_of(capability));
	cs_assert(f->cap != NULL);
	f->input = (struct change_set_input){.cap = f->cap,
	    .tenant = span_of("acme"),
	    .principal = span_of("support_agent_17"),
	    .principal_source = "static_dev",
	    .evidence_id = span_of(FIXTURE_EVIDENCE)};
	f->decision = (struct decision){.action = DECISION_APPROVE,
	    .contract_digest = span_of(f->contract->digest_text),
	    .user = span_of("alice"),
	    .uid = 1001,
	    .role = span_of("support_lead"),
	    .reason = span_of("first time, paid since")};
	f->job = (struct job_input){
	    .engine = contract_engine_name(f->cap->source->engine),
	    .ledger_head = span_of("7:sha256:"
				   "0123456789abcdef0123456789abcdef"
				   "0123456789abcdef0123456789abcdef"),
	    .contract_digest = span_of(f->contract->digest_text),
	    .attempt = 1,
	    .decisions = f->decisions};
}

void
fixture_free(struct fixture *f)
{
	contract_free(&f->contract);
	sign_key_free(&f->key);
	arena_free(&f->arena);
}

void
fixture_row(struct fixture *f, const char *json)
{
	f->input.row = fixture_scalars(f->arena, json, &f->input.row_count);
}

void
fixture_patch(struct fixture *f, const char *json)
{
	f->input.patch = fixture_scalars(f->arena, json, &f->input.patch_count);
}

static void
parse_change_set(struct fixture *f)
{
	struct err e = {0};

	must(change_set_parse(f->built.stored, f->arena, &f->cs, &e), &e);
}

void
fixture_change_set(struct fixture *f)
{
	char fingerprint[DIGEST_TEXT_SIZE];
	struct err e = {0};

	change_set_fingerprint(f->cap, f->input.tenant, fingerprint);
	f->input.fingerprint =
	    arena_strndup(f->arena, fingerprint, sizeof(fingerprint) - 1);
	f->input.created_at = time_text(f->arena, f->now_us);
	must(change_set_build(&f->input, f->arena, &f->built, &e), &e);
	parse_change_set(f);
}

void
fixture_edit_core(struct fixture *f, const char *from, const char *to)
{
	const char *old = arena_printf(f->arena,
	    "\"integrity\":{\"proposal_hash\":\"%s\"},", f->built.hash);
	struct span core =
	    fixture_replace(f->arena, f->built.stored, old, "", false);

	core = fixture_replace(f->arena, core, from, to, false);
	digest_text(core, f->built.hash);
	f->built.stored = fixture_replace(f->arena, core, "\"created_at\":",
	    arena_printf(f->arena,
		"\"integrity\":{\"proposal_hash\":\"%s\"},\"created_at\":",
		f->built.hash),
	    true);
	parse_change_set(f);
}

void
fixture_decide(struct fixture *f)
{
	struct job_decision *row = &f->decisions[f->job.decision_count++];
	struct decision *d = &f->decision;
	struct buf text = BUF_INIT;

	cs_assert(f->job.decision_count <= JOB_MAX_DECISIONS + 1);
	d->proposal_id =
	    d->proposal_id.ptr == NULL ? f->cs.proposal_id : d->proposal_id;
	d->proposal_hash =
	    d->proposal_hash.ptr == NULL ? f->cs.hash : d->proposal_hash;
	d->proposal_version = d->proposal_version == 0 ? f->cs.proposal_version
						       : d->proposal_version;
	d->issued_us = d->issued_us == 0 ? f->now_us : d->issued_us;
	d->expires_us = d->expires_us == 0 ? f->now_us + 1440 * FIXTURE_MINUTE
					   : d->expires_us;
	decision_build(d, &text);
	row->statement = arena_span(f->arena, buf_as_span(&text));
	sign_dsse(f->key, DSSE_TYPE_DECISION, row->statement, row->signature);
	buf_clear(&text);
}

void
fixture_sign(struct fixture *f, struct span payload)
{
	struct buf id = BUF_INIT;

	job_id_of(f->cs.proposal_id, &id);
	f->payload = payload;
	f->message =
	    (struct msg_job){.job_id = arena_span(f->arena, buf_as_span(&id)),
		.payload = payload};
	sign_dsse(f->key, DSSE_TYPE_JOB, payload, f->message.signature);
	buf_clear(&id);
}

void
fixture_mint(struct fixture *f)
{
	struct buf text = BUF_INIT;
	struct job_input *in = &f->job;

	in->change_set = &f->cs;
	in->issued_us = in->issued_us == 0 ? f->now_us : in->issued_us;
	in->expires_us = in->expires_us == 0 ? f->now_us + 5 * FIXTURE_MINUTE
					     : in->expires_us;
	job_build(in, &text);
	fixture_sign(f, arena_span(f->arena, buf_as_span(&text)));
	buf_clear(&text);
}

void
fixture_billing(struct fixture *f)
{
	fixture_init(f, "contract.json", FIXTURE_BILLING);
	fixture_row(f, FIXTURE_BILLING_ROW);
	fixture_patch(f, FIXTURE_BILLING_PATCH);
	fixture_change_set(f);
	fixture_decide(f);
	fixture_mint(f);
}
