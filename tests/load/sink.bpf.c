/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sink: judges each copy where it arrives, as if every listener stood there.
 * What is no copy (ARP, ND, other traffic) goes on to Linux.
 *
 * The global functions are verified on their own, once: inlined, their loops would be
 * walked for every combination of tags and families before them.
 */
#include "sink_note.bpf.h"

/* A packet that belongs to no stream: ours to judge only if a listener gets it. */
static __always_inline int judge_alien(struct view *v)
{
	struct tally_member *m;
	struct tally_mark *mark;
	__u32 n;
	int member;

	v->key.room = rules.rooms == 1 ? 0 : WIRE_ROOM_ANY;
	member = member_find(&v->key);
	if (member < 0)
		return XDP_PASS;
	n = member * rules.slots;
	mark = bpf_map_lookup_elem(&marks, &n);
	if (mark)
		__sync_fetch_and_add(&mark->misdirected, 1);
	fault_note(v, TALLY_alien, -1, member);
	n = member;
	m = bpf_map_lookup_elem(&members, &n);
	return m && m->flags & TALLY_PASS ? XDP_PASS : XDP_DROP;
}

static __always_inline int judge_misdirected(struct view *v, __u32 stream)
{
	struct tally_mark *mark;
	__u32 n;
	int member;

	v->key.room = rules.rooms == 1 ? 0 : WIRE_ROOM_ANY;
	member = member_find(&v->key);
	if (member < 0) {
		fault_note(v, TALLY_stranger, stream, NO_MEMBER);
		return XDP_DROP;
	}
	n = member * rules.slots;
	mark = bpf_map_lookup_elem(&marks, &n);
	if (mark)
		__sync_fetch_and_add(&mark->misdirected, 1);
	fault_note(v, TALLY_other_room, stream, member);
	return XDP_DROP;
}

/* Headers: what a real listener's stack or an operator would object to. */
static __always_inline int judge_headers(struct view *v, struct scan *s, int broken, __u32 stream,
					 int member)
{
	int bad = 0;

	if (v->bad_length || broken) {
		fault_note(v, TALLY_bad_length, stream, member);
		return 1;
	}
	if (v->bad_ip) {
		fault_note(v, TALLY_bad_ip_checksum, stream, member);
		bad = 1;
	}
	if (v->no_checksum || fold(s->sum) != 0xffff) {
		fault_note(v, TALLY_bad_udp_checksum, stream, member);
		bad = 1;
	}
	if (rules.ttl >= 0 && v->ttl != rules.ttl) {
		fault_note(v, TALLY_wrong_ttl, stream, member);
		bad = 1;
	}
	if (rules.dscp >= 0 && v->dscp != rules.dscp) {
		fault_note(v, TALLY_wrong_dscp, stream, member);
		bad = 1;
	}
	if ((rules.from_port && v->sport != rules.from_port) ||
	    (rules.check_from && (v->src[0] != rules.from[0] || v->src[1] != rules.from[1] ||
				  v->src[2] != rules.from[2] || v->src[3] != rules.from[3]))) {
		fault_note(v, TALLY_wrong_source, stream, member);
		bad = 1;
	}
	return bad;
}

/* Count it where it is seen for the first time; 1 if it was. */
static __always_inline int judge_verdict(struct view *v, int verdict, int rtcp, __u32 stream,
					 int member, struct tally_mark *mark)
{
	if (verdict == FRESH)
		return 1;
	if (verdict == FRESH_LATE) {
		__sync_fetch_and_add(&mark->reordered, 1);
		fault_note(v, rtcp ? TALLY_rtcp_reordered : TALLY_reordered, stream, member);
		return 1;
	}
	if (verdict == DOUBLED) {
		__sync_fetch_and_add(&mark->doubled, 1);
		fault_note(v, rtcp ? TALLY_rtcp_doubled : TALLY_doubled, stream, member);
	} else if (verdict == STALE) {
		__sync_fetch_and_add(&mark->stale, 1);
		fault_note(v, TALLY_stale, stream, member);
	} else {
		fault_note(v, TALLY_contended, stream, member);
	}
	return 0;
}

