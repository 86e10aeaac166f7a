/*
 * The static review of an MCP server's tools (cli-config.md §7): tools are
 * collected from any JSON, classified by their texts, judged by a table of
 * rules. Everything in these documents is untrusted. Pure functions over an
 * arena: no files, no processes.
 */
#ifndef CS_CLI_AUDIT_AUDIT_H
#define CS_CLI_AUDIT_AUDIT_H

#include "common/base/buf.h"
#include "common/base/json_scan.h"

struct arena;
struct err;

enum audit_severity {
	AUDIT_HIGH,
	AUDIT_MEDIUM,
	AUDIT_LOW,
	AUDIT_SEVERITIES
};

/* What is judged is bounded: no server has that many. */
#define AUDIT_MAX_TOOLS    4096U
#define AUDIT_MAX_FINDINGS 20000U

/* A name that the tool takes as input, and the same as letters and digits. */
struct audit_field {
	struct span name;
	struct span plain;
};

struct audit_tool {
	struct span name;
	struct span description; /* empty: none */
	const char *path;        /* "$.result.tools[0]" */
	const struct json_doc *doc;
	uint32_t node;
	uint32_t input; /* JSON_NONE: no schema */
	uint32_t output;
	uint32_t annotations; /* JSON_NONE unless an object */
	struct audit_field *fields;
	size_t field_count;
	/* Classified. */
	struct span text; /* lower case: name, description, annotations */
	bool is_sql, is_write, is_read, has_boundary, is_commit;
};

/* One row of the rules: what a reader is told. */
struct audit_rule {
	enum audit_severity severity;
	const char *code;
	const char *message;
	const char *detail; /* evidence; NULL: the rule makes its own */
	const char *recommendation;
};

struct audit_finding {
	const struct audit_rule *rule;
	const struct audit_tool *tool; /* NULL: about the whole */
	const char *subject;           /* instead of a tool: a server's name */
	const char *path;
	const char *detail;
};

struct audit {
	struct arena *arena;
	const char *target;     /* as it may be shown */
	const char *target_uri; /* of a file, for SARIF; NULL otherwise */
	int64_t generated_us;
	struct audit_tool *tools;
	size_t tool_count;
	struct audit_finding *findings;
	size_t finding_count;
	size_t counts[AUDIT_SEVERITIES];
	bool has_servers; /* a client's configuration */
};

/* Start; texts go to the arena, which the caller owns. */
void audit_begin(struct audit *a, struct arena *arena, const char *target);

/*
 * Collect the tools of a document, which must live as long as the audit.
 * May be called again for further pages. CS_E_TOO_LARGE with AUDIT_TOO_LARGE.
 */
int audit_collect(struct audit *a, const struct json_doc *doc, struct err *e);

/* Fill the classified part of a tool. */
void audit_classify(struct audit_tool *t, struct arena *arena);

/*
 * A client's configuration ("mcpServers" or "servers"): each server's own
 * findings. `verified` names the servers whose tools were listed, NULL at the
 * end; NULL: none.
 */
void audit_judge_servers(
    struct audit *a, const struct json_doc *doc, const char *const *verified);

/* Judge all tools; once, after everything was collected. */
void audit_judge(struct audit *a);

/* One more finding, unless the same one is there. */
void audit_add(struct audit *a, const struct audit_rule *rule,
    const struct audit_tool *tool, const char *subject, const char *detail);

/* All rules in order of their output; the last row has a NULL code. */
extern const struct audit_rule audit_rules[];
const struct audit_rule *audit_rule(const char *code);

/* "high", "medium", "low", "none": the worst finding. */
const char *audit_risk(const struct audit *a);
const char *audit_severity_name(enum audit_severity s); /* "HIGH" */

/* Append the report. Untrusted texts are escaped as each form needs it. */
void audit_put_text(const struct audit *a, struct buf *out);
void audit_put_json(const struct audit *a, struct buf *out);
void audit_put_markdown(const struct audit *a, struct buf *out);
void audit_put_sarif(const struct audit *a, struct buf *out);

/* The built-in example; NULL when there is none of that name. */
const char *audit_example(const char *name);

#endif
