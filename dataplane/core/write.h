/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing copies: the loop that all of crier is there for.
 *
 * A run of members that share a next hop is written in one go, in one of several ways,
 * by what vectors the CPU has.  All ways write the same bytes.  Used by any thread.
 */
#ifndef CRIER_WRITE_H
#define CRIER_WRITE_H

#include "frame.h"

struct write_way {
	const char *name;
	bool (*here)(void); /* does this CPU have what it takes? */
	/* n copies of an IPv4 frame into out[0, n), for members by their words. */
	void (*run4)(const struct frame *f, struct out_frame *out, const uint64_t *word,
		     uint32_t n);
};

/* Best first; ends with one that is always here, and a NULL name. */
extern const struct write_way write_ways[];

/* The first that is here.  Looks at the CPU: to be asked once. */
const struct write_way *write_way_best(void);

#endif
