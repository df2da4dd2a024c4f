/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hash of crierd's index of members (table.h, "member_index"): one code for crierd, who
 * writes the index, and for the guard, which reads it, in BPF and natively.
 *
 * By address and port alone, for a packet doesn't say which room it is about: of who hears
 * several rooms one word stands here, and which one is all the same.  Keyed, so that who
 * picks addresses cannot pick collisions by much.
 */
#ifndef CRIER_MEMBERS_H
#define CRIER_MEMBERS_H

#include "packet.h"
#include "table.h"

PACKET_INLINE __u64 member_mix(__u64 h)
{
	h *= 0x9e3779b97f4a7c15ULL;
	h ^= h >> 32;
	h *= 0xbf58476d1ce4e5b9ULL;
	return h ^ h >> 29;
}

/* The upper half says where, the lower one has the piece to compare. */
PACKET_INLINE __u64 member_hash(__u64 seed, const struct crier_addr *addr, int family6, __be16 port)
{
	__u64 h = seed;

	if (family6) {
		h = member_mix(h ^ addr->q[0]) + seed;
		h = member_mix(h ^ addr->q[1]) + seed;
		h = member_mix(h ^ port);
	} else {
		h = member_mix(h ^ member4_word(addr->w[3], port, 0));
	}
	return h * 0x94d049bb133111ebULL ^ h >> 32;
}

#endif
