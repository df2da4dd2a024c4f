/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets, read from the outside in, and the checksum arithmetic.  One code for BPF
 * and natively; pure functions, any thread, safe on any bytes.
 *
 * Each parser checks that its header is there, advances the cursor past it and
 * returns what comes next, or PACKET_SHORT.  Fields are read by offset and not
 * through structs: frames lie at any alignment, which plain structs must not.
 */
#ifndef CRIER_PACKET_H
#define CRIER_PACKET_H

#include <linux/types.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "crier's tables are laid out for little-endian machines"
#endif

#define PACKET_INLINE static inline __attribute__((always_inline, unused))

/* Ethernet (IEEE 802.3, 802.1Q, 802.1ad) */
#define PACKET_ETH_LEN 14
#define PACKET_VLAN_LEN 4
#define PACKET_TYPE_IP4 0x0800
#define PACKET_TYPE_IP6 0x86dd
#define PACKET_TYPE_VLAN 0x8100
#define PACKET_TYPE_QINQ 0x88a8

/* IPv4 (RFC 791 section 3.1): offsets in its header */
#define PACKET_IP4_LEN 20
#define PACKET_IP4_TOTAL 2
#define PACKET_IP4_FRAG 6
#define PACKET_IP4_TTL 8
#define PACKET_IP4_PROTO 9
#define PACKET_IP4_CHECK 10
#define PACKET_IP4_SRC 12
#define PACKET_IP4_DST 16

/* IPv6 (RFC 8200 section 3) */
#define PACKET_IP6_LEN 40
#define PACKET_IP6_PAYLOAD 4
#define PACKET_IP6_NEXT 6
#define PACKET_IP6_HOPS 7
#define PACKET_IP6_SRC 8
#define PACKET_IP6_DST 24

/* UDP (RFC 768) */
#define PACKET_UDP_LEN 8
#define PACKET_UDP_SRC 0
#define PACKET_UDP_DST 2
#define PACKET_UDP_LENGTH 4
#define PACKET_UDP_CHECK 6

/* RTP (RFC 3550 section 5.1) and RTCP (section 6.4) */
#define PACKET_RTP_LEN 12
#define PACKET_RTP_SSRC 8
#define PACKET_RTCP_SSRC 4
#define PACKET_RTCP_SR 200
#define PACKET_RTCP_RR 201
/* Longest payload that the RTP rules accept; a bound that the BPF verifier needs. */
#define PACKET_RTP_MAX 0x3fff
/* STUN (RFC 8489 section 5) */
#define PACKET_STUN_LEN 20
#define PACKET_STUN_LENGTH 2
#define PACKET_STUN_COOKIE 4
#define PACKET_STUN_MAGIC 0x42a41221 /* 2112a442 in network order */

/* Neighbour discovery (RFC 4861 section 4): types of ICMPv6, and who may have sent them */
#define PACKET_ND_FIRST 133
#define PACKET_ND_LAST 137
#define PACKET_ND_HOPS 255 /* a router would have lessened it */

/* Most packets in one RTCP compound. */
#define PACKET_RTCP_PARTS 8

#define PACKET_PROTO_FRAGMENT 44
#define PACKET_PROTO_UDP 17
#define PACKET_PROTO_ICMP6 58

/* What a parser returns when it is not the next protocol's number. */
enum packet_next {
	PACKET_SHORT = -1,   /* the packet ends before this header does */
	PACKET_ALIEN = -2,   /* not this version, or impossible lengths in its header */
	PACKET_OPTIONS = -3, /* IPv4 options, IPv6 extension headers */
	PACKET_FRAGMENT = -4,
	PACKET_DAMAGED = -5, /* UDP to all appearances, but the IP header's checksum is wrong */
};

struct cursor {
	const __u8 *pos;
	const __u8 *end;
};

PACKET_INLINE __u16 packet_get16(const __u8 *p)
{
#ifdef __bpf__
	/* clang would split a memcpy of unknown alignment into bytes */
	return *(const __u16 *)p;
#else
	__u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
#endif
}

PACKET_INLINE __u32 packet_get32(const __u8 *p)
{
#ifdef __bpf__
	return *(const __u32 *)p;
#else
	__u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
#endif
}

PACKET_INLINE __u16 packet_host16(const __u8 *p)
{
	return __builtin_bswap16(packet_get16(p));
}

/* The bytes of the header at the cursor, or NULL if they are not all there. */
PACKET_INLINE const __u8 *cursor_take(struct cursor *c, __u32 len)
{
	const __u8 *p = c->pos;

	if (p + len > c->end)
		return 0;
	c->pos = p + len;
	return p;
}

/*
 * ---- checksums (RFC 1071, RFC 1624) ------------------------------------------------
 *
 * Sums are of 16-bit words as they lie in memory, whatever the byte order (RFC 1071
 * section 2 B).  A sum may be 32 or 64 bits wide until it is folded.
 */

/* 16 bits, not complemented. */
PACKET_INLINE __u16 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* The checksum field of what sums to sum. */
PACKET_INLINE __u16 sum_check(__u64 sum)
{
	return (__u16)~sum_fold(sum);
}

