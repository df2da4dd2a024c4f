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

/*
 * A search under way.  It lies outside of the function that searches: what the verifier
 * sees read from there is any number, so that each step of it is verified once and not for
 * all the ways that lead there.  The CPU, who guesses these ways, does not wait for one
 * load before it begins the next.
 */
struct guard_search {
	__u32 from, to; /* what is sought lies in here */
};

/* Narrows s->from .. s->to, cells from root on, to the first whose key is beyond key. */
PACKET_INLINE void guard_narrow(const struct tables *t, __u32 root, __u64 key,
				struct guard_search *s)
{
	for (int i = 0; i < CRIER_GUARD_HALVES; i++) {
		__u32 from = STEER_LOAD(&s->from), to = STEER_LOAD(&s->to);
		__u32 middle = from + (to - from) / 2;
		const struct crier_guard_cell *step;

		if (from >= to)
			break;
		step = steer_guard_cell(t, root + middle);
		if (!step)
			break;
		if (step->key <= key)
			STEER_STORE(&s->from, middle + 1);
		else
			STEER_STORE(&s->to, middle);
	}
}

/* s becomes the steps of the bucket that key is in: cells from root on, behind the first step. */
PACKET_INLINE int guard_bucket(const struct tables *t, __u32 root, __u64 key,
			       struct guard_search *s)
{
	const struct crier_guard_cell *cell = steer_guard_cell(t, root);
	__u32 head = root, from = 0, to = 0;

	if (!cell || key < cell->key)
		return 0;
	for (int level = 0; level < CRIER_GUARD_LEVELS; level++) {
		__u64 n = (key - cell->key) >> (cell->value & 63);

		if (n >= cell->buckets)
			n = cell->buckets - 1;
		cell = steer_guard_cell(t, head + 1 + (__u32)n / 2);
		if (!cell)
			return 0;
		from = cell->bucket[n & 1].from;
		to = cell->bucket[n & 1].to;
		if (!(to & CRIER_GUARD_AGAIN))
			break;
		head = root + (to & ~CRIER_GUARD_AGAIN);
		to = from;
		cell = steer_guard_cell(t, head);
		if (!cell || key < cell->key)
			break;
	}
	STEER_STORE(&s->from, from);
	STEER_STORE(&s->to, to);
	return 1;
}

/* What a tree says of a key: the value of the last step before it or at it. */
PACKET_INLINE __u32 guard_find(const struct tables *t, __u32 root, __u64 key,
			       struct guard_search *s)
{
	const struct crier_guard_cell *step;

	if (!guard_bucket(t, root, key, s))
		return CRIER_GUARD_NONE;
	guard_narrow(t, root, key, s);
	step = steer_guard_cell(t, root + STEER_LOAD(&s->from) - 1);
	return step ? step->value : (__u32)CRIER_GUARD_NONE;
}

#ifdef __bpf__

__attribute__((noinline)) __u32 guard_find_once(__u32 root, __u64 key, struct guard_search *s)
{
	return s ? guard_find(NULL, root, key, s) : CRIER_GUARD_NONE;
}

#define guard_find(t, root, key, s) guard_find_once(root, key, s)

#endif

/* Is a packet's source blocked?  Without a list of its family: one load. */
PACKET_INLINE int guard_is_blocked(const struct tables *t, const struct crier_addr *src,
				   int family6)
{
	const struct crier_guard *guard = steer_guard(t, 0);
	__u64 roots = guard ? STEER_ACQUIRE(&guard->roots) : 0;
	__u32 root = (__u32)(family6 ? roots >> 32 : roots), value;
	struct guard_search s = {0};

	if (!root)
		return 0;
	if (!family6)
		return guard_find(t, root, (__u64)__builtin_bswap32(src->w[3]) << 32, &s) ==
		       CRIER_GUARD_BLOCK;
	value = guard_find(t, root, __builtin_bswap64(src->q[0]), &s);
	if (value >= CRIER_GUARD_TREE)
		value = guard_find(t, value - CRIER_GUARD_TREE, __builtin_bswap64(src->q[1]), &s);
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

/* Do copies go to this address and port now?  Its index may move meanwhile: then perhaps not. */
PACKET_INLINE int guard_is_member(const struct tables *t, const struct crier_config *config,
				  const struct crier_addr *addr, int family6, __be16 port,
				  struct guard_search *s)
{
	__u64 hash = member_hash(STEER_LOAD(&config->index_seed), addr, family6, port);
	__u32 words = config->index_words, mask = config->index_mask;

	STEER_STORE(&s->from, (__u32)((hash >> 32) * words >> 32));
	for (int i = 0; i < GUARD_PROBES; i++) {
		__u32 at = STEER_LOAD(&s->from);
		const struct crier_index *in = steer_index(t, at / CRIER_INDEX_WORDS);
		__u32 word = in ? STEER_ACQUIRE(&in->word[at % CRIER_INDEX_WORDS]) : 0;

		if (!word)
			return 0;
		if (!(((__u32)hash ^ word) & ~mask) &&
		    guard_is_in_slot(t, config, word & mask, addr, family6, port))
			return 1;
		STEER_STORE(&s->from, at + 1 == words ? 0 : at + 1);
	}
	return 0;
}

#ifdef __bpf__

__attribute__((noinline)) int guard_is_member_once(const struct crier_config *config,
						   const struct crier_addr *addr, __u32 family6,
						   __u32 port, struct guard_search *s)
{
	return config && addr && s ? guard_is_member(NULL, config, addr, !!family6, (__be16)port, s)
				   : 0;
}

#define guard_is_member(t, config, addr, family6, port, s) \
	guard_is_member_once(config, addr, family6, port, s)

#endif

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
#ifdef __bpf__
	const __u32 *number = bpf_map_lookup_elem(&port_numbers, &ifindex);
	const struct crier_port *port = number ? steer_port(t, *number) : NULL;

	return port && (port->flags & CRIER_PORT_LOCAL);
#else
	for (__u32 n = 1; n < CRIER_MAX_PORTS; n++)
		if (STEER_LOAD(&t->ports[n].ifindex) == ifindex)
			return !!(t->ports[n].flags & CRIER_PORT_LOCAL);
	return 0;
#endif
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
