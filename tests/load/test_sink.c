/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge on trial: every fault that it must know is fed to its program, frame by
 * frame through BPF_PROG_TEST_RUN, and nothing else may be found.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/bpf.h>

#include "frame.h"
#include "judge.h"
#include "load.h"
#include "rtp.h"
#include "sink.h"

#define SKIP 77
#define SIZE 112
#define PACKETS 50
#define SSRC_OPUS 0x11223344U

/* Two rooms: listeners 0, 1 of "a" are IPv4 and IPv6, 2, 3 of "b" likewise. */
static const char *const who[] = {"10.0.0.1:5000", "[fd00::1]:5000", "10.0.0.2:5000",
				  "[fd00::2]:5001"};
enum { A4, A6, B4, B6, LISTENERS };

struct run {
	struct roster roster;
	struct sink_config config;
	struct sink_ssrc ssrc[2];
	struct sink sink;
	struct publog log;
	struct verdict v;
	struct frame_spec spec; /* of the next frame; to is set when it is sent */
	uint8_t payload[1500];
	size_t len;
};

static struct crier_endpoint endpoint(const char *text)
{
	struct crier_endpoint ep;

	assert_int_equal(endpoint_parse(text, strlen(text), &ep), 0);
	return ep;
}

static void roster_put(struct roster *r, const char *room, const char *text, uint16_t flags)
{
	char spec[64];

	if (*text == '[')
		snprintf(spec, sizeof(spec), "%.*s/1/%s", (int)(strchr(text, ']') - text - 1),
			 text + 1, strrchr(text, ':') + 1);
	else
		snprintf(spec, sizeof(spec), "%.*s/1/%s", (int)(strchr(text, ':') - text), text,
			 strchr(text, ':') + 1);
	assert_int_equal(roster_generate(r, spec, room, flags), 0);
}

static void run_open(struct run *r)
{
	r->config.roster = &r->roster;
	if (!r->config.slots)
		r->config.slots = 1;
	r->config.ring = 256;
	if (!r->config.expect.ttl)
		r->config.expect.ttl = r->config.expect.dscp = -1;
	r->config.ssrc = r->ssrc;
	assert_int_equal(sink_open(&r->sink, &r->config), 0);
	r->spec.from = endpoint("192.0.2.1:4000");
	r->spec.ttl = 64;
	r->spec.dscp = 46;
}

static void run_start(struct run *r)
{
	int i;

	for (i = 0; i < LISTENERS; i++)
		roster_put(&r->roster, i < B4 ? "a" : "b", who[i], 0);
	run_open(r);
}

static struct publog_stream *log_stream(struct run *r, const char *room, uint32_t ssrc)
{
	struct publog_stream *s;
	size_t i;

	for (i = 0; i < r->log.streams; i++)
		if (!strcmp(r->log.stream[i].room, room))
			return &r->log.stream[i];
	r->log.stream = realloc(r->log.stream, (i + 1) * sizeof(*s));
	assert_non_null(r->log.stream);
	s = &r->log.stream[r->log.streams++];
	memset(s, 0, sizeof(*s));
	strcpy(s->room, room);
	s->ssrc = ssrc;
	r->log.ended = 1;
	return s;
}

static void log_packet(struct publog_stream *s, uint32_t pos, uint64_t hash, uint64_t ns)
{
	s->pkt = realloc(s->pkt, (s->pkts + 1) * sizeof(*s->pkt));
	assert_non_null(s->pkt);
	s->pkt[s->pkts++] = (struct publog_packet){ns, hash, pos, 0};
}

static void log_report(struct publog_stream *s, uint64_t ntp, uint64_t hash)
{
	s->report = realloc(s->report, (s->reports + 1) * sizeof(*s->report));
	assert_non_null(s->report);
	s->report[s->reports++] = (struct publog_report){0, ntp, hash};
}

