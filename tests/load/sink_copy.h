/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules by which one copy is judged, as if every listener stood there.  In three
 * steps, so that who judges a burst may fetch the rows of all before he looks at one:
 * copy_look(), copy_stream(), copy_judge().
 */
#ifndef CRIER_LOAD_SINK_COPY_H
#define CRIER_LOAD_SINK_COPY_H

#include "sink_find.h"
#include "sink_note.h"

/* A packet that belongs to no stream: ours to judge only if a listener gets it. */
static __always_inline int judge_alien(struct view *v)
{
	struct tally_member *m;
	struct tally_mark *mark;

	v->member = member_find_any(v);
	if (v->member < 0)
		return XDP_PASS;
	mark = tables_marks(v->t, (__u32)v->member * tables_rules(v->t)->slots);
	if (mark)
		(void)TALLY_ADD(&mark->misdirected, 1);
	fault_note(v, TALLY_alien);
	m = tables_members(v->t, (__u32)v->member);
	return m && m->flags & TALLY_PASS ? XDP_PASS : XDP_DROP;
}

static __always_inline int judge_misdirected(struct view *v)
{
	struct tally_mark *mark;

	v->member = member_find_any(v);
	if (v->member < 0) {
		fault_note(v, TALLY_stranger);
		return XDP_DROP;
	}
	mark = tables_marks(v->t, (__u32)v->member * tables_rules(v->t)->slots);
	if (mark)
		(void)TALLY_ADD(&mark->misdirected, 1);
	fault_note(v, TALLY_other_room);
	return XDP_DROP;
}

static __always_inline int source_is_wrong(const struct view *v)
{
	sink_rules *rules = tables_rules(v->t);

	if (rules->from_port && v->sport != rules->from_port)
		return 1;
	return rules->check_from && (v->src[0] != rules->from[0] || v->src[1] != rules->from[1] ||
				     v->src[2] != rules->from[2] || v->src[3] != rules->from[3]);
}

/* Headers: what a real listener's stack or an operator would object to. */
static __always_inline int judge_headers(struct view *v, int udp_ok)
{
	sink_rules *rules = tables_rules(v->t);
	int bad = 0;

	if (v->bad_ip) {
		fault_note(v, TALLY_bad_ip_checksum);
		bad = 1;
	}
	if (!udp_ok) {
		fault_note(v, TALLY_bad_udp_checksum);
		bad = 1;
	}
	if (rules->ttl >= 0 && v->ttl != rules->ttl) {
		fault_note(v, TALLY_wrong_ttl);
		bad = 1;
	}
	if (rules->dscp >= 0 && v->dscp != rules->dscp) {
		fault_note(v, TALLY_wrong_dscp);
		bad = 1;
	}
	if (source_is_wrong(v)) {
		fault_note(v, TALLY_wrong_source);
		bad = 1;
	}
	return bad;
}

/* Count it where it is seen for the first time; 1 if it was. */
static __always_inline int judge_verdict(struct view *v, int verdict, int rtcp,
					 struct tally_mark *mark)
{
	if (verdict == FRESH)
		return 1;
	if (verdict == FRESH_LATE) {
		(void)TALLY_ADD(&mark->reordered, 1);
		fault_note(v, rtcp ? TALLY_rtcp_reordered : TALLY_reordered);
		return 1;
	}
	if (verdict == DOUBLED) {
		(void)TALLY_ADD(&mark->doubled, 1);
		fault_note(v, rtcp ? TALLY_rtcp_doubled : TALLY_doubled);
	} else if (verdict == STALE) {
		(void)TALLY_ADD(&mark->stale, 1);
		fault_note(v, TALLY_stale);
	} else {
		fault_note(v, TALLY_contended);
	}
	return 0;
}

/* A sender report; 1 if its content is not the one that others got. */
static __always_inline int judge_rtcp(struct view *v, struct scan *s, struct tally_cpu *cpu,
				      __u32 mark_n, struct tally_mark *mark)
{
	struct tally_report *r;
	int verdict;

	count(cpu, TALLY_rtcp_copies);
	r = report_record(v, s->hash);
	if (r && r->hash != s->hash) {
		fault_note(v, TALLY_corrupt);
		return 1;
	}
	verdict = report_note(v, mark_n);
	if (judge_verdict(v, verdict, 1, mark) && r)
		r->copies++;
	return 0;
}

