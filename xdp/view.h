/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables, seen from either side: what the guard and the ingest decision read, by one
 * name for BPF and natively.  Each accessor returns NULL for a number that has no element.
 *
 * For BPF, the includer has declared the maps by the names in table.h, port_numbers,
 * port_hints (PORT_HINTS numbers), guard_caps and steer_clock; there `t` is NULL and never
 * looked at.
 *
 * Loops that are inlined into one another are verified anew for each state of the outer
 * one, too much for 6.1 (a million instructions).  In BPF they are global functions, which
 * the kernel verifies once and by themselves; each pointer may be NULL to its mind.  What
 * such a function reads through a pointer it was given is any number to the verifier: a loop
 * that keeps there where it stands is not followed by every way that leads to each turn.
 *
 * But calls are dear, some 7 ns where a CPU's returns have to be made safe: so what nearly
 * always suffices, a first place or a first stream, is looked at inline.
 */
#ifndef CRIER_VIEW_H
#define CRIER_VIEW_H

#include "packet.h"
#include "table.h"

/* The tick whose time a CPU has asked for last. */
struct steer_clock {
	__u64 tick, now_ns;
};

#ifdef __bpf__

#define STEER_LOAD(p) (*(volatile __typeof__(*(p)) *)(p))
#define STEER_STORE(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))
#define STEER_ACQUIRE(p) STEER_LOAD(p) /* addresses depend on what was read */
#define STEER_NOW(now_ns) steer_clock_ns()
struct tables;

/*
 * CLOCK_MONOTONIC as of the last tick or the one before.  The exact time costs 35 ns on a
 * virtual CPU, and the last tick's 17, but which tick it is the verifier makes a single load.
 */
PACKET_INLINE __u64 steer_clock_ns(void)
{
	__u64 tick = bpf_jiffies64();
	__u32 zero = 0;
	struct steer_clock *c = bpf_map_lookup_elem(&steer_clock, &zero);

	if (!c)
		return bpf_ktime_get_coarse_ns();
	if (c->tick != tick) {
		/* In this order, for a test run may be interrupted by the program itself. */
		STEER_STORE(&c->now_ns, bpf_ktime_get_coarse_ns());
		STEER_STORE(&c->tick, tick);
	}
	return c->now_ns;
}

#define STEER_ELEMENT(type, name, map) \
	PACKET_INLINE const type *steer_##name(const struct tables *t, __u32 n) \
	{ \
		(void)t; \
		return bpf_map_lookup_elem(&map, &n); \
	}
STEER_ELEMENT(struct crier_config, config, config)
STEER_ELEMENT(struct crier_ingest, ingest, ingest)
STEER_ELEMENT(struct crier_local, local, locals)
STEER_ELEMENT(struct crier_stream, stream, streams)
STEER_ELEMENT(struct crier_room, room, rooms)
STEER_ELEMENT(struct crier_port, port, ports)
STEER_ELEMENT(struct crier_guard, guard, guard)
STEER_ELEMENT(struct crier_guard_bucket, guard_bucket, guard_buckets)
STEER_ELEMENT(struct crier_index, index, member_index)
STEER_ELEMENT(struct crier_page4, page4, members4)
STEER_ELEMENT(struct crier_page6, page6, members6)

/*
 * The number of the port at an interface; 0: none.  Where it was last time is looked at first,
 * and ports[] says if it is still so: a look-up in a hash is three calls.
 */
PACKET_INLINE __u32 steer_port_number(const struct tables *t, __u32 ifindex)
{
	__u32 at = ifindex % PORT_HINTS;
	__u32 *hint = bpf_map_lookup_elem(&port_hints, &at);
	__u32 number = hint ? STEER_LOAD(hint) : 0; /* once: other CPUs write it meanwhile */
	const struct crier_port *port = steer_port(t, number);
	const __u32 *known;

	if (port && STEER_LOAD(&port->ifindex) == ifindex)
		return number;
	known = bpf_map_lookup_elem(&port_numbers, &ifindex);
	if (!known)
		return 0;
	number = STEER_LOAD(known);
	if (hint)
		STEER_STORE(hint, number);
	return number;
}

#else

#include "tables.h"

#define STEER_LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STEER_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define STEER_ACQUIRE(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STEER_NOW(now_ns) (now_ns)

