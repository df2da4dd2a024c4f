/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An open-addressing table of numbers whose keys lie elsewhere: member slots, whose
 * keys are the pages themselves, and rooms, whose keys are their names.
 *
 * A number may stand where more than its key says: then its tag must tell which (see
 * member_index.h).
 *
 * Sized for its capacity at the start, it never grows: 1.5 words of 4 bytes a number.
 * The bits that a number doesn't need carry a piece of its hash, so that a stranger is
 * nearly always told without a look at its key.  Deletion shifts back what follows:
 * there are no tombstones and churn leaves no trace.
 */
#ifndef CRIER_CONTROL_INDEX_H
#define CRIER_CONTROL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_ops {
	bool (*is)(const void *ctx, uint32_t number, const void *key);
	/* What it was added by; tag is the piece of it that the table keeps. */
	uint64_t (*hash)(const void *ctx, uint32_t number, uint32_t tag);
};

struct index {
	uint32_t *entry; /* 0: empty; else tag and number */
	bool lent;	 /* the memory is somebody else's */
	uint32_t size, used;
	uint32_t number_mask;
	const struct index_ops *ops;
	const void *ctx;
};

/* For numbers 1 .. most, `most` of them at once.  0 or -ENOMEM. */
int index_init(struct index *x, uint32_t most, const struct index_ops *ops, const void *ctx);
/*
 * The same in memory that is the caller's: `size` words, which become 0.  Others may read
 * it: each word is written whole, but while one moves they may miss it.
 */
void index_lend(struct index *x, uint32_t *entry, uint32_t size, uint32_t most,
		const struct index_ops *ops, const void *ctx);
void index_free(struct index *x);

/* The number with this key, 0 if there is none. */
uint32_t index_find(const struct index *x, uint64_t hash, const void *key);

/* The key must not be there.  Cannot fail: there is room for `most`. */
void index_add(struct index *x, uint64_t hash, uint32_t number);

/* While the number's key can still be read, and those of all others.  False: not there. */
bool index_remove(struct index *x, uint64_t hash, uint32_t number);

/* The number's place becomes another's, by one store; hash is that of both. */
void index_replace(struct index *x, uint64_t hash, uint32_t number, uint32_t by);

/* Bring the line where the search will begin into the cache. */
void index_prefetch(const struct index *x, uint64_t hash);

static inline size_t index_bytes(const struct index *x)
{
	return (size_t)x->size * sizeof(*x->entry);
}

/* A keyed mix of two words: whoever picks addresses cannot pick collisions. */
static inline uint64_t index_mix(uint64_t seed, uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)(a ^ seed ^ 0xa0761d6478bd642fULL) *
			(b ^ (seed << 32 | seed >> 32) ^ 0xe7037ed1a0b428dbULL);
	uint64_t h = (uint64_t)m ^ (uint64_t)(m >> 64);

	m = (__uint128_t)(h ^ seed) * 0x9e3779b97f4a7c15ULL;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#endif
