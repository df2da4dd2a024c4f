/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the sink writes down what it saw: faults, windows, times, packets on record. */
#ifndef CRIER_LOAD_SINK_NOTE_BPF_H
#define CRIER_LOAD_SINK_NOTE_BPF_H

#include "sink_view.bpf.h"

static __always_inline void count(struct tally_cpu *cpu, __u32 n)
{
	cpu->c[n]++;
}

/* One more of this fault: keep the first few whole, for the report. */
__noinline int fault_note(struct view *v, __u32 counter, int stream, int member_pos)
{
	__u32 member = (__u32)member_pos;
	__u32 n, cpu = bpf_get_smp_processor_id();
	struct tally_event *e;
	struct tally_cpu *c;
	__u64 *seen, at;

	if (!v || counter >= TALLY_N || counter >= 32)
		return 0;
	c = bpf_map_lookup_elem(&cpus, &cpu);
	if (c)
		c->c[counter]++;
	seen = bpf_map_lookup_elem(&event_counts, &counter);
	if (!seen || *seen >= TALLY_EVENTS)
		return 0;
	at = __sync_fetch_and_add(seen, 1);
	if (at >= TALLY_EVENTS)
		return 0;
	n = counter * TALLY_EVENTS + (__u32)at;
	e = bpf_map_lookup_elem(&events, &n);
	if (!e)
		return 0;
	e->ns = v->now;
	__builtin_memcpy(e->saddr, v->src, 16);
	__builtin_memcpy(e->daddr, v->key.addr, 16);
	e->sport = v->sport;
	e->dport = v->key.port;
	e->stream = stream;
	e->pos = v->kind == KIND_UDP || v->synth ? (__u32)v->s.seq : v->seq;
	e->len = v->len;
	e->member = (__s32)member;
	return 0;
}

static __always_inline __u32 log2_64(__u64 v)
{
	__u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r += 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (__u32)(v >> 1);
}

static __always_inline void latency_add(struct tally_cpu *cpu, __u64 ns)
{
	__u32 e, i = (__u32)ns;

	if (ns >= 1 << TALLY_HIST_BITS) {
		e = log2_64(ns) & 63;
		i = ((e - TALLY_HIST_BITS + 1) << TALLY_HIST_BITS) +
		    ((__u32)(ns >> ((e - TALLY_HIST_BITS) & 63)) & ((1 << TALLY_HIST_BITS) - 1));
	}
	if (i < TALLY_HIST)
		cpu->latency[i]++;
	cpu->latency_n++;
	if (ns > cpu->latency_max_ns)
		cpu->latency_max_ns = ns;
}

enum fresh { FRESH, FRESH_LATE, DOUBLED, STALE, CONTENDED };

/* Note position pos in a listener's window of the last 32: is it there already? */
__noinline int window_note(__u32 mark_number, __u32 pos)
{
	struct tally_mark *mark = bpf_map_lookup_elem(&marks, &mark_number);
	__u64 old, next;
	__u32 bits, top;
	int i, ahead;

	if (!mark)
		return CONTENDED;
	for (i = 0; i < CAS_TRIES; i++) {
		int verdict = FRESH;

		old = *(volatile __u64 *)&mark->window;
		bits = (__u32)old;
		top = (__u32)(old >> 32);
		ahead = (int)(pos - top);
		if (!bits) {
			top = pos;
			bits = 1;
		} else if (ahead > 0) {
			bits = ahead < 32 ? bits << (ahead & 31) | 1 : 1;
			top = pos;
		} else if (ahead <= -32) {
			return STALE;
		} else if (bits >> (-ahead & 31) & 1) {
			return DOUBLED;
		} else {
			bits |= 1U << (-ahead & 31);
			verdict = FRESH_LATE;
		}
		next = (__u64)top << 32 | bits;
		if (__sync_val_compare_and_swap(&mark->window, old, next) == old) {
			if (!old)
				mark->first = pos;
			__sync_fetch_and_add(&mark->copies, 1);
			return verdict;
		}
	}
	return CONTENDED;
}

/* The same for sender reports: their NTP time grows. */
__noinline int report_note(__u32 mark_number, __u64 ntp)
{
	struct tally_mark *mark = bpf_map_lookup_elem(&marks, &mark_number);
	__u64 old;
	int i;

	if (!mark)
		return CONTENDED;
	for (i = 0; i < CAS_TRIES; i++) {
		old = *(volatile __u64 *)&mark->rtcp_ntp;
		if (ntp == old)
			return DOUBLED;
		if (ntp < old) {
			__sync_fetch_and_add(&mark->rtcp_copies, 1);
			return FRESH_LATE;
		}
		if (__sync_val_compare_and_swap(&mark->rtcp_ntp, old, ntp) == old) {
			__sync_fetch_and_add(&mark->rtcp_copies, 1);
			return FRESH;
		}
	}
	return CONTENDED;
}

/* An RTP sequence number's position: near the highest one of the stream. */
static __always_inline __u32 position(struct tally_stream *st, __u32 seq)
{
	__u32 highest = *(volatile __u32 *)&st->highest;

	if (!highest)
		return WIRE_POS_BASE + seq;
	return highest + (__u32)(__s32)(__s16)(seq - highest);
}

static __always_inline void position_note(struct tally_stream *st, __u32 pos)
{
	__u32 highest = *(volatile __u32 *)&st->highest;

	if (!highest || (__s32)(pos - highest) > 0)
		*(volatile __u32 *)&st->highest = pos;
}

/* This CPU's record of a packet: when its copies came, what is in them. */
static __always_inline struct tally_packet *packet_record(__u32 cpu, __u32 stream, __u32 pos,
							  __u64 now, __u64 hash)
{
	__u32 n = (cpu * rules.streams + stream) * rules.ring + (pos & (rules.ring - 1));
	struct tally_packet *p = bpf_map_lookup_elem(&packets, &n);

	if (!p)
		return NULL;
	if (p->pos == pos)
		return p;
	if (p->pos && (__s32)(pos - p->pos) < 0)
		return NULL; /* its record is gone: harvested long ago */
	p->pos = 0;
	p->first_ns = now;
	p->last_ns = now;
	p->hash = hash;
	p->copies = 0;
	p->pos = pos;
	return p;
}

static __always_inline struct tally_report *report_record(__u32 cpu, __u32 stream, __u64 ntp,
							  __u64 hash)
{
	__u32 n = (cpu * rules.streams + stream) * TALLY_REPORTS + tally_report_slot(ntp);
	struct tally_report *r = bpf_map_lookup_elem(&reports, &n);

	if (r && r->ntp != ntp) {
		r->ntp = ntp;
		r->hash = hash;
		r->copies = 0;
	}
	return r;
}

#endif
