/* SPDX-License-Identifier: BSD-2-Clause */
/* A publisher: what the options say, and the run itself. */
#ifndef CRIER_LOAD_PUBLISH_H
#define CRIER_LOAD_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dpdk.h"
#include "opusfile.h"
#include "publog.h"
#include "roster.h"
#include "rtp.h"
#include "stamp.h"
#include "wire.h"
#include "xdp/addr.h"

#define PUBLISH_PAYLOAD_MAX 1452 /* UDP payload in 1500 bytes of IPv6 */

/* Packets that crier must refuse: X(NAME, option's name, help) */
#define PUBLISH_FAULTS(X) \
	X(SSRC, "wrong-ssrc", "another SSRC") \
	X(PT, "wrong-pt", "another payload type") \
	X(SOURCE, "wrong-source", "another source port, or --other's address and port") \
	X(VERSION, "wrong-version", "RTP version 1") \
	X(RUNT, "runt", "5 bytes of payload") \
	X(EMPTY, "empty", "no payload at all") \
	X(CSRC, "csrc", "an RTP header that ends after the packet") \
	X(LENGTH, "bad-length", "a UDP length beyond the packet's end (IPv4, needs CAP_NET_RAW)") \
	X(FRAGMENT, "fragment", "2000 bytes: goes out as two IP fragments")

#define PUBLISH_ENUM_FAULT(name, option, help) FAULT_##name,
enum publish_fault { PUBLISH_FAULTS(PUBLISH_ENUM_FAULT) FAULT_N };

struct publish_options {
	struct crier_endpoint to; /* of the first room */
	struct crier_endpoint from, other;
	bool have_to, have_from, have_other;
	const char *opus, *log, *stamps, *room, *cname, *interface;
	uint64_t rooms, streams;
	const char *dpdk;  /* devargs; else sockets */
	uint8_t to_mac[6]; /* of the next hop */
	bool have_to_mac;
	struct roster roster; /* who gets every packet himself; nobody: a node does the fan-out */
	bool numbered;	      /* rooms are NAME1 .. NAMEn */
	bool udp, loop, together, no_rtcp, no_bye, zero_checksum, send_dtx, quiet;
	uint64_t size, rate, count, for_ns, sr_ns;
	uint64_t pt, ssrc, seq, ts;
	bool have_ssrc, have_seq, have_ts;
	uint64_t dscp, ttl;
	uint64_t fault_every[FAULT_N]; /* one after each so many good packets; 0: none */
};

struct publish_stream {
	char room[PUBLOG_ROOM_MAX];
	uint32_t room_key;
	uint32_t slot;
	struct crier_endpoint to;
	struct rtp_sender rtp;
	uint64_t next_sr_ns;
	uint64_t seq; /* packets tried */
	int fan_room; /* its room in the roster; -1: none */
	bool silent;  /* the last one was not sent for DTX */
};

struct publisher {
	const struct publish_options *opt;
	int fd, other_fd, raw_fd;
	struct dpdk *dpdk; /* then no sockets */
	struct crier_endpoint local;
	struct publish_stream *stream;
	uint32_t streams;
	struct opus_file file;
	struct tally_stamp *stamps;
	FILE *log;
	uint64_t start_ns;
	uint64_t pkts, reports, bad, failed, bytes;
	uint64_t late_max_ns, late_pkts; /* over a millisecond */
	uint64_t logged_ns;		 /* last flush */
};

/* 0, or an exit code with the reason logged.  Free in either case. */
int publish_parse(struct publish_options *o, int argc, char **argv);

void publish_options_free(struct publish_options *o);

int publisher_open(struct publisher *p, const struct publish_options *o);
int publisher_run(struct publisher *p);
void publisher_close(struct publisher *p);

/* A UDP socket as the options have it, bound to from or to any; -1 with the reason logged. */
int publish_socket(const struct publish_options *o, const struct crier_endpoint *from);
int publish_send(int fd, const struct crier_endpoint *to, const void *data, size_t len);

/* Over DPDK: the device, 0 or an exit code; one frame, FAULT_N: a right one; to all of a room. */
int publish_dpdk_open(struct publisher *p);
void publish_dpdk_close(struct publisher *p);
int publish_frame(struct publisher *p, const struct crier_endpoint *to, const void *data,
		  size_t len, enum publish_fault fault);
int publish_fan(struct publisher *p, const struct publish_stream *s, const void *data, size_t len);

/* One packet of a stream on whichever of these ways: 0 or -errno. */
int publisher_send(struct publisher *p, const struct publish_stream *s, const void *data,
		   size_t len);

/* Send one packet of that fault, instead of which data would be right. */
void publish_fault(struct publisher *p, struct publish_stream *s, enum publish_fault fault,
		   const uint8_t *data, size_t len);

#endif
