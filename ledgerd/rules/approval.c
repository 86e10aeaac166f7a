#include "ledgerd/rules/approval.h"

#include "common/base/clock.h"

void
person_of(const struct ledger *l, int64_t uid, struct person *out)
{
	*out = (struct person){.uid = uid, .is_owner = uid == l->owner_uid};
	for (size_t i = 0; i < l->reviewer_count; i++) {
		if (l->reviewers[i].uid == uid) {
			out->row = l->reviewers[i].row;
		}
	}
	if (out->row != NULL) {
		(void)snprintf(
		    out->user, sizeof(out->user), "%s", out->row->user);
	} else if (out->is_owner) {
		(void)snprintf(out->user, sizeof(out->user), "%s", l->owner);
	} else {
		(void)snprintf(
		    out->user, sizeof(out->user), "uid-%lld", (long long)uid);
	}
}

static bool
has_role(const struct contract_reviewer *row, struct span role)
{
	for (size_t i = 0; i < row->role_count; i++) {
		if (span_is(role, row->roles[i])) {
			return true;
		}
	}
	return false;
}

/* A contract that lists reviewers means them only: owning the store is no
 * right then. */
static int
check_listed(const struct person *person, struct span role, struct err *e)
{
	if (person->row == NULL) {
		return err_set(e, CS_E_DENIED, "REVIEWER_NOT_LISTED",
		    "%s (uid %lld) is not in the contract's reviewers",
		    person->user, (long long)person->uid);
	}
	if (role.len > 0 && !has_role(person->row, role)) {
		return err_set(e, CS_E_DENIED, "REVIEWER_ROLE_REQUIRED",
		    "%s does not have the role %.*s that this capability asks "
		    "for",
		    person->user, SPAN_ARGS(role));
	}
	return 0;
}

int
approval_may_decide(const struct ledger *l, const struct person *person,
    const struct change_set *cs, const char **role_out, struct err *e)
{
	int rc = 0;

	*role_out = "";
	if (l->contract->has_reviewers) {
		rc = check_listed(person, cs->required_role, e);
		if (rc == 0 && cs->required_role.len > 0) {
			*role_out = arena_strndup(l->scratch,
			    cs->required_role.ptr, cs->required_role.len);
		}
	} else if (!person->is_owner) {
		rc = err_set(e, CS_E_DENIED, "REVIEWER_NOT_OWNER",
		    "the contract lists no reviewers, so only the ledger's "
		    "owner %s may decide, not %s (uid %lld)",
		    l->owner, person->user, (long long)person->uid);
	}
	/* Last, for listed people and for the owner alike: four eyes are the
	 * point. */
	if (rc == 0 && span_is(cs->principal, person->user)) {
		rc = err_set(e, CS_E_DENIED, "SELF_APPROVAL_REFUSED",
		    "%s proposed this change and may not decide about it",
		    person->user);
	}
	return rc;
}

/* Does this signed statement speak about exactly this proposal? */
static int
check_decision(const struct ledger *l, const struct change_set *cs,
    const struct job_decision *row, struct decision *out, struct err *e)
{
	if (verify_dsse(sign_key_public(l->key), DSSE_TYPE_DECISION,
		row->statement, row->signature) != 0 ||
	    decision_parse(row->statement, l->scratch, out, e) != 0 ||
	    !span_equal(out->proposal_id, cs->proposal_id) ||
	    !span_equal(out->proposal_hash, cs->hash) ||
	    out->proposal_version != cs->proposal_version) {
		return err_set(e, CS_E_INTEGRITY, "APPROVAL_NOT_VERIFIED",
		    "a recorded decision was not made by this ledger for this "
		    "proposal: the file was edited");
	}
	return 0;
}

/* Tally over the rows of one proposal. */
struct tally {
	size_t valid;
	bool rejected;
	bool expired;
	bool other_contract;
};

/* One row of the tally. A row that does not verify ends it: somebody wrote
 * into the file, and then no other row is worth more. */
static int
count_row(struct ledger *l, const struct change_set *cs,
    struct job_decision *row, struct tally *t, struct err *e)
{
	struct decision d = {0};
	int rc = check_decision(l, cs, row, &d, e);

	if (rc != 0) {
		return rc;
	}
	if (d.action == DECISION_REJECT) {
		t->rejected = true;
	} else if (!span_is(d.contract_digest, l->contract->digest_text)) {
		t->other_contract = true;
	} else if (d.expires_us <= clock_now_us()) {
		t->expired = true;
	} else {
		t->valid++;
	}
	return 0;
}

/* One rejection outweighs every approval. Otherwise the reason that a person
 * can do something about comes first. */
static int
judge(const struct tally *t, struct err *e)
{
	if (t->rejected) {
		return err_set(e, CS_E_STATE, "PROPOSAL_REJECTED",
		    "the proposal was rejected");
	}
	if (t->valid > 0) {
		return 0;
	}
	if (t->other_contract) {
		return err_set(e, CS_E_INTEGRITY, "CONTRACT_DIGEST_MISMATCH",
		    "it was approved under another contract; have it proposed "
		    "and approved again");
	}
	if (t->expired) {
		return err_set(e, CS_E_STATE, "APPROVAL_EXPIRED",
		    "the approval has expired; reject it and have the change "
		    "proposed again");
	}
	return err_set(e, CS_E_INTEGRITY, "APPROVAL_MISSING",
	    "there is no recorded approval");
}

int
approval_collect(struct ledger *l, const struct change_set *cs,
    struct job_decision *out, size_t *count_out, struct err *e)
{
	struct store *s = &l->store;
	struct tally tally = {0};
	int bad = 0;
	int rc = stmt_run(s, STMT_DECISIONS_OF, e, "t", cs->proposal_id);

	*count_out = 0;
	for (; rc == SQLITE_ROW && bad == 0;
	     rc = stmt_next(s, STMT_DECISIONS_OF, e)) {
		sqlite3_stmt *st = s->stmts[STMT_DECISIONS_OF];
		struct job_decision row = {
		    .statement = arena_span(l->scratch, stmt_span(st, 1))};
		struct span signature = stmt_span(st, 2);
		size_t valid = tally.valid;

		/* Any other length leaves zeros, which do not verify. */
		if (signature.len == SIGNATURE_LEN) {
			memcpy(row.signature, signature.ptr, SIGNATURE_LEN);
		}
		bad = count_row(l, cs, &row, &tally, e);
		if (bad == 0 && tally.valid > valid &&
		    *count_out < JOB_MAX_DECISIONS) {
			out[(*count_out)++] = row;
		}
	}
	stmt_done(s, STMT_DECISIONS_OF);
	if (bad != 0) {
		return bad;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		return CS_E_UNAVAILABLE;
	}
	return judge(&tally, e);
}
