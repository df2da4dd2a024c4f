/* SPDX-License-Identifier: BSD-2-Clause */
#include "fib.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "xdp/addr.h"

#define LENGTHS 129

struct prefix {
	struct crier_addr dst;
	struct fib_route *routes;
	uint32_t bits; /* v4: 96 + length */
};

struct cell {
	uint32_t hash;
	struct prefix *prefix; /* NULL: empty */
};

struct table {
	struct cell *cells;
	size_t size, used; /* size: 0 or a power of two, at least 1.5 x used */
	size_t routes;
	uint32_t per_length[LENGTHS];
	uint64_t lengths[3]; /* bit n: per_length[n] > 0 */
};

struct fib {
	struct table table[FIB_TABLES][2]; /* [v4] */
};

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

static uint32_t prefix_hash(const struct crier_addr *dst, uint32_t bits)
{
	return (uint32_t)mix(dst->q[0] * 0x9e3779b97f4a7c15ULL + dst->q[1] + bits);
}

static struct crier_addr addr_mask(const struct crier_addr *addr, uint32_t bits)
{
	struct crier_addr a = *addr;
	uint32_t whole = bits / 8;

	if (bits < 128) {
		a.b[whole] &= (uint8_t)(0xff00 >> bits % 8);
		memset(&a.b[whole + 1], 0, 15 - whole);
	}
	return a;
}

static uint32_t route_bits(const struct fib_route *r)
{
	return r->v4 ? 96U + r->plen : r->plen;
}

static struct table *route_table(struct fib *f, const struct fib_route *r)
{
	return &f->table[r->table][r->v4];
}

struct fib *fib_new(void)
{
	return calloc(1, sizeof(struct fib));
}

struct fib_route *fib_route_new(uint16_t hops)
{
	struct fib_route *r = calloc(1, sizeof(*r) + hops * sizeof(r->hops[0]));

	if (r)
		r->hops_count = hops;
	return r;
}

static void routes_free(struct fib_route *r)
{
	while (r) {
		struct fib_route *next = r->next;

		free(r);
		r = next;
	}
}

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->size; i++) {
		if (t->cells[i].prefix) {
			routes_free(t->cells[i].prefix->routes);
			free(t->cells[i].prefix);
		}
	}
	free(t->cells);
}

void fib_free(struct fib *f)
{
	if (f == NULL)
		return;
	for (int i = 0; i < FIB_TABLES; i++) {
		table_free(&f->table[i][0]);
		table_free(&f->table[i][1]);
	}
	free(f);
}

/* The cell that holds the prefix, or the empty one where it would go. */
static struct cell *cell_find(const struct table *t, const struct crier_addr *dst, uint32_t bits,
			      uint32_t hash)
{
	for (size_t i = hash & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		struct cell *c = &t->cells[i];

		if (c->prefix == NULL || (c->hash == hash && c->prefix->bits == bits &&
					  addr_equal(&c->prefix->dst, dst)))
			return c;
	}
}

static bool table_grow(struct table *t)
{
	struct table bigger = {.size = t->size ? t->size * 2 : 64};

	bigger.cells = calloc(bigger.size, sizeof(bigger.cells[0]));
	if (bigger.cells == NULL)
		return false;
	for (size_t i = 0; i < t->size; i++) {
		const struct cell *c = &t->cells[i];

		if (c->prefix)
			*cell_find(&bigger, &c->prefix->dst, c->prefix->bits, c->hash) = *c;
	}
	free(t->cells);
	t->cells = bigger.cells;
	t->size = bigger.size;
	return true;
}

static struct prefix *prefix_get(struct table *t, const struct crier_addr *dst, uint32_t bits)
{
	uint32_t hash = prefix_hash(dst, bits);
	struct cell *c;

	if ((t->used + 1) * 3 > t->size * 2 && !table_grow(t))
		return NULL;
	c = cell_find(t, dst, bits, hash);
	if (c->prefix)
		return c->prefix;
	c->prefix = calloc(1, sizeof(*c->prefix));
	if (c->prefix == NULL)
		return NULL;
	c->hash = hash;
	c->prefix->dst = *dst;
	c->prefix->bits = bits;
	t->used++;
	if (t->per_length[bits]++ == 0)
		t->lengths[bits / 64] |= 1ULL << bits % 64;
	return c->prefix;
}