/* A synthetic packet of a room, as the publisher would make it; logged if log. */
static void packet_make(struct run *r, const char *room, uint64_t seq, bool log)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc(room, 0), .pt = 111, .pkts = seq};
	uint64_t ns = now_ns(), hash;

	r->len = SIZE;
	rtp_header(&rtp, r->payload, (uint32_t)seq * 960, 0);
	hash = wire_synth_fill(r->payload, r->len, RTP_HEADER, wire_room_key(room), 0, seq, ns);
	if (log)
		log_packet(log_stream(r, room, rtp.ssrc), WIRE_POS_BASE + (uint32_t)seq, hash, ns);
}

/* Real audio says nothing of itself. */
static void opus_make(struct run *r, const char *room, uint32_t seq, bool log)
{
	struct rtp_sender rtp = {.ssrc = SSRC_OPUS, .pt = 111, .first_seq = (uint16_t)seq};
	size_t i;

	r->len = RTP_HEADER + 60;
	rtp_header(&rtp, r->payload, seq * 960, 0);
	for (i = RTP_HEADER; i < r->len; i++)
		r->payload[i] = (uint8_t)(seq * 7 + i);
	if (log)
		log_packet(log_stream(r, room, SSRC_OPUS), WIRE_POS_BASE + seq,
			   wire_hash(r->payload, r->len), now_ns());
}

static void report_make(struct run *r, const char *room, uint64_t mono_ns, bool log)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc(room, 0), .cname = "test"};
	uint64_t ntp;

	r->len = rtcp_report(&rtp, r->payload, mono_ns, 0, &ntp);
	if (log)
		log_report(log_stream(r, room, rtp.ssrc), ntp, wire_hash(r->payload, r->len));
}

static int frame_to(struct run *r, const struct crier_endpoint *to)
{
	uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = r->spec;
	size_t len;

	spec.to = *to;
	if (!addr_is_v4(&to->addr) && addr_is_v4(&spec.from.addr))
		spec.from = endpoint("[fd00::ff]:4000");
	len = frame_build(frame, &spec, r->payload, r->len);
	return sink_feed(&r->sink, frame, len, 1, NULL);
}

static void send_to(struct run *r, int listener)
{
	struct crier_endpoint to = endpoint(who[listener]);

	assert_int_equal(frame_to(r, &to), XDP_DROP);
}

/* Both rooms' packets [first, first + n), to all of their listeners. */
static void send_round(struct run *r, uint64_t first, uint64_t n)
{
	uint64_t seq;

	for (seq = first; seq < first + n; seq++) {
		packet_make(r, "a", seq, true);
		send_to(r, A4);
		send_to(r, A6);
		packet_make(r, "b", seq, true);
		send_to(r, B4);
		send_to(r, B6);
	}
}

/* ---- the faults ------------------------------------------------------------------ */

static void clean(struct run *r)
{
	send_round(r, 0, PACKETS);
}

static void clean_vlan(struct run *r)
{
	r->spec.vlans = 1;
	send_round(r, 0, 10);
	r->spec.vlans = 2;
	send_round(r, 10, 10);
}

static void clean_lengths(struct run *r)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0)};
	uint64_t seq = 0, hash;

	for (r->len = RTP_HEADER + sizeof(struct wire_synth); r->len <= 1440; r->len++, seq++) {
		rtp.pkts = seq;
		rtp_header(&rtp, r->payload, 0, 0);
		hash = wire_synth_fill(r->payload, r->len, RTP_HEADER, wire_room_key("a"), 0, seq,
				       now_ns());
		log_packet(log_stream(r, "a", rtp.ssrc), WIRE_POS_BASE + (uint32_t)seq, hash, 1);
		send_to(r, A4);
		send_to(r, A6);
		/* As the command does: the ring must not run over. */
		assert_int_equal(sink_gather(&r->sink, false), 0);
	}
}

static void clean_udp(struct run *r)
{
	uint64_t seq, hash;

	for (seq = 0; seq < PACKETS; seq++) {
		r->len = 100 + seq;
		hash = wire_synth_fill(r->payload, r->len, 0, wire_room_key("a"), 0, seq, now_ns());
		log_packet(log_stream(r, "a", wire_ssrc("a", 0)), WIRE_POS_BASE + (uint32_t)seq,
			   hash, 1);
		send_to(r, A4);
		send_to(r, A6);
	}
}