#define STEER_ELEMENT(type, name, array, count) \
	PACKET_INLINE const type *steer_##name(const struct tables *t, __u32 n) \
	{ \
		return n < (count) ? &t->array[n] : NULL; \
	}
STEER_ELEMENT(struct crier_config, config, config, 1)
STEER_ELEMENT(struct crier_ingest, ingest, ingest, CRIER_INGEST_ENTRIES)
STEER_ELEMENT(struct crier_local, local, locals, t->config->locals)
STEER_ELEMENT(struct crier_stream, stream, streams, t->config->max_streams)
STEER_ELEMENT(struct crier_room, room, rooms, t->config->max_rooms)
STEER_ELEMENT(struct crier_port, port, ports, CRIER_MAX_PORTS)
STEER_ELEMENT(struct crier_guard, guard, guard, 1)
STEER_ELEMENT(struct crier_guard_bucket, guard_bucket, guard_buckets,
	      guard_buckets_entries(t->config->guard_prefixes))
STEER_ELEMENT(struct crier_index, index, member_index,
	      (t->config->index_words + CRIER_INDEX_WORDS - 1) / CRIER_INDEX_WORDS)
STEER_ELEMENT(struct crier_page4, page4, members4, t->config->pages4)
STEER_ELEMENT(struct crier_page6, page6, members6, t->config->pages6)

PACKET_INLINE __u32 steer_port_number(const struct tables *t, __u32 ifindex)
{
	for (__u32 n = 1; n < CRIER_MAX_PORTS; n++)
		if (STEER_LOAD(&t->ports[n].ifindex) == ifindex)
			return n;
	return 0;
}

#endif

PACKET_INLINE int steer_addr_equal(const struct crier_addr *a, const struct crier_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

PACKET_INLINE int steer_is_local(const struct tables *t, const struct crier_config *config,
				 const struct crier_addr *addr)
{
	__u32 mask = config->locals - 1;
	__u32 at = local_hash(addr);

	for (__u32 i = 0; i < CRIER_LOCAL_PROBES; i++) {
		const struct crier_local *l = steer_local(t, (at + i) & mask);
		__u32 state;

		if (!l)
			return 0;
		state = STEER_ACQUIRE(&l->state);
		if (!state)
			return 0;
		if (state == 1 && steer_addr_equal(&l->addr, addr))
			return 1;
	}
	return 0;
}

enum steer_local {
	STEER_LOCAL_TO = 1,
	STEER_LOCAL_FROM = 2,
};

/* Is a packet to us, and if so, also from us? */
PACKET_INLINE int steer_locals_search(const struct tables *t, const struct crier_config *config,
				      const struct crier_addr *dst, const struct crier_addr *src)
{
	if (!steer_is_local(t, config, dst))
		return 0;
	return STEER_LOCAL_TO | (steer_is_local(t, config, src) ? STEER_LOCAL_FROM : 0);
}

#ifdef __bpf__

__attribute__((noinline)) int steer_locals_once(const struct crier_config *config,
						const struct crier_addr *dst,
						const struct crier_addr *src)
{
	return config && dst && src ? steer_locals_search(NULL, config, dst, src) : 0;
}

#define steer_locals_search(t, config, dst, src) steer_locals_once(config, dst, src)

#endif

#define STEER_PERHAPS 2

/* What an address's first place says, which is nearly always the last: 0, 1, STEER_PERHAPS. */
PACKET_INLINE int steer_is_local_first(const struct tables *t, const struct crier_config *config,
				       const struct crier_addr *addr)
{
	const struct crier_local *l = steer_local(t, local_hash(addr) & (config->locals - 1));
	__u32 state = l ? STEER_ACQUIRE(&l->state) : 0;

	if (!state)
		return 0;
	return state == 1 && steer_addr_equal(&l->addr, addr) ? 1 : STEER_PERHAPS;
}

/* As steer_locals_search(), nearly always without it. */
PACKET_INLINE int steer_locals(const struct tables *t, const struct crier_config *config,
			       const struct crier_addr *dst, const struct crier_addr *src)
{
	int to = steer_is_local_first(t, config, dst), from;

	if (!to)
		return 0;
	from = steer_is_local_first(t, config, src);
	if (to == STEER_PERHAPS || from == STEER_PERHAPS)
		return steer_locals_search(t, config, dst, src);
	return from ? STEER_LOCAL_TO | STEER_LOCAL_FROM : STEER_LOCAL_TO;
}

#endif
