/* The commands of this folder, with their flags. */
#include "cli/onboard/commands.h"

#include "cli/onboard/handler_template.h"

#define DATABASE_FLAGS                                                       \
	{"from-env", ARGS_VALUE, "variable with the URL of a reading role"}, \
	    {"url-env", ARGS_VALUE, "the same"},                             \
	    {"database-url-env", ARGS_VALUE, "the same"},                    \
	    {"from", ARGS_VALUE, "a URL itself, for this look only"},        \
	    {"engine", ARGS_VALUE, "postgres, mysql, sqlite or auto"},       \
	{                                                                    \
		"schema", ARGS_VALUE, "only this schema"                     \
	}

#define OUTPUT_FLAGS                                                \
	{"output", ARGS_VALUE, "file to write (countersign.json)"}, \
	    {"out", ARGS_VALUE, "the same"},                        \
	{                                                           \
		"force", ARGS_FLAG, "replace files that exist"      \
	}

/* Flags that have a second name in 0.1.1 say so. */
#define SAME(name)                           \
	{                                    \
		name, ARGS_VALUE, "the same" \
	}

static const struct args_spec inspect_spec[] = {DATABASE_FLAGS,
    {"tables", ARGS_VALUE, "only these, comma-separated"},
    {"output", ARGS_VALUE, "write the JSON into this file"},
    {"out", ARGS_VALUE, "the same"},
    {"force", ARGS_FLAG, "replace a file that exists"}, ARG_JSON, ARG_HELP,
    ARG_END};

static const struct args_spec init_spec[] = {DATABASE_FLAGS, OUTPUT_FLAGS,
    {"dry-run", ARGS_FLAG, "print the contract, write nothing"},
    {"yes", ARGS_FLAG, "ask nothing"},
    {"non-interactive", ARGS_FLAG, "the same"},
    {"wizard", ARGS_FLAG, "ask step by step"},
    {"starter", ARGS_FLAG, "write a contract to edit by hand"},
    {"answers", ARGS_VALUE, "file with the wizard's answers"},
    {"spec", ARGS_VALUE, "file with a selection"},
    {"inspection-json", ARGS_VALUE, "file of inspect --json, no database"},
    {"recipe", ARGS_VALUE, "recipe that the wizard begins with"},
    {"smoke-id", ARGS_VALUE, "id of a row, for a first call"},
    {"mode", ARGS_VALUE, "read_only, shadow or review"},
    {"table", ARGS_VALUE, "table, or schema.table"},
    {"primary-key", ARGS_VALUE, "column that finds one row"},
    {"tenant-column", ARGS_VALUE, "column that tells whose a row is"},
    SAME("tenant-key"),
    {"single-tenant-dev", ARGS_FLAG, "there is one tenant only"},
    {"conflict-column", ARGS_VALUE, "column that changes with the row"},
    {"visible-columns", ARGS_VALUE, "what tools show, comma-separated"},
    {"allowed-columns", ARGS_VALUE, "what may change (the patched ones)"},
    {"patch", ARGS_REPEAT, "column=arg:name or column=fixed:value"},
    {"patch-fixed", ARGS_REPEAT, "column=value"},
    {"patch-from-arg", ARGS_REPEAT, "column=argument"},
    {"patch-bounds", ARGS_REPEAT, "column=min:max"},
    {"numeric-bound", ARGS_REPEAT, "the same"},
    {"status-guards", ARGS_REPEAT, "column=from:to|to;from:to"},
    {"transition-guard", ARGS_REPEAT, "the same"},
    {"writeback", ARGS_VALUE, "sql_update, http_handler or command_handler"},
    {"executor-name", ARGS_VALUE, "name of the handler in the contract"},
    {"handler-url-env", ARGS_VALUE, "variable with the handler's URL"},
    {"handler-token-env", ARGS_VALUE, "variable with its bearer token"},
    {"handler-signing-secret-env", ARGS_VALUE, "variable with its secret"},
    {"handler-command-env", ARGS_VALUE, "variable with the command"},
    {"handler-timeout-ms", ARGS_VALUE, "how long it may take (5000)"},
    {"write-url-env", ARGS_VALUE, "variable with the writing role's URL"},
    {"statement-timeout-ms", ARGS_VALUE, "of reads (3000)"},
    {"namespace", ARGS_VALUE, "first half of the tools' names"},
    {"object-name", ARGS_VALUE, "what a row is called"},
    {"read-tool", ARGS_VALUE, "name of the reading tool"},
    SAME("inspect-tool-name"),
    {"proposal-tool", ARGS_VALUE, "name of the proposing tool"},
    SAME("proposal-tool-name"),
    {"id-arg", ARGS_VALUE, "name of the argument that finds the row"},
    SAME("lookup-arg"),
    {"read-description", ARGS_VALUE, "what the model is told"},
    SAME("inspect-description"),
    {"read-returns-hint", ARGS_VALUE, "what the model is told to expect"},
    SAME("inspect-returns-hint"),
    {"proposal-description", ARGS_VALUE, "what the model is told"},
    {"proposal-returns-hint", ARGS_VALUE, "what the model is told to expect"},
    {"result-format", ARGS_VALUE, "1 or 2 (2)"},
    {"source-name", ARGS_VALUE, "name of the database in the contract"},
    {"tenant-env", ARGS_VALUE, "variable with the tenant"},
    {"principal-env", ARGS_VALUE, "variable with the caller's name"},
    {"approval-role", ARGS_VALUE, "role that reviewers need"},
    {"emit-handler", ARGS_FLAG, "write a starter for the handler, too"},
    {"no-emit-handler", ARGS_FLAG, "write none, whatever else is said"},
    {"skip-handler-template", ARGS_FLAG, "the same"},
    {"handler-template", ARGS_VALUE, "which starter (node-fastify, command)"},
    {"handler-output", ARGS_VALUE, "where (beside the contract)"},
    SAME("handler-template-output"), ARG_STORE, ARG_HELP, ARG_END};

static const struct args_spec recipes_spec[] = {ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec template_spec[] = {
    {"list", ARGS_FLAG, "show the templates"},
    {"output", ARGS_VALUE, "file to write; of c: a folder"},
    {"stdout", ARGS_FLAG, "print it instead"},
    {"force", ARGS_FLAG, "replace files that exist"},
    {"action", ARGS_VALUE, "capability that it applies"},
    {"kit-path", ARGS_VALUE, "folder of the kit (" HANDLER_KIT ")"}, ARG_HELP,
    ARG_END};

const struct command onboard_commands[] = {
    {"inspect", NULL, "[URL]", "Look at a database's tables", inspect_spec,
	cmd_inspect},
    {"init", NULL, "", "Write a contract for one table", init_spec, cmd_init},
    {"onboard", "db", "", "From a database's URL to checked tools", init_spec,
	cmd_onboard_db},
    {"start", NULL, "", "The same as onboard db, with --from-env", init_spec,
	cmd_start},
    {"recipes", "list", "", "Show the recipes", recipes_spec, cmd_recipes_list},
    {"recipes", "show", "<id|file>", "Show one recipe", recipes_spec,
	cmd_recipes_show},
    {"recipes", "init", "<id|file>", "Write the contract of a recipe",
	init_spec, cmd_recipes_init},
    {"handler", "template", "<name>", "Write a starter for a handler",
	template_spec, cmd_handler_template},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
