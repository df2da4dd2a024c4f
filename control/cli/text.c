// SPDX-License-Identifier: BSD-2-Clause
#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define COLUMNS_MAX 16

struct text {
	size_t columns, cells, room;
	char **cell; /* row by row, heads first */
	bool right[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
};

/* Characters, UTF-8 being counted by its first bytes. */
static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void add_cell(struct text *t, char *cell)
{
	size_t column = t->cells % t->columns;

	if (t->cells == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->cell = xalloc(realloc(t->cell, t->room * sizeof(*t->cell)));
	}
	t->cell[t->cells++] = cell;
	if (characters(cell) > t->width[column])
		t->width[column] = characters(cell);
}

struct text *text_new(const char *heads)
{
	struct text *t = xalloc(calloc(1, sizeof(*t)));
	char *copy = xalloc(strdup(heads)), *rest = copy, *head;

	for (const char *p = heads; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
		t->columns++;
	while ((head = strsep(&rest, "|"))) {
		bool right = *head == '>';

		t->right[t->cells] = right;
		add_cell(t, xalloc(strdup(head + right)));
	}
	free(copy);
	return t;
}

void text_put(struct text *t, const char *fmt, ...)
{
	char *raw = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		xalloc(NULL);
	va_end(ap);
	add_cell(t, printable(raw));
	free(raw);
}

void text_print(struct text *t, FILE *out, const char *indent)
{
	for (size_t i = 0; i < t->cells; i++) {
		size_t column = i % t->columns;
		bool last = column + 1 == t->columns;
		int pad = (int)(t->width[column] - characters(t->cell[i]));

		if (column == 0)
			fputs(indent, out);
		/* nothing behind the last cell: no blanks at line ends */
		fprintf(out, "%*s%s%*s", t->right[column] ? pad : 0, "", t->cell[i],
			t->right[column] || last ? 0 : pad, "");
		fputs(last ? "\n" : "  ", out);
	}
	for (size_t i = 0; i < t->cells; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t);
}