static void clean_opus_wrap(struct run *r)
{
	uint32_t seq;

	for (seq = 65500; seq < 65600; seq++) {
		opus_make(r, "a", seq, true);
		send_to(r, A4);
		send_to(r, A6);
	}
}

static void clean_rtcp(struct run *r)
{
	uint64_t ns;

	send_round(r, 0, 5);
	for (ns = 1; ns < 20; ns++) {
		report_make(r, "a", ns * NSEC_PER_SEC, true);
		send_to(r, A4);
		send_to(r, A6);
	}
}

static void lost_one(struct run *r)
{
	send_round(r, 0, PACKETS);
	packet_make(r, "a", PACKETS, true);
	send_to(r, A4);
	send_round(r, PACKETS + 1, 10);
}

static void lost_last(struct run *r)
{
	send_round(r, 0, PACKETS);
	packet_make(r, "b", PACKETS, true);
	send_to(r, B4);
}

static void lost_all(struct run *r)
{
	uint64_t seq;

	for (seq = 0; seq < PACKETS; seq++) {
		packet_make(r, "a", seq, true);
		send_to(r, A6);
	}
}

static void doubled_one(struct run *r)
{
	send_round(r, 0, PACKETS);
	send_to(r, B6);
	send_round(r, PACKETS, 10);
}

static void doubled_late(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A4);
	send_to(r, A6);
	{
		uint8_t kept[sizeof(r->payload)];

		memcpy(kept, r->payload, sizeof(kept));
		send_round(r, 11, 20);
		memcpy(r->payload, kept, sizeof(kept));
		r->len = SIZE;
	}
	send_to(r, A4);
}

static void reordered_one(struct run *r)
{
	uint8_t kept[sizeof(r->payload)];

	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A6);
	memcpy(kept, r->payload, sizeof(kept));
	packet_make(r, "a", 11, true);
	send_to(r, A4);
	send_to(r, A6);
	memcpy(r->payload, kept, sizeof(kept));
	send_to(r, A4);
	send_round(r, 12, 5);
}

static void late_beyond_window(struct run *r)
{
	uint8_t kept[sizeof(r->payload)];

	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A6);
	memcpy(kept, r->payload, sizeof(kept));
	send_round(r, 11, 40);
	memcpy(r->payload, kept, sizeof(kept));
	send_to(r, A4);
}

static void other_room(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A4);
	send_to(r, A6);
	send_to(r, B4);
}

static void stranger(struct run *r)
{
	struct crier_endpoint to = endpoint("10.0.0.1:5002");

	send_round(r, 0, 10);
	assert_int_equal(frame_to(r, &to), XDP_DROP);
	to = endpoint("10.0.0.9:5000");
	assert_int_equal(frame_to(r, &to), XDP_DROP);
}

static void corrupt_before_checksum(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A4);
	r->payload[SIZE - 1] ^= 1;
	send_to(r, A6);
}

static void corrupt_header(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A4);
	r->payload[5] ^= 1; /* RTP timestamp */
	send_to(r, A6);
}

static void corrupt_on_the_way(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A4);
	r->spec.fault = FRAME_FLIPPED;
	send_to(r, A6);
}

static void room_mixed_up(struct run *r)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0), .pkts = 10};

	send_round(r, 0, 10);
	packet_make(r, "b", 10, false);
	rtp_header(&rtp, r->payload, 0, 0); /* a's header on b's content */
	wire_synth_fill(r->payload, SIZE, RTP_HEADER, wire_room_key("b"), 0, 10, 1);
	send_to(r, A4);
}

static void bad_ip_checksum(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A6);
	r->spec.fault = FRAME_BAD_IP_CHECKSUM;
	send_to(r, A4);
}

static void bad_udp_checksum(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	r->spec.fault = FRAME_BAD_UDP_CHECKSUM;
	send_to(r, A4);
	send_to(r, A6);
}

