/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of text whose columns are as wide as their widest cell.  Cells are
 * copied, with control characters replaced.
 */
#ifndef CRIER_CLI_TEXT_H
#define CRIER_CLI_TEXT_H

#include <stdio.h>

struct text;

/* heads: one word a column, "a|b|c"; a head that begins with '>' is set to the right. */
struct text *text_new(const char *heads);
/* The next cell; after the last column comes the next row. */
void text_put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees it. */
void text_print(struct text *t, FILE *out, const char *indent);

#endif