static __always_inline int judge_rtcp(struct view *v, struct scan *s, struct tally_cpu *cpu,
				      __u32 cpu_n, __u32 stream, int member, __u32 mark_n,
				      struct tally_mark *mark)
{
	struct tally_report *r;
	int verdict;

	count(cpu, TALLY_rtcp_copies);
	r = report_record(cpu_n, stream, v->ntp, s->hash);
	if (r && r->hash != s->hash) {
		fault_note(v, TALLY_corrupt, stream, member);
		return 1;
	}
	verdict = report_note(mark_n, v->ntp);
	if (judge_verdict(v, verdict, 1, stream, member, mark) && r)
		r->copies++;
	return 0;
}

/* Is its content what was sent?  sent: when that was, if known. */
static __always_inline int content_ok(struct view *v, struct scan *s, struct tally_stream *st,
				      int udp_ok, __u64 *sent, __u32 *pos)
{
	struct tally_stamp *stamp;
	__u32 slot, expect;
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
	slot = tally_stamp_slot(v->ssrc, v->seq);
	stamp = bpf_map_lookup_elem(&stamps, &slot);
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

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct view v = {};
	struct scan s = {};
	struct tally_packet *packet;
	struct tally_stream *st;
	struct tally_member *m;
	struct tally_mark *mark;
	struct tally_cpu *cpu;
	__u32 cpu_n, stream, pos = 0, mark_n, n;
	__u64 sent = 0;
	int member, number, bad, broken, verdict, pass;

	if (view_outer(ctx, &v))
		return XDP_PASS;
	v.now = bpf_ktime_get_ns();
	cpu_n = bpf_get_smp_processor_id();
	cpu = bpf_map_lookup_elem(&cpus, &cpu_n);
	if (!cpu)
		return XDP_PASS;
	number = stream_of(&v);
	if (number < 0)
		return judge_alien(&v);
	stream = number;
	st = bpf_map_lookup_elem(&streams, &stream);
	if (!st)
		return XDP_PASS;

	cpu->c[TALLY_bytes] += v.frame_len;
	if (v.wrong_mac) {
		fault_note(&v, TALLY_wrong_mac, stream, NO_MEMBER);
		return XDP_DROP;
	}
	v.key.room = st->room;
	member = member_find(&v.key);
	if (member < 0)
		return judge_misdirected(&v, stream);
	n = member;
	m = bpf_map_lookup_elem(&members, &n);
	mark_n = member * rules.slots + st->slot;
	mark = bpf_map_lookup_elem(&marks, &mark_n);
	if (!m || !mark)
		return XDP_PASS;
	pass = m->flags & TALLY_PASS ? XDP_PASS : XDP_DROP;

	broken = v.bad_length ? 0 : view_scan(ctx, &v, &s);
	bad = judge_headers(&v, &s, broken, stream, member);
	if (v.bad_length || broken) {
		__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	if (v.kind == KIND_RTCP) {
		bad |= judge_rtcp(&v, &s, cpu, cpu_n, stream, member, mark_n, mark);
		if (bad)
			__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	if (!content_ok(&v, &s, st, !v.no_checksum && fold(s.sum) == 0xffff, &sent, &pos)) {
		fault_note(&v, TALLY_corrupt, stream, member);
		__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	position_note(st, pos);
	packet = packet_record(cpu_n, stream, pos, v.now, s.hash);
	if (packet && packet->hash != s.hash) {
		fault_note(&v, TALLY_corrupt, stream, member);
		__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	if (v.kind == KIND_RTP && v.ssrc != st->ssrc) {
		fault_note(&v, TALLY_wrong_ssrc, stream, member);
		bad = 1;
	}
	if (bad)
		__sync_fetch_and_add(&mark->bad, 1);
	count(cpu, TALLY_copies);
	verdict = window_note(mark_n, pos);
	if (judge_verdict(&v, verdict, 0, stream, member, mark))
		judge_fresh(&v, cpu, sent, packet);
	return pass;
}

char _license[] SEC("license") = "GPL";
