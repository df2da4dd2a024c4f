/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp/tables.h"

static void index_begin(struct index *x, uint32_t size, uint32_t most, const struct index_ops *ops,
			const void *ctx)
{
	x->size = size;
	x->used = 0;
	x->number_mask = UINT32_MAX >> __builtin_clz(most | 1);
	x->ops = ops;
	x->ctx = ctx;
}

int index_init(struct index *x, uint32_t most, const struct index_ops *ops, const void *ctx)
{
	uint64_t size = index_words_for(most);

	if (size > UINT32_MAX)
		return -ENOMEM;
	x->entry = calloc(size, sizeof(*x->entry));
	if (!x->entry)
		return -ENOMEM;
	x->lent = false;
	index_begin(x, (uint32_t)size, most, ops, ctx);
	return 0;
}

void index_lend(struct index *x, uint32_t *entry, uint32_t size, uint32_t most,
		const struct index_ops *ops, const void *ctx)
{
	for (uint32_t i = 0; i < size; i++)
		if (entry[i]) /* new tables stay untouched */
			tbl_store(&entry[i], 0);
	x->entry = entry;
	x->lent = true;
	index_begin(x, size, most, ops, ctx);
}

void index_free(struct index *x)
{
	if (!x->lent)
		free(x->entry);
	x->entry = NULL;
}

/* The upper half of the hash says where, the lower half is the tag. */
static uint32_t home(const struct index *x, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * x->size >> 32);
}

static uint32_t make_entry(const struct index *x, uint64_t hash, uint32_t number)
{
	return ((uint32_t)hash & ~x->number_mask) | number;
}

static uint32_t next(const struct index *x, uint32_t i)
{
	return i + 1 == x->size ? 0 : i + 1;
}

uint32_t index_find(const struct index *x, uint64_t hash, const void *key)
{
	uint32_t tag = (uint32_t)hash & ~x->number_mask;

	for (uint32_t i = home(x, hash); x->entry[i]; i = next(x, i)) {
		uint32_t number = x->entry[i] & x->number_mask;

		if ((x->entry[i] & ~x->number_mask) == tag && x->ops->is(x->ctx, number, key))
			return number;
	}
	return 0;
}

void index_add(struct index *x, uint64_t hash, uint32_t number)
{
	uint32_t i = home(x, hash);

	assert(number && number <= x->number_mask && x->used + 1 < x->size);
	while (x->entry[i])
		i = next(x, i);
	tbl_store_release(&x->entry[i], make_entry(x, hash, number));
	x->used++;
}

/*
 * The hole at `hole` would hide an entry further on whose search begins at or before
 * the hole: such an entry moves into it and leaves a hole of its own.
 */
static void close_hole(struct index *x, uint32_t hole)
{
	for (uint32_t i = next(x, hole); x->entry[i]; i = next(x, i)) {
		uint32_t number = x->entry[i] & x->number_mask;
		uint32_t h = home(x, x->ops->hash(x->ctx, number, x->entry[i] - number));
		uint32_t from_home = i >= h ? i - h : i + x->size - h;
		uint32_t from_hole = i >= hole ? i - hole : i + x->size - hole;

		if (from_home < from_hole)
			continue;
		tbl_store_release(&x->entry[hole], x->entry[i]);
		hole = i;
	}
	tbl_store_release(&x->entry[hole], 0);
}

/* Where it stands, x->size if nowhere. */
static uint32_t place(const struct index *x, uint64_t hash, uint32_t number)
{
	uint32_t wanted = make_entry(x, hash, number);

	for (uint32_t i = home(x, hash); x->entry[i]; i = next(x, i))
		if (x->entry[i] == wanted)
			return i;
	return x->size;
}

bool index_remove(struct index *x, uint64_t hash, uint32_t number)
{
	uint32_t i = place(x, hash, number);

	if (i == x->size)
		return false;
	close_hole(x, i);
	x->used--;
	return true;
}

void index_replace(struct index *x, uint64_t hash, uint32_t number, uint32_t by)
{
	uint32_t i = place(x, hash, number);

	assert(i != x->size && by && by <= x->number_mask);
	tbl_store_release(&x->entry[i], make_entry(x, hash, by));
}

void index_prefetch(const struct index *x, uint64_t hash)
{
	__builtin_prefetch(&x->entry[home(x, hash)]);
}
