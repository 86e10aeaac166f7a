/*
 * What the model will see, and what it must not: the tools that mcpd would list
 * for a contract, judged (cli-config.md §2.8). Asks mcpd itself, without
 * credentials, so that this cannot differ from what is served.
 */
#ifndef CS_CLI_CHECK_BOUNDARY_H
#define CS_CLI_CHECK_BOUNDARY_H

#include "cli/args.h"
#include "cli/render.h"

#define BOUNDARY_CHECKS   6
#define NOT_EXPOSED_COUNT 7

struct boundary {
	const char *config;
	const char *store;
	const char *style; /* "canonical", "openai", "both" or "flat" */
	struct view view;  /* mcpd's answer: tools, names, reads */
	uint32_t names;    /* node of the list of names */
	bool ok[BOUNDARY_CHECKS];
	const char *detail[BOUNDARY_CHECKS];
	bool all_ok;
};

extern const char *const boundary_names[BOUNDARY_CHECKS];
extern const char *const boundary_not_exposed[NOT_EXPOSED_COUNT];

/*
 * Ask and judge. `style` may be NULL. Everything lives in the arena.
 * CS_E_CONFIG when the contract is not valid, CS_E_NOT_FOUND with
 * CONFIG_NOT_FOUND when there is none.
 */
int boundary_look(struct boundary *b, const struct args *a, const char *style,
    struct arena *arena, struct err *e);

/*
 * The style that the flags ask for: --alias-mode, --tool-name-style,
 * --openai-tool-aliases, --aliases. USAGE when they disagree.
 */
int boundary_style(const struct args *a, const char **out, struct err *e);

/* "  - name" lines and "PASS|FAIL name" lines, for people. */
void boundary_print_names(const struct boundary *b, struct view *v);
void boundary_print_checks(const struct boundary *b, struct view *v);
/* The members "checks": [{name, ok, detail}], and a list of the names. */
void boundary_put_checks(const struct boundary *b, struct json_out *j);
void boundary_put_names(
    const struct boundary *b, struct json_out *j, const char *key);

#endif
