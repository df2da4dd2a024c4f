/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard: does a stranger's packet cost us anything?  What it knows of a packet, one
 * code for BPF and natively; steer.h asks it in order and says what becomes of the packet.
 *
 * A packet that proves nothing gets no state of its own: a spoofer could use it to lock out
 * a whole carrier's NAT.  So there are only lists that the operator made, and caps over all.
 *
 * Natively any thread may call it that is between ONLINE and its next quiescent point
 * (table.h, "workers"), but guard_take() only the owner of the caps.
 */
#ifndef CRIER_GUARD_H
#define CRIER_GUARD_H

#include "members.h"
#include "packet.h"
#include "table.h"
#include "view.h"

/* The setting guard_mode. */
enum guard_mode {
	GUARD_OFF,
	GUARD_COUNT, /* verdicts are counted, and the packet goes on as if there were none */
	GUARD_ENFORCE,
};

/*
 * Who sent what the media port gives to crierd: a member, if it comes from an address and
 * port to which copies go now.  Members have a budget of their own, so that no flood of
 * strangers ends their reports and keepalives.  It is no proof, for who knows a member's
 * address and port can use them: then it is this budget that he spends, and no other.
 */
enum guard_class {
	GUARD_MEMBER,
	GUARD_STRANGER,
	GUARD_CLASSES,
};

/*
 * What was let through, as the times when each class's next packet is due (the generic cell
 * rate algorithm, ITU-T I.371): one a CPU in BPF's map guard_caps, one in each crier-dp
 * that judges.  Who decides there is the one writer.
 */
struct guard_caps {
	__u64 due_ns[GUARD_CLASSES];
};

#define GUARD_BURST_NS 100000000ULL /* so much of a second's budget may come at once */

#ifdef __bpf__
PACKET_INLINE struct guard_caps *guard_caps_of(struct guard_caps *caps)
{
	__u32 zero = 0;

	(void)caps;
	return bpf_map_lookup_elem(&guard_caps, &zero);
}
#else
PACKET_INLINE struct guard_caps *guard_caps_of(struct guard_caps *caps)
{
	return caps;
}
#endif

/* True: within pps packets a second, and spent.  No caps, or pps 0: nothing is. */
PACKET_INLINE int guard_take(struct guard_caps *caps, enum guard_class class, __u64 pps,
			     __u64 now_ns)
{
	__u64 due;

	if (!caps || !pps)
		return 0;
	due = caps->due_ns[class];
	if (due > now_ns)
		return 0;
	if (due + GUARD_BURST_NS < now_ns)
		due = now_ns - GUARD_BURST_NS;
	caps->due_ns[class] = due + 1000000000ULL / pps;
	return 1;
}

/*
 * ---- lists -------------------------------------------------------------------------
 */

/* 1: a is less than b.  By arithmetic in BPF, where the verifier would follow each branch. */
PACKET_INLINE __u32 guard_is_less(__u64 a, __u64 b)
{
#ifdef __bpf__
	return (__u32)(((~a & b) | (~(a ^ b) & (a - b))) >> 63);
#else
	return a < b;
#endif
}

/* A bucket's key. */
PACKET_INLINE __u64 guard_key(const struct crier_guard_bucket *b, int i, int family6)
{
	return family6 ? b->key6[i] : b->key4[i];
}

/* What a bucket that is no directory says of a key.  No branch, which a CPU would guess wrong. */
PACKET_INLINE __u32 guard_value(const struct crier_guard_bucket *b, __u64 key, int family6)
{
	__u32 n = family6 ? CRIER_GUARD_STEPS6 : CRIER_GUARD_STEPS4;

#ifdef __bpf__
	asm volatile("" : "+r"(key)); /* or clang knows its width, and compares and branches */
#endif
	if (family6)
		for (int i = 0; i < CRIER_GUARD_STEPS6; i++)
			n -= guard_is_less(key, b->key6[i]);
	else /* both have 32 bits: what is less borrows from the others */
		for (int i = 0; i < CRIER_GUARD_STEPS4; i++)
			n -= (__u32)((key - b->key4[i]) >> 63);
#ifdef __bpf__
	/* It is never more, which the verifier doesn't see: such a place is still in the bucket. */
	if (family6)
		asm volatile("%0 &= 7" : "+r"(n));
	else
		asm volatile("%0 &= 15" : "+r"(n));
#endif
	return family6 ? b->value6[n] : b->value4[n];
}

PACKET_INLINE __u32 guard_before(const struct crier_guard_bucket *b, int family6)
{
	return family6 ? b->value6[0] : b->value4[0];
}

/* Of directory d's buckets, the number of the one for a key that is not less than d's. */
PACKET_INLINE __u32 guard_next(const struct crier_guard_bucket *d, __u64 key, int family6)
{
	__u64 n = (key - guard_key(d, 0, family6)) >> (d->shift & 63);

	return d->first + (n < d->last ? (__u32)n : d->last);
}