/* RFC 768: a UDP checksum of zero would mean "none". */
PACKET_INLINE __u16 sum_check_udp(__u64 sum)
{
	__u16 check = sum_check(sum);

	return check ? check : 0xffff;
}

/* RFC 1624 equation 3: the field after a 16-bit word changed from was to is. */
PACKET_INLINE __u16 check_replace16(__u16 check, __u16 was, __u16 is)
{
	return sum_check((__u64)(__u16)~check + (__u16)~was + is);
}

PACKET_INLINE __u16 check_replace32(__u16 check, __u32 was, __u32 is)
{
	return sum_check((__u64)(__u16)~check + (__u32)~was + is);
}

/* The sum of an address in a pseudo-header (RFC 768, RFC 8200 section 8.1). */
PACKET_INLINE __u64 sum_addr6(const __u8 addr[16])
{
	return (__u64)packet_get32(addr) + packet_get32(addr + 4) + packet_get32(addr + 8) +
	       packet_get32(addr + 12);
}

/* An IPv4 header without options: all five words; sum_fold() of it is 0xffff if right. */
PACKET_INLINE __u64 sum_ip4(const __u8 *ip)
{
	return (__u64)packet_get32(ip) + packet_get32(ip + 4) + packet_get32(ip + 8) +
	       packet_get32(ip + 12) + packet_get32(ip + 16);
}

#ifndef __bpf__
/* Any bytes; an odd last byte is padded with zero (RFC 1071 section 1). */
PACKET_INLINE __u64 sum_bytes(const void *data, __u64 len)
{
	const __u8 *p = data;
	__u64 sum = 0;

	for (; len >= 4; p += 4, len -= 4)
		sum += packet_get32(p);
	if (len >= 2) {
		sum += packet_get16(p);
		p += 2;
		len -= 2;
	}
	return len ? sum + *p : sum;
}
#endif

/*
 * ---- parsers -------------------------------------------------------------------------
 */

/*
 * Ethernet and up to two VLAN tags.  vlan[] gets id + 1 of the outer and the inner
 * tag, 0 where there is none.  Returns the EtherType in host order; a third tag is
 * returned as such.
 */
PACKET_INLINE int packet_eth(struct cursor *c, __u16 vlan[2])
{
	const __u8 *eth = cursor_take(c, PACKET_ETH_LEN);
	__u16 type;

	vlan[0] = vlan[1] = 0;
	if (!eth)
		return PACKET_SHORT;
	type = packet_host16(eth + 12);
	for (int i = 0; i < 2; i++) {
		const __u8 *tag;

		if (type != PACKET_TYPE_VLAN && type != PACKET_TYPE_QINQ)
			break;
		tag = cursor_take(c, PACKET_VLAN_LEN);
		if (!tag)
			return PACKET_SHORT;
		vlan[i] = (packet_host16(tag) & 0xfff) + 1;
		type = packet_host16(tag + 2);
	}
	return type;
}

/*
 * IPv4.  Returns the protocol.  The header's checksum has been looked at; that the
 * total length is true has not.  Where the checksum is wrong, what isn't plain UDP is alien.
 */
PACKET_INLINE int packet_ip4(struct cursor *c)
{
	const __u8 *ip = cursor_take(c, PACKET_IP4_LEN);
	int right;

	if (!ip)
		return PACKET_SHORT;
	if (ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return PACKET_ALIEN;
	if ((ip[0] & 15) > 5)
		return PACKET_OPTIONS;
	right = sum_fold(sum_ip4(ip)) == 0xffff;
	if (packet_host16(ip + PACKET_IP4_FRAG) & 0x3fff) /* more fragments, or an offset */
		return right ? PACKET_FRAGMENT : PACKET_ALIEN;
	if (!right)
		return ip[PACKET_IP4_PROTO] == PACKET_PROTO_UDP ? PACKET_DAMAGED : PACKET_ALIEN;
	return ip[PACKET_IP4_PROTO];
}

/* Is this IPv6 next header an extension header (RFC 8200, RFC 7045)? */
PACKET_INLINE int packet_ip6_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 50 || next == 51 || next == 60 || next == 135 ||
	       next == 139 || next == 140 || next == 253 || next == 254;
}

/* IPv6.  Returns the next header; that the payload length is true has not been looked at. */
PACKET_INLINE int packet_ip6(struct cursor *c)
{
	const __u8 *ip = cursor_take(c, PACKET_IP6_LEN);
	__u8 next;

	if (!ip)
		return PACKET_SHORT;
	if (ip[0] >> 4 != 6)
		return PACKET_ALIEN;
	next = ip[PACKET_IP6_NEXT];
	if (next == PACKET_PROTO_FRAGMENT)
		return PACKET_FRAGMENT;
	if (packet_ip6_extension(next))
		return PACKET_OPTIONS;
	return next;
}

/*
 * A STUN message (RFC 8489 section 5, told by its first byte as in RFC 7983): the cookie is
 * there, and the attributes it claims lie within len bytes.  data + len <= end holds.
 */
