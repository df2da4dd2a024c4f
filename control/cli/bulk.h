/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of lines, cut into parts that crierd takes in one request each.  A part
 * ends at a line's end, so that each part is a list of its own.
 */
#ifndef CRIER_CLI_BULK_H
#define CRIER_CLI_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* crierd's largest body is 64 MB; below it in either meaning of M. */
#define BULK_PART_MAX 64000000
/* Millions of lines on a busy machine take their time. */
#define BULK_TIMEOUT_MS 600000

struct bulk {
	const char *name; /* for messages */
	const char *part; /* valid until the next call */
	size_t part_len;
	uint64_t lines_before; /* lines in earlier parts */
	char error[128];

	/* own */
	int fd;
	bool eof;
	char *buf;
	size_t len, room, taken, part_max, parts;
};

/* "-" is stdin.  0, or -1 with errno. */
int bulk_open(struct bulk *b, const char *path);
/* 1: here is a part; 0: that was all; -1: see error. */
int bulk_next(struct bulk *b);
/* Whether the part at hand is the last. */
bool bulk_ended(const struct bulk *b);
void bulk_close(struct bulk *b);

#endif
