/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/guard_tree.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LAST_KEY UINT64_MAX
#define DEPTH 66 /* prefixes within each other: lengths 0 to 64, and a tree instead of them */

/* Where the answer changes: from key on it is value. */
struct step {
	uint64_t key;
	uint32_t value;
};

struct steps {
	struct step *step;
	uint32_t n;
};

/* A prefix that is open while those within it are met; from and last are keys. */
struct range {
	uint64_t from, last;
	uint32_t value;
};

struct nesting {
	struct range open[DEPTH];
	uint32_t n;
};

struct build {
	struct crier_guard_bucket *buckets;
	uint32_t next, end; /* those that are free */
	bool family6;	    /* of the tree that is made */
};

/* ---- keys: an IPv4 address is in the upper half, here alone ---- */

static uint64_t high(const struct crier_guard_prefix *p)
{
	return p->family6 ? be64toh(p->addr.q[0]) : (uint64_t)ntohl(p->addr.w[3]) << 32;
}

static uint64_t low(const struct crier_guard_prefix *p)
{
	return p->family6 ? be64toh(p->addr.q[1]) : 0;
}

/* A prefix of len bits, 0 to 64, of a key. */
static struct range range_of(uint64_t key, uint32_t len, uint32_t value)
{
	return (struct range){
		.from = key, .last = key | (len < 64 ? LAST_KEY >> len : 0), .value = value};
}

