/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sink's maps and rules, and how its program finds what is in them. */
#ifndef CRIER_LOAD_SINK_MAPS_BPF_H
#define CRIER_LOAD_SINK_MAPS_BPF_H

#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "pktgen.h"
#include "tally.h"
#include "wire.h"

#define NO_MEMBER (-1)
#define FRAME_MAX 2048 /* longest payload that is looked at */
#define CAS_TRIES 16

const volatile struct tally_rules rules = {};

#define MAP(name, value_type, entries) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, entries); \
		__type(key, __u32); \
		__type(value, value_type); \
	} name SEC(".maps")

/* Those of one entry are sized by the loader. */
MAP(cpus, struct tally_cpu, 1);
MAP(members, struct tally_member, 1);
MAP(marks, struct tally_mark, 1);
MAP(streams, struct tally_stream, 1);
MAP(packets, struct tally_packet, 1);
MAP(reports, struct tally_report, 1);
MAP(stamps, struct tally_stamp, TALLY_STAMPS);
MAP(place, __u64, 1); /* the index: see wire_probe_start() */
MAP(events, struct tally_event, TALLY_N *TALLY_EVENTS);
MAP(event_counts, __u64, TALLY_N);

MAP(stream_ids, struct tally_stream_id, 1);

/* The member of that key, or NO_MEMBER. */
__noinline int member_find(struct wire_key *k)
{
	struct wire_probe probe;
	struct tally_member *m;
	__u32 slot, n, mask = rules.index_mask;
	__u64 *word;
	int i;

	if (!k)
		return NO_MEMBER;
	wire_probe_start(&probe, k);
	for (i = 0; i < WIRE_INDEX_PROBES; i++) {
		slot = wire_probe_slot(&probe, mask);
		word = bpf_map_lookup_elem(&place, &slot);
		if (!word || !*word)
			return NO_MEMBER;
		if ((__u32)(*word >> 32) == probe.print) {
			n = (__u32)*word - 1;
			m = bpf_map_lookup_elem(&members, &n);
			if (m && m->addr[0] == k->addr[0] && m->addr[1] == k->addr[1] &&
			    m->addr[2] == k->addr[2] && m->addr[3] == k->addr[3] &&
			    m->port == k->port && (k->room == WIRE_ROOM_ANY || m->room == k->room))
				return n;
		}
		probe.block += probe.step;
	}
	return NO_MEMBER;
}

/* Number of the stream so named, or -1. */
__noinline int stream_find(__u32 id, __u32 kind)
{
	__u32 slot, at = tally_stream_hash(id, kind);
	struct tally_stream_id *s;
	int i;

	for (i = 0; i < TALLY_STREAM_PROBES; i++) {
		slot = (at + i) & rules.stream_mask;
		s = bpf_map_lookup_elem(&stream_ids, &slot);
		if (!s || !s->stream)
			return -1;
		if (s->id == id && s->kind == kind)
			return s->stream - 1;
	}
	return -1;
}

#endif