static void no_udp_checksum(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	send_to(r, A6);
	r->spec.fault = FRAME_NO_UDP_CHECKSUM;
	send_to(r, A4);
}

static void bad_length(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	r->spec.fault = FRAME_UDP_TOO_LONG;
	send_to(r, A4);
	r->spec.fault = FRAME_UDP_TOO_SHORT;
	send_to(r, A6);
	packet_make(r, "b", 10, true);
	r->spec.fault = FRAME_CUT;
	send_to(r, B4);
	r->spec.fault = FRAME_RIGHT;
	send_to(r, B6);
}

static void alien(struct run *r)
{
	struct crier_endpoint nobody = endpoint("10.0.0.9:53");

	send_round(r, 0, 10);
	opus_make(r, "a", 7, false);
	send_to(r, A4);
	r->len = 3;
	send_to(r, B6);
	assert_int_equal(frame_to(r, &nobody), XDP_PASS); /* other people's traffic */
}

static void wrong_ssrc(struct run *r)
{
	struct rtp_sender rtp = {.ssrc = 0xdeadbeef, .pkts = 10};
	uint64_t hash;

	send_round(r, 0, 10);
	rtp_header(&rtp, r->payload, 0, 0);
	hash = wire_synth_fill(r->payload, SIZE, RTP_HEADER, wire_room_key("a"), 0, 10, now_ns());
	log_packet(log_stream(r, "a", 0), WIRE_POS_BASE + 10, hash, now_ns());
	send_to(r, A4);
	send_to(r, A6);
}

static void unsent(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, false);
	send_to(r, A4);
	send_to(r, A6);
}

static void not_what_was_sent(struct run *r)
{
	send_round(r, 0, 10);
	packet_make(r, "a", 10, true);
	packet_make(r, "a", 10, false); /* whole in itself, but of another moment */
	send_to(r, A4);
	send_to(r, A6);
}

static void opus_corrupt_second(struct run *r)
{
	opus_make(r, "a", 100, true);
	send_to(r, A4);
	r->payload[20] ^= 4;
	send_to(r, A6);
}

static void opus_corrupt_all(struct run *r)
{
	opus_make(r, "a", 100, true);
	r->payload[20] ^= 4;
	send_to(r, A4);
	send_to(r, A6);
}

static void opus_corrupt_on_the_way(struct run *r)
{
	opus_make(r, "a", 100, true);
	r->spec.fault = FRAME_FLIPPED;
	send_to(r, A4);
	r->spec.fault = FRAME_RIGHT;
	send_to(r, A6);
}

static void rtcp_lost(struct run *r)
{
	send_round(r, 0, 5);
	report_make(r, "a", 1, true);
	send_to(r, A4);
}

static void rtcp_doubled(struct run *r)
{
	send_round(r, 0, 5);
	report_make(r, "a", 1, true);
	send_to(r, A4);
	send_to(r, A6);
	send_to(r, A6);
}

static void rtcp_corrupt(struct run *r)
{
	send_round(r, 0, 5);
	report_make(r, "a", 1, true);
	r->payload[20] ^= 1;
	send_to(r, A4);
	send_to(r, A6);
}

static void rtcp_other_room(struct run *r)
{
	send_round(r, 0, 5);
	report_make(r, "a", 1, true);
	send_to(r, A4);
	send_to(r, A6);
	send_to(r, B6);
}

