/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of which a body has one item a line, taken line by line. */
#ifndef CRIER_CONTROL_LINES_H
#define CRIER_CONTROL_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 4096

struct evbuffer;

/*
 * Takes the next line out of a body: *line is the caller's to free, len bytes.  1; 0: the
 * body has ended; -E2BIG: it is longer than LINE_MAX_BYTES, so that this is no list;
 * -ENOMEM.
 */
int line_next(struct evbuffer *in, char **line, size_t *len);

/* Leaves out a comment and the blanks around.  False: nothing is left. */
bool line_trim(const char **line, size_t *len);

#endif
