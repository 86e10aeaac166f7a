/* The commands of this folder, with their flags. */
#include "cli/shadow/commands.h"

static const struct args_spec list_spec[] = {
    {"limit", ARGS_VALUE, "at most this many (20, up to 200)"}, ARG_STORE,
    ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec record_spec[] = {
    {"patch", ARGS_VALUE, "JSON file: what was changed, column by column"},
    {"notes", ARGS_VALUE, "why"},
    {"actor", ARGS_VALUE,
	"accepted if it is your own user name; it cannot be another"},
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec compare_spec[] = {
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

const struct command shadow_commands[] = {
    {"shadow", "list", "", "List proposals of mode shadow", list_spec,
	cmd_shadow_list},
    {"shadow", "record-human-action", "<id>",
	"Record what a person did instead", record_spec, cmd_shadow_record},
    {"shadow", "compare", "<id>", "Compare a proposal with it", compare_spec,
	cmd_shadow_compare},
    {"shadow", "report", "", "Compare all of them", list_spec,
	cmd_shadow_report},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