/* Empties a cell and moves up those behind it that probed over it. */
static void cell_remove(struct table *t, struct cell *c)
{
	size_t hole = (size_t)(c - t->cells), mask = t->size - 1;
	uint32_t bits = c->prefix->bits;

	if (--t->per_length[bits] == 0)
		t->lengths[bits / 64] &= ~(1ULL << bits % 64);
	t->used--;
	free(c->prefix);
	for (size_t i = (hole + 1) & mask; t->cells[i].prefix; i = (i + 1) & mask) {
		size_t home = t->cells[i].hash & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			t->cells[hole] = t->cells[i];
			hole = i;
		}
	}
	t->cells[hole].prefix = NULL;
}

static bool hop_equal(const struct fib_hop *a, const struct fib_hop *b)
{
	return a->ifindex == b->ifindex && addr_equal(&a->gateway, &b->gateway) &&
	       a->encap == b->encap;
}

static bool hops_equal(const struct fib_route *a, const struct fib_route *b)
{
	if (a->hops_count != b->hops_count || a->nexthop_id != b->nexthop_id)
		return false;
	for (uint32_t i = 0; i < a->hops_count; i++) {
		if (!hop_equal(&a->hops[i], &b->hops[i]))
			return false;
	}
	return true;
}

static bool route_identical(const struct fib_route *a, const struct fib_route *b)
{
	if (a->metric != b->metric || a->type != b->type || a->mtu != b->mtu ||
	    !addr_equal(&a->source, &b->source) || !hops_equal(a, b))
		return false;
	for (uint32_t i = 0; i < a->hops_count; i++) {
		if (a->hops[i].weight != b->hops[i].weight || a->hops[i].flags != b->hops[i].flags)
			return false;
	}
	return true;
}

/* Where r goes among the routes of its prefix, which are sorted by metric. */
static struct fib_route **route_place(struct fib_route **at, const struct fib_route *r,
				      enum fib_how how)
{
	while (*at && (*at)->metric < r->metric)
		at = &(*at)->next;
	if (how == FIB_CREATE || how == FIB_REPLACE)
		return at;
	while (*at && (*at)->metric == r->metric)
		at = &(*at)->next;
	return at;
}

bool fib_add(struct fib *f, struct fib_route *r, enum fib_how how)
{
	struct table *t = route_table(f, r);
	struct fib_route **at, *old;
	struct prefix *p;

	r->dst = addr_mask(&r->dst, route_bits(r));
	p = prefix_get(t, &r->dst, route_bits(r));
	if (p == NULL) {
		free(r);
		return false;
	}
	for (old = p->routes; old; old = old->next) {
		if (route_identical(old, r)) {
			old->gen = r->gen;
			free(r);
			return false;
		}
	}
	/* The same route with other weights, flags or MTU. */
	for (at = &p->routes; how != FIB_REPLACE && (old = *at); at = &old->next) {
		if (old->metric == r->metric && old->hops_count && hops_equal(old, r))
			break;
	}
	if (how == FIB_REPLACE || *at == NULL)
		at = route_place(&p->routes, r, how);
	old = *at;
	if (old && old->metric == r->metric && (how == FIB_REPLACE || hops_equal(old, r))) {
		r->next = old->next;
		free(old);
	} else {
		r->next = old;
		t->routes++;
	}
	*at = r;
	return true;
}

static void route_unlink(struct table *t, struct fib_route **at)
{
	struct fib_route *r = *at;

	*at = r->next;
	free(r);
	t->routes--;
}

/* Takes the hops of r out of old.  True if it had them all and others beside them. */
static bool hops_subtract(struct fib_route *old, const struct fib_route *r)
{
	uint32_t left = 0, gone = 0;

	if (r->hops_count == 0 || r->hops_count >= old->hops_count)
		return false;
	for (uint32_t i = 0; i < old->hops_count; i++) {
		for (uint32_t k = 0; k < r->hops_count; k++) {
			if (hop_equal(&old->hops[i], &r->hops[k])) {
				gone++;
				break;
			}
		}
	}
	if (gone != r->hops_count)
		return false;
	for (uint32_t i = 0; i < old->hops_count; i++) {
		uint32_t k = 0;

		while (k < r->hops_count && !hop_equal(&old->hops[i], &r->hops[k]))
			k++;
		if (k == r->hops_count)
			old->hops[left++] = old->hops[i];
	}
	old->hops_count = (uint16_t)left;
	return true;
}

