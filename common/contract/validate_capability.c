/*
 * What every capability has: names, references, target, arguments, look-up and
 * columns (cli-config.md §1.6).
 */
#include "common/contract/check.h"

#include "common/base/str.h"
#include "common/contract/rules.h"

const char *const contract_arg_types[] = {"string", "number", "boolean", NULL};

static bool
is_capability_name(const struct tree *t, uint32_t node)
{
	return str_is_capability_name(tree_text(t, node));
}

static bool
is_kind(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "read") ||
	       tree_is_text(t, node, "proposal");
}

static bool
is_arg_type(const struct tree *t, uint32_t node)
{
	return tree_choice(t, node, contract_arg_types) >= 0;
}

/* Is the value a string that is a key of the top-level map? */
static bool
is_key_of(const struct tree *t, uint32_t node, const char *map)
{
	return tree_is_string(t, node) && tree_find(t, tree_get(t, 0, map),
					      tree_text(t, node)) != JSON_NONE;
}

/* A name that is a key, even of a source that is itself faulty: one mistake,
 * one finding. */
static bool
is_source(const struct tree *t, uint32_t node)
{
	return is_key_of(t, node, "sources");
}

/* trusted_context cannot be named. */
static bool
is_context(const struct tree *t, uint32_t node)
{
	return tree_is_filled(t, node) && is_key_of(t, node, "contexts");
}

/* Blank and unknown are different mistakes. */
static void
check_executor_reference(struct check *c, uint32_t capability)
{
	uint32_t executor = tree_get(c->t, capability, "executor");

	if (executor == JSON_NONE ||
	    tree_is_text(c->t, executor, "sql_update")) {
		return;
	}
	if (!tree_is_filled(c->t, executor)) {
		check_error(c, executor, NULL, "INVALID_EXECUTOR_REFERENCE",
		    "executor must be a non-empty string.");
	} else if (!is_key_of(c->t, executor, "executors")) {
		check_error(c, executor, NULL, "UNKNOWN_EXECUTOR",
		    "executor must be sql_update or one of executors.");
	}
}

/* SQLite has one schema that a contract may name. */
static bool
is_schema_allowed(const struct tree *t, uint32_t capability, uint32_t schema)
{
	uint32_t source = tree_find(t, tree_get(t, 0, "sources"),
	    tree_text(t, tree_get(t, capability, "source")));

	return !tree_is_text(t, tree_get(t, source, "engine"), "sqlite") ||
	       !tree_is_identifier(t, schema) ||
	       tree_is_text(t, schema, "main");
}

/* Absent, null and "" all meant "none" to 0.1.1. */
static bool
is_blank_column(const struct tree *t, uint32_t node)
{
	return node == JSON_NONE || tree_is(t, node, JSON_NULL) ||
	       tree_is_text(t, node, "");
}

/* The one rule that keeps tenants apart: a column, or an explicit word that
 * there is only one. */
static void
check_tenant(struct check *c, uint32_t target)
{
	uint32_t key = tree_get(c->t, target, "tenant_key");
	bool single = tree_is(
	    c->t, tree_get(c->t, target, "single_tenant_dev"), JSON_TRUE);

	if (!tree_is_identifier(c->t, key)) {
		if (!single) {
			check_error(c, target, "tenant_key",
			    "TENANT_GUARD_REQUIRED",
			    "Name the tenant column, or say "
			    "single_tenant_dev: true.");
		} else if (!is_blank_column(c->t, key)) {
			/* 0.1.1 took it and then failed every call. */
			check_error(c, target, "tenant_key",
			    "INVALID_TARGET_IDENTIFIER",
			    "tenant_key must be a plain column name.");
		}
	}
	if (single) {
		check_warn(c, target, "single_tenant_dev",
		    "SINGLE_TENANT_DEV_EXCEPTION",
		    "Without a tenant column every caller sees every row.");
	}
}

/* These names are put into SQL: nothing but identifiers, so that quoting has
 * nothing to escape. */
static void
check_target(struct check *c, uint32_t capability)
{
	static const char *const known[] = {"schema", "table", "primary_key",
	    "tenant_key", "single_tenant_dev", NULL};
	static const struct check_field fields[] = {
	    {"schema", tree_is_identifier, "INVALID_TARGET_IDENTIFIER",
		"schema must be a plain identifier.", true},
	    {"table", tree_is_identifier, "INVALID_TARGET_IDENTIFIER",
		"table must be a plain identifier.", true},
	    {"primary_key", tree_is_identifier, "INVALID_TARGET_IDENTIFIER",
		"primary_key must be a plain column name.", true},
	};
	uint32_t target = tree_get(c->t, capability, "target");

	if (!tree_is_object(c->t, target)) {
		check_error(c, capability, "target", "TARGET_REQUIRED",
		    "target must be an object.");
		return;
	}
	check_keys(c, target, known);
	CHECK_FIELDS(c, target, fields);
	if (!is_schema_allowed(
		c->t, capability, tree_get(c->t, target, "schema"))) {
		check_error(c, target, "schema", "INVALID_TARGET_IDENTIFIER",
		    "The schema of a sqlite source must be main.");
	}
	check_tenant(c, target);
}

/* Names that the trusted context and the contract decide (§1.6). */
static bool
is_reserved(struct span name)
{
	static const char *const identifiers[] = {"table", "table_name",
	    "tableName", "schema", "schema_name", "schemaName", "column",
	    "columns", "column_name", "columnName", "database", "database_name",
	    "databaseName", NULL};

	for (size_t i = 0; identifiers[i] != NULL; i++) {
		if (span_is(name, identifiers[i])) {
			return true;
		}
	}
	return rules_is_reserved_arg(name);
}