int guard_prefix_compare(const struct crier_guard_prefix *a, const struct crier_guard_prefix *b)
{
	if (a->family6 != b->family6)
		return a->family6 < b->family6 ? -1 : 1;
	if (high(a) != high(b))
		return high(a) < high(b) ? -1 : 1;
	if (low(a) != low(b))
		return low(a) < low(b) ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

/* Of two that are the same, the one which decides is the last. */
static int compare(const void *a, const void *b)
{
	const struct crier_guard_prefix *p = a, *q = b;
	int order = guard_prefix_compare(p, q);

	return order ? order : (p->value > q->value) - (p->value < q->value);
}

static bool is_sorted(const struct crier_guard_prefix *p, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (compare(&p[i - 1], &p[i]) > 0)
			return false;
	return true;
}

/* ---- the step function ---- */

static void step_put(struct steps *s, uint64_t key, uint32_t value)
{
	if (s->n && s->step[s->n - 1].key == key)
		s->n--;
	if (value == (s->n ? s->step[s->n - 1].value : CRIER_GUARD_NONE))
		return;
	s->step[s->n++] = (struct step){key, value};
}

static uint32_t around(const struct nesting *o)
{
	return o->n ? o->open[o->n - 1].value : CRIER_GUARD_NONE;
}

static void range_close(struct nesting *o, struct steps *s)
{
	uint64_t last = o->open[--o->n].last;

	if (last != LAST_KEY)
		step_put(s, last + 1, around(o));
}

/* Closes what ends before key. */
static void ranges_close(struct nesting *o, struct steps *s, uint64_t key)
{
	while (o->n && o->open[o->n - 1].last < key)
		range_close(o, s);
}

static void range_open(struct nesting *o, struct steps *s, struct range r)
{
	ranges_close(o, s, r.from);
	/* The same prefix again: it takes the place of the first. */
	if (o->n && o->open[o->n - 1].from == r.from && o->open[o->n - 1].last == r.last)
		o->n--;
	step_put(s, r.from, r.value);
	o->open[o->n++] = r;
}

static void ranges_end(struct nesting *o, struct steps *s)
{
	while (o->n)
		range_close(o, s);
}

/* ---- the tree ---- */

static uint64_t range_number(const struct steps *s, uint64_t key, uint32_t shift)
{
	return (key - s->step[0].key) >> shift;
}

static uint32_t bucket_steps(const struct build *b)
{
	return b->family6 ? CRIER_GUARD_STEPS6 : CRIER_GUARD_STEPS4;
}

/* The least for which there are not too many ranges; more than 32 for IPv4, whose keys are so
 * apart. */
static uint32_t shift_for(const struct build *b, const struct steps *s)
{
	uint32_t shift = 0, most = 2 * s->n / bucket_steps(b);

	while (shift < 63 && range_number(s, s->step[s->n - 1].key, shift) >= most)
		shift++;
	return shift;
}

/* The number of the first of n free buckets; 0: there are not so many. */
static uint32_t buckets_take(struct build *b, uint32_t n)
{
	uint32_t first = b->next;

	if (n > b->end - b->next)
		return 0;
	b->next += n;
	return first;
}

/* What holds behind them if `before` holds in front of them. */
static uint32_t steps_last(const struct steps *s, uint32_t before)
{
	return s->n ? s->step[s->n - 1].value : before;
}

static void value_put(const struct build *b, struct crier_guard_bucket *to, uint32_t i,
		      uint32_t value)
{
	if (b->family6)
		to->value6[i] = value;
	else
		to->value4[i] = (uint8_t)value;
}

static void key_put(const struct build *b, struct crier_guard_bucket *to, uint32_t i, uint64_t key)
{
	if (b->family6)
		to->key6[i] = key;
	else
		to->key4[i] = (uint32_t)(key >> 32);
}

static void leaf_put(const struct build *b, struct crier_guard_bucket *to, const struct steps *s,
		     uint32_t before)
{
	memset(to, 0, sizeof(*to));
	value_put(b, to, 0, before);
	for (uint32_t i = 0; i < bucket_steps(b); i++) {
		key_put(b, to, i, i < s->n ? s->step[i].key : LAST_KEY);
		value_put(b, to, i + 1, i < s->n ? s->step[i].value : steps_last(s, before));
	}
}

/* Steps that directories could not part: 0 or -ENOSPC. */
static int run_put(struct build *b, struct crier_guard_bucket *to, const struct steps *s,
		   uint32_t before)
{
	uint32_t most = bucket_steps(b), n = (s->n + most - 1) / most;

	to->first = buckets_take(b, n);
	to->last = n - 1;
	to->shift = CRIER_GUARD_RUN;
	for (uint32_t k = 0; to->first && k < n; k++) {
		struct steps own = {.step = &s->step[k * most], .n = most};

		if (k == n - 1)
			own.n = s->n - k * most;
		leaf_put(b, &b->buckets[to->first + k], &own, before);
		before = steps_last(&own, before);
	}
	return to->first ? 0 : -ENOSPC;
}

/* Steps into bucket `at`; `before` holds in front of them.  0 or -ENOSPC. */
static int bucket_put(struct build *b, uint32_t at, const struct steps *s, uint32_t before,
		      uint32_t level)
{
	struct crier_guard_bucket *to = &b->buckets[at];
	uint32_t shift;
	int err = 0;

	leaf_put(b, to, &(struct steps){.step = s->step, .n = 0}, before);
	if (s->n <= bucket_steps(b)) {
		leaf_put(b, to, s, before);
		return 0;
	}
	key_put(b, to, 0, s->step[0].key);
	if (level == CRIER_GUARD_LEVELS)
		return run_put(b, to, s, before);
	shift = shift_for(b, s);
	to->shift = b->family6 ? shift : shift - 32;
	to->last = (uint32_t)range_number(s, s->step[s->n - 1].key, shift);
	to->first = buckets_take(b, to->last + 1);
	if (!to->first)
		return -ENOSPC;
	for (uint32_t k = 0, i = 0; k <= to->last && !err; k++) {
		struct steps own = {.step = &s->step[i]};

		while (i < s->n && range_number(s, s->step[i].key, shift) == k)
			i++, own.n++;
		err = bucket_put(b, to->first + k, &own, before, level + 1);
		before = steps_last(&own, before);
	}
	return err;
}

/* The root's number, 0 if nothing is said of any key; or -ENOSPC. */
static int64_t tree_put(struct build *b, const struct steps *s)
{
	uint32_t root;
	int err;

	if (!s->n)
		return 0;
	root = buckets_take(b, 1);
	err = root ? bucket_put(b, root, s, CRIER_GUARD_NONE, 0) : -ENOSPC;
	return err ? err : (int64_t)root;
}

/* How many from p on divide the same 64 bits. */
static uint32_t group_count(const struct crier_guard_prefix *p, uint32_t n)
{
	uint32_t i = 1;

	while (i < n && p[i].family6 && p[i].len > 64 && high(&p[i]) == high(p))
		i++;
	return i;
}

/*
 * n prefixes longer than 64 within one /64, which is of value `outer`: a value for all of
 * it, or CRIER_GUARD_TREE + root; or -ENOSPC.  Steps are made behind those in *s.
 */
static int64_t group_value(struct build *b, const struct crier_guard_prefix *p, uint32_t n,
			   uint32_t outer, const struct steps *s)
{
	struct steps own = {.step = s->step + s->n};
	struct nesting o = {.n = 0};
	int64_t root;

	range_open(&o, &own, range_of(0, 0, outer));
	for (uint32_t i = 0; i < n; i++)
		range_open(&o, &own, range_of(low(&p[i]), p[i].len - 64, p[i].value));
	ranges_end(&o, &own);
	if (!own.n)
		return CRIER_GUARD_NONE;
	if (own.n == 1 && own.step->key == 0)
		return own.step->value;
	root = tree_put(b, &own);
	return root < 0 ? root : CRIER_GUARD_TREE + root;
}

static int64_t family_put(struct build *b, const struct crier_guard_prefix *p, uint32_t n,
			  struct steps *s)
{
	struct nesting o = {.n = 0};

	s->n = 0;
	for (uint32_t i = 0, taken; i < n; i += taken) {
		uint32_t len = p[i].len;
		int64_t value = p[i].value;

		taken = 1;
		if (len > 64) {
			taken = group_count(p + i, n - i);
			ranges_close(&o, s, high(&p[i]));
			value = group_value(b, p + i, taken, around(&o), s);
			len = 64;
		}
		if (value < 0)
			return value;
		range_open(&o, s, range_of(high(&p[i]), len, (uint32_t)value));
	}
	ranges_end(&o, s);
	return tree_put(b, s);
}

static int families_put(struct build *b, const struct crier_guard_prefix *p, uint32_t n,
			uint64_t *roots, struct steps *s)
{
	uint32_t n4 = 0;
	int64_t root4, root6;

	while (n4 < n && !p[n4].family6)
		n4++;
	root4 = family_put(b, p, n4, s);
	b->family6 = true;
	root6 = root4 < 0 ? root4 : family_put(b, p + n4, n - n4, s);
	if (root6 < 0)
		return (int)root6;
	*roots = (uint64_t)root6 << 32 | (uint64_t)root4;
	return 0;
}

int guard_tree_build(const struct crier_guard_prefix *p, uint32_t n,
		     struct crier_guard_bucket *buckets, uint32_t first, uint32_t most,
		     uint64_t *roots, uint32_t *used)
{
	struct build b = {.buckets = buckets, .next = first, .end = first + most};
	struct crier_guard_prefix *sorted = NULL;
	struct steps s = {0};
	int err = -ENOMEM;

	/* A prefix begins and ends; the first of a group has the one around it, too. */
	s.step = malloc(((size_t)n * 2 + 4) * sizeof(*s.step));
	if (!s.step)
		goto out;
	if (!is_sorted(p, n)) {
		sorted = malloc(n * sizeof(*p));
		if (!sorted)
			goto out;
		memcpy(sorted, p, n * sizeof(*p));
		qsort(sorted, n, sizeof(*p), compare);
		p = sorted;
	}
	err = families_put(&b, p, n, roots, &s);
	if (!err)
		*used = b.next - first;
out:
	free(sorted);
	free(s.step);
	return err;
}
