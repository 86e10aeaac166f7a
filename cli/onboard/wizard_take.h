/*
 * What answers do: one function for each question that is more than a text
 * (struct question, take). They change the wizard only when they return 0.
 */
#ifndef CS_CLI_ONBOARD_WIZARD_TAKE_H
#define CS_CLI_ONBOARD_WIZARD_TAKE_H

#include "cli/onboard/wizard.h"

int take_tenant_env(
    struct wizard *w, size_t k, const char *answer, struct err *e);
int take_principal_env(
    struct wizard *w, size_t k, const char *answer, struct err *e);
int take_engine(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_read_env(
    struct wizard *w, size_t k, const char *answer, struct err *e);
int take_schema(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_table(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_key(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_tenant(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_single(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_conflict(
    struct wizard *w, size_t k, const char *answer, struct err *e);
int take_weak(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_visible(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_setup(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_recipe(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_mapping(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_patch(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_bounds(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_guards(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_smoke(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_edit(struct wizard *w, size_t k, const char *answer, struct err *e);
int take_write(struct wizard *w, size_t k, const char *answer, struct err *e);

/* Before the question for one. */
void list_recipes(struct wizard *w);

#endif
