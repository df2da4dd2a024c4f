/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of the guard's lists: against a model, under a reader that must never find a
 * blocked address free, and cut off where crierd may die.
 *
 * Free of cmocka, so that ThreadSanitizer can see both sides.
 */
#include <endian.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/grace.h"
#include "control/guard.h"
#include "control/guard_tree.h"
#include "need.h"
#include "world.h"

#define PREFIXES 256

static int threads_refused; /* so many of the next */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	if (threads_refused) {
		threads_refused--;
		return EAGAIN;
	}
	return __real_pthread_create(thread, attr, fn, arg);
}

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct crier_guard_prefix prefix(const char *text, uint32_t value)
{
	struct crier_guard_prefix p;
	char err[GUARD_ERR_LEN];

	need(guard_prefix_parse(text, strlen(text), &p, err) == 0);
	p.value = (uint8_t)value;
	return p;
}

/* ---- a reader, as the layout has it ---- */

/* The last step of a bucket, or of those under it, at key or before it. */
static void bucket_walk(const struct crier_guard_bucket *buckets, uint32_t at, bool family6,
			uint64_t key, uint32_t *value)
{
	const struct crier_guard_bucket *b = &buckets[at];

	for (uint32_t k = 0; b->first && k <= b->last; k++)
		bucket_walk(buckets, b->first + k, family6, key, value);
	for (uint32_t i = 0; !b->first && family6 && i < CRIER_GUARD_STEPS6; i++)
		if (b->key6[i] <= key)
			*value = b->value6[i + 1];
	for (uint32_t i = 0; !b->first && !family6 && i < CRIER_GUARD_STEPS4; i++)
		if (b->key4[i] <= key)
			*value = b->value4[i + 1];
}

static uint32_t tree_lookup(const struct crier_guard_bucket *buckets, uint32_t root, bool family6,
			    uint64_t key)
{
	uint32_t value = CRIER_GUARD_NONE;

	if (root)
		bucket_walk(buckets, root, family6, key, &value);
	return value;
}

static uint32_t lookup(const struct tables *t, const struct crier_addr *a)
{
	uint64_t roots = tbl_load_acquire(&t->guard->roots);
	uint32_t value;

	if (addr_is_v4(a))
		return tree_lookup(t->guard_buckets, (uint32_t)roots, false, ntohl(a->w[3]));
	value = tree_lookup(t->guard_buckets, (uint32_t)(roots >> 32), true, be64toh(a->q[0]));
	return value < CRIER_GUARD_TREE ? value
					: tree_lookup(t->guard_buckets, value - CRIER_GUARD_TREE,
						      true, be64toh(a->q[1]));
}

/* ---- changes ---- */

struct outcome {
	int code;
	uint64_t line;
	struct guard_counts counts;
};

static void on_done(struct guard_change *c, void *arg)
{
	*(struct outcome *)arg = (struct outcome){c->code, c->err_line, c->counts};
	need((c->code == 200) == !c->err[0]);
}

static void submit(struct world *w, enum guard_op op, uint32_t lists,
		   const struct crier_guard_prefix *p, uint32_t n, struct outcome *out)
{
	struct guard_change *c = guard_change_new(op, lists);

	for (uint32_t i = 0; i < n; i++)
		need(guard_change_add(w->d.guard, c, &p[i], i + 1) == 0);
	c->done = on_done;
	c->arg = out;
	*out = (struct outcome){0};
	guard_submit(w->d.guard, c);
}

static struct outcome change(struct world *w, enum guard_op op, uint32_t lists,
			     const struct crier_guard_prefix *p, uint32_t n)
{
	struct outcome out;

	submit(w, op, lists, p, n, &out);
	world_settle(w);
	need(out.code);
	return out;
}

static void start(struct world *w)
{
	struct tables_size size = world_size(256, 256);

	size.guard_prefixes = PREFIXES;
	world_tables(w, &size);
	world_open(w, true);
	world_settle(w);
}

static void end(struct world *w)
{
	world_close(w);
	world_free(w);
}

/* ---- against a model: an unsorted array ---- */

struct model {
	struct crier_guard_prefix p[4 * PREFIXES];
	uint32_t n;
};

static struct crier_guard_prefix *model_find(struct model *m, const struct crier_guard_prefix *p)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (guard_prefix_compare(&m->p[i], p) == 0)
			return &m->p[i];
	return NULL;
}

static void model_drop(struct model *m, struct crier_guard_prefix *p)
{
	*p = m->p[--m->n];
}

