/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying: a burst of members and a packet in, written frames out.
 *
 * Knows next hops and frames but no port: frames come from a lender, asked once a
 * burst for each port that the burst leaves by.  Used by one thread.
 */
#ifndef CRIER_COPY_H
#define CRIER_COPY_H

#include "frame.h"
#include "walk.h"
#include "write.h"

#define COPY_OUTS 16 /* ports of one worker */

/*
 * Lends up to n frames of port `out` by setting o->frame and o->n (0: none in time),
 * with o->used = 0.  The caller of copy_burst() takes back what was written.
 */
typedef void copy_lend(void *lender, uint32_t out, uint32_t n, struct out *o);

struct copier {
	struct links links;
	struct frame frame;
	struct out outs[COPY_OUTS];
	uint32_t n_outs;
	copy_lend *lend;
	void *lender;
	const struct write_way *way;
};

/* What became of members: each is in exactly one of these. */
struct copy_counts {
	uint64_t copies;
	uint64_t copies6; /* of copies */
	uint64_t bytes;
	uint64_t drop[COPY_DROPS];
};

void copier_init(struct copier *c, const struct tables *t, copy_lend *lend, void *lender);

/*
 * Writes a copy of the frame (begun with the burst's family) for each member, into
 * c->outs.  Adds to counts.
 */
void copy_burst(struct copier *c, const struct walk_burst *b, struct copy_counts *counts);

#endif
