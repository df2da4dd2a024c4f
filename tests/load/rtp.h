/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One RTP sender (RFC 3550): headers, and the compound RTCP packets that a sender
 * alone in its session sends.  No I/O.
 */
#ifndef CRIER_LOAD_RTP_H
#define CRIER_LOAD_RTP_H

#include <stddef.h>
#include <stdint.h>

#define RTP_CLOCK 48000 /* RFC 7587 section 4.1 */
#define RTP_HEADER 12
#define RTCP_MAX 512
#define RTP_CNAME_MAX 200

struct rtp_sender {
	uint32_t ssrc; /* host order, as all here */
	uint8_t pt;
	uint16_t first_seq;
	uint32_t first_ts;
	const char *cname;
	uint64_t pkts;		/* sent; the next packet's sequence number is first_seq + pkts */
	uint64_t octets;	/* of their payloads */
	uint64_t start_mono_ns; /* the instant of first_ts, by both clocks */
	uint64_t start_real_ns;
};

/* The RTP timestamp of `samples` after the start. */
uint32_t rtp_ts(const struct rtp_sender *s, uint64_t samples);

void rtp_header(const struct rtp_sender *s, uint8_t *out, uint32_t ts, int marker);

/* A packet went out with that many payload bytes. */
void rtp_sent(struct rtp_sender *s, size_t payload_len);

/*
 * SR + SDES (CNAME), and BYE if bye, as of mono_ns.  Returns the length; *ntp is the
 * report's NTP time.
 */
size_t rtcp_report(const struct rtp_sender *s, uint8_t out[RTCP_MAX], uint64_t mono_ns, int bye,
		   uint64_t *ntp);

#endif