/* What would come of it; the code that crierd should answer. */
static int model_change(struct model *m, enum guard_op op, uint32_t lists,
			const struct crier_guard_prefix *p, uint32_t n)
{
	for (uint32_t i = 0; i < n && op != GUARD_DELETE; i++)
		for (uint32_t k = 0; k < i; k++)
			if (guard_prefix_compare(&p[i], &p[k]) == 0 && p[i].value != p[k].value)
				return 400;
	for (uint32_t i = m->n; i-- > 0 && op == GUARD_REPLACE;)
		if (lists >> m->p[i].value & 1)
			model_drop(m, &m->p[i]);
	for (uint32_t i = 0; i < n; i++) {
		struct crier_guard_prefix *have = model_find(m, &p[i]);

		if (op == GUARD_DELETE) {
			if (have)
				model_drop(m, have);
		} else if (have && have->value != p[i].value) {
			return 409;
		} else if (!have) {
			m->p[m->n++] = p[i];
		}
	}
	return m->n > PREFIXES ? 507 : 200;
}

static struct crier_guard_prefix random_prefix(void)
{
	char text[64];
	uint32_t len = rnd(17);

	if (rnd(2))
		snprintf(text, sizeof(text), "10.%u.0.0/%u",
			 len < 9 ? 0 : rnd(256) & 0xff00U >> (len - 8), len < 8 ? 8 : len);
	else
		snprintf(text, sizeof(text), "2001:db8:%x::%x", rnd(4), rnd(64));
	return prefix(text, rnd(8) ? CRIER_GUARD_BLOCK : CRIER_GUARD_ALLOW);
}

static void check_same(struct world *w, struct model *m)
{
	struct guard_counts counts = guard_counts(w->d.guard);
	struct crier_guard_prefix batch[7], last = {0};
	struct guard_walk walk = {0};
	uint32_t n, all = 0, allow = 0;
	bool more;

	do {
		more = guard_walk_next(w->d.guard, &walk, CRIER_GUARD_NONE, batch, 7, &n);
		for (uint32_t i = 0; i < n; i++) {
			struct crier_guard_prefix *have = model_find(m, &batch[i]);

			need(have && have->value == batch[i].value);
			need(!all++ || guard_prefix_compare(&last, &batch[i]) < 0);
			allow += batch[i].value == CRIER_GUARD_ALLOW;
			last = batch[i];
		}
	} while (more);
	need(all == m->n && counts.prefixes == m->n && counts.allow == allow);
	need(counts.block == all - allow);
}

/* Trees in force are those of the list in force. */
static void check_trees(struct world *w, const struct model *m)
{
	static struct crier_guard_bucket buckets[5 * PREFIXES + 9];
	struct tables of = {.guard_buckets = buckets, .guard = &(struct crier_guard){0}};
	uint64_t roots;
	uint32_t used;

	need(guard_tree_build(m->p, m->n, buckets, 1, guard_buckets_part(PREFIXES), &roots,
			      &used) == 0);
	of.guard->roots = roots;
	for (uint32_t i = 0; i < 500; i++) {
		struct crier_guard_prefix p = random_prefix();

		need(lookup(&w->tables, &p.addr) == lookup(&of, &p.addr));
	}
}

static void test_model(void)
{
	static struct model m, next;
	struct crier_guard_prefix given[PREFIXES];
	uint32_t met[508] = {0};
	struct world w;

	start(&w);
	m.n = 0;
	for (int step = 0; step < 400; step++) {
		enum guard_op op = rnd(8) < 5 ? GUARD_ADD : rnd(4) ? GUARD_DELETE : GUARD_REPLACE;
		uint32_t n = rnd(rnd(3) ? 8 : PREFIXES), lists = 2U << rnd(2) | 2U << rnd(2);
		struct outcome out;
		int code;

		for (uint32_t i = 0; i < n; i++) {
			given[i] = random_prefix();
			if (step % 4) /* few clashes, so that something comes of it */
				given[i].value = given[i].addr.b[13] & 1 ? CRIER_GUARD_ALLOW
									 : CRIER_GUARD_BLOCK;
		}
		next = m;
		code = model_change(&next, op, lists, given, n);
		out = change(&w, op, lists, given, n);
		/* Where it is wrong twice, either may be said. */
		need(out.code == code || (code != 200 && out.code != 200));
		met[out.code]++;
		if (code == 200)
			m = next;
		else
			need(code == 507 || out.code == 507 || (out.line && out.line <= n));
		check_same(&w, &m);
		check_trees(&w, &m);
	}
	need(met[200] > 100 && met[400] && met[409] && met[507]);
	end(&w);
}

/* ---- under a reader ---- */

struct reader {
	struct world *w;
	pthread_t thread;
	uint64_t looked;
	bool stop;
};

