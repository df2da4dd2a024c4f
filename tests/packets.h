/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets, and what must become of them: one table for the native decision
 * (tests/unit/test_packet.c) and for the XDP program (tests/bpf/test_steer.c), over
 * one small world of tables.
 */
#ifndef CRIER_TEST_PACKETS_H
#define CRIER_TEST_PACKETS_H

#include "packet_case.h"

#define RTP_SSRC(ssrc) "806f 0001 00000064 " ssrc " fc001122"
#define SR_BLOCKLESS(ssrc) "80c80006 " ssrc " 83aa7e80 00000000 00000064 00000001 00000008"
#define RR_BLOCKLESS(ssrc) "80c90001 " ssrc
#define SDES(ssrc) "81ca0003 " ssrc " 01026162 00000000"
#define BYE(ssrc) "81cb0001 " ssrc
#define OURS "11223344"
#define V6 .src = "2001:db8:1::7", .dst = "2001:db8::1", .dport = 5002

#define FROM6(addr) .src = addr, .dst = "2001:db8::1"
#define STREAM6(addr) FROM6(addr), .dport = 5002
#define STUN "0001 0000 2112a442 000102030405060708090a0b"

/* What the guard refuses, what it is where it only counts, and to which stream. */
#define ODD(title, verdict, else_verdict, else_stream, ...) \
	{ \
		.name = title, .want = CRIER_XDP_##verdict, .counted = else_verdict, \
		.counted_stream = else_stream, __VA_ARGS__ \
	}
#define BLOCKED(title, else_verdict, else_stream, ...) \
	ODD(title, guard_blocked, else_verdict, else_stream, __VA_ARGS__)
#define MEDIA(title, verdict, ...) \
	ODD(title, verdict, CRIER_XDP_pass_media, 0, .dport = WORLD_MEDIA_PORT, __VA_ARGS__)
#define LISTENER(title, ...) \
	{ \
		.name = title, .want = CRIER_XDP_pass_media, .also = CRIER_XDP_guard_punt, \
		.dport = WORLD_MEDIA_PORT, __VA_ARGS__ \
	}

#define MEMBER(title, ...) \
	{ \
		.name = title, .want = CRIER_XDP_pass_media, .also = CRIER_XDP_guard_member, \
		.dport = WORLD_MEDIA_PORT, .sport = 5004, __VA_ARGS__ \
	}