/* What a verdict must say: every other counter that makes a run wrong must be 0. */
static const struct fault_case {
	const char *name;
	void (*send)(struct run *r);
	struct {
		enum tally_counter counter;
		uint64_t n;
	} want[3];
	uint64_t lost, rtcp_lost, unsent, misdirected;
	bool opus; /* room a's stream has SSRC_OPUS */
} faults[] = {
	{"clean", clean},
	{"clean with one and two tags", clean_vlan},
	{"clean, every length", clean_lengths},
	{"clean without RTP", clean_udp},
	{"clean Opus over the wrap", clean_opus_wrap, .opus = true},
	{"clean RTCP", clean_rtcp},
	{"lost", lost_one, .lost = 1},
	{"lost at the end", lost_last, .lost = 1},
	{"all lost for one", lost_all, .lost = PACKETS},
	{"doubled", doubled_one, {{TALLY_doubled, 1}}},
	{"doubled late", doubled_late, {{TALLY_doubled, 1}}},
	{"reordered", reordered_one, {{TALLY_reordered, 1}}},
	{"late beyond the window", late_beyond_window, {{TALLY_stale, 1}}, .lost = 1},
	{"other room", other_room, {{TALLY_other_room, 1}}, .misdirected = 1},
	{"stranger", stranger, {{TALLY_stranger, 2}}, .misdirected = 2},
	{"corrupt before the checksum", corrupt_before_checksum, {{TALLY_corrupt, 1}}, .lost = 1},
	{"corrupt RTP header", corrupt_header, {{TALLY_corrupt, 1}}, .lost = 1},
	{"corrupt on the way",
	 corrupt_on_the_way,
	 {{TALLY_corrupt, 1}, {TALLY_bad_udp_checksum, 1}},
	 .lost = 1},
	{"one room's header on another's content", room_mixed_up, {{TALLY_corrupt, 1}}},
	{"bad IP checksum", bad_ip_checksum, {{TALLY_bad_ip_checksum, 1}}},
	{"bad UDP checksum", bad_udp_checksum, {{TALLY_bad_udp_checksum, 2}}},
	{"no UDP checksum", no_udp_checksum, {{TALLY_bad_udp_checksum, 1}}},
	{"bad lengths", bad_length, {{TALLY_bad_length, 3}}, .lost = 3},
	{"alien", alien, {{TALLY_alien, 2}}},
	{"wrong SSRC", wrong_ssrc, {{TALLY_wrong_ssrc, 2}}},
	{"never sent", unsent, .unsent = 2},
	{"not what was sent", not_what_was_sent, {{TALLY_corrupt, 2}}},
	{"Opus, one corrupt", opus_corrupt_second, {{TALLY_corrupt, 1}}, .lost = 1, .opus = true},
	{"Opus, all corrupt", opus_corrupt_all, {{TALLY_corrupt, 2}}, .opus = true},
	{"Opus, corrupt on the way",
	 opus_corrupt_on_the_way,
	 {{TALLY_corrupt, 1}, {TALLY_bad_udp_checksum, 1}},
	 .lost = 1,
	 .opus = true},
	{"RTCP lost", rtcp_lost, .rtcp_lost = 1},
	{"RTCP doubled", rtcp_doubled, {{TALLY_rtcp_doubled, 1}}},
	{"RTCP corrupt", rtcp_corrupt, {{TALLY_corrupt, 2}}},
	{"RTCP of another room", rtcp_other_room, {{TALLY_other_room, 1}}, .misdirected = 1},
};

#define TALLY_WRONG(name, wrong, help) wrong,
static const int is_wrong[] = {TALLY_COUNTERS(TALLY_WRONG)};
#define TALLY_STR(name, wrong, help) #name,
static const char *const counter_name[] = {TALLY_COUNTERS(TALLY_STR)};

static void check_u64(const char *test, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: %s is %llu, not %llu", test, what, (unsigned long long)got,
			 (unsigned long long)want);
}

static void verdict_check(const struct run *r, const struct fault_case *f)
{
	const struct verdict *v = &r->v;
	bool right = !f->lost && !f->rtcp_lost && !f->unsent;
	uint64_t want;
	uint32_t c;
	size_t i;

	for (c = 0; c < TALLY_N; c++) {
		if (!is_wrong[c])
			continue;
		for (want = 0, i = 0; i < 3; i++)
			if (f->want[i].n && f->want[i].counter == c)
				want = f->want[i].n;
		check_u64(f->name, counter_name[c], v->c[c], want);
		right &= !want;
	}
	check_u64(f->name, "lost", v->lost, f->lost);
	check_u64(f->name, "rtcp_lost", v->rtcp_lost, f->rtcp_lost);
	check_u64(f->name, "unsent", v->unsent, f->unsent);
	check_u64(f->name, "misdirected", verdict_misdirected(v), f->misdirected);
	check_u64(f->name, "verdict", !v->reasons, right);
	if (right) {
		check_u64(f->name, "seen", v->seen, v->due);
		assert_true(v->due > 0);
		assert_true(judge_complete(&r->sink, &r->log, 1));
	}
}

