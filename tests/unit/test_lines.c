/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of lines: how long one may be, to the byte, and the last one without its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "control/lines.h"

static struct evbuffer *in;
static char text[LINE_MAX_BYTES + 2];

static void put(size_t len, const char *end)
{
	evbuffer_add(in, text, len);
	evbuffer_add(in, end, strlen(end));
}

static void takes(int want, size_t want_len)
{
	char *line = NULL;
	size_t len = 0;

	assert_int_equal(line_next(in, &line, &len), want);
	if (want != 1)
		return;
	assert_int_equal(len, want_len);
	assert_memory_equal(line, "xxxxxxxxxx", len < 10 ? len : 10);
	free(line);
}

static void lengths(void **state)
{
	static const char *const ends[] = {"\n", "", "\nx\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t len = LINE_MAX_BYTES - 1; len <= LINE_MAX_BYTES + 1; len++) {
			in = evbuffer_new();
			put(len, ends[i]);
			takes(len > LINE_MAX_BYTES ? -E2BIG : 1, len);
			if (len <= LINE_MAX_BYTES && i == 2)
				takes(1, 1);
			if (len <= LINE_MAX_BYTES)
				takes(0, 0);
			evbuffer_free(in);
		}
	}
}

/* A line that came in pieces, and more after it. */
static void pieces(void **state)
{
	(void)state;
	in = evbuffer_new();
	for (int i = 0; i < 12; i++) {
		struct evbuffer *piece = evbuffer_new();

		evbuffer_add_printf(piece, "%.*s%s", LINE_MAX_BYTES / 4, text,
				    i % 4 == 3 ? "\n" : "");
		evbuffer_add_buffer(in, piece);
		evbuffer_free(piece);
	}
	for (int i = 0; i < 3; i++)
		takes(1, LINE_MAX_BYTES);
	takes(0, 0);
	evbuffer_free(in);
}

static void trims(void **state)
{
	static const struct {
		const char *line, *left;
	} cases[] = {
		{" a\t\r", "a"}, {"a # b", "a"}, {"# b", NULL},
		{" \t", NULL},	 {"", NULL},	 {"a b", "a b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line = cases[i].line;
		size_t len = strlen(line);

		assert_int_equal(line_trim(&line, &len), cases[i].left != NULL);
		if (cases[i].left) {
			assert_int_equal(len, strlen(cases[i].left));
			assert_memory_equal(line, cases[i].left, len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(pieces),
		cmocka_unit_test(trims),
	};

	memset(text, 'x', sizeof(text) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
