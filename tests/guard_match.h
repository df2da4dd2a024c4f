/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guard lists for tests: prefixes as text, the naive longest match that every lookup has to
 * agree with, and lists that are put to use as crierd does it.
 */
#ifndef CRIER_TEST_GUARD_MATCH_H
#define CRIER_TEST_GUARD_MATCH_H

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "control/guard_tree.h"
#include "tables.h"

/* Bits of the address that a prefix's length counts from. */
static inline unsigned int match_offset(const struct crier_guard_prefix *p)
{
	return p->family6 ? 0 : 96;
}

/* Clears the bits beyond a prefix's length. */
static inline void match_trim(struct crier_guard_prefix *p)
{
	for (unsigned int bit = match_offset(p) + p->len; bit < 128; bit++)
		p->addr.b[bit / 8] &= (__u8) ~(0x80 >> bit % 8);
}

/* "ADDR/LEN" */
static inline struct crier_guard_prefix match_prefix(const char *s, enum crier_guard_value value)
{
	const char *slash = strchr(s, '/');
	struct crier_guard_prefix p = {.value = (__u8)value};

	if (!slash || addr_parse(s, (size_t)(slash - s), &p.addr))
		abort();
	p.len = (__u8)atoi(slash + 1);
	p.family6 = !addr_is_v4(&p.addr);
	match_trim(&p);
	return p;
}

static inline bool match_covers(const struct crier_guard_prefix *p, const struct crier_addr *a,
				int family6)
{
	unsigned int len = match_offset(p) + p->len;

	if (!!p->family6 != !!family6 || memcmp(&p->addr, a, len / 8))
		return false;
	return !(len % 8) || !((p->addr.b[len / 8] ^ a->b[len / 8]) >> (8 - len % 8));
}

/* The most specific prefix decides. */
static inline enum crier_guard_value match_naive(const struct crier_guard_prefix *p, uint32_t n,
						 const struct crier_addr *a, int family6)
{
	enum crier_guard_value value = CRIER_GUARD_NONE;
	int best = -1;

	for (; n--; p++) {
		if (p->len <= best || !match_covers(p, a, family6))
			continue;
		best = p->len;
		value = (enum crier_guard_value)p->value;
	}
	return value;
}

/* xorshift64*: what is random is the same on every run with the same seed. */
static inline uint64_t packet_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/*
 * Prefixes of both families and all lengths, in few enough places to be nested and
 * neighbours; none twice.
 */
static inline void match_random(struct crier_guard_prefix *list, uint32_t n, uint64_t *seed)
{
	for (uint32_t i = 0; i < n; i++) {
		struct crier_guard_prefix *p = &list[i];
		uint64_t r = packet_random(seed);

		*p = (struct crier_guard_prefix){
			.family6 = r & 1, .value = r & 2 ? CRIER_GUARD_ALLOW : CRIER_GUARD_BLOCK};
		p->len = (__u8)((r >> 8) % (p->family6 ? 129 : 33));
		if (!p->family6)
			p->addr.w[2] = 0xffff0000;
		for (unsigned int b = p->family6 ? 0 : 12; b < 16; b++)
			p->addr.b[b] = (__u8)(packet_random(seed) % 7 * 0x33 + r % 3);
		match_trim(p);
		for (uint32_t k = 0; k < i; k++)
			if (list[k].family6 == p->family6 && list[k].len == p->len &&
			    !memcmp(&list[k].addr, &p->addr, 16))
				p->value = list[k].value;
	}
}

/* An address at the first or last of a prefix, one beside it, or anywhere. */
static inline struct crier_addr match_probe(const struct crier_guard_prefix *list, uint32_t n,
					    int family6, uint64_t *seed)
{
	uint64_t r = packet_random(seed);
	const struct crier_guard_prefix *p = &list[(r >> 32) % n];
	struct crier_addr a = {.w = {0, 0, 0xffff0000, 0}};
	int step = (int)(r % 3) - 1;

	if (family6)
		a.w[2] = 0;
	if (!!p->family6 == !!family6) {
		a = p->addr;
		if (r & 8)
			for (unsigned int bit = match_offset(p) + p->len; bit < 128; bit++)
				a.b[bit / 8] |= (__u8)(0x80 >> bit % 8);
	}
	if ((r & 0xf0) == 0)
		for (unsigned int b = family6 ? 0 : 12; b < 16; b++)
			a.b[b] = (__u8)packet_random(seed);
	/* one up or down, with its carry */
	for (unsigned int b = 16; step && b-- > (family6 ? 0u : 12u);) {
		a.b[b] = (__u8)(a.b[b] + step);
		if (a.b[b] != (step > 0 ? 0 : 0xff))
			break;
	}
	return a;
}

/* Puts n prefixes to use; 0 takes the lists away. */
static inline void match_guard(struct tables *t, const struct crier_guard_prefix *p, uint32_t n)
{
	uint32_t used;
	uint64_t roots;

	if (guard_tree_build(p, n, t->guard_buckets, 1,
			     guard_buckets_entries(t->config->guard_prefixes) - 1, &roots, &used))
		abort();
	tbl_store_release(&t->guard->roots, roots);
}

#endif
