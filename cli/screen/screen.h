/*
 * The terminal of `countersign review`: drawing and keys. Everything that is
 * drawn was escaped before, so no byte of a model or a database reaches the
 * terminal as a command.
 */
#ifndef CS_CLI_SCREEN_SCREEN_H
#define CS_CLI_SCREEN_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#define SCREEN_LINE_MAX 512

/* Take the terminal over; screen_close gives it back, also on errors. */
void screen_open(void);
void screen_close(void);

/* Size as of the last resize. */
int screen_rows(void);
int screen_columns(void);

/* Draw in the buffer; screen_show brings it to the terminal at once. */
void screen_clear(void);
void screen_line(int row, bool marked, const char *text);
void screen_title(const char *text);
void screen_status(const char *text, bool is_bad);
void screen_show(void);

/* Waits for a key up to `ms`; -1 when none came. Resizing returns KEY_RESIZE
 * of ncurses. */
int screen_key(int ms);

/*
 * Let a person type a line at the bottom; false when it was given up (Esc) or
 * is empty. What is typed is text, whatever it looks like.
 */
bool screen_ask(const char *question, char *out, size_t size);

#endif
