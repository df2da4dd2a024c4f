/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet frames for the sink's tests and for publishers without a network stack, right
 * or wrong in one respect.  The checksums are summed the slow way: what checks a checksum
 * must not be checked by itself.
 */
#ifndef CRIER_LOAD_FRAME_H
#define CRIER_LOAD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "xdp/addr.h"

#define FRAME_MAX_BYTES 2048

enum frame_fault {
	FRAME_RIGHT,
	FRAME_BAD_IP_CHECKSUM,
	FRAME_BAD_UDP_CHECKSUM,
	FRAME_NO_UDP_CHECKSUM,
	FRAME_UDP_TOO_LONG,
	FRAME_UDP_TOO_SHORT,
	FRAME_CUT,     /* ends before its IP length */
	FRAME_FLIPPED, /* a payload bit flipped after the checksums were made */
};

struct frame_spec {
	struct crier_endpoint from, to;
	uint8_t src_mac[6], dst_mac[6];
	int vlans;
	uint8_t ttl, dscp;
	enum frame_fault fault;
};

/* Returns the length. */
size_t frame_build(uint8_t out[FRAME_MAX_BYTES], const struct frame_spec *spec, const void *payload,
		   size_t len);

#endif
