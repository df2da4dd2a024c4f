/* SPDX-License-Identifier: BSD-2-Clause */
/* Every fault that the sink must find, and runs without any in which it must find none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/bpf.h>

#include "trial.h"

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
		assert_int_equal(sink_gather(&r->twin, false), 0);
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

static void clean_pktgen(struct run *r)
{
	uint32_t n;

	for (n = 1; n <= PACKETS; n++) {
		pktgen_make(r, n);
		send_to(r, A4);
		send_to(r, A6);
	}
}

static void pktgen_corrupt(struct run *r)
{
	clean_pktgen(r);
	pktgen_make(r, PACKETS + 1);
	r->payload[SIZE - 1] = 1;
	send_to(r, A4);
	send_to(r, A6);
}

static void pktgen_faults(struct run *r)
{
	clean_pktgen(r);
	pktgen_make(r, PACKETS + 1);
	send_to(r, A4);
	send_to(r, A4);
	send_to(r, B4);
}

const struct fault_case faults[] = {
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
	{"clean pktgen", clean_pktgen, .pktgen = true},
	{"pktgen corrupt", pktgen_corrupt, {{TALLY_corrupt, 2}}, .pktgen = true},
	{"pktgen lost, doubled, misdirected",
	 pktgen_faults,
	 {{TALLY_doubled, 1}, {TALLY_other_room, 1}},
	 .lost = 1,
	 .misdirected = 1,
	 .pktgen = true},
	{"RTCP lost", rtcp_lost, .rtcp_lost = 1},
	{"RTCP doubled", rtcp_doubled, {{TALLY_rtcp_doubled, 1}}},
	{"RTCP corrupt", rtcp_corrupt, {{TALLY_corrupt, 2}}},
	{"RTCP of another room", rtcp_other_room, {{TALLY_other_room, 1}}, .misdirected = 1},
};
const size_t fault_count = sizeof(faults) / sizeof(*faults);
