/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crier-load puts into a packet and how it knows it again.  One definition for
 * the publisher (native) and the sink (BPF), and none of crier's own code: the judge
 * does not share a parser with the judged.
 *
 * A synthetic packet's UDP payload is, after a 12-byte RTP header if the stream is
 * RTP, a struct wire_synth and a body derived from it.  All its words are in host
 * order: both ends read one CLOCK_MONOTONIC, so they are one machine.
 */
#ifndef CRIER_LOAD_WIRE_H
#define CRIER_LOAD_WIRE_H

#include <linux/types.h>

#define WIRE_MAGIC 0x64616f6c72656972ULL
#define WIRE_RTP_LEN 12
#define WIRE_SEED 0x6372696572ULL
/* Positions start here, so that a copy before the first one seen is still positive. */
#define WIRE_POS_BASE 0x10000

struct wire_synth {
	__u64 magic;
	__u32 room; /* wire_room_key() */
	__u32 slot; /* which stream of the room */
	__u64 seq;  /* from 0 */
	__u64 sent_ns;
	__u64 check; /* hash of the UDP payload, RTP header included, but for this word */
};
_Static_assert(sizeof(struct wire_synth) == 40, "wire_synth is a wire format");
#define WIRE_CHECK_OFFSET 32

/* Each step is a bijection of h, so no single wrong word can go unseen. */
static inline __u64 wire_mix(__u64 h, __u64 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

/* A hash under way, in two lanes: they run side by side in the CPU. */
struct wire_hash {
	__u64 a, b;
};

static inline __u64 wire_hash_end(const struct wire_hash *h, __u64 len)
{
	return wire_mix(wire_mix(h->a, h->b), len);
}

/*
 * ---- the sink's index: (address, port, room) -> member -----------------------------
 *
 * Open addressing over 64-bit words {fingerprint 32, member + 1}, in blocks of 64.
 * Neighbouring addresses and ports fall into one block, side by side: a sweep that
 * walks a list in order walks the index in order too, and the prefetcher sees it.
 * A collision goes on at the same place of another block.
 */
#define WIRE_INDEX_PROBES 32
#define WIRE_ROOM_ANY 0xffffffffU

struct wire_key {
	__u32 addr[4]; /* as in a packet; IPv4 is ::ffff:a.b.c.d */
	__u32 room;
	__u16 port; /* as in a packet */
	__u16 pad;
};

struct wire_probe {
	__u32 place; /* within the block */
	__u32 block;
	__u32 step; /* odd */
	__u32 print;
};

static inline void wire_probe_start(struct wire_probe *p, const struct wire_key *k)
{
	__u32 last = __builtin_bswap32(k->addr[3]);
	__u32 port = __builtin_bswap16(k->port);
	__u64 h = WIRE_SEED;

	h = wire_mix(h, (__u64)k->addr[0] << 32 | k->addr[1]);
	h = wire_mix(h, (__u64)k->addr[2] << 32 | last >> 6);
	h = wire_mix(h, (__u64)k->room << 32 | port >> 6);
	p->place = (last + port) & 63;
	p->block = (__u32)(h >> 32);
	h = wire_mix(h, last << 16 ^ port);
	p->step = (__u32)(h >> 32) | 1;
	p->print = (__u32)h;
}

static inline __u32 wire_probe_slot(const struct wire_probe *p, __u32 mask)
{
	return (p->block << 6 | p->place) & mask;
}

#ifndef __bpf__

#include <stddef.h>
#include <string.h>

/* Part of a hash: feed the parts in order, then wire_hash_end() with all their bytes' count. */
static inline void wire_hash_part(struct wire_hash *h, const void *data, size_t len)
{
	const char *p = data;
	__u64 word[2];

	for (; len >= 16; p += 16, len -= 16) {
		memcpy(word, p, 16);
		h->a = wire_mix(h->a, word[0]);
		h->b = wire_mix(h->b, word[1]);
	}
	if (len >= 8) {
		memcpy(word, p, 8);
		h->a = wire_mix(h->a, word[0]);
		p += 8;
		len -= 8;
	}
	if (len) {
		word[0] = 0;
		memcpy(word, p, len);
		h->a = wire_mix(h->a, word[0]);
	}
}

static inline __u64 wire_hash(const void *data, size_t len)
{
	struct wire_hash h = {WIRE_SEED, WIRE_SEED};

	wire_hash_part(&h, data, len);
	return wire_hash_end(&h, len);
}

/* FNV-1a: a room is known by its name on both sides, with nothing to agree on. */
static inline __u32 wire_room_key(const char *name)
{
	__u32 h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h;
}

/* The SSRC of a room's stream unless told otherwise; host order, never 0. */
static inline __u32 wire_ssrc(const char *room, __u32 slot)
{
	__u64 h = wire_mix(wire_mix(WIRE_SEED, wire_room_key(room)), slot);

	return (__u32)(h >> 32) ? (__u32)(h >> 32) : 1;
}

/* Fill a whole UDP payload of a synthetic packet; at: where struct wire_synth begins. */
static inline __u64 wire_synth_fill(void *payload, size_t len, size_t at, __u32 room, __u32 slot,
				    __u64 seq, __u64 sent_ns)
{
	struct wire_synth s = {WIRE_MAGIC, room, slot, seq, sent_ns, 0};
	char *head = (char *)payload, *body = head + at + sizeof(s);
	size_t i, body_len = len - at - sizeof(s);
	__u64 x = wire_mix(wire_mix(WIRE_SEED, (__u64)room << 32 | slot), seq);
	struct wire_hash h = {WIRE_SEED, WIRE_SEED};

	memcpy(head + at, &s, WIRE_CHECK_OFFSET);
	for (i = 0; i < body_len; i += 8) {
		x = wire_mix(x, i + 1);
		memcpy(body + i, &x, body_len - i < 8 ? body_len - i : 8);
	}
	wire_hash_part(&h, head, at + WIRE_CHECK_OFFSET);
	wire_hash_part(&h, body, body_len);
	s.check = wire_hash_end(&h, len - 8);
	memcpy(head + at + WIRE_CHECK_OFFSET, &s.check, 8);
	return s.check;
}

#endif
#endif
