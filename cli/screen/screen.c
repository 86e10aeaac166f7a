#include "cli/screen/screen.h"

#include <curses.h>
#include <locale.h>
#include <string.h>

#define KEY_ESCAPE 27

void
screen_open(void)
{
	// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
	(void)setlocale(LC_ALL, "");
	(void)initscr();
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(50);
	(void)curs_set(0);
}

void
screen_close(void)
{
	(void)endwin();
}

int
screen_rows(void)
{
	return LINES;
}

int
screen_columns(void)
{
	return COLS;
}

void
screen_clear(void)
{
	(void)erase();
}

void
screen_line(int row, bool marked, const char *text)
{
	if (row < 0 || row >= LINES) {
		return;
	}
	if (marked) {
		(void)attron(A_REVERSE);
	}
	(void)mvaddnstr(row, 0, text, (int)strlen(text));
	if (marked) {
		/* The whole line, so that the mark is seen at its end, too. */
		(void)mvchgat(row, 0, -1, A_REVERSE, 0, NULL);
		(void)attroff(A_REVERSE);
	}
}

void
screen_title(const char *text)
{
	(void)attron(A_BOLD);
	(void)mvaddnstr(0, 0, text, COLS);
	(void)attroff(A_BOLD);
}

void
screen_status(const char *text, bool is_bad)
{
	(void)move(LINES - 1, 0);
	(void)clrtoeol();
	if (is_bad) {
		(void)attron(A_BOLD);
	}
	(void)mvaddnstr(LINES - 1, 0, text, COLS - 1);
	if (is_bad) {
		(void)attroff(A_BOLD);
	}
}

void
screen_show(void)
{
	(void)refresh();
}

int
screen_key(int ms)
{
	timeout(ms);
	return getch();
}

/* Bytes of one UTF-8 character at the end of a text. */
static size_t
last_character(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && ((unsigned char)text[len - n] & 0xC0) == 0x80) {
		n++;
	}
	return n;
}

bool
screen_ask(const char *question, char *out, size_t size)
{
	char line[SCREEN_LINE_MAX];
	size_t len = 0;
	int key;

	out[0] = '\0';
	for (;;) {
		(void)snprintf(line, sizeof(line), "%s%s_", question, out);
		screen_status(line, true);
		screen_show();
		key = screen_key(-1);
		if (key == KEY_ESCAPE) {
			return false;
		}
		if (key == '\n' || key == KEY_ENTER) {
			return len > 0;
		}
		if ((key == KEY_BACKSPACE || key == 127 || key == '\b') &&
		    len > 0) {
			len -= last_character(out, len);
			out[len] = '\0';
		} else if (key >= ' ' && key < 256 && key != 127 &&
			   len + 1 < size) {
			out[len++] = (char)key;
			out[len] = '\0';
		}
	}
}