/* The value in a run of buckets: that of the last one which doesn't begin behind the key. */
PACKET_INLINE __u32 guard_find_run(const struct tables *t, const struct crier_guard_bucket *d,
				   __u64 key, int family6)
{
	__u32 from = d->first, n = d->last + 1;
	const struct crier_guard_bucket *b;

	for (int i = 0; i < CRIER_GUARD_HALVES; i++) {
		__u32 half = n / 2;

		b = steer_guard_bucket(t, from + half);
		if (!half || !b)
			break;
		from += half * (1 - guard_is_less(key, guard_key(b, 0, family6)));
		n -= half;
	}
	b = steer_guard_bucket(t, from);
	return b ? guard_value(b, key, family6) : (__u32)CRIER_GUARD_NONE;
}

/* The value at bucket `at`, however deep under it. */
PACKET_INLINE __u32 guard_find_deep(const struct tables *t, __u32 at, __u64 key, int family6)
{
	for (int level = 0; level <= CRIER_GUARD_LEVELS + 1; level++) {
		const struct crier_guard_bucket *b = steer_guard_bucket(t, at);

		if (!b)
			break;
		if (!b->first)
			return guard_value(b, key, family6);
		if (key < guard_key(b, 0, family6))
			return guard_before(b, family6);
		if (b->shift == CRIER_GUARD_RUN)
			return guard_find_run(t, b, key, family6);
		at = guard_next(b, key, family6);
	}
	return CRIER_GUARD_NONE;
}

#ifdef __bpf__

__attribute__((noinline)) __u32 guard_find_once(__u32 at, __u64 key, __u32 family6)
{
	return family6 ? guard_find_deep(NULL, at, key, 1) : guard_find_deep(NULL, at, key, 0);
}

#define guard_find_deep(t, at, key, family6) guard_find_once(at, key, family6)

#endif

/* What a tree says of a key: nearly always by three buckets and without a call. */
PACKET_INLINE __u32 guard_find(const struct tables *t, __u32 root, __u64 key, int family6)
{
	const struct crier_guard_bucket *b = steer_guard_bucket(t, root);

	for (int level = 0; level < 2 && b && b->first; level++) {
		if (key < guard_key(b, 0, family6))
			return guard_before(b, family6);
		root = guard_next(b, key, family6);
		b = steer_guard_bucket(t, root);
	}
	if (!b)
		return CRIER_GUARD_NONE;
	return b->first ? guard_find_deep(t, root, key, family6) : guard_value(b, key, family6);
}

/* Is a packet's source blocked?  Without a list of its family: one load. */
PACKET_INLINE int guard_is_blocked(const struct tables *t, const struct crier_addr *src,
				   int family6)
{
	const struct crier_guard *guard = steer_guard(t, 0);
	__u64 roots = guard ? STEER_ACQUIRE(&guard->roots) : 0;
	__u32 root = (__u32)(family6 ? roots >> 32 : roots), value;

	if (!root)
		return 0;
	if (!family6)
		return guard_find(t, root, __builtin_bswap32(src->w[3]), 0) == CRIER_GUARD_BLOCK;
	value = guard_find(t, root, __builtin_bswap64(src->q[0]), 1);
	if (value >= CRIER_GUARD_TREE)
		value = guard_find_deep(t, value - CRIER_GUARD_TREE, __builtin_bswap64(src->q[1]),
					1);
	return value == CRIER_GUARD_BLOCK;
}

/*
 * ---- members -----------------------------------------------------------------------
 */

/*
 * So far a search of the index goes.  With the tables full (words two thirds taken) one
 * member in some hundred thousand stands further from his place and is taken for a stranger.
 */
#define GUARD_PROBES 128

PACKET_INLINE int guard_is_in_slot(const struct tables *t, const struct crier_config *config,
				   __u32 slot, const struct crier_addr *addr, int family6,
				   __be16 port)
{
	__u32 page = slot >> CRIER_PAGE_SHIFT, place = slot & (CRIER_PAGE_SLOTS - 1);
	const struct crier_page4 *page4;
	const struct crier_page6 *page6;
	__u64 word;

	if (!family6) {
		page4 = page < config->pages4 ? steer_page4(t, page) : 0;
		return page4 && STEER_LOAD(&page4->member[place]) << 16 ==
					member4_word(addr->w[3], port, 0) << 16;
	}
	page6 = page >= config->pages4 ? steer_page6(t, page - config->pages4) : 0;
	if (!page6)
		return 0;
	word = STEER_ACQUIRE(&page6->member[place].word);
	return (word & CRIER_MEMBER6_VALID) && member6_port(word) == port &&
	       steer_addr_equal(&page6->member[place].addr, addr);
}