static void run_end(struct run *r)
{
	verdict_free(&r->v);
	publog_free(&r->log);
	sink_close(&r->sink);
	roster_free(&r->roster);
	free(r);
}

static struct run *run_new(void)
{
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	return r;
}

static void test_faults(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		const struct fault_case *f = &faults[i];
		struct run *r = run_new();

		if (f->opus) {
			r->ssrc[0] = (struct sink_ssrc){0, 0, SSRC_OPUS};
			r->config.ssrcs = 1;
		}
		run_start(r);
		f->send(r);
		assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
		verdict_check(r, f);
		run_end(r);
	}
}

static void test_expectations(void **state)
{
	static const struct {
		const char *name;
		const char *from;
		uint8_t ttl, dscp;
		enum tally_counter counter;
	} cases[] = {
		{"right", "192.0.2.1:4000", 64, 46, TALLY_N},
		{"port", "192.0.2.1:4001", 64, 46, TALLY_wrong_source},
		{"address", "192.0.2.2:4000", 64, 46, TALLY_wrong_source},
		{"ttl", "192.0.2.1:4000", 63, 46, TALLY_wrong_ttl},
		{"dscp", "192.0.2.1:4000", 64, 0, TALLY_wrong_dscp},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct crier_endpoint from = endpoint("192.0.2.1:4000");
		struct run *r = run_new();
		uint32_t c;

		memcpy(r->config.expect.from, from.addr.b, 16);
		r->config.expect.check_from = 1;
		r->config.expect.from_port = from.port;
		r->config.expect.ttl = 64;
		r->config.expect.dscp = 46;
		run_start(r);
		r->spec.from = endpoint(cases[i].from);
		r->spec.ttl = cases[i].ttl;
		r->spec.dscp = cases[i].dscp;
		packet_make(r, "a", 0, true);
		send_to(r, A4);
		assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
		for (c = 0; c < TALLY_N; c++)
			if (is_wrong[c])
				check_u64(cases[i].name, counter_name[c], r->v.c[c],
					  c == cases[i].counter);
		check_u64(cases[i].name, "lost", r->v.lost, 1); /* A6's */
		run_end(r);
	}
}

static void test_station(void **state)
{
	struct run *r = run_new();
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 9};

	(void)state;
	if (unshare(CLONE_NEWNET) ||
	    system("ip link add t0 address 02:00:00:00:00:09 type veth peer name t1")) {
		print_message("SKIP: no network namespace with a veth pair\n");
		free(r);
		skip();
	}
	r->config.iface[0].name = "t0";
	r->config.ifaces = 1;
	run_start(r);
	memcpy(r->spec.dst_mac, mac, 6);
	packet_make(r, "a", 0, true);
	send_to(r, A4);
	send_to(r, A6);
	r->spec.dst_mac[5] = 8;
	send_to(r, A6);
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
	check_u64("station", "wrong_mac", r->v.c[TALLY_wrong_mac], 1);
	check_u64("station", "misdirected", verdict_misdirected(&r->v), 1);
	check_u64("station", "lost", r->v.lost, 0);
	assert_int_equal(r->v.reasons, 1);
	run_end(r);
}