/* Is its content what was sent?  sent: when that was, if known. */
static __always_inline int content_ok(struct view *v, struct scan *s, struct tally_stream *st,
				      int udp_ok, __u64 *sent, __u32 *pos)
{
	struct tally_stamp *stamp;
	__u32 expect;
	__u64 ns;

	if (v->pktgen) { /* what it holds is the judge's to compare */
		*sent = v->s.sent_ns;
		*pos = WIRE_POS_BASE + (__u32)v->s.seq;
		return 1;
	}
	if (v->synth) {
		if (s->hash != v->s.check || v->s.room != st->room_key || v->s.slot != st->slot)
			return 0;
		*sent = v->s.sent_ns;
		*pos = WIRE_POS_BASE + (__u32)v->s.seq;
		return 1;
	}
	*pos = position(st, v->seq);
	stamp = tables_stamps(v->t, tally_stamp_slot(v->ssrc, v->seq));
	if (!stamp)
		return udp_ok;
	ns = *(volatile __u64 *)&stamp->ns;
	expect = *(volatile __u32 *)&stamp->seq;
	if (!ns || stamp->ssrc != v->ssrc || expect != v->seq)
		return udp_ok;
	*sent = ns;
	return stamp->hash == s->hash;
}

static __always_inline void judge_fresh(struct view *v, struct tally_cpu *cpu, __u64 sent,
					struct tally_packet *p)
{
	count(cpu, TALLY_fresh);
	if (!cpu->first_ns)
		cpu->first_ns = v->now;
	cpu->last_ns = v->now;
	if (p) {
		p->last_ns = v->now;
		p->copies++;
	}
	if (sent)
		latency_add(cpu, v->now > sent ? v->now - sent : 0);
	else
		count(cpu, TALLY_unstamped);
}

/* RTP or payload=udp of a known listener; 1 if it is broken. */
static __always_inline int judge_media(struct view *v, struct scan *s, struct tally_cpu *cpu,
				       struct tally_stream *st, int udp_ok, __u32 mark_n,
				       struct tally_mark *mark)
{
	struct tally_packet *packet;
	__u64 sent = 0;
	__u32 pos = 0;
	int bad = 0, verdict;

	if (!content_ok(v, s, st, udp_ok, &sent, &pos)) {
		fault_note(v, TALLY_corrupt);
		return 1;
	}
	position_note(st, pos);
	packet = packet_record(v, pos, s->hash);
	if (packet && packet->hash != s->hash) {
		fault_note(v, TALLY_corrupt);
		return 1;
	}
	if (v->kind == KIND_RTP && v->ssrc != st->ssrc) {
		fault_note(v, TALLY_wrong_ssrc);
		bad = 1;
	}
	count(cpu, TALLY_copies);
	verdict = window_note(v, mark_n, pos);
	if (judge_verdict(v, verdict, 0, mark))
		judge_fresh(v, cpu, sent, packet);
	return bad;
}

/* First step: what it says of itself.  0, or -1: it is nobody's copy, let it pass. */
static __always_inline int copy_look(sink_frame *f, struct view *v, const struct tables *t,
				     __u64 now)
{
	v->t = t;
	v->stream = NO_STREAM;
	v->member = NO_MEMBER;
	v->cpu = CPU_NOW();
	v->now = now;
	return view_outer(f, v);
}

/* Second step: v->stream, and in v->key and v->probe who would be right to get it. */
static __always_inline struct tally_stream *copy_stream(struct view *v)
{
	struct tally_stream *st;

	v->stream = stream_of(v);
	if (v->stream < 0)
		return NULL;
	st = tables_streams(v->t, (__u32)v->stream);
	if (!st)
		return NULL;
	v->key.room = st->room;
	wire_probe_start(&v->probe, &v->key);
	return st;
}

/* Third step: the verdict, XDP_DROP or XDP_PASS on to Linux. */
static __always_inline int copy_judge(sink_frame *f, struct view *v, struct tally_stream *st)
{
	struct tally_cpu *cpu = tables_cpus(v->t, v->cpu);
	struct tally_member *m;
	struct tally_mark *mark;
	struct scan s = {};
	int bad, pass, udp_ok;
	__u32 mark_n;

	if (!cpu)
		return XDP_PASS;
	if (v->stream < 0)
		return judge_alien(v);
	if (!st)
		return XDP_PASS;
	cpu->c[TALLY_bytes] += v->frame_len;
	if (v->wrong_mac) {
		fault_note(v, TALLY_wrong_mac);
		return XDP_DROP;
	}
	v->member = member_find(v);
	if (v->member < 0)
		return judge_misdirected(v);
	m = tables_members(v->t, (__u32)v->member);
	mark_n = (__u32)v->member * tables_rules(v->t)->slots + st->slot;
	mark = tables_marks(v->t, mark_n);
	if (!m || !mark)
		return XDP_PASS;
	pass = m->flags & TALLY_PASS ? XDP_PASS : XDP_DROP;

	if (v->bad_length || view_scan(f, v, &s)) {
		fault_note(v, TALLY_bad_length);
		(void)TALLY_ADD(&mark->bad, 1);
		return pass;
	}
	udp_ok = !v->no_checksum && fold(s.sum) == 0xffff;
	bad = judge_headers(v, udp_ok);
	if (v->kind == KIND_RTCP)
		bad |= judge_rtcp(v, &s, cpu, mark_n, mark);
	else
		bad |= judge_media(v, &s, cpu, st, udp_ok, mark_n, mark);
	if (bad)
		(void)TALLY_ADD(&mark->bad, 1);
	return pass;
}

#endif