enum fib_deleted fib_del(struct fib *f, const struct fib_route *r)
{
	struct table *t = route_table(f, r);
	struct crier_addr dst = addr_mask(&r->dst, route_bits(r));
	struct fib_route **at, *old;
	struct cell *c;

	if (t->size == 0)
		return FIB_NOT_FOUND;
	c = cell_find(t, &dst, route_bits(r), prefix_hash(&dst, route_bits(r)));
	if (c->prefix == NULL)
		return FIB_NOT_FOUND;
	for (at = &c->prefix->routes; (old = *at); at = &old->next) {
		if (old->metric == r->metric && old->type == r->type && hops_equal(old, r)) {
			route_unlink(t, at);
			if (c->prefix->routes == NULL)
				cell_remove(t, c);
			return FIB_DELETED;
		}
	}
	for (old = c->prefix->routes; old; old = old->next) {
		if (old->metric == r->metric && old->type == r->type && hops_subtract(old, r))
			return FIB_DELETED_PART;
	}
	return FIB_NOT_FOUND;
}

static size_t table_expire(struct table *t, uint32_t gen)
{
	size_t n = 0;

	for (size_t i = 0; i < t->size;) {
		struct cell *c = &t->cells[i];
		struct fib_route **at;

		if (c->prefix == NULL) {
			i++;
			continue;
		}
		for (at = &c->prefix->routes; *at;) {
			if ((*at)->gen == gen) {
				at = &(*at)->next;
				continue;
			}
			route_unlink(t, at);
			n++;
		}
		/* A removal may move another prefix into this very cell: look again. */
		if (c->prefix->routes == NULL)
			cell_remove(t, c);
		else
			i++;
	}
	return n;
}

size_t fib_expire(struct fib *f, bool v4, uint32_t gen)
{
	size_t n = 0;

	for (int i = 0; i < FIB_TABLES; i++)
		n += table_expire(&f->table[i][v4], gen);
	return n;
}

const struct fib_route *fib_lookup(const struct fib *f, enum fib_table table,
				   const struct crier_addr *dst)
{
	const struct table *t = &f->table[table][addr_is_v4(dst)];

	for (int word = 2; word >= 0; word--) {
		for (uint64_t left = t->lengths[word]; left;) {
			uint32_t bit = 63U - (uint32_t)__builtin_clzll(left);
			uint32_t bits = (uint32_t)word * 64 + bit;
			struct crier_addr a = addr_mask(dst, bits);
			const struct cell *c = cell_find(t, &a, bits, prefix_hash(&a, bits));

			if (c->prefix)
				return c->prefix->routes;
			left &= ~(1ULL << bit);
		}
	}
	return NULL;
}

size_t fib_count(const struct fib *f, bool v4)
{
	size_t n = 0;

	for (int i = 0; i < FIB_TABLES; i++)
		n += f->table[i][v4].routes;
	return n;
}

static uint64_t hop_hash(const struct fib_hop *h, const struct crier_addr *dst)
{
	return mix(mix(dst->q[0] * 31 + dst->q[1]) ^
		   mix(h->gateway.q[0] * 31 + h->gateway.q[1] + h->ifindex));
}

/* Weighted rendezvous hashing: -weight / ln(u), u uniform in (0, 1). */
static double hop_score(const struct fib_hop *h, const struct crier_addr *dst)
{
	double u = ((double)(hop_hash(h, dst) >> 11) + 0.5) * 0x1p-53;

	return -(double)h->weight / log(u);
}

static const struct fib_hop *pick_among(const struct fib_hop *hops, uint32_t n, uint8_t avoid,
					const struct crier_addr *dst)
{
	const struct fib_hop *best = NULL;
	double best_score = -1;

	for (uint32_t i = 0; i < n; i++) {
		double score;

		if (hops[i].flags & avoid)
			continue;
		score = hop_score(&hops[i], dst);
		if (score > best_score) {
			best = &hops[i];
			best_score = score;
		}
	}
	return best;
}

const struct fib_hop *fib_hop_pick(const struct fib_hop *hops, uint32_t n,
				   const struct crier_addr *dst)
{
	const struct fib_hop *hop;

	if (n == 1)
		return hops[0].flags & RTNH_F_DEAD ? NULL : &hops[0];
	hop = pick_among(hops, n, RTNH_F_DEAD | RTNH_F_LINKDOWN, dst);
	return hop ? hop : pick_among(hops, n, RTNH_F_DEAD, dst);
}
