/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The publisher's log: what was sent, a line a packet, in time order.  Text, so that
 * awk reads it too:
 *
 *   crier-load-log 1
 *   stream N ROOM SLOT SSRC rtp|udp ADDR:PORT
 *   pkt NS N POS SEQ TS SSRC LEN HASH
 *   rtcp NS N NTP LEN HASH
 *   bad NS N KIND LEN
 *   failed NS N ERRNO
 *   end NS PACKETS RTCP BAD FAILED
 *
 * NS is CLOCK_MONOTONIC at the moment of sending, POS counts a stream's packets from
 * 65536 + its first sequence number, LEN is the UDP payload's; SSRC, NTP and HASH are
 * hexadecimal.  A failed packet is followed by its reason and is not due.
 */
#ifndef CRIER_LOAD_PUBLOG_H
#define CRIER_LOAD_PUBLOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PUBLOG_ROOM_MAX 64

struct publog_packet {
	uint64_t ns;
	uint64_t hash;
	uint32_t pos;
	uint32_t len;
};

struct publog_report {
	uint64_t ns;
	uint64_t ntp;
	uint64_t hash;
};

struct publog_stream {
	char room[PUBLOG_ROOM_MAX];
	uint32_t slot;
	uint32_t ssrc; /* host order */
	struct publog_packet *pkt;
	size_t pkts, pkts_room;
	struct publog_report *report;
	size_t reports, reports_room;
};

struct publog {
	struct publog_stream *stream;
	size_t streams;
	uint64_t bad, failed;
	uint64_t start_ns, end_ns; /* of the "end" line */
	int ended;
	long offset; /* how far publog_read() came */
	unsigned long line;
};

/*
 * Read on from where the last call ended, up to the last whole line.  The file may
 * not exist yet.  0, or -errno with the reason logged.
 */
int publog_read(struct publog *log, const char *path);
void publog_free(struct publog *log);

#endif
