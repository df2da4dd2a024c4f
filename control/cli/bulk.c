// SPDX-License-Identifier: BSD-2-Clause
#include "bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

int bulk_open(struct bulk *b, const char *path)
{
	const char *max = getenv("CRIERCTL_PART_MAX"); /* tests: small parts */
	uint64_t n;

	memset(b, 0, sizeof(*b));
	b->part_max = max && !number_parse(max, 16, BULK_PART_MAX, &n) ? n : BULK_PART_MAX;
	if (strcmp(path, "-") == 0) {
		b->name = "stdin";
		b->fd = STDIN_FILENO;
		return 0;
	}
	b->name = path;
	b->fd = open(path, O_RDONLY | O_CLOEXEC);
	return b->fd < 0 ? -1 : 0;
}

/* Reads until the buffer holds a whole part or the file ends. */
static int fill(struct bulk *b)
{
	while (!b->eof && b->len < b->part_max) {
		ssize_t n;

		if (b->len == b->room) {
			b->room = b->room ? 2 * b->room : 1 << 20;
			if (b->room > b->part_max)
				b->room = b->part_max;
			b->buf = xalloc(realloc(b->buf, b->room));
		}
		n = read(b->fd, b->buf + b->len, b->room - b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			snprintf(b->error, sizeof(b->error), "cannot read it: %s", strerror(errno));
			return -1;
		}
		b->eof = n == 0;
		b->len += (size_t)n;
	}
	return 0;
}

static uint64_t count_lines(const char *data, size_t len)
{
	const char *end = data + len;
	uint64_t n = 0;

	while (data < end && (data = memchr(data, '\n', (size_t)(end - data)))) {
		data++;
		n++;
	}
	return n;
}

int bulk_next(struct bulk *b)
{
	const char *last;

	if (b->taken) {
		b->lines_before += count_lines(b->buf, b->taken);
		b->len -= b->taken;
		memmove(b->buf, b->buf + b->taken, b->len);
		b->taken = 0;
	}
	if (fill(b))
		return -1;
	/* An empty file is one empty part: crierd has its say about the room. */
	if (b->len == 0 && b->parts)
		return 0;
	b->parts++;
	b->taken = b->len;
	if (!b->eof) {
		last = memrchr(b->buf, '\n', b->len);
		if (!last) {
			snprintf(b->error, sizeof(b->error),
				 "line %" PRIu64
				 " is longer than a request: is it a list of listeners?",
				 b->lines_before + 1);
			return -1;
		}
		b->taken = (size_t)(last - b->buf) + 1;
	}
	b->part = b->buf ? b->buf : "";
	b->part_len = b->taken;
	return 1;
}

bool bulk_ended(const struct bulk *b)
{
	return b->eof && b->taken == b->len;
}

void bulk_close(struct bulk *b)
{
	if (b->fd > STDERR_FILENO)
		close(b->fd);
	free(b->buf);
}
