/* SPDX-License-Identifier: BSD-2-Clause */
#include "fan.h"

#include <string.h>

#define ETH_LEN 14
#define IP4_LEN 20
#define IP6_LEN 40
#define IP4_CHECK 10
#define IP4_TO 16
#define IP6_TO 24
#define UDP_CHECK 6

static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static uint16_t fold16(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* A member's address in 16-bit words as they lie. */
static uint32_t addr_sum(const struct tally_member *m, bool v4)
{
	uint64_t sum = m->addr[3];

	if (!v4)
		sum += (uint64_t)m->addr[0] + m->addr[1] + m->addr[2];
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return (uint32_t)sum;
}

void fan_make(struct fan *fan, const struct frame_spec *spec, const void *payload, size_t len)
{
	struct frame_spec s = *spec;

	fan->v4 = addr_is_v4(&spec->to.addr);
	memset(s.to.addr.b + (fan->v4 ? 12 : 0), 0, fan->v4 ? 4 : 16);
	s.to.port = 0;
	s.vlans = 0;
	fan->len = (uint32_t)frame_build(fan->frame, &s, payload, len);
	fan->ip = ETH_LEN;
	fan->udp = ETH_LEN + (fan->v4 ? IP4_LEN : IP6_LEN);
	fan->ip_sum = (uint16_t)~load16(fan->frame + fan->ip + IP4_CHECK);
	fan->udp_sum = (uint16_t)~load16(fan->frame + fan->udp + UDP_CHECK);
}

void fan_write(const struct fan *fan, uint8_t *out, const struct tally_member *to)
{
	uint32_t sum = addr_sum(to, fan->v4);
	uint16_t check;

	memcpy(out, fan->frame, fan->len);
	if (fan->v4) {
		memcpy(out + fan->ip + IP4_TO, &to->addr[3], 4);
		check = (uint16_t)~fold16(fan->ip_sum + sum);
		memcpy(out + fan->ip + IP4_CHECK, &check, 2);
	} else {
		memcpy(out + fan->ip + IP6_TO, to->addr, 16);
	}
	memcpy(out + fan->udp + 2, &to->port, 2);
	check = (uint16_t)~fold16(fan->udp_sum + sum + to->port);
	if (!check)
		check = 0xffff; /* RFC 768: zero would say that there is none */
	memcpy(out + fan->udp + UDP_CHECK, &check, 2);
}
