/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One packet as frames to many listeners: a fan-out without a crier, to try the sink with.
 * The frame is made once; per listener only address, port and checksums change (RFC 1624
 * section 3).  The sums are this file's own: crier's are on trial, the sink's try them.
 */
#ifndef CRIER_LOAD_FAN_H
#define CRIER_LOAD_FAN_H

#include "frame.h"
#include "tally.h"

struct fan {
	uint8_t frame[FRAME_MAX_BYTES];
	uint32_t len;
	uint32_t ip, udp;	  /* offsets */
	uint32_t ip_sum, udp_sum; /* of all but the listener's address and port */
	bool v4;
};

/* spec.to says the family only; its faults are not for this. */
void fan_make(struct fan *fan, const struct frame_spec *spec, const void *payload, size_t len);

/* The whole frame of fan->len bytes to that listener, who is of fan's family. */
void fan_write(const struct fan *fan, uint8_t *out, const struct tally_member *to);

#endif
