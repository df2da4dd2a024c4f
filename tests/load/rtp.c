/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtp.h"

#include <string.h>

#define NTP_UNIX 2208988800ULL /* seconds from 1900 to 1970 */
#define NSEC 1000000000ULL

enum { RTCP_SR = 200, RTCP_SDES = 202, RTCP_BYE = 203, SDES_CNAME = 1 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

uint32_t rtp_ts(const struct rtp_sender *s, uint64_t samples)
{
	return s->first_ts + (uint32_t)samples;
}

void rtp_header(const struct rtp_sender *s, uint8_t *out, uint32_t ts, int marker)
{
	out[0] = 2 << 6;
	out[1] = (uint8_t)(marker << 7 | s->pt);
	put16(out + 2, (uint16_t)(s->first_seq + s->pkts));
	put32(out + 4, ts);
	put32(out + 8, s->ssrc);
}

void rtp_sent(struct rtp_sender *s, size_t payload_len)
{
	s->pkts++;
	s->octets += payload_len;
}

static uint64_t ntp_time(uint64_t real_ns)
{
	return (real_ns / NSEC + NTP_UNIX) << 32 | (real_ns % NSEC << 32) / NSEC;
}

/* RFC 3550 section 6.4.1; the timestamp is that of the very instant of the NTP time. */
static size_t sr_write(const struct rtp_sender *s, uint8_t *out, uint64_t mono_ns, uint64_t *ntp)
{
	uint64_t passed = mono_ns - s->start_mono_ns;
	uint64_t samples = passed / NSEC * RTP_CLOCK + passed % NSEC * RTP_CLOCK / NSEC;

	*ntp = ntp_time(s->start_real_ns + passed);
	out[0] = 2 << 6;
	out[1] = RTCP_SR;
	put16(out + 2, 6);
	put32(out + 4, s->ssrc);
	put32(out + 8, (uint32_t)(*ntp >> 32));
	put32(out + 12, (uint32_t)*ntp);
	put32(out + 16, rtp_ts(s, samples));
	put32(out + 20, (uint32_t)s->pkts);
	put32(out + 24, (uint32_t)s->octets);
	return 28;
}

/* RFC 3550 section 6.5: one chunk, its items ended by at least one zero byte. */
static size_t sdes_write(const struct rtp_sender *s, uint8_t *out)
{
	size_t name = strnlen(s->cname, RTP_CNAME_MAX);
	size_t len = (4 + 4 + 2 + name + 1 + 3) & ~(size_t)3;

	memset(out, 0, len);
	out[0] = 2 << 6 | 1;
	out[1] = RTCP_SDES;
	put16(out + 2, (uint32_t)(len / 4 - 1));
	put32(out + 4, s->ssrc);
	out[8] = SDES_CNAME;
	out[9] = (uint8_t)name;
	memcpy(out + 10, s->cname, name);
	return len;
}

static size_t bye_write(const struct rtp_sender *s, uint8_t *out)
{
	out[0] = 2 << 6 | 1;
	out[1] = RTCP_BYE;
	put16(out + 2, 1);
	put32(out + 4, s->ssrc);
	return 8;
}

size_t rtcp_report(const struct rtp_sender *s, uint8_t out[RTCP_MAX], uint64_t mono_ns, int bye,
		   uint64_t *ntp)
{
	size_t len = sr_write(s, out, mono_ns, ntp);

	len += sdes_write(s, out + len);
	if (bye)
		len += bye_write(s, out + len);
	return len;
}
