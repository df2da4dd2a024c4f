/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sink's tables and rules, as those who judge see them: BPF maps where a program in
 * the kernel judges, plain memory where crier-load does it itself.  The rules of judging
 * (sink_view.h, sink_note.h, sink_copy.h) are written once and compile for both.
 *
 * In the kernel several CPUs judge at once, so what belongs to a listener is changed by
 * atomic instructions.  In memory one thread judges and others only read: a locked
 * instruction would cost it 20 cycles a copy and buy nothing.
 */
#ifndef CRIER_LOAD_SINK_TABLES_H
#define CRIER_LOAD_SINK_TABLES_H

#include <stddef.h>

#include "tally.h"
#include "wire.h"

#define NO_MEMBER (-1)
#define NO_STREAM (-1)
#define FRAME_MAX 2048 /* longest payload that is looked at */
#define CAS_TRIES 16

#ifdef __bpf__

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

/* A function that the verifier looks at once, by itself; see sink.bpf.c. */
#define VERIFIED_ALONE __noinline
#define CPU_NOW() bpf_get_smp_processor_id()
#define TALLY_ADD(p, n) __sync_fetch_and_add(p, n) /* what was there before */
#define TALLY_CAS(p, old, next) (__sync_val_compare_and_swap(p, old, next) == (old))
#define UNALIGNED
#define UNROLL _Pragma("unroll")

typedef struct xdp_md sink_frame;
typedef const volatile struct tally_rules sink_rules; /* frozen by the loader, not by clang */
struct tables;

const volatile struct tally_rules rules = {};

static __always_inline sink_rules *tables_rules(const struct tables *t)
{
	(void)t;
	return &rules;
}

#define TABLE(value_type, name, entries) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, entries); \
		__type(key, __u32); \
		__type(value, value_type); \
	} name SEC(".maps"); \
	static __always_inline value_type *tables_##name(const struct tables *t, __u32 n) \
	{ \
		(void)t; \
		return bpf_map_lookup_elem(&name, &n); \
	}

#else

#include <netinet/in.h>
#include <linux/bpf.h> /* the verdicts */

#define VERIFIED_ALONE static inline
#define CPU_NOW() 0
#define TALLY_ADD(p, n) ((*(p) += (n)) - (n))
#define TALLY_CAS(p, old, next) (*(p) = (next), 1)
/* A kernel's load takes any address; C has to be told. */
#define UNALIGNED __attribute__((aligned(1)))
#define UNROLL

typedef struct {
	const void *data, *data_end;
} sink_frame;
typedef const struct tally_rules sink_rules;

struct tables {
	struct tally_rules rules;
	struct tally_cpu *cpus;
	struct tally_member *members;
	struct tally_mark *marks;
	struct tally_stream *streams;
	struct tally_packet *packets;
	struct tally_report *reports;
	struct tally_stamp *stamps;
	__u64 *place;
	struct tally_event *events;
	__u64 *event_counts;
	struct tally_stream_id *stream_ids;
};

static __always_inline sink_rules *tables_rules(const struct tables *t)
{
	return &t->rules;
}

/* Numbers come from the tables themselves or under a mask: none can be out of bounds. */
#define TABLE(value_type, name, entries) \
	static __always_inline value_type *tables_##name(const struct tables *t, __u32 n) \
	{ \
		return &t->name[n]; \
	}

#endif

/* Those of one entry are sized by the loader. */
TABLE(struct tally_cpu, cpus, 1)
TABLE(struct tally_member, members, 1)
TABLE(struct tally_mark, marks, 1)
TABLE(struct tally_stream, streams, 1)
TABLE(struct tally_packet, packets, 1)
TABLE(struct tally_report, reports, 1)
TABLE(struct tally_stamp, stamps, TALLY_STAMPS)
TABLE(__u64, place, 1) /* the index: see wire_probe_start() */
TABLE(struct tally_event, events, TALLY_N *TALLY_EVENTS)
TABLE(__u64, event_counts, TALLY_N)
TABLE(struct tally_stream_id, stream_ids, 1)

#endif
