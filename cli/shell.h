/*
 * Words as a shell reads them back: what is printed as a command must run as
 * it is printed.
 */
#ifndef CS_CLI_SHELL_H
#define CS_CLI_SHELL_H

struct args;
struct arena;

/* The word itself when a shell takes it as it is, else quoted; in the arena. */
const char *shell_word(const char *word, struct arena *a);

/* " --store X --config Y", of those that were given: a command that is printed
 * behind one with these flags needs them too. "" when none was; in the arena.
 */
const char *shell_place(const struct args *a, struct arena *arena);

#endif
