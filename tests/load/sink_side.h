/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the sink's tables lie: the two sides of sink.c, which alone calls these.  An
 * open sets the pointers in struct sink that all else reads and writes; what it made
 * when it fails, the close of that side takes away.
 */
#ifndef CRIER_LOAD_SINK_SIDE_H
#define CRIER_LOAD_SINK_SIDE_H

#include "sink.h"

/* Entries of each table that has no fixed number of them. */
struct sink_sizes {
	uint32_t members, marks, streams, packets, reports, place, stream_ids;
};

/* In the kernel, judged by an XDP program: the only user of the skeleton. */
int sink_xdp_open(struct sink *s, const struct sink_config *c, const struct sink_sizes *size,
		  const struct tally_rules *rules);
void sink_xdp_close(struct sink *s);
int sink_xdp_feed(struct sink *s, const void *frame, size_t len, uint32_t repeat, uint32_t *ns);

/* In memory, judged by sink_memory_judge(). */
int sink_memory_open(struct sink *s, const struct sink_config *c, const struct sink_sizes *size,
		     const struct tally_rules *rules);
void sink_memory_close(struct sink *s);

#endif
