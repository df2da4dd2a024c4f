/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/lines.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

/* False: there is more, and no end of a line in so much of it as a line may be long. */
static bool line_ends(struct evbuffer *in)
{
	struct evbuffer_ptr end, found;

	if (evbuffer_get_length(in) <= LINE_MAX_BYTES)
		return true;
	evbuffer_ptr_set(in, &end, LINE_MAX_BYTES + 1, EVBUFFER_PTR_SET); /* its end is behind it */
	found = evbuffer_search_range(in, "\n", 1, NULL, &end);
	return found.pos >= 0;
}

int line_next(struct evbuffer *in, char **line, size_t *len)
{
	if (!line_ends(in))
		return -E2BIG;
	*line = evbuffer_readln(in, len, EVBUFFER_EOL_LF);
	if (*line)
		return 1;
	*len = evbuffer_get_length(in); /* the last one may lack its end */
	if (!*len)
		return 0;
	*line = malloc(*len);
	if (!*line)
		return -ENOMEM;
	evbuffer_remove(in, *line, *len);
	return 1;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool line_trim(const char **line, size_t *len)
{
	const char *hash = memchr(*line, '#', *len);

	if (hash)
		*len = (size_t)(hash - *line);
	while (*len && is_space((*line)[*len - 1]))
		(*len)--;
	while (*len && is_space(**line))
		(*line)++, (*len)--;
	return *len > 0;
}
