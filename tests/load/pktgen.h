/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's packet generator (Documentation/networking/pktgen.rst): what it puts
 * into a UDP payload, all words in network order and zeros after them, and how the
 * sink finds a packet's room and place in it.
 *
 * One pktgen device numbers its packets from 1 and goes round its destination ports,
 * the second one first: packet n of ROOMS rooms on successive ports is room n % ROOMS's,
 * and that room's number n / ROOMS.
 */
#ifndef CRIER_LOAD_PKTGEN_H
#define CRIER_LOAD_PKTGEN_H

#include <linux/types.h>

#include "wire.h"

#define PKTGEN_MAGIC 0xbe9be955U
#define PKTGEN_TIME 8		/* offset of the two words that say when it was sent */
#define PKTGEN_KIND 0x706b7467U /* of a stream id in tally.h: id is the room's number */

struct pktgen_head {
	__be32 magic;
	__be32 n;
	__be32 sec, usec; /* CLOCK_REALTIME */
};
_Static_assert(sizeof(struct pktgen_head) == 16, "pktgen's header is a wire format");

#ifndef __bpf__

#include <arpa/inet.h>
#include <stdio.h>

/* What the sink makes of a packet of len bytes: all but its time, which is not known here. */
static inline __u64 pktgen_hash(__u32 n, size_t len)
{
	static const char zeros[2048];
	__be32 head[2] = {htonl(PKTGEN_MAGIC), htonl(n)};
	struct wire_hash h = {WIRE_SEED, WIRE_SEED};

	wire_hash_part(&h, head, sizeof(head));
	wire_hash_part(&h, zeros, len - sizeof(struct pktgen_head));
	return wire_hash_end(&h, len - 8);
}

/* Room number `room` of `rooms`, as 'publish --rooms' names them. */
static inline const char *pktgen_room(char buf[64], const char *name, __u32 rooms, __u32 room)
{
	if (rooms == 1)
		snprintf(buf, 64, "%s", name);
	else
		snprintf(buf, 64, "%s%u", name, room + 1);
	return buf;
}

#endif
#endif
