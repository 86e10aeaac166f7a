/*
 * One contract for the tests of mcpd; JSON is written with ' for ".
 */
#ifndef CS_TESTS_UNIT_MCP_CONTRACT_H
#define CS_TESTS_UNIT_MCP_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/contract/contract.h"

static const char contract_text[] =
    "{'version':1,'mode':'review','sources':{'s':{'engine':'postgres',"
    "'read_url_env':'R','write_url_env':'W'}},"
    "'trusted_context':{'provider':'environment','values':{"
    "'tenant_id_env':'T','principal_env':'P'}},"
    "'capabilities':["
    "{'name':'shop.look','kind':'read','source':'s',"
    "'target':{'schema':'public','table':'orders','primary_key':'id',"
    "'tenant_key':'tenant_id'},"
    "'args':{'order_id':{'type':'string','max_length':8}},"
    "'lookup':{'id_from_arg':'order_id'},"
    "'visible_columns':['id','fee']},"
    "{'name':'shop.waive','kind':'proposal','source':'s',"
    "'description':'Waive it.','returns_hint':'A proposal.',"
    "'target':{'schema':'public','table':'orders','primary_key':'id',"
    "'tenant_key':'tenant_id'},"
    "'args':{'order_id':{'type':'string'},"
    "'fee':{'type':'number','minimum':0,'maximum':9,'required':false,"
    "'description':'New fee'},"
    "'why':{'type':'string','enum':['a','b']}},"
    "'lookup':{'id_from_arg':'order_id'},"
    "'visible_columns':['id','fee'],"
    "'patch':{'fee':{'from_arg':'fee'}},'allowed_columns':['fee'],"
    "'conflict_guard':{'column':'rev'}}]}";

/* The text with real quotes, parsed; the caller frees. */
static inline struct contract *
test_contract(void)
{
	struct buf text = BUF_INIT;
	struct contract *c = NULL;
	struct err e = {0};

	for (const char *p = contract_text; *p != '\0'; p++) {
		buf_putc(&text, *p == '\'' ? '"' : *p);
	}
	if (contract_parse(buf_as_span(&text), &c, &e) != 0) {
		fail_msg("%s", e.msg);
	}
	buf_clear(&text);
	return c;
}

/* Compare JSON with an expectation written with ' for ". */
static inline void
assert_json(struct span got, const char *want)
{
	struct buf text = BUF_INIT;

	for (const char *p = want; *p != '\0'; p++) {
		buf_putc(&text, *p == '\'' ? '"' : *p);
	}
	if (!span_equal(got, buf_as_span(&text))) {
		fail_msg("got  %.*s\nwant %s", SPAN_ARGS(got), text.data);
	}
	buf_clear(&text);
}

#endif
