/* SPDX-License-Identifier: BSD-2-Clause */
#include "neighbour.h"

#include <stdbool.h>
#include <string.h>

#define ETH 14
#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define IP6 40
#define ND 24 /* a solicitation or advertisement without options */
#define ND_SOLICIT 135
#define ND_ADVERT 136
#define ND_ROUTER_SOLICITED_OVERRIDE 0xe0
#define ND_TARGET_MAC 2

static const uint8_t arp_head[] = {0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0};

static bool is_ours(const struct neighbour_self *s, const struct crier_addr *a)
{
	uint32_t i;

	for (i = 0; i < s->addrs; i++)
		if (!memcmp(s->addr[i].b, a->b, 16))
			return true;
	return false;
}

static void eth_write(const struct neighbour_self *s, const uint8_t *frame, uint8_t *out)
{
	memcpy(out, frame + 6, 6);
	memcpy(out + 6, s->mac, 6);
	memcpy(out + 12, frame + 12, 2);
}

static uint32_t arp_answer(const struct neighbour_self *s, const uint8_t *frame, uint32_t len,
			   uint8_t *out)
{
	const uint8_t *arp = frame + ETH;
	struct crier_addr target = {.b = {[10] = 0xff, [11] = 0xff}};

	if (len < ETH + ARP_LEN || memcmp(frame + 12, arp_head, sizeof(arp_head)) ||
	    arp[7] != ARP_REQUEST)
		return 0;
	memcpy(target.b + 12, arp + 24, 4);
	if (!is_ours(s, &target))
		return 0;
	eth_write(s, frame, out);
	memcpy(out + ETH, arp, 7);
	out[ETH + 7] = ARP_REPLY;
	memcpy(out + ETH + 8, s->mac, 6);
	memcpy(out + ETH + 14, arp + 24, 4);
	memcpy(out + ETH + 18, arp + 8, 10);
	return ETH + ARP_LEN;
}

/* RFC 4443 section 2.3, over the advertisement in an IPv6 header. */
static uint16_t icmp6_checksum(const uint8_t *ip6, uint32_t len)
{
	uint32_t sum = len + 58, i;

	for (i = 8; i < IP6 + len; i += 2)
		sum += (uint32_t)ip6[i] << 8 | ip6[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static uint32_t nd_answer(const struct neighbour_self *s, const uint8_t *frame, uint32_t len,
			  uint8_t *out)
{
	const uint8_t *ip6 = frame + ETH, *nd = ip6 + IP6;
	uint8_t *to = out + ETH, *advert = to + IP6;
	struct crier_addr target;
	uint16_t sum;

	if (len < ETH + IP6 + ND || frame[12] != 0x86 || frame[13] != 0xdd || ip6[6] != 58 ||
	    ip6[7] != 255 || nd[0] != ND_SOLICIT || nd[1])
		return 0;
	memcpy(target.b, nd + 8, 16);
	if (!is_ours(s, &target))
		return 0;
	memset(out, 0, NEIGHBOUR_MAX);
	eth_write(s, frame, out);
	to[0] = 0x60;
	to[5] = ND + 8;
	to[6] = 58;
	to[7] = 255;
	memcpy(to + 8, target.b, 16);
	memcpy(to + 24, ip6 + 8, 16);
	advert[0] = ND_ADVERT;
	advert[4] = ND_ROUTER_SOLICITED_OVERRIDE;
	memcpy(advert + 8, target.b, 16);
	advert[ND] = ND_TARGET_MAC;
	advert[ND + 1] = 1;
	memcpy(advert + ND + 2, s->mac, 6);
	sum = icmp6_checksum(to, ND + 8);
	advert[2] = (uint8_t)(sum >> 8);
	advert[3] = (uint8_t)sum;
	return NEIGHBOUR_MAX;
}

uint32_t neighbour_answer(const struct neighbour_self *self, const uint8_t *frame, uint32_t len,
			  uint8_t out[NEIGHBOUR_MAX])
{
	uint32_t n = 0;

	if (!self->addrs)
		return 0;
	n = arp_answer(self, frame, len, out);
	return n ? n : nd_answer(self, frame, len, out);
}
