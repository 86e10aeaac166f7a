/* The commands of this folder, with their flags. */
#include "cli/check/commands.h"

static const struct args_spec config_spec[] = {
    ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec migration_spec[] = {
    {"engine", ARGS_VALUE, "postgres, mysql or sqlite"},
    {"schema", ARGS_VALUE, "where the table shall be"}, ARG_HELP, ARG_END};

static const struct args_spec grants_spec[] = {
    {"engine", ARGS_VALUE, "postgres, mysql or sqlite"},
    {"schema", ARGS_VALUE, "where the receipt table is (public)"},
    {"role", ARGS_VALUE, "the writer's role"},
    {"config", ARGS_VALUE, "add the grants for this contract's targets"},
    ARG_HELP, ARG_END};

static const struct args_spec doctor_spec[] = {ARG_CONFIG, ARG_JSON,
    {"check-db", ARGS_FLAG, "let a writer look at the databases"}, ARG_HELP,
    ARG_END};

const struct command check_commands[] = {
    {"config", "validate", "", "Check a contract file", config_spec,
	cmd_config_validate},
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
