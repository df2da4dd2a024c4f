/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard's prefixes as people write them, and lists of them.  Pure functions on their
 * arguments: any thread.
 */
#ifndef CRIER_CONTROL_GUARD_LIST_H
#define CRIER_CONTROL_GUARD_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "xdp/table.h"

#define GUARD_ERR_LEN 320
#define PREFIX_STRLEN 52 /* longest prefix, terminated */

/*
 * ADDRESS/LENGTH, or an ADDRESS alone for itself; out->value is left 0.  0, or -EINVAL with
 * a sentence: bits beyond the length are refused, since there is no telling which of the
 * two was meant.
 */
int guard_prefix_parse(const char *s, size_t len, struct crier_guard_prefix *out,
		       char err[GUARD_ERR_LEN]);
/* Returns buf. */
const char *guard_prefix_format(char buf[PREFIX_STRLEN], const struct crier_guard_prefix *p);

/* "block", "allow"; and back, CRIER_GUARD_NONE for any other word. */
const char *guard_value_name(uint32_t value);
uint32_t guard_value_find(const char *name);

enum guard_op {
	GUARD_ADD,
	GUARD_DELETE,  /* whatever the list */
	GUARD_REPLACE, /* the lists of `lists` become what is given */
};
#define GUARD_LISTS_BOTH (1U << CRIER_GUARD_ALLOW | 1U << CRIER_GUARD_BLOCK)

/* A prefix that somebody gave, and where: line 0 is none. */
struct guard_line {
	struct crier_guard_prefix p;
	uint64_t line;
};

struct guard_counts {
	uint64_t added, existing;	 /* GUARD_ADD, GUARD_REPLACE */
	uint64_t deleted, missing;	 /* GUARD_DELETE, GUARD_REPLACE */
	uint32_t prefixes, block, allow; /* in the list that came of it */
};

/*
 * Makes the list `out` (at most `most`) of the sorted list `old` and what is given, which
 * gets sorted.  0; -EEXIST: *bad is on the other list; -EINVAL: it is given for both; -ENOSPC:
 * counts->prefixes tells how many there would be.
 */
int guard_list_merge(enum guard_op op, uint32_t lists, const struct crier_guard_prefix *old,
		     uint32_t old_n, struct guard_line *given, uint32_t given_n,
		     struct crier_guard_prefix *out, uint32_t most, struct guard_counts *counts,
		     struct guard_line *bad);

/* The first place in a sorted list after p. */
uint32_t guard_list_after(const struct crier_guard_prefix *list, uint32_t n,
			  const struct crier_guard_prefix *p);

#endif
