/* The commands of this folder, with their flags. */
#include "cli/check/commands.h"

static const struct args_spec config_spec[] = {
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

#define ALIAS_FLAGS                                                      \
	{"alias-mode", ARGS_VALUE, "canonical, openai, both or flat"},   \
	    {"tool-name-style", ARGS_VALUE, "the same as --alias-mode"}, \
	    {"openai-tool-aliases", ARGS_FLAG, "the same as openai"},    \
	{                                                                \
		"aliases", ARGS_FLAG, "show both names"                  \
	}

static const struct args_spec config_show_spec[] = {ARG_STORE, ARG_CONFIG,
    {"redacted", ARGS_FLAG, "hide what may be secret"},
    {"json", ARGS_FLAG, "accepted: it is JSON"}, ARG_HELP, ARG_END};

static const struct args_spec migrate_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"output", ARGS_VALUE, "write to this file"},
    {"write", ARGS_FLAG, "write over the file, and keep a copy of it"},
    {"yes", ARGS_FLAG, "do not ask"}, ARG_HELP, ARG_END};

static const struct args_spec explain_spec[] = {
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec whole_doctor_spec[] = {ARG_STORE, ARG_CONFIG,
    ARG_JSON, {"first-run", ARGS_FLAG, "check a new machine"},
    {"client-config", ARGS_VALUE, "the client's file (--first-run)"},
    {"report", ARGS_FLAG, "write a report in Markdown"},
    {"output", ARGS_VALUE, "the report's file (countersign-doctor.md)"},
    {"redact", ARGS_FLAG, "accepted: a report never holds a secret"},
    {"check-writeback", ARGS_FLAG, "let a writer look at the databases"},
    {"check-db", ARGS_FLAG, "the same"},
    {"check-handlers", ARGS_FLAG, "reach the handlers, executing nothing"},
    {"allow-shared-credential", ARGS_FLAG,
	"one credential for reading and writing is only a warning"},
    ARG_HELP, ARG_END};

static const struct args_spec tools_spec[] = {
    ALIAS_FLAGS, ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec call_spec[] = {
    {"sample", ARGS_FLAG, "a made-up input"},
    {"input", ARGS_VALUE, "the input, from this file"},
    {"json", ARGS_OBJECT, "the input itself; without it, print JSON"},
    ARG_STORE, ARG_CONFIG, ARG_HELP, ARG_END};

static const struct args_spec migration_spec[] = {
    {"engine", ARGS_VALUE, "postgres, mysql or sqlite"},
    {"schema", ARGS_VALUE, "where the table shall be"}, ARG_HELP, ARG_END};

static const struct args_spec grants_spec[] = {
    {"engine", ARGS_VALUE, "postgres, mysql or sqlite"},
    {"schema", ARGS_VALUE, "where the receipt table is (public)"},
    {"role", ARGS_VALUE, "the writer's role"},
    {"writer-role", ARGS_VALUE, "the same"},
    {"config", ARGS_VALUE, "add the grants for this contract's targets"},
    ARG_HELP, ARG_END};

static const struct args_spec doctor_spec[] = {ARG_CONFIG, ARG_JSON,
    {"check-db", ARGS_FLAG, "let a writer look at the databases"}, ARG_HELP,
    ARG_END};

const struct command check_commands[] = {
    {"config", "validate", "", "Check a contract file", config_spec,
	cmd_config_validate},
    {"config", "show", "", "Print the contract file", config_show_spec,
	cmd_config_show},
    {"config", "migrate", "", "Write the contract in the current form",
	migrate_spec, cmd_config_migrate},
    {"config", "explain", "", "Say what the contract allows, with its SQL",
	explain_spec, cmd_config_explain},
    {"doctor", NULL, "", "Check contract, variables, databases, machine",
	whole_doctor_spec, cmd_doctor},
    {"tools", "preview", "", "Show what the model will see", tools_spec,
	cmd_tools_preview},
    {"tools", "list", "", "The same", tools_spec, cmd_tools_preview},
    {"mcp", "smoke", "", "Check the tools that a client would see", tools_spec,
	cmd_mcp_smoke},
    {"smoke", "boundary", "", "The same", tools_spec, cmd_mcp_smoke},
    {"smoke", "call", "[tool]", "Call one tool, as a model would", call_spec,
	cmd_smoke_call},
    {"propose", NULL, "<capability>", "Make a proposal, as a model would",
	call_spec, cmd_propose},
    {"writeback", "migration", "[engine]",
	"Print the SQL that makes the receipt table", migration_spec,
	cmd_writeback_migration},
    {"writeback", "grants", "[engine]", "Print the SQL that a writer needs",
	grants_spec, cmd_writeback_grants},
    {"writeback", "doctor", "", "Show which write credentials are missing",
	doctor_spec, cmd_writeback_doctor},
    {"source", "doctor", "", "Let a reader look at the databases", config_spec,
	cmd_source_doctor},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
