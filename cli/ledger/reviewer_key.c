#include "cli/ledger/reviewer_key.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/child.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/crypto/sshsig.h"
#include "proto/change_set.h"
#include "proto/decision.h"

#define SSH_KEYGEN "/usr/bin/ssh-keygen"
/* A passphrase is typed, a key is looked for and touched. */
#define SIGNING_MS INT64_C(240000)

const char *
reviewer_key(const struct args *a)
{
	const char *key = args_get(a, "key");

	return key != NULL ? key : secure_getenv("COUNTERSIGN_SIGNING_KEY");
}

/* The hash of the very bytes that were shown, computed here. */
static int
shown_hash(
    const struct view *shown, struct arena *a, struct span *out, struct err *e)
{
	uint32_t p = json_get(&shown->doc, 0, "proposal");
	uint32_t node = json_get(&shown->doc, p, "change_set");
	struct change_set cs = {0};
	int rc = node == JSON_NONE
		     ? err_set(e, CS_E_INTEGRITY, "PROPOSAL_HASH_MISMATCH",
			   "the proposal came without its change set")
		     : change_set_parse(json_raw(&shown->doc, node), a, &cs, e);

	if (rc == 0) {
		*out = cs.hash;
	}
	return rc;
}

/* ledgerd writes the statement; nothing in it is believed that was not asked
 * for. The rest (contract, role, times) is told before it is signed. */
static int
check_statement(const struct decision *d, const struct msg_decide *m,
    struct span hash, struct err *e)
{
	if ((uint32_t)d->action != m->action ||
	    !span_equal(d->proposal_id, m->proposal_id) ||
	    !span_equal(d->proposal_hash, hash) ||
	    d->proposal_version != (int64_t)m->proposal_version ||
	    !span_equal(d->reason, m->reason) || d->uid != (int64_t)geteuid()) {
		return err_set(e, CS_E_INTEGRITY, "STATEMENT_MISMATCH",
		    "the ledger asks for a signature under something else than "
		    "what was shown; nothing was signed or recorded");
	}
	return 0;
}

static void
tell(const struct decision *d, const char *key)
{
	struct buf text = BUF_INIT;

	buf_printf(&text,
	    "signing with %s (touch it if it is a hardware key):\n"
	    "  %s %.*s\n  hash %.*s\n  under contract %.*s\n  as %.*s\n",
	    key, decision_name(d->action), SPAN_ARGS(d->proposal_id),
	    SPAN_ARGS(d->proposal_hash), SPAN_ARGS(d->contract_digest),
	    SPAN_ARGS(d->user));
	(void)fd_write_all(STDERR_FILENO, text.data, text.len, -1);
	buf_clear(&text);
}

static int
sign(const char *key, struct span statement, struct buf *out, struct err *e)
{
	struct child c = {.words = {SSH_KEYGEN, "-Y", "sign", "-n",
			      SSHSIG_NAMESPACE, "-f", key},
	    .input = statement,
	    .timeout_ms = SIGNING_MS,
	    .max = 65536};
	int rc = access(SSH_KEYGEN, X_OK) == 0
		     ? child_run(&c, e)
		     : err_set(e, CS_E_NOT_FOUND, "SSH_KEYGEN_MISSING",
			   "signing needs " SSH_KEYGEN
			   " (package openssh-client); nothing was recorded");

	if (rc == 0 && c.status != 0) {
		struct span words = buf_as_span(&c.errors);
		while (words.len > 0 && words.ptr[words.len - 1] == '\n') {
			words.len--;
		}
		rc = err_set(e, CS_E_DENIED, "SIGNING_FAILED",
		    "ssh-keygen did not sign with %s: %.*s. Nothing was "
		    "recorded",
		    key, (int)(words.len < 200 ? words.len : 200), words.ptr);
	}
	if (rc == 0) {
		rc = sshsig_unarmor(buf_as_span(&c.out), out, e);
	}
	child_clear(&c);
	return rc;
}

int
reviewer_decide(struct control *c, const struct view *shown,
    const struct msg_decide *m, const char *key, struct span *answer,
    struct err *e)
{
	struct buf signature = BUF_INIT;
	struct decision d = {0};
	struct span hash = {"", 0};
	struct span statement = {"", 0};
	int rc = shown_hash(shown, c->arena, &hash, e);

	if (rc == 0) {
		rc = control_request(c, MSG_PREPARE, m, &statement, e);
	}
	if (rc == 0) {
		rc = decision_parse(statement, c->arena, &d, e);
	}
	if (rc != 0 || (rc = check_statement(&d, m, hash, e)) != 0) {
		return rc;
	}
	tell(&d, key);
	rc = sign(key, statement, &signature, e);
	if (rc == 0) {
		rc = control_request(c, MSG_SIGNED,
		    &(struct msg_signed){.statement = statement,
			.ssh_signature = buf_as_span(&signature)},
		    answer, e);
	}
	buf_clear(&signature);
	return rc;
}