/* enum and required are taken as they are (§1.8, "Not validated"). */
static void
check_arg(struct check *c, uint32_t arg)
{
	static const char *const known[] = {"type", "description", "required",
	    "max_length", "minimum", "maximum", "enum", NULL};
	static const struct check_field fields[] = {
	    {"type", is_arg_type, "INVALID_ARG_TYPE",
		"type must be string, number or boolean.", true},
	    {"description", tree_is_filled, "INVALID_ARG_DESCRIPTION",
		"description must be a non-empty string.", false},
	    {"max_length", tree_is_positive, "INVALID_MAX_LENGTH",
		"max_length must be a positive integer.", false},
	};

	check_keys(c, arg, known);
	CHECK_FIELDS(c, arg, fields);
	if ((tree_get(c->t, arg, "minimum") != JSON_NONE ||
		tree_get(c->t, arg, "maximum") != JSON_NONE) &&
	    !tree_is_text(c->t, tree_get(c->t, arg, "type"), "number")) {
		check_error(c, arg, NULL, "NUMERIC_BOUNDS_REQUIRE_NUMBER",
		    "minimum and maximum are for number arguments.");
	}
	check_range(c, arg);
}

/* The model chooses these values, so never who or what it acts on. */
static void
check_args(struct check *c, uint32_t capability)
{
	uint32_t args = tree_get(c->t, capability, "args");
	struct tree_iter it = tree_each(c->t, args);

	if (!tree_is_map(c->t, args)) {
		check_error(c, capability, "args", "ARGS_REQUIRED",
		    "args must name at least one argument.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (is_reserved(it.key)) {
			check_error(c, it.value, NULL,
			    "MODEL_CONTROLLED_RESERVED_ARG",
			    "The model must not choose this: it comes from "
			    "the trusted context or the contract.");
		}
		if (!tree_is_object(c->t, it.value)) {
			check_error(c, it.value, NULL, "ARG_NOT_OBJECT",
			    "An argument must be an object.");
			continue;
		}
		check_arg(c, it.value);
	}
}

/* RFC 6749: printable, without blank, quote and backslash. */
static bool
is_scope(const struct tree *t, uint32_t node)
{
	struct span text = tree_text(t, node);

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '\\') {
			return false;
		}
	}
	return text.len > 0 && text.len <= 128;
}

/* That the argument exists is advice, not an error, as in 0.1.1. */
static void
check_lookup(struct check *c, uint32_t capability)
{
	static const char *const known[] = {"id_from_arg", NULL};
	static const struct check_field fields[] = {
	    {"id_from_arg", tree_is_filled, "LOOKUP_ARG_REQUIRED",
		"id_from_arg must name an argument.", true},
	};
	uint32_t lookup = tree_get(c->t, capability, "lookup");

	if (!tree_is_object(c->t, lookup)) {
		check_error(c, capability, "lookup", "LOOKUP_REQUIRED",
		    "lookup must be an object.");
		return;
	}
	check_keys(c, lookup, known);
	CHECK_FIELDS(c, lookup, fields);
}

static const char *const capability_keys[] = {"name", "kind", "description",
    "returns_hint", "source", "context", "executor", "target", "args", "lookup",
    "visible_columns", "evidence", "max_rows", "patch", "allowed_columns",
    "numeric_bounds", "transition_guards", "conflict_guard", "approval",
    "single_tenant_dev_ack", "scope", NULL};

static const struct check_field capability_fields[] = {
    {"name", is_capability_name, "INVALID_CAPABILITY_NAME",
	"name must be two identifiers joined by a dot.", true},
    {"kind", is_kind, "INVALID_CAPABILITY_KIND",
	"kind must be read or proposal.", true},
    {"description", tree_is_filled, "INVALID_CAPABILITY_DESCRIPTION",
	"description must be a non-empty string.", false},
    {"returns_hint", tree_is_filled, "INVALID_RETURNS_HINT",
	"returns_hint must be a non-empty string.", false},
    {"source", is_source, "UNKNOWN_SOURCE", "source must be one of sources.",
	true},
    {"context", is_context, "UNKNOWN_CONTEXT",
	"context must be one of contexts.", false},
    {"scope", is_scope, "INVALID_SCOPE",
	"scope must be one word of an OAuth scope.", false},
};

static const struct check_field max_rows_field[] = {
    {"max_rows", tree_is_positive, "INVALID_MAX_ROWS",
	"max_rows must be a positive integer.", false},
};

/* The order inside a capability is that of §1.8. */
void
check_capability(struct check *c, uint32_t capability)
{
	if (!tree_is_object(c->t, capability)) {
		check_error(c, capability, NULL, "CAPABILITY_NOT_OBJECT",
		    "A capability must be an object.");
		return;
	}
	check_keys(c, capability, capability_keys);
	CHECK_FIELDS(c, capability, capability_fields);
	check_executor_reference(c, capability);
	check_target(c, capability);
	check_args(c, capability);
	check_lookup(c, capability);
	check_columns(c, capability, "visible_columns",
	    "VISIBLE_COLUMNS_REQUIRED", "INVALID_VISIBLE_COLUMN");
	CHECK_FIELDS(c, capability, max_rows_field);
	if (tree_is_text(
		c->t, tree_get(c->t, capability, "kind"), "proposal")) {
		check_proposal(c, capability);
	}
}
