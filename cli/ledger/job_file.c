#include "cli/ledger/job_file.h"

#include <sodium.h>

#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define JOB_FILE_MAX (2 << 20)

/* What stands in every writeback job, and what it is. */
static const struct {
	const char *key;
	enum json_type type;
} members[] = {
    {"schema_version", JSON_STRING},
    {"writeback_job_id", JSON_STRING},
    {"proposal_id", JSON_STRING},
    {"proposal_hash", JSON_STRING},
    {"engine", JSON_STRING},
    {"target", JSON_OBJECT},
    {"tenant_guard", JSON_OBJECT},
    {"allowed_columns", JSON_ARRAY},
    {"patch", JSON_OBJECT},
    {"conflict_guard", JSON_OBJECT},
    {"idempotency_key", JSON_STRING},
    {"lease", JSON_OBJECT},
};

static int
read_file(const char *path, struct arena *a, struct view *v, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = file_read_public(path, JOB_FILE_MAX, &bytes, e);

	if (rc == 0) {
		rc = view_open(v, arena_span(a, buf_as_span(&bytes)), a, e);
	}
	buf_clear(&bytes);
	return rc;
}

/* Inside an envelope, the signed payload; else the document itself. */
static int
open_job(struct view *file, struct view *job, struct arena *a, struct err *e)
{
	struct span payload = json_get_string(&file->doc, 0, "payload", a);
	uint32_t inner;
	char *bytes;
	size_t len = 0;
	int rc;

	if (payload.len == 0) {
		*job = *file;
		return 0;
	}
	bytes = arena_array(a, payload.len + 1, 1);
	if (sodium_base642bin((unsigned char *)bytes, payload.len, payload.ptr,
		payload.len, NULL, &len, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0) {
		return err_set(e, CS_E_INVALID, "JOB_INVALID",
		    "the envelope's payload is not base64");
	}
	rc = view_open(job, (struct span){bytes, len}, a, e);
	/* Ours holds 0.1.1's job as a member. */
	inner = rc == 0 ? json_get_type(&job->doc, 0, "job", JSON_OBJECT)
			: JSON_NONE;
	return inner == JSON_NONE
		   ? rc
		   : view_open(job, json_raw(&job->doc, inner), a, e);
}

/* Does a list of texts hold this one? */
static bool
has_text(struct view *v, uint32_t list, struct span text)
{
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		if (v->doc.nodes[i].type == JSON_STRING &&
		    span_equal(json_string(&v->doc, i, v->arena), text)) {
			return true;
		}
	}
	return false;
}

/* Members and their types, and that the patch stays in the allowed columns. */
static int
check_shape(struct view *v, struct err *e)
{
	uint32_t patch;
	uint32_t columns;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (json_get_type(&v->doc, 0, members[i].key,
			members[i].type) == JSON_NONE) {
			return err_set(e, CS_E_INVALID, "JOB_INVALID",
			    "%s is missing or of another type", members[i].key);
		}
	}
	patch = json_get(&v->doc, 0, "patch");
	columns = json_get(&v->doc, 0, "allowed_columns");
	for (uint32_t i = patch + 1; i < v->doc.nodes[patch].next;
	     i = v->doc.nodes[i + 1].next) {
		struct span column = json_string(&v->doc, i, v->arena);
		if (!has_text(v, columns, column)) {
			return err_set(e, CS_E_INVALID, "JOB_INVALID",
			    "patch column not allowed: %.*s",
			    SPAN_ARGS(column));
		}
	}
	return 0;
}

/* The same hash and key as the job that the ledger would hand out. */
static int
compare(struct control *c, struct view *job, const char *id, struct err *e)
{
	static const char *const same[] = {
	    "proposal_hash", "idempotency_key", "writeback_job_id"};
	struct span answer;
	struct view envelope;
	struct view ours;
	int rc = control_show(c, SHOW_PROPOSAL, id, &answer, e);

	if (rc == 0) {
		rc = view_open(&envelope, answer, c->arena, e);
	}
	if (rc == 0 && !span_equal(json_get_string(
				       &job->doc, 0, "proposal_hash", c->arena),
			   json_get_string(&envelope.doc,
			       json_get(&envelope.doc, 0, "proposal"),
			       "proposal_hash", c->arena))) {
		return err_set(e, CS_E_INTEGRITY, "JOB_MISMATCH",
		    "the file's digest does not match local proposal %s", id);
	}
	/* Not released yet: then there is no job to compare with. */
	if (rc != 0 || control_show(c, SHOW_JOB, id, &answer, e) != 0) {
		return rc;
	}
	rc = view_open(&envelope, answer, c->arena, e);
	if (rc == 0) {
		rc = open_job(&envelope, &ours, c->arena, e);
	}
	for (size_t i = 0; rc == 0 && i < sizeof(same) / sizeof(same[0]); i++) {
		if (!span_equal(
			json_get_string(&job->doc, 0, same[i], c->arena),
			json_get_string(&ours.doc, 0, same[i], c->arena))) {
			return err_set(e, CS_E_INTEGRITY, "JOB_MISMATCH",
			    "%s of the file is not the ledger's", same[i]);
		}
	}
	return rc;
}

int
job_file_proposal(
    struct control *c, const char *path, const char **id, struct err *e)
{
	struct view file;
	struct view job;
	struct span name;
	int rc = read_file(path, c->arena, &file, e);

	if (rc == 0) {
		rc = open_job(&file, &job, c->arena, e);
	}
	if (rc == 0) {
		rc = check_shape(&job, e);
	}
	if (rc != 0) {
		return rc;
	}
	name = json_get_string(&job.doc, 0, "proposal_id", c->arena);
	*id = arena_strndup(c->arena, name.ptr, name.len);
	return compare(c, &job, *id, e);
}

int
cmd_validate_job(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct view file;
	struct view job;
	struct view out = {.arena = arena};
	const char *path = args_get(a, "job");
	int rc = path != NULL ? 0
			      : err_set(e, CS_E_INVALID, "USAGE",
				    "--job <path> is required");

	if (rc == 0) {
		rc = read_file(path, arena, &file, e);
	}
	if (rc == 0) {
		rc = open_job(&file, &job, arena, e);
	}
	if (rc == 0) {
		rc = check_shape(&job, e);
	}
	if (rc == 0) {
		view_print(&out, "%s\n",
		    args_has(a, "json") ? "{\n  \"ok\": true\n}" : "job valid");
		view_flush(&out);
	}
	arena_free(&arena);
	return rc;
}
