/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies, and what a worker received from a device that XDP does not see, for crierctl
 * capture: a worker's part of "capture_ring", overwritten from its
 * start when full.  The reader (crierd) takes a record for whole if its serial was the
 * same before and after it read.
 */
#ifndef CRIER_CAPTURE_H
#define CRIER_CAPTURE_H

#include "out.h"
#include "xdp/tables.h"

struct capture {
	struct crier_capture_rec *rec; /* this worker's CRIER_CAPTURE_SLOTS */
	uint64_t written;
};

void capture_init(struct capture *c, const struct tables *t, uint32_t worker);

/* Are copies of this room wanted? */
static inline bool capture_wants(const struct tables *t, uint32_t room)
{
	uint64_t want = tbl_load(&t->config->capture);
	uint32_t only = (uint32_t)(want >> 32);

	return (want & CRIER_CAPTURE_COPIES) && (!only || only == room);
}

/* Keeps a packet; verdict: enum crier_xdp_counter, or CRIER_CAPTURE_COPY. */
void capture_packet(struct capture *c, const uint8_t *data, uint32_t len, uint32_t room,
		    uint32_t ifindex, uint32_t verdict, uint64_t now_ns);

/* Keeps the frames that were written into o. */
void capture_frames(struct capture *c, const struct out *o, uint32_t room, uint32_t ifindex,
		    uint64_t now_ns);

#endif
