/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How guard.bpf.c changes packets; what bench_guard.c tells it by the map "turn". */
#ifndef CRIER_BENCH_GUARD_TURN_H
#define CRIER_BENCH_GUARD_TURN_H

#include <linux/types.h>

#define GUARD_TURN_SOURCES 65536

struct guard_turn {
	__u32 base, mask; /* a source is base + what the mask leaves of its number or its hash */
	__u32 random;	  /* hashes, all over the mask; or else numbers, in order */
	__u32 sum;	  /* of the IPv4 header's other words */
	__u32 spoil;	  /* a lie in its checksum */
	__u32 family6;
	__u32 ifindex; /* where floods go */
	__u32 n;
};

static inline __u32 guard_turn_source(const struct guard_turn *t, __u32 n)
{
	n %= GUARD_TURN_SOURCES;
	return t->base + ((t->random ? n * 2654435761U : n) & t->mask);
}

#endif
