/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the sink writes down what it saw: faults, windows, times, packets on record. */
#ifndef CRIER_LOAD_SINK_NOTE_H
#define CRIER_LOAD_SINK_NOTE_H

#include "sink_view.h"

static __always_inline void count(struct tally_cpu *cpu, __u32 n)
{
	cpu->c[n]++;
}

/* One more of this fault: keep the first few whole, for the report. */
VERIFIED_ALONE int fault_note(struct view *v, __u32 counter)
{
	__u32 cpu = CPU_NOW();
	struct tally_event *e;
	struct tally_cpu *c;
	__u64 *seen, at;

	if (!v || counter >= TALLY_N || counter >= 32)
		return 0;
	c = tables_cpus(v->t, cpu);
	if (c)
		c->c[counter]++;
	seen = tables_event_counts(v->t, counter);
	if (!seen || *seen >= TALLY_EVENTS)
		return 0;
	at = TALLY_ADD(seen, 1);
	if (at >= TALLY_EVENTS)
		return 0;
	e = tables_events(v->t, counter * TALLY_EVENTS + (__u32)at);
	if (!e)
		return 0;
	e->ns = v->now;
	__builtin_memcpy(e->saddr, v->src, 16);
	__builtin_memcpy(e->daddr, v->key.addr, 16);
	e->sport = v->sport;
	e->dport = v->key.port;
	e->stream = v->stream;
	e->pos = v->kind == KIND_UDP || v->synth ? (__u32)v->s.seq : v->seq;
	e->len = v->len;
	e->member = v->member;
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
VERIFIED_ALONE int window_note(struct view *v, __u32 mark_number, __u32 pos)
{
	struct tally_mark *mark;
	__u64 old, next;
	__u32 bits, top;
	int i, ahead;

	if (!v)
		return CONTENDED;
	mark = tables_marks(v->t, mark_number);
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
		if (TALLY_CAS(&mark->window, old, next)) {
			if (!old)
				mark->first = pos;
			(void)TALLY_ADD(&mark->copies, 1);
			return verdict;
		}
	}
	return CONTENDED;
}

/* The same for sender reports: their NTP time grows. */
VERIFIED_ALONE int report_note(struct view *v, __u32 mark_number)
{
	struct tally_mark *mark;
	__u64 old;
	int i;

	if (!v)
		return CONTENDED;
	mark = tables_marks(v->t, mark_number);
	if (!mark)
		return CONTENDED;
	for (i = 0; i < CAS_TRIES; i++) {
		old = *(volatile __u64 *)&mark->rtcp_ntp;
		if (v->ntp == old)
			return DOUBLED;
		if (v->ntp < old) {
			(void)TALLY_ADD(&mark->rtcp_copies, 1);
			return FRESH_LATE;
		}
		if (TALLY_CAS(&mark->rtcp_ntp, old, v->ntp)) {
			(void)TALLY_ADD(&mark->rtcp_copies, 1);
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
static __always_inline struct tally_packet *packet_record(struct view *v, __u32 pos, __u64 hash)
{
	sink_rules *rules = tables_rules(v->t);
	__u32 row = v->cpu * rules->streams + (__u32)v->stream;
	__u32 n = row * rules->ring + (pos & (rules->ring - 1));
	struct tally_packet *p = tables_packets(v->t, n);

	if (!p)
		return NULL;
	if (p->pos == pos)
		return p;
	if (p->pos && (__s32)(pos - p->pos) < 0)
		return NULL; /* its record is gone: harvested long ago */
	p->pos = 0;
	p->first_ns = v->now;
	p->last_ns = v->now;
	p->hash = hash;
	p->copies = 0;
	p->pos = pos;
	return p;
}

static __always_inline struct tally_report *report_record(struct view *v, __u64 hash)
{
	__u32 row = v->cpu * tables_rules(v->t)->streams + (__u32)v->stream;
	__u32 n = row * TALLY_REPORTS + tally_report_slot(v->ntp);
	struct tally_report *r = tables_reports(v->t, n);

	if (r && r->ntp != v->ntp) {
		r->ntp = v->ntp;
		r->hash = hash;
		r->copies = 0;
	}
	return r;
}

#endif