#ifdef __bpf__

__attribute__((noinline)) int guard_is_in_slot_once(const struct crier_config *config, __u32 slot,
						    const struct crier_addr *addr, __u32 family6,
						    __u32 port)
{
	return config && addr ? guard_is_in_slot(NULL, config, slot, addr, !!family6, (__be16)port)
			      : 0;
}

#define guard_is_in_slot(t, config, slot, addr, family6, port) \
	guard_is_in_slot_once(config, slot, addr, family6, port)

#endif

/* Where the index is searched next: outside of the searching function, see view.h. */
struct guard_search {
	__u32 at;
};

PACKET_INLINE __u32 guard_index_word(const struct tables *t, __u32 at)
{
	const struct crier_index *in = steer_index(t, at / CRIER_INDEX_WORDS);

	return in ? STEER_ACQUIRE(&in->word[at % CRIER_INDEX_WORDS]) : 0;
}

PACKET_INLINE int guard_search_index(const struct tables *t, const struct crier_config *config,
				     const struct crier_addr *addr, int family6, __be16 port,
				     struct guard_search *s)
{
	__u32 hash = (__u32)member_hash(STEER_LOAD(&config->index_seed), addr, family6, port);
	__u32 words = config->index_words, mask = config->index_mask;

	for (int i = 0; i < GUARD_PROBES; i++) {
		__u32 at = STEER_LOAD(&s->at), word = guard_index_word(t, at);

		if (!word)
			return 0;
		if (!((hash ^ word) & ~mask) &&
		    guard_is_in_slot(t, config, word & mask, addr, family6, port))
			return 1;
		STEER_STORE(&s->at, at + 1 == words ? 0 : at + 1);
	}
	return 0;
}

#ifdef __bpf__

__attribute__((noinline)) int guard_search_index_once(const struct crier_config *config,
						      const struct crier_addr *addr, __u32 family6,
						      __u32 port, struct guard_search *s)
{
	return config && addr && s
		       ? guard_search_index(NULL, config, addr, !!family6, (__be16)port, s)
		       : 0;
}

#define guard_search_index(t, config, addr, family6, port, s) \
	guard_search_index_once(config, addr, family6, port, s)

#endif

/*
 * Do copies go to this address and port now?  Its index may move meanwhile: then perhaps not.
 * Of most strangers the first word knows nothing, and nothing is searched.
 */
PACKET_INLINE int guard_is_member(const struct tables *t, const struct crier_config *config,
				  const struct crier_addr *addr, int family6, __be16 port)
{
	__u64 hash = member_hash(STEER_LOAD(&config->index_seed), addr, family6, port);
	struct guard_search s = {(__u32)((hash >> 32) * config->index_words >> 32)};

	if (!guard_index_word(t, s.at))
		return 0;
	return guard_search_index(t, config, addr, family6, port, &s);
}

/*
 * ---- crier's own ports -------------------------------------------------------------
 */

/* "This network", loopback, multicast, reserved and broadcast: RFC 6890, RFC 5771. */
PACKET_INLINE int guard_is_odd4(__be32 src)
{
	__u32 first = src & 0xff;

	return first == 0 || first == 127 || first >= 224;
}

/* ::, ::1, multicast, and IPv4 in disguise (RFC 4291 section 2.5, 2.7). */
PACKET_INLINE int guard_is_odd6(const struct crier_addr *src)
{
	if (src->b[0] == 0xff)
		return 1;
	if (src->q[0])
		return 0;
	return src->w[2] == 0xffff0000 || (!src->w[2] && (!src->w[3] || src->w[3] == 0x01000000));
}

/* Our end of crier0 is the one way in for packets from our own addresses. */
PACKET_INLINE int guard_is_crier0(const struct tables *t, __u32 ifindex)
{
	const struct crier_port *port = steer_port(t, steer_port_number(t, ifindex));

	return port && (port->flags & CRIER_PORT_LOCAL);
}

/* A source that nobody out there can have; local: it is one of our own addresses. */
PACKET_INLINE int guard_is_impossible(const struct tables *t, const struct crier_addr *src,
				      int family6, int local, __u32 ifindex)
{
	if (family6 ? guard_is_odd6(src) : guard_is_odd4(src->w[3]))
		return 1;
	return local && !guard_is_crier0(t, ifindex);
}

/*
 * What listeners send to the media port: STUN, or RTCP (RFC 5761 section 4).  len bytes of
 * payload at data, data + len <= end.
 */
PACKET_INLINE int guard_is_listeners(const __u8 *data, __u32 len, const __u8 *end)
{
	if (len < 8 || data + 8 > end)
		return 0;
	return data[0] >> 6 == 2 ? packet_is_rtcp(data) : packet_is_stun(data, len, end);
}

#endif
