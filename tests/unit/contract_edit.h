/*
 * Contracts for tests: edits of one valid contract, "base B" of the reference's
 * vectors. JSON is written with ' for ".
 */
#ifndef CS_TESTS_UNIT_CONTRACT_EDIT_H
#define CS_TESTS_UNIT_CONTRACT_EDIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char base[] =
    "{'version':1,'mode':'review',"
    "'sources':{'s':{'engine':'postgres','read_url_env':'R',"
    "'write_url_env':'W'}},"
    "'trusted_context':{'provider':'environment'},"
    "'capabilities':[{'name':'a.b','kind':'proposal','source':'s',"
    "'target':{'schema':'public','table':'t','primary_key':'id',"
    "'tenant_key':'tenant_id'},"
    "'args':{'id':{'type':'string'}},'lookup':{'id_from_arg':'id'},"
    "'visible_columns':['id'],'patch':{'x':{'fixed':1}},"
    "'allowed_columns':['x'],'conflict_guard':{'column':'u'}}]}";

/* Whole pieces of the base that edits replace. */
#define TOP     "{'version':1,'mode':'review',"
#define SOURCE  "{'engine':'postgres','read_url_env':'R','write_url_env':'W'}"
#define CONTEXT "'trusted_context':{'provider':'environment'},"
#define TARGET                                               \
	"{'schema':'public','table':'t','primary_key':'id'," \
	"'tenant_key':'tenant_id'}"
#define ARG     "{'type':'string'}"
#define LOOKUP  "{'id_from_arg':'id'}"
#define VISIBLE "'visible_columns':['id']"
#define PATCH   "'patch':{'x':{'fixed':1}}"
#define ALLOWED "'allowed_columns':['x']"
#define GUARD   "'conflict_guard':{'column':'u'}"
#define CAP     "$.capabilities[0]"

struct edit {
	const char *from; /* must stand in the text exactly once */
	const char *to;
};

static inline void
replace_once(struct buf *text, const char *from, const char *to)
{
	struct buf out = BUF_INIT;
	const char *at = strstr(buf_text(text), from);

	if (at == NULL || strstr(at + 1, from) != NULL) {
		fail_msg(
		    "'%s' must stand exactly once in %s", from, buf_text(text));
	}
	buf_append(&out, text->data, (size_t)(at - text->data));
	buf_puts(&out, to);
	buf_puts(&out, at + strlen(from));
	buf_clear(text);
	*text = out;
}

/* The base after the edits, as JSON. */
static inline struct buf
edited(const struct edit *edits, size_t count)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, base);
	for (size_t i = 0; i < count && edits[i].from != NULL; i++) {
		replace_once(&text, edits[i].from, edits[i].to);
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\'') {
			text.data[i] = '"';
		}
	}
	return text;
}

#endif