static void *reader_main(void *arg)
{
	const struct crier_guard_prefix always = prefix("10.200.0.1", 0),
					never = prefix("11.0.0.1", 0),
					always6 = prefix("2001:db8:ffff::1", 0);
	struct reader *r = arg;
	struct crier_worker *me = &r->w->tables.workers[0];

	__atomic_fetch_add(&me->quiescent, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		need(lookup(&r->w->tables, &always.addr) == CRIER_GUARD_BLOCK);
		need(lookup(&r->w->tables, &always6.addr) == CRIER_GUARD_BLOCK);
		need(lookup(&r->w->tables, &never.addr) == CRIER_GUARD_NONE);
		r->looked++;
		__atomic_fetch_add(&me->quiescent, 2, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_add(&me->quiescent, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Lists come and go around prefixes that are always there: no lookup may miss them. */
static void test_reader(void)
{
	struct crier_guard_prefix given[200] = {prefix("10.200.0.0/16", CRIER_GUARD_BLOCK),
						prefix("2001:db8:ffff::1", CRIER_GUARD_BLOCK)};
	struct outcome out[100];
	struct reader r = {.w = NULL};
	struct world w;

	start(&w);
	need(change(&w, GUARD_ADD, 0, given, 2).code == 200);
	r.w = &w;
	need(pthread_create(&r.thread, NULL, reader_main, &r) == 0);
	for (int step = 0; step < 100; step++) {
		uint32_t n = 2 + rnd(198);

		for (uint32_t i = 2; i < n; i++) {
			given[i] = random_prefix();
			given[i].value = CRIER_GUARD_BLOCK;
		}
		submit(&w, GUARD_REPLACE, GUARD_LISTS_BOTH, given, n, &out[step]);
	}
	world_settle(&w); /* all at once: each begins as soon as it may */
	for (int step = 0; step < 100; step++)
		need(out[step].code == 200);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(r.thread, NULL);
	need(r.looked > 1000);
	end(&w);
}

/* ---- a worker that doesn't turn ---- */

static void test_stuck_worker(void)
{
	struct crier_guard_prefix p = prefix("10.0.0.0/8", CRIER_GUARD_BLOCK),
				  q = prefix("11.0.0.0/8", CRIER_GUARD_BLOCK);
	struct outcome first, second;
	struct world w;

	start(&w);
	w.tables.workers[0].quiescent = 1;
	submit(&w, GUARD_ADD, 0, &p, 1, &first);
	submit(&w, GUARD_ADD, 0, &q, 1, &second);
	while (!second.code)
		need(event_base_loop(loop_base(w.d.loop), EVLOOP_ONCE) >= 0);
	need(first.code == 200 && second.code == 503);
	need(lookup(&w.tables, &p.addr) == CRIER_GUARD_BLOCK);
	need(lookup(&w.tables, &q.addr) == CRIER_GUARD_NONE);
	w.tables.workers[0].quiescent = 2;
	need(change(&w, GUARD_ADD, 0, &q, 1).code == 200);
	need(lookup(&w.tables, &q.addr) == CRIER_GUARD_BLOCK);
	end(&w);
}

/* ---- killed ---- */

/* Where crierd may die in a switch, the next one brings list and trees together again. */
static void test_killed(void)
{
	struct crier_guard_prefix p = prefix("10.0.0.0/8", CRIER_GUARD_BLOCK),
				  q = prefix("11.0.0.0/8", CRIER_GUARD_BLOCK);

	for (int cut = 0; cut < 3; cut++) {
		struct crier_guard before;
		struct world w;

		start(&w);
		need(change(&w, GUARD_ADD, 0, &p, 1).code == 200);
		before = *w.tables.guard;
		need(change(&w, GUARD_ADD, 0, &q, 1).code == 200);
		world_close(&w);
		if (cut < 2)
			w.tables.guard->roots = before.roots;
		if (cut < 1)
			w.tables.guard->list = before.list;
		world_open(&w, false);
		need(guard_counts(w.d.guard).block == (cut ? 2 : 1));
		need(lookup(&w.tables, &p.addr) == CRIER_GUARD_BLOCK);
		world_settle(&w);
		need(lookup(&w.tables, &p.addr) == CRIER_GUARD_BLOCK);
		need(lookup(&w.tables, &q.addr) == (cut ? CRIER_GUARD_BLOCK : CRIER_GUARD_NONE));
		end(&w);
	}
}

/* Nor is it given up for a worker that doesn't turn for long. */
static void test_killed_and_stuck(void)
{
	struct crier_guard_prefix p = prefix("10.0.0.0/8", CRIER_GUARD_BLOCK),
				  q = prefix("11.0.0.0/8", CRIER_GUARD_BLOCK);
	struct outcome out;
	struct world w;
	uint64_t roots;

	start(&w);
	need(change(&w, GUARD_ADD, 0, &p, 1).code == 200);
	roots = w.tables.guard->roots;
	need(change(&w, GUARD_ADD, 0, &q, 1).code == 200);
	world_close(&w);
	w.tables.guard->roots = roots;
	w.tables.workers[0].quiescent = 1;
	world_open(&w, false);
	submit(&w, GUARD_ADD, 0, &p, 1, &out);
	while (!out.code)
		need(event_base_loop(loop_base(w.d.loop), EVLOOP_ONCE) >= 0);
	need(out.code == 503 && lookup(&w.tables, &q.addr) == CRIER_GUARD_NONE);
	w.tables.workers[0].quiescent = 2;
	world_settle(&w);
	need(lookup(&w.tables, &q.addr) == CRIER_GUARD_BLOCK);
	end(&w);
}

/* A crierd that ends while a change is under way, or in line, leaves what was in force. */
static void test_stopped(void)
{
	struct crier_guard_prefix p = prefix("10.0.0.0/8", CRIER_GUARD_BLOCK);
	struct outcome out[3];
	struct world w;

	start(&w);
	for (int i = 0; i < 3; i++)
		submit(&w, GUARD_ADD, 0, &p, 1, &out[i]);
	world_close(&w);
	need(!out[0].code && !out[2].code && !w.tables.guard->roots && !w.tables.guard->list);
	world_open(&w, false);
	need(change(&w, GUARD_ADD, 0, &p, 1).code == 200);
	end(&w);
}

/* Two get no thread; those behind them in line don't wait for somebody's next change. */
static void test_no_thread(void)
{
	struct crier_guard_prefix p[] = {
		prefix("10.0.0.0/8", CRIER_GUARD_BLOCK),
		prefix("11.0.0.0/8", CRIER_GUARD_BLOCK),
		prefix("12.0.0.0/8", CRIER_GUARD_BLOCK),
		prefix("13.0.0.0/8", CRIER_GUARD_BLOCK),
	};
	struct outcome out[4];
	struct world w;

	start(&w);
	for (int i = 0; i < 4; i++)
		submit(&w, GUARD_ADD, 0, &p[i], 1, &out[i]);
	threads_refused = 2;
	while (!out[3].code)
		need(event_base_loop(loop_base(w.d.loop), EVLOOP_ONCE) >= 0);
	need(out[0].code == 200 && out[1].code == 500 && out[2].code == 500 && out[3].code == 200);
	need(lookup(&w.tables, &p[1].addr) == CRIER_GUARD_NONE);
	need(lookup(&w.tables, &p[3].addr) == CRIER_GUARD_BLOCK);
	end(&w);
}

/* A request that contradicts itself is wrong; one that contradicts the lists comes too early. */
static void test_clash(void)
{
	struct crier_guard_prefix p = prefix("10.0.0.0/8", CRIER_GUARD_BLOCK), both[2];
	struct world w;

	start(&w);
	need(change(&w, GUARD_ADD, 0, &p, 1).code == 200);
	p.value = CRIER_GUARD_ALLOW;
	need(change(&w, GUARD_ADD, 0, &p, 1).code == 409);
	both[0] = prefix("11.0.0.0/8", CRIER_GUARD_BLOCK);
	both[1] = prefix("11.0.0.0/8", CRIER_GUARD_ALLOW);
	need(change(&w, GUARD_ADD, 0, both, 2).code == 400);
	end(&w);
}

/* Lists longer than the tables are those of nobody, and empty. */
static void test_damaged(void)
{
	struct crier_guard_prefix p = prefix("10.0.0.0/8", CRIER_GUARD_BLOCK);
	struct world w;

	start(&w);
	need(change(&w, GUARD_ADD, 0, &p, 1).code == 200);
	world_close(&w);
	w.tables.guard->list = (w.tables.guard->list & 1ULL << 63) | (PREFIXES + 1);
	world_open(&w, false);
	need(guard_counts(w.d.guard).prefixes == 0);
	world_settle(&w);
	need(lookup(&w.tables, &p.addr) == CRIER_GUARD_NONE);
	need(change(&w, GUARD_ADD, 0, &p, 1).code == 200);
	end(&w);
}

int main(void)
{
	test_model();
	test_clash();
	test_damaged();
	test_no_thread();
	test_reader();
	test_killed();
	test_stopped();
	test_stuck_worker();
	test_killed_and_stuck();
	return 0;
}