PACKET_INLINE int packet_is_stun(const __u8 *data, __u32 len, const __u8 *end)
{
	__u32 attributes;

	if (len < PACKET_STUN_LEN || data + PACKET_STUN_LEN > end || data[0] > 3 ||
	    packet_get32(data + PACKET_STUN_COOKIE) != PACKET_STUN_MAGIC)
		return 0;
	attributes = packet_host16(data + PACKET_STUN_LENGTH);
	return !(attributes & 3) && PACKET_STUN_LEN + attributes <= len;
}

/*
 * Neighbour discovery?  ip is an IPv6 header that is whole.  Senders use no extension
 * headers, and receivers ignore what has crossed a router (RFC 4861 section 6.1, 7.1).
 */
PACKET_INLINE int packet_is_nd(const __u8 *ip, const __u8 *end)
{
	const __u8 *icmp = ip + PACKET_IP6_LEN;

	return ip[PACKET_IP6_NEXT] == PACKET_PROTO_ICMP6 && ip[PACKET_IP6_HOPS] == PACKET_ND_HOPS &&
	       icmp + 1 <= end && icmp[0] >= PACKET_ND_FIRST && icmp[0] <= PACKET_ND_LAST;
}

/* What a UDP payload on a stream's port is. */
enum packet_media {
	PACKET_MEDIA_NONE, /* neither */
	PACKET_MEDIA_RTP,
	PACKET_MEDIA_RTCP,
};

/* RTP and RTCP on one port: RFC 5761 section 4 gives RTCP the types 192 to 223. */
PACKET_INLINE int packet_is_rtcp(const __u8 *media)
{
	return media[1] >= 192 && media[1] <= 223;
}

/*
 * A well-formed RTP packet (RFC 3550 sections 5.1, 5.3.1, A.1): CSRCs, header
 * extension and padding all lie within len bytes.  data + len <= end holds.
 */
PACKET_INLINE int packet_rtp_ok(const __u8 *data, __u32 len, const __u8 *end)
{
	__u32 head = PACKET_RTP_LEN;

	if (data + PACKET_RTP_LEN > end)
		return 0;
	head += (__u32)(data[0] & 15) * 4;
	if (data[0] & 0x10) {
		const __u8 *ext = data + head;

		if (head + 4 > len || ext + 4 > end)
			return 0;
		head += 4 + (__u32)packet_host16(ext + 2) * 4;
	}
	if (head > len)
		return 0;
	if (data[0] & 0x20) {
		const __u8 *last = data + ((len - 1) & PACKET_RTP_MAX);

		if (last + 1 > end || *last == 0 || head + *last > len)
			return 0;
	}
	return 1;
}

/*
 * A well-formed RTCP compound (RFC 3550 sections 6.1, A.2): it begins with a sender
 * or receiver report without padding, each part has version 2, only the last one is
 * padded, and the parts' lengths add up to len exactly.
 */
PACKET_INLINE int packet_rtcp_ok(const __u8 *data, __u32 len, const __u8 *end)
{
	__u32 off = 0;
	int padded = 0;

	if (data + 8 > end || (data[0] & 0x20) ||
	    (data[1] != PACKET_RTCP_SR && data[1] != PACKET_RTCP_RR))
		return 0;
	/* A sender report says so much at least: SSRC and sender info, and its blocks. */
	if (((__u32)packet_host16(data + 2) + 1) * 4 <
	    (data[1] == PACKET_RTCP_SR ? 28u : 8u) + (__u32)(data[0] & 31) * 24)
		return 0;
	for (int i = 0; i < PACKET_RTCP_PARTS; i++) {
		const __u8 *part = data + (off & PACKET_RTP_MAX);

		if (part + 4 > end || part[0] >> 6 != 2 || padded)
			return 0;
		padded = part[0] & 0x20;
		off += ((__u32)packet_host16(part + 2) + 1) * 4;
		if (off == len)
			return 1;
		if (off > len || off > PACKET_RTP_MAX)
			return 0;
	}
	return 0;
}

/*
 * A UDP payload of len bytes at data, data + len <= end.  *ssrc gets the sender's, in
 * network order, *pt the payload type of RTP.
 */
PACKET_INLINE enum packet_media packet_media(const __u8 *data, __u32 len, const __u8 *end,
					     __be32 *ssrc, __u8 *pt)
{
	if (len < 8 || len > PACKET_RTP_MAX || data + 8 > end || data[0] >> 6 != 2)
		return PACKET_MEDIA_NONE;
	if (packet_is_rtcp(data)) {
		*ssrc = packet_get32(data + PACKET_RTCP_SSRC);
		return packet_rtcp_ok(data, len, end) ? PACKET_MEDIA_RTCP : PACKET_MEDIA_NONE;
	}
	if (len < PACKET_RTP_LEN || data + PACKET_RTP_LEN > end)
		return PACKET_MEDIA_NONE;
	*ssrc = packet_get32(data + PACKET_RTP_SSRC);
	*pt = data[1] & 0x7f;
	return packet_rtp_ok(data, len, end) ? PACKET_MEDIA_RTP : PACKET_MEDIA_NONE;
}

#endif
