/* The commands of this folder, with their flags. */
#include "cli/demo/commands.h"

static const struct args_spec demo_spec[] = {
    {"quick", ARGS_FLAG, "one proposal in a ledger of its own"},
    {"guided", ARGS_FLAG, "quick: step by step"},
    {"no-interactive", ARGS_FLAG, "quick: do not wait in a terminal"},
    {"details", ARGS_FLAG, "quick: everything about it"},
    {"json", ARGS_FLAG, "quick: print JSON"},
    {"play", ARGS_FLAG, "the whole demonstration, every promise checked"},
    {"no-wait", ARGS_FLAG, "play: do not wait for Enter"},
    {"force", ARGS_FLAG, "replace a contract that is not the demo's"},
    {"reset", ARGS_FLAG, "the same as --force"}, ARG_HELP, ARG_END};

static const struct args_spec inspect_spec[] = {
    ARG_JSON, {"npx", ARGS_FLAG, "accepted, means nothing"}, ARG_HELP, ARG_END};

const struct command demo_commands[] = {
    {"demo", NULL, "[reference-support-billing]",
	"Make a workspace to try it in", demo_spec, cmd_demo},
    {"demo", "inspect", "", "Show the commands that look at a demo",
	inspect_spec, cmd_demo_inspect},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
