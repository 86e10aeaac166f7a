/*
 * Resources: the records of a call, only for the tenant that made it. What may
 * be seen is ledgerd's decision; what does not belong here does not exist.
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "mcpd/mcp/dispatch.h"
#include "mcpd/mcp/resource_uri.h"

static const struct {
	const char *prefix;
	const char *name;
	const char *variable;
	const char *title;
} collections[] = {
    [RESOURCE_PROPOSAL] = {"synapsor://proposals/", "synapsor-proposals",
	"proposal_id", "Synapsor proposal"},
    [RESOURCE_EVIDENCE] = {"synapsor://evidence/", "synapsor-evidence",
	"evidence_bundle_id", "Synapsor evidence bundle"},
    [RESOURCE_REPLAY] = {"synapsor://replay/", "synapsor-replay", "replay_id",
	"Synapsor replay record"},
};

/* One resources/read on its way through the contexts of this server. */
struct lookup {
	struct request *request;
	struct span uri;
	struct msg_resource message;
	size_t next_context; /* contexts tried so far */
};

bool
resource_id_is_plain(struct span id)
{
	if (id.len == 0 || id.len > MSG_ID_MAX) {
		return false;
	}
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-' ||
			c == '.' || c == ':')) {
			return false;
		}
	}
	return true;
}

int
resource_uri_parse(
    struct span uri, enum resource_kind *kind_out, struct span *id_out)
{
	for (int i = 0; i < RESOURCE_KINDS; i++) {
		size_t len = strlen(collections[i].prefix);

		if (uri.len > len &&
		    memcmp(uri.ptr, collections[i].prefix, len) == 0) {
			*kind_out = (enum resource_kind)i;
			*id_out = (struct span){uri.ptr + len, uri.len - len};
			return resource_id_is_plain(*id_out) ? 0 : CS_E_INVALID;
		}
	}
	return CS_E_INVALID;
}

/* Nothing is listed: what exists is told by the results of calls. */
void
on_resources_list(struct request *r)
{
	json_field_raw(reply_begin(r), "resources", span_of("[]"));
	reply_put_cache(r, LIST_TTL_MS);
	reply_end(r);
}

void
on_resources_templates(struct request *r)
{
	struct json_out *j = reply_begin(r);

	json_key(j, "resourceTemplates");
	json_open(j, '[');
	for (int i = 0; i < RESOURCE_KINDS; i++) {
		json_open(j, '{');
		json_field_text(j, "name", collections[i].name);
		json_field_text(j, "title", collections[i].title);
		json_field_text(j, "uriTemplate",
		    arena_printf(r->arena, "%s{%s}", collections[i].prefix,
			collections[i].variable));
		json_field_text(j, "mimeType", "application/json");
		json_close(j, '}');
	}
	json_close(j, ']');
	reply_put_cache(r, LIST_TTL_MS);
	reply_end(r);
}

/* The same answer for what is malformed, unknown or another tenant's. */
static void
answer_not_found(struct request *r, struct span uri)
{
	struct span shown = rpc_cut_text(uri, 300);
	struct buf data = BUF_INIT;
	struct json_out j;

	json_begin(&j, &data, 0);
	json_open(&j, '{');
	json_field_span(&j, "uri", uri);
	json_close(&j, '}');
	reply_error(r,
	    r->era == ERA_MODERN ? RPC_INVALID_PARAMS : RPC_NOT_FOUND,
	    arena_printf(r->arena, "Resource %.*s not found", SPAN_ARGS(shown)),
	    buf_as_span(&data));
	buf_clear(&data);
}

/* Indented like every text here; a document that is too large to be scanned
 * again goes out as ledgerd wrote it. */
static void
answer_document(const struct lookup *l, struct span document)
{
	struct request *r = l->request;
	struct server *s = r->server;
	struct json_out *j = NULL;
	struct json_doc doc;

	buf_reset(&s->text);
	if (json_scan(&doc, document, r->arena, NULL) == 0) {
		struct json_out pretty;

		json_begin(&pretty, &s->text, 2);
		json_rewrite(&pretty, &doc, 0, r->arena);
	} else {
		buf_span(&s->text, document);
	}
	j = reply_begin(r);
	json_key(j, "contents");
	json_open(j, '[');
	json_open(j, '{');
	json_field_span(j, "uri", l->uri);
	json_field_text(j, "mimeType", "application/json");
	json_field_span(j, "text", buf_as_span(&s->text));
	json_close(j, '}');
	json_close(j, ']');
	reply_put_cache(r, 0);
	reply_end(r);
}

static void ask(struct lookup *l);

/* What ledgerd found, or the next context to ask under. */
static void
on_resource(void *context, const struct ledger_reply *reply)
{
	struct lookup *l = context;

	if (reply->error == NULL) {
		answer_document(l, reply->document);
	} else if (strcmp(reply->error, "RESOURCE_NOT_FOUND") == 0) {
		ask(l); /* perhaps under another context of this server */
	} else {
		reply_error(l->request, RPC_INTERNAL,
		    "The ledger is temporarily unavailable.", span_of(""));
	}
}

/* Ask under the next context whose tenant and principal are known. */
static void
ask(struct lookup *l)
{
	struct request *r = l->request;
	const struct context_set *set = r->session->contexts;
	struct ledger_waiter waiter = {r->arena, on_resource, l};

	while (l->next_context < set->count &&
	       set->items[l->next_context].refusal != NULL) {
		l->next_context++;
	}
	/* Every context was asked, or nobody waits for it any more. */
	if (l->next_context == set->count || r->cancelled) {
		answer_not_found(r, l->uri);
		return;
	}
	l->message.tenant = set->items[l->next_context].tenant;
	l->message.principal = set->items[l->next_context].principal;
	l->message.token = set->items[l->next_context].token;
	l->next_context++;
	if (ledger_resource(r->server->ledger, &l->message, waiter) != 0) {
		answer_not_found(r, l->uri);
	}
}

void
on_resources_read(struct request *r)
{
	struct lookup *l = arena_alloc(r->arena, sizeof(*l));
	enum resource_kind kind = RESOURCE_PROPOSAL;
	uint32_t uri = JSON_NONE;

	if (r->params != JSON_NONE) {
		uri = json_get_type(&r->doc, r->params, "uri", JSON_STRING);
	}
	if (uri == JSON_NONE) {
		reply_error(r, RPC_INVALID_PARAMS,
		    "Invalid params: uri must be a string", span_of(""));
		return;
	}
	l->request = r;
	l->uri = json_string(&r->doc, uri, r->arena);
	/* Not an error of its own: its text would tell which ids can exist. */
	if (resource_uri_parse(l->uri, &kind, &l->message.id) != 0) {
		answer_not_found(r, l->uri);
		return;
	}
	l->message.kind = kind;
	ask(l);
}