static const struct packet_case packet_cases[] = {
	/* What is to be heard */
	{"rtp4", .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 marker", .payload = "80ef 0001 00000064 11223344 00", .want = CRIER_XDP_accepted,
	 .stream = 1},
	{"rtp4 without payload", .payload = RTP_HEAD, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 any source port", .sport = 61000, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 one vlan", .tpid = {0x8100}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 service vlan", .tpid = {0x88a8}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 two vlans", .tpid = {0x88a8, 0x8100}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 two vlans 8100", .tpid = {0x8100, 0x8100}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 ethernet padding", .trailer = 20, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 don't fragment", .frag = 0x4000, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 udp shorter than ip", .udp_len_add = -2, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp6", V6, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp6 one vlan", V6, .tpid = {0x8100}, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp6 two vlans", V6, .tpid = {0x88a8, 0x8100}, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp6 traffic class", V6, .version_ihl = 0x6b, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp one csrc", .payload = "816f 0001 00000064 11223344 01020304 aa",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp csrcs fill it", .payload = "826f 0001 00000064 11223344 01020304 01020304",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp extension", .payload = "906f 0001 00000064 11223344 bede0001 10ff0000 aa",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp empty extension", .payload = "906f 0001 00000064 11223344 bede0000",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp padding", .payload = "a06f 0001 00000064 11223344 aabb0002",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp only padding", .payload = "a06f 0001 00000064 11223344 00000004",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp csrc, extension, padding",
	 .payload = "b16f 0001 00000064 11223344 01020304 bede0001 10ff0000 aa01",
	 .want = CRIER_XDP_accepted, .stream = 1},

	/* RTCP on the same port */
	{"sr", .payload = SR_BLOCKLESS(OURS), .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"sr with sdes", .payload = SR_BLOCKLESS(OURS) SDES(OURS), .want = CRIER_XDP_accepted,
	 .stream = 1, .rtcp = 1},
	{"rr", .payload = RR_BLOCKLESS(OURS), .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"rr and bye", .payload = RR_BLOCKLESS(OURS) BYE(OURS), .want = CRIER_XDP_accepted,
	 .stream = 1, .rtcp = 1},
	{"sr with padded sdes",
	 .payload = SR_BLOCKLESS(OURS) "a1ca0004 11223344 01026162 00000000 00000004",
	 .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"sr over v6", V6, .payload = SR_BLOCKLESS("99999999"), .want = CRIER_XDP_accepted,
	 .stream = 3, .rtcp = 1},
	{"rtcp of eight parts",
	 .payload = RR_BLOCKLESS(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS)
		 BYE(OURS),
	 .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"rtcp of nine parts",
	 .payload = RR_BLOCKLESS(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS)
		 BYE(OURS) BYE(OURS),
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"bye after a padded sdes",
	 .payload = SR_BLOCKLESS(OURS) "a1ca0004 11223344 01026162 00000000 00000004" BYE(OURS),
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"bye alone", .payload = BYE(OURS), .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sdes first", .payload = SDES(OURS) SR_BLOCKLESS(OURS), .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"app alone", .payload = "80cc0002 11223344 61626364", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"sr of another ssrc", .payload = SR_BLOCKLESS("55667788"), .want = CRIER_XDP_drop_ssrc,
	 .stream = 1, .rtcp = 1},
	{"sr too short", .payload = "80c80001 11223344", .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sr claims a block",
	 .payload = "81c80006 11223344 83aa7e80 00000000 00000064 00000001 00000008",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sr length too long",
	 .payload = "80c80007 11223344 83aa7e80 00000000 00000064 00000001 00000008",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sr length leaves bytes", .payload = SR_BLOCKLESS(OURS) "0000", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"sr padded first",
	 .payload = "a0c80006 11223344 83aa7e80 00000000 00000064 00000001 00000004",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"second part version 1", .payload = RR_BLOCKLESS(OURS) "41cb0001 11223344",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"more parts than any",
	 .payload = RR_BLOCKLESS(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS)
		 BYE(OURS) BYE(OURS),
	 .want = CRIER_XDP_drop_rtp, .stream = 1},

	/* Rooms without RTP rules */
	{"udp room", .dport = 5001, .payload = "00", .want = CRIER_XDP_accepted, .stream = 2},
	{"udp room empty", .dport = 5001, .payload = "", .want = CRIER_XDP_accepted, .stream = 2},
	{"udp room pktgen", .dport = 5001, .payload = "be9be955 00000001 64000000 00000000",
	 .want = CRIER_XDP_accepted, .stream = 2},
	{"udp room wrong source port", .dport = 5001, .sport = 4001, .payload = "00",
	 .want = CRIER_XDP_drop_source, .stream = 2},
	{"udp room wrong source", .dport = 5001, .src = "198.51.100.9", .payload = "00",
	 .want = CRIER_XDP_drop_source, .stream = 2},

	/* Refused */
	{"wrong source", .src = "198.51.100.8", .want = CRIER_XDP_drop_source, .stream = 1},
	{"wrong source v6", .src = "2001:db8:1::8", .dst = "2001:db8::1", .dport = 5002,
	 .want = CRIER_XDP_drop_source, .stream = 3},
	{"v6 source, v4 stream", .src = "2001:db8:1::7", .dst = "2001:db8::1",
	 .want = CRIER_XDP_drop_source, .stream = 1},
	{"wrong source and no rtp", .src = "198.51.100.8", .payload = "00",
	 .want = CRIER_XDP_drop_source, .stream = 1},
	{"wrong ssrc", .payload = RTP_SSRC("55667788"), .want = CRIER_XDP_drop_ssrc, .stream = 1},
	{"wrong pt", .payload = "8060 0001 00000064 11223344 00", .want = CRIER_XDP_drop_pt,
	 .stream = 1},
	{"empty", .payload = "", .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"one byte", .payload = "80", .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"eleven bytes", .payload = "806f 0001 00000064 112233", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"rtp version 0", .payload = "006f 0001 00000064 11223344 00", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"rtp version 1", .payload = "406f 0001 00000064 11223344 00", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"rtp version 3", .payload = "c06f 0001 00000064 11223344 00", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"stun", .payload = "0001 0000 2112a442 000102030405060708090a0b",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"csrcs beyond the end", .payload = "8f6f 0001 00000064 11223344 01020304",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"csrcs in the ethernet padding", .payload = "816f 0001 00000064 11223344", .trailer = 8,
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"extension without header", .payload = "906f 0001 00000064 11223344 bede",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"extension beyond the end", .payload = "906f 0001 00000064 11223344 bede0002 10ff0000",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"extension of 256 KB", .payload = "906f 0001 00000064 11223344 bedeffff 10ff0000",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"padding of nothing", .payload = "a06f 0001 00000064 11223344 aabb0000",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"padding into the header", .payload = "a06f 0001 00000064 11223344 aabb0005",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"padding of 255", .payload = "a06f 0001 00000064 11223344 aabb00ff",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},

	/* Several streams on a port: the best match, else the furthest word */
	{"first of three", .dport = 5003, .payload = "8060 0001 00000064 aaaaaaaa 00",
	 .want = CRIER_XDP_accepted, .stream = 4},
	{"second of three", .dport = 5003, .src = "198.51.100.8", .payload = RTP_SSRC("bbbbbbbb"),
	 .want = CRIER_XDP_accepted, .stream = 5},
	{"third of three", .dport = 5003, .payload = RTP_SSRC("cccccccc"),
	 .want = CRIER_XDP_accepted, .stream = 6},
	{"third from elsewhere", .dport = 5003, .src = "203.0.113.1",
	 .payload = RTP_SSRC("cccccccc"), .want = CRIER_XDP_accepted, .stream = 6},
	{"first's ssrc, wrong pt", .dport = 5003, .payload = RTP_SSRC("aaaaaaaa"),
	 .want = CRIER_XDP_drop_pt, .stream = 4},
	{"nobody's ssrc", .dport = 5003, .payload = RTP_SSRC("dddddddd"),
	 .want = CRIER_XDP_drop_ssrc, .stream = 4},
	{"second's ssrc from elsewhere", .dport = 5003, .src = "203.0.113.1",
	 .payload = RTP_SSRC("bbbbbbbb"), .want = CRIER_XDP_drop_ssrc, .stream = 6},
	{"three and no rtp", .dport = 5003, .payload = "00", .want = CRIER_XDP_drop_rtp,
	 .stream = 4},

	/* Nobody to serve it */
	{"no engine", .dport = 5004, .want = CRIER_XDP_drop_no_engine, .stream = 7},
	{"kernel engine", .dport = 5005, .want = CRIER_XDP_accepted, .stream = 8},
	{"no engine, wrong ssrc", .dport = 5004, .payload = RTP_SSRC("55667788"),
	 .want = CRIER_XDP_drop_ssrc, .stream = 7},
	{"room gone", .dport = 5006, .want = CRIER_XDP_drop_no_engine},
	{"stream gone", .dport = 5007, .want = CRIER_XDP_drop_no_engine},

	/* Lengths */
	{"udp length 7", .payload = "", .udp_len_add = -1, .want = CRIER_XDP_drop_length},
	{"udp length 0", .payload = "", .udp_len_add = -8, .want = CRIER_XDP_drop_length},
	{"udp longer than ip", .udp_len_add = 1, .want = CRIER_XDP_drop_length},
	{"udp longer than ip in padding", .udp_len_add = 1, .trailer = 9,
	 .want = CRIER_XDP_drop_length},
	{"ip longer than packet", .ip_len_add = 1, .want = CRIER_XDP_drop_length},
	{"ip length 0", .ip_len_add = -48, .want = CRIER_XDP_drop_length},
	{"ip length of its header", .ip_len_add = -28, .want = CRIER_XDP_drop_length},
	{"ip shorter than udp", .ip_len_add = -1, .want = CRIER_XDP_drop_length},
	{"ip length 65535", .ip_len_add = 65535 - 48, .want = CRIER_XDP_drop_length},
	{"v6 longer than packet", V6, .ip_len_add = 1, .want = CRIER_XDP_drop_length},
	{"v6 length 0", V6, .ip_len_add = -28, .want = CRIER_XDP_drop_length},
	{"v6 udp length 0", V6, .udp_len_add = -28, .want = CRIER_XDP_drop_length},
	{"cut in the payload", .cut = 3, .want = CRIER_XDP_drop_length},
	{"cut in the udp header", .cut = 21, .want = CRIER_XDP_drop_runt},
	{"cut after the ports", .cut = 24, .want = CRIER_XDP_drop_runt},
	{"cut in the ports", .cut = 25, .want = CRIER_XDP_pass_other},
	{"cut in the ip header", .cut = 40, .want = CRIER_XDP_pass_other},

	/* Linux's */
	{"arp", .type = 0x0806, .want = CRIER_XDP_pass_not_ip},
	{"802.3 length", .type = 60, .want = CRIER_XDP_pass_not_ip},
	{"arp in a vlan", .tpid = {0x8100}, .type = 0x0806, .want = CRIER_XDP_pass_not_ip},
	{"three vlans", .tpid = {0x8100, 0x8100}, .type = 0x8100, .want = CRIER_XDP_pass_not_ip},
	{"tcp", .proto = 6, .want = CRIER_XDP_pass_other},
	{"icmp", .proto = 1, .want = CRIER_XDP_pass_other},
	{"icmp6", V6, .proto = 58, .want = CRIER_XDP_pass_other},
	{"ip version 5", .version_ihl = 0x55, .want = CRIER_XDP_pass_other},
	{"ihl 4", .version_ihl = 0x44, .want = CRIER_XDP_pass_other},
	{"v6 says 4", V6, .version_ihl = 0x45, .want = CRIER_XDP_pass_other},
	{"options", .version_ihl = 0x46, .want = CRIER_XDP_pass_options},
	{"many options", .version_ihl = 0x4f, .want = CRIER_XDP_pass_options},
	{"first fragment", .frag = 0x2000, .want = CRIER_XDP_pass_fragment},
	{"last fragment", .frag = 0x0010, .want = CRIER_XDP_pass_fragment},
	{"tcp fragment", .proto = 6, .frag = 0x2000, .want = CRIER_XDP_pass_fragment},
	{"v6 fragment", V6, .proto = 44, .want = CRIER_XDP_pass_fragment},
	{"v6 hop by hop", V6, .proto = 256, .want = CRIER_XDP_pass_options},
	{"v6 unknown next header", V6, .proto = 255, .want = CRIER_XDP_pass_other},
	{"v6 routing header", V6, .proto = 43, .want = CRIER_XDP_pass_options},
	{"v6 destination options", V6, .proto = 60, .want = CRIER_XDP_pass_options},
	{"not for us", .dst = "192.0.2.2", .want = CRIER_XDP_pass_other},
	{"not for us any more", .dst = "192.0.2.9", .want = CRIER_XDP_pass_other},
	{"not for us v6", .src = "2001:db8:1::7", .dst = "2001:db8::2", .dport = 5002,
	 .want = CRIER_XDP_pass_other},
	{"multicast", .dst = "224.1.1.1", .want = CRIER_XDP_pass_other},
	{"not for us and bad length", .dst = "192.0.2.2", .udp_len_add = 1,
	 .want = CRIER_XDP_pass_other},
	{"no such port", .dport = 5999, .want = CRIER_XDP_pass_other},
	{"no such port and bad length", .dport = 53, .udp_len_add = 1,
	 .want = CRIER_XDP_pass_other},
	{"highest port", .dport = 65535, .want = CRIER_XDP_pass_other},
	{"bad checksum, not for us", .dst = "192.0.2.2", .check_xor = 1,
	 .want = CRIER_XDP_pass_other},
	{"bad checksum, no such port", .dport = 53, .check_xor = 1, .want = CRIER_XDP_pass_other},
	{"bad checksum, tcp", .proto = 6, .check_xor = 1, .want = CRIER_XDP_pass_other},
	{"bad checksum, fragment", .frag = 0x2000, .check_xor = 1, .want = CRIER_XDP_pass_other},
	{"impossible source, not for us", .src = "127.0.0.1", .dst = "192.0.2.2",
	 .want = CRIER_XDP_pass_other},
	{"impossible source, no such port", .src = "192.0.2.1", .dport = 53,
	 .want = CRIER_XDP_pass_other},

	/* The block list: whatever it is, but neighbour discovery */
	BLOCKED("blocked rtp", CRIER_XDP_drop_source, 1, .src = "198.18.0.1"),
	BLOCKED("blocked in a vlan", CRIER_XDP_drop_source, 1, .src = "198.18.0.1",
		.tpid = {0x8100}),
	BLOCKED("blocked, last address", CRIER_XDP_drop_source, 1, .src = "198.18.127.255"),
	BLOCKED("blocked beside the allowed", CRIER_XDP_drop_source, 1, .src = "198.18.1.2"),
	BLOCKED("blocked tcp", CRIER_XDP_pass_other, 0, .src = "198.18.0.1", .proto = 6),
	BLOCKED("blocked fragment", CRIER_XDP_pass_fragment, 0, .src = "198.18.0.1",
		.frag = 0x2000),
	BLOCKED("blocked options", CRIER_XDP_pass_options, 0, .src = "198.18.0.1",
		.version_ihl = 0x46),
	BLOCKED("blocked, not for us", CRIER_XDP_pass_other, 0, .src = "198.18.0.1",
		.dst = "192.0.2.2"),
	BLOCKED("blocked, bad checksum", CRIER_XDP_pass_other, 0, .src = "198.18.0.1",
		.check_xor = 1),
	BLOCKED("blocked stun", CRIER_XDP_pass_media, 0, .src = "198.18.0.1",
		.dport = WORLD_MEDIA_PORT, .payload = STUN),
	BLOCKED("blocked runt", CRIER_XDP_drop_runt, 0, .src = "198.18.0.1", .cut = 21),
	BLOCKED("blocked after ip", CRIER_XDP_pass_other, 0, .src = "198.18.0.1", .cut = 28),
	BLOCKED("blocked v6", CRIER_XDP_drop_source, 3, .src = "2001:db8:b::1",
		.dst = "2001:db8::1", .dport = 5002),
	BLOCKED("blocked v6, last address", CRIER_XDP_drop_source, 3,
		.src = "2001:db8:b:ffff:ffff:ffff:ffff:ffff", .dst = "2001:db8::1", .dport = 5002),
	BLOCKED("blocked v6 fragment", CRIER_XDP_pass_fragment, 0, STREAM6("2001:db8:b::1"),
		.proto = 44),
	BLOCKED("blocked v6 options", CRIER_XDP_pass_options, 0, STREAM6("2001:db8:b::1"),
		.proto = 60),
	BLOCKED("blocked v6, a tree below", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b0:1::8"),
		.proto = 6),
	BLOCKED("blocked v6, one host", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b0:2::7"),
		.proto = 6),
	BLOCKED("blocked ping", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"), .proto = 58,
		.hops = 255, .payload = "", .sport = 128 << 8),
	BLOCKED("blocked, like discovery from afar", CRIER_XDP_pass_other, 0,
		STREAM6("2001:db8:b::1"), .proto = 58, .hops = 254, .payload = "",
		.sport = 135 << 8),
	BLOCKED("blocked, before discovery", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"),
		.proto = 58, .hops = 255, .payload = "", .sport = 132 << 8),
	BLOCKED("blocked, after discovery", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"),
		.proto = 58, .hops = 255, .payload = "", .sport = 138 << 8),
	BLOCKED("blocked, no type", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"), .proto = 58,
		.hops = 255, .payload = "", .cut = 8),
	{"router solicitation", STREAM6("2001:db8:b::1"), .proto = 58, .hops = 255, .payload = "",
	 .sport = 133 << 8, .want = CRIER_XDP_pass_other},
	{"neighbour solicitation", STREAM6("2001:db8:b::1"), .proto = 58, .hops = 255,
	 .payload = "", .sport = 135 << 8, .want = CRIER_XDP_pass_other},
	{"redirect", STREAM6("2001:db8:b::1"), .proto = 58, .hops = 255, .payload = "",
	 .sport = 137 << 8, .want = CRIER_XDP_pass_other},
	{"arp of the blocked", .src = "198.18.0.1", .type = 0x0806, .want = CRIER_XDP_pass_not_ip},
	{"allowed in the blocked", .src = "198.18.128.0", .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"allowed host", .src = "198.18.1.1", .want = CRIER_XDP_drop_source, .stream = 1},
	{"beside the blocked", .src = "198.19.0.0", .want = CRIER_XDP_drop_source, .stream = 1},
	{"before the blocked", .src = "198.17.255.255", .want = CRIER_XDP_drop_source, .stream = 1},
	{"allowed v6", STREAM6("2001:db8:b:1::1"), .want = CRIER_XDP_drop_source, .stream = 3},
	{"allowed v6 host", STREAM6("2001:db8:b0:1::7"), .want = CRIER_XDP_drop_source,
	 .stream = 3},
	{"beside the blocked v6", STREAM6("2001:db8:c::"), .want = CRIER_XDP_drop_source,
	 .stream = 3},
	{"beside the blocked v6 host", STREAM6("2001:db8:b0:2::8"), .want = CRIER_XDP_drop_source,
	 .stream = 3},

	/* Our own ports: checksums and sources */
	ODD("bad ip checksum", guard_checksum, CRIER_XDP_pass_other, 0, .check_xor = 0x0100),
	ODD("bad ip checksum, media port", guard_checksum, CRIER_XDP_pass_other, 0, .check_xor = 1,
	    .dport = WORLD_MEDIA_PORT, .payload = STUN),
	ODD("from 0.0.0.0", guard_impossible, CRIER_XDP_drop_source, 1, .src = "0.0.0.0"),
	ODD("from 0.1.2.3", guard_impossible, CRIER_XDP_drop_source, 1, .src = "0.1.2.3"),
	ODD("from 127.0.0.1", guard_impossible, CRIER_XDP_drop_source, 1, .src = "127.0.0.1"),
	ODD("from 224.0.0.1", guard_impossible, CRIER_XDP_drop_source, 1, .src = "224.0.0.1"),
	ODD("from 239.255.255.255", guard_impossible, CRIER_XDP_drop_source, 1,
	    .src = "239.255.255.255"),
	ODD("from 240.0.0.1", guard_impossible, CRIER_XDP_drop_source, 1, .src = "240.0.0.1"),
	ODD("from broadcast", guard_impossible, CRIER_XDP_drop_source, 1, .src = "255.255.255.255"),
	ODD("from ourselves", guard_impossible, CRIER_XDP_drop_source, 1, .src = "192.0.2.1"),
	ODD("from ourselves, media port", guard_impossible, CRIER_XDP_pass_media, 0,
	    .src = "192.0.2.1", .dport = WORLD_MEDIA_PORT, .payload = STUN),
	ODD("from ourselves v6", guard_impossible, CRIER_XDP_drop_source, 3,
	    STREAM6("2001:db8::1")),
	ODD("from ::", guard_impossible, CRIER_XDP_drop_source, 3, STREAM6("::")),
	ODD("from ::1", guard_impossible, CRIER_XDP_drop_source, 3, STREAM6("::1")),
	ODD("from ff02::1", guard_impossible, CRIER_XDP_drop_source, 3, STREAM6("ff02::1")),
	ODD("from ::ffff:198.51.100.7", guard_impossible, CRIER_XDP_drop_source, 3,
	    STREAM6("::ffff:198.51.100.7")),
	ODD("impossible runt", guard_impossible, CRIER_XDP_drop_runt, 0, .src = "127.0.0.1",
	    .cut = 21),
	{"from 1.0.0.0", .src = "1.0.0.0", .want = CRIER_XDP_drop_source, .stream = 1},
	{"from 126.255.255.255", .src = "126.255.255.255", .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"from 128.0.0.0", .src = "128.0.0.0", .want = CRIER_XDP_drop_source, .stream = 1},
	{"from 223.255.255.255", .src = "223.255.255.255", .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"from ::2", STREAM6("::2"), .want = CRIER_XDP_drop_source, .stream = 3},
	{"from fe80::1", STREAM6("fe80::1"), .want = CRIER_XDP_drop_source, .stream = 3},
	{"from whom we were", .src = "192.0.2.9", .want = CRIER_XDP_drop_source, .stream = 1},
	{"from ourselves by crier0", .src = "192.0.2.1", .crier0 = 1, .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"accepted by crier0", .crier0 = 1, .want = CRIER_XDP_accepted, .stream = 1},
	ODD("from 127.0.0.1 by crier0", guard_impossible, CRIER_XDP_drop_source, 1,
	    .src = "127.0.0.1", .crier0 = 1),

	/* The media port: STUN and RTCP */
	LISTENER("stun request", .payload = STUN),
	LISTENER("stun indication", .payload = "0011 0000 2112a442 000102030405060708090a0b"),
	LISTENER("stun of the highest class",
		 .payload = "03ff 0000 2112a442 000102030405060708090a0b"),
	LISTENER("stun with an attribute",
		 .payload = "0001 0004 2112a442 000102030405060708090a0b 80280000"),
	LISTENER("stun and bytes after it", .payload = STUN "00"),
	LISTENER("stun v6", .payload = STUN, FROM6("2001:db8:1::7")),
	LISTENER("stun in a vlan", .payload = STUN, .tpid = {0x8100}),
	LISTENER("stun by crier0", .payload = STUN, .src = "192.0.2.1", .crier0 = 1),
	LISTENER("media port, rr", .payload = RR_BLOCKLESS(OURS)),
	LISTENER("media port, bye alone", .payload = BYE(OURS)),
	LISTENER("media port, lowest rtcp", .payload = "80c00001 11223344"),
	LISTENER("media port, highest rtcp", .payload = "80df0001 11223344"),
	MEMBER("member's stun", .payload = STUN, .src = "198.51.100.44"),
	MEMBER("member's rr", .payload = RR_BLOCKLESS(OURS), .src = "198.51.100.44"),
	MEMBER("member's stun v6", .payload = STUN, FROM6("2001:db8:1::44")),
	MEMBER("member's rr v6 in a vlan", .payload = RR_BLOCKLESS(OURS), FROM6("2001:db8:1::44"),
	       .tpid = {0x8100}),
	LISTENER("member's address, another port", .payload = STUN, .src = "198.51.100.44",
		 .sport = 5005),
	LISTENER("member's address v6, another port", .payload = STUN, FROM6("2001:db8:1::44"),
		 .sport = 5005),
	LISTENER("member's address, a port of before", .payload = STUN, .src = "198.51.100.44",
		 .sport = 5006),
	LISTENER("member's address v6, a port of before", .payload = STUN, FROM6("2001:db8:1::44"),
		 .sport = 5006),
	LISTENER("member v6, not valid", .payload = STUN, FROM6("2001:db8:1::48"), .sport = 5004),
	LISTENER("member's port, another address", .payload = STUN, .src = "198.51.100.43",
		 .sport = 5004),
	LISTENER("who left, another is there", .payload = STUN, .src = "198.51.100.45",
		 .sport = 5004),
	LISTENER("who left v6, another is there", .payload = STUN, FROM6("2001:db8:1::45"),
		 .sport = 5004),
	LISTENER("who left", .payload = STUN, .src = "198.51.100.46", .sport = 5004),
	LISTENER("who left v6", .payload = STUN, FROM6("2001:db8:1::46"), .sport = 5004),
	LISTENER("v6, index says a v4 slot", .payload = STUN, FROM6("2001:db8:1::47"),
		 .sport = 5004),
	LISTENER("v4, index says a v6 slot", .payload = STUN, .src = "198.51.100.47",
		 .sport = 5004),
	MEDIA("member's noise", guard_media, .payload = "40000010 00010203 04050607",
	      .src = "198.51.100.44", .sport = 5004),
	MEDIA("member who is blocked", guard_blocked, .payload = STUN, .src = "198.18.0.44",
	      .sport = 5004),
	MEDIA("media port, rtp", guard_media, .payload = RTP_OK),
	MEDIA("media port, empty", guard_media, .payload = ""),
	MEDIA("media port, first byte alone", guard_media, .payload = "00"),
	MEDIA("media port, short rtcp", guard_media, .payload = "80c90001 112233"),
	MEDIA("media port, short rtcp in a longer ip", guard_media, .payload = "80c90001 11223344",
	      .udp_len_add = -4),
	MEDIA("media port, below rtcp", guard_media, .payload = "80bf0001 11223344"),
	MEDIA("media port, above rtcp", guard_media, .payload = "80e00001 11223344"),
	MEDIA("media port, rtcp version 1", guard_media, .payload = "40c90001 11223344"),
	MEDIA("media port, dtls", guard_media,
	      .payload = "16fefd 0000 000000000000 0010 0100000000000000"),
	MEDIA("media port, turn channel", guard_media, .payload = "40000010 00010203 04050607"),
	MEDIA("media port, first byte 4", guard_media,
	      .payload = "0401 0000 2112a442 000102030405060708090a0b"),
	MEDIA("stun without cookie", guard_media,
	      .payload = "0001 0000 2112a443 000102030405060708090a0b"),
	MEDIA("stun too short", guard_media,
	      .payload = "0001 0000 2112a442 000102030405060708090a"),
	MEDIA("stun longer than the packet", guard_media,
	      .payload = "0001 0004 2112a442 000102030405060708090a0b"),
	MEDIA("stun into the padding", guard_media,
	      .payload = "0001 0004 2112a442 000102030405060708090a0b", .trailer = 8),
	MEDIA("stun of an odd length", guard_media,
	      .payload = "0001 0002 2112a442 000102030405060708090a0b 8028"),
	MEDIA("media port, udp length 7", drop_length, .payload = "", .udp_len_add = -1),
	MEDIA("media port, udp longer than ip", drop_length, .payload = STUN, .udp_len_add = 1),
	MEDIA("media port, ip longer than packet", drop_length, .payload = STUN, .ip_len_add = 1),
	MEDIA("media port, cut", drop_length, .payload = STUN, .cut = 1),
	MEDIA("media port, runt", drop_runt, .payload = STUN, .cut = 21),
	{"media port of another", .dst = "192.0.2.2", .dport = WORLD_MEDIA_PORT,
	 .want = CRIER_XDP_pass_other},
};

