/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From prefixes to the trees that the guard looks addresses up in; see "guard" in
 * xdp/table.h for their layout.  A pure function on its arguments: any thread.
 */
#ifndef CRIER_GUARD_TREE_H
#define CRIER_GUARD_TREE_H

#include <stdint.h>

#include "xdp/table.h"

/*
 * The trees of n prefixes, in any order; where several hold an address the most specific
 * decides, and of one that stands twice CRIER_GUARD_BLOCK.  Bits beyond a prefix's length
 * must be 0.
 *
 * buckets is indexed by absolute number; those from `first` (not 0), at most `most` of them,
 * are written, *used tells how many, and *roots is the word for crier_guard.roots.
 * 0; -ENOSPC they don't suffice; -ENOMEM.  After an error neither *roots nor *used is set.
 */
int guard_tree_build(const struct crier_guard_prefix *p, uint32_t n,
		     struct crier_guard_bucket *buckets, uint32_t first, uint32_t most,
		     uint64_t *roots, uint32_t *used);

/* As they stand in a sorted list: IPv4 first, by address, the wider before the narrower. */
int guard_prefix_compare(const struct crier_guard_prefix *a, const struct crier_guard_prefix *b);

#endif