static void test_stamps(void **state)
{
	struct run *r = run_new();
	struct tally_stamp stamp = {0};
	uint32_t slot = tally_stamp_slot(htonl(SSRC_OPUS), 100);
	int i;

	(void)state;
	r->ssrc[0] = (struct sink_ssrc){0, 0, SSRC_OPUS};
	r->config.ssrcs = 1;
	run_start(r);
	opus_make(r, "a", 100, true);
	stamp.ns = now_ns() - 5000000;
	stamp.hash = wire_hash(r->payload, r->len);
	stamp.ssrc = htonl(SSRC_OPUS);
	stamp.seq = 100;
	assert_int_equal(sink_stamp_set(&r->sink, slot, &stamp), 0);
	send_to(r, A4);
	r->payload[30] ^= 1;
	for (i = 0; i < 2; i++)
		send_to(r, A6); /* the first to come may be the corrupt one: the stamp knows */
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
	check_u64("stamps", "corrupt", r->v.c[TALLY_corrupt], 2);
	check_u64("stamps", "latency", r->v.latency.n, 1);
	assert_true(r->v.latency.max >= 5000000);
	assert_true(r->v.latency.p50 > 4800000 && r->v.latency.p50 <= r->v.latency.max);
	run_end(r);
}

static void test_churners(void **state)
{
	struct run *r = run_new();
	struct window w[2] = {{.member = 1}, {.member = 2}};
	struct publog_stream *s;
	uint64_t seq;

	(void)state;
	roster_put(&r->roster, "a", who[A4], 0);
	roster_put(&r->roster, "a", who[A6], TALLY_CHURNER);
	roster_put(&r->roster, "a", who[B4], TALLY_CHURNER);
	run_open(r);
	for (seq = 0; seq < 100; seq++) {
		packet_make(r, "a", seq, true);
		send_to(r, A4);
		if (seq >= 20 && seq < 60)
			send_to(r, A6);
		if (seq >= 20 && seq < 60 && seq != 41)
			send_to(r, B4);
	}
	s = log_stream(r, "a", 0);
	w[0].from_ns = s->pkt[22].ns;
	w[0].until_ns = s->pkt[57].ns;
	w[1] = (struct window){2, w[0].from_ns, w[0].until_ns};
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, w, 1), 0);
	check_u64("churners", "verdict", r->v.reasons, 0);
	check_u64("churners", "churner_copies", r->v.churner_copies, 79);
	verdict_free(&r->v);
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, w, 2), 0);
	check_u64("churners", "window_lost", r->v.window_lost, 1);
	assert_true(r->v.reasons > 0);
	verdict_free(&r->v);
	send_to(r, B4); /* packet 99, late: a churner may have it, but only once */
	send_to(r, B4);
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, w, 1), 0);
	check_u64("churners", "doubled", r->v.c[TALLY_doubled], 1);
	run_end(r);
}

static void test_logs(void **state)
{
	struct run *r = run_new();

	(void)state;
	run_start(r);
	send_round(r, 0, 3);
	r->log.ended = 0;
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
	assert_int_equal(r->v.reasons, 1);
	assert_false(r->v.due_known);
	assert_false(judge_complete(&r->sink, &r->log, 1));
	verdict_free(&r->v);
	r->log.ended = 1;
	r->log.stream[0].ssrc++;
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
	assert_non_null(strstr(r->v.reason[0], "SSRC"));
	verdict_free(&r->v);
	r->log.stream[0].ssrc--;
	r->log.failed = 1;
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
	assert_int_equal(r->v.reasons, 1);
	verdict_free(&r->v);
	assert_int_equal(judge(&r->v, &r->sink, NULL, 0, NULL, 0), 0);
	assert_false(r->v.due_known);
	assert_int_equal(r->v.reasons, 0);
	run_end(r);
}

/* ---- two CPUs, one listener ------------------------------------------------------- */

#define RACE 20000

struct race {
	struct run *run;
	pthread_barrier_t barrier;
	volatile uint64_t turn[2];
};

struct racer {
	struct race *race;
	uint8_t frame[FRAME_MAX_BYTES];
	int me;
};