#undef BLOCKED
#undef ODD
#undef LISTENER
#undef MEDIA
#undef FROM6
#undef STREAM6

#define PACKET_CASES (sizeof(packet_cases) / sizeof(packet_cases[0]))

/* Some good or bad packet with a few bytes changed, cut or lengthened. */
static inline size_t packet_mutate(uint8_t out[PACKET_MAX], uint64_t *state)
{
	static const uint8_t odd[] = {0,    1,	  4,	5,    8,    0x0f, 0x20,
				      0x40, 0x45, 0x60, 0x7f, 0x80, 0xff};
	uint64_t r = packet_random(state);
	size_t len = packet_build(out, &packet_cases[r % PACKET_CASES]);
	unsigned int changes = (unsigned int)(r >> 32) % 5;

	while (changes--) {
		r = packet_random(state);
		out[(r >> 16) % (len + 1)] =
			r & 1 ? (uint8_t)(r >> 8) : odd[(r >> 8) % sizeof(odd)];
	}
	r = packet_random(state);
	if (r % 4 == 0)
		len = (r >> 8) % (len + 1);
	else if (r % 8 == 1)
		len += (r >> 8) % 64;
	/* Most changes break the checksum first; mend it, so that others are reached too. */
	if (r & 64 && len >= 34 && out[12] == 8 && out[13] == 0) {
		uint16_t check;

		memset(out + 24, 0, 2);
		check = sum_check(sum_ip4(out + 14));
		memcpy(out + 24, &check, 2);
	}
	return len;
}

#endif