static void *racer_run(void *arg)
{
	struct racer *me = arg;
	struct race *race = me->race;
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0)};
	uint8_t payload[SIZE];
	struct frame_spec spec = race->run->spec;
	cpu_set_t set;
	uint64_t seq;
	size_t len;

	CPU_ZERO(&set);
	CPU_SET(me->me, &set);
	sched_setaffinity(0, sizeof(set), &set);
	spec.to = endpoint(who[A4]);
	pthread_barrier_wait(&race->barrier);
	for (seq = 0; seq < RACE; seq++) {
		rtp.pkts = seq;
		rtp_header(&rtp, payload, 0, 0);
		wire_synth_fill(payload, SIZE, RTP_HEADER, wire_room_key("a"), 0, seq, 1);
		len = frame_build(me->frame, &spec, payload, SIZE);
		__atomic_store_n(&race->turn[me->me], seq + 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&race->turn[!me->me], __ATOMIC_SEQ_CST) < seq + 1)
			sched_yield();
		sink_feed(&race->run->sink, me->frame, len, 1, NULL);
	}
	return NULL;
}

/* Each packet twice, at the same time: one is fresh and one doubled, whoever comes first. */
static void test_race(void **state)
{
	struct run *r = run_new();
	struct race race = {.run = r};
	struct racer racer[2] = {{.race = &race, .me = 0}, {.race = &race, .me = 1}};
	const struct tally_mark *mark;
	pthread_t thread[2];
	int i;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("SKIP: one CPU only\n");
		free(r);
		skip();
	}
	roster_put(&r->roster, "a", who[A4], 0);
	run_open(r);
	pthread_barrier_init(&race.barrier, NULL, 2);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, racer_run, &racer[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	mark = sink_mark(&r->sink, 0, 0);
	check_u64("race", "copies", mark->copies, RACE);
	check_u64("race", "doubled", mark->doubled, RACE);
	check_u64("race", "fresh", sink_count(&r->sink, TALLY_fresh), RACE);
	check_u64("race", "doubled in all", sink_count(&r->sink, TALLY_doubled), RACE);
	check_u64("race", "contended", sink_count(&r->sink, TALLY_contended), 0);
	pthread_barrier_destroy(&race.barrier);
	run_end(r);
}

/* ---- a million --------------------------------------------------------------------- */

#define MANY 1000000

static void test_million(void **state)
{
	struct run *r = run_new();
	uint64_t start = now_ns();
	size_t i;

	(void)state;
	assert_int_equal(roster_generate(&r->roster, "10.0.0.1/500000/5000", "a", 0), 0);
	assert_int_equal(roster_generate(&r->roster, "11.0.0.0/500000/6000-6099", "a", 0), 0);
	run_open(r);
	packet_make(r, "a", 0, true);
	for (i = 0; i < MANY; i++) {
		struct crier_endpoint to = roster_endpoint(&r->roster.member[i]);

		if (i == 777777)
			continue;
		assert_int_equal(frame_to(r, &to), XDP_DROP);
		if (i == 888888)
			assert_int_equal(frame_to(r, &to), XDP_DROP);
	}
	assert_int_equal(judge(&r->v, &r->sink, &r->log, 1, NULL, 0), 0);
	check_u64("million", "listeners", r->v.listeners, MANY);
	check_u64("million", "due", r->v.due, MANY);
	check_u64("million", "seen", r->v.seen, MANY - 1);
	check_u64("million", "lost", r->v.lost, 1);
	check_u64("million", "doubled", r->v.c[TALLY_doubled], 1);
	assert_true(r->v.worst[0].member == 777777 || r->v.worst[0].member == 888888);
	assert_int_equal(r->v.worst[1].faults, 1);
	assert_int_equal(r->v.worst[2].faults, 0);
	print_message("a million listeners in %.1f s\n", (double)(now_ns() - start) / 1e9);
	run_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),	cmocka_unit_test(test_expectations),
		cmocka_unit_test(test_stamps),	cmocka_unit_test(test_churners),
		cmocka_unit_test(test_logs),	cmocka_unit_test(test_race),
		cmocka_unit_test(test_million), cmocka_unit_test(test_station),
	};

	if (geteuid()) {
		printf("SKIP: loading BPF programs needs root\n");
		return SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
