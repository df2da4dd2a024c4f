/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/guard.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "control/crierd.h"
#include "control/grace.h"
#include "control/guard_tree.h"
#include "control/loop.h"
#include "xdp/log.h"

#define PATIENCE_S 5	 /* that a change may wait for a worker which does not turn */
#define WALK_LOOKED 4096 /* places looked at in one call */

struct guard {
	struct crierd *d;
	struct event *built, *patience;
	int eventfd;			   /* the thread writes, the loop reads */
	struct guard_change *first, **end; /* in line; the first may be under way */
	struct guard_counts counts;
	bool building;	   /* the first is on the thread */
	bool part_free;	   /* grace is over: the buckets not in force may be written */
	bool waiting;	   /* for grace */
	bool closed;	   /* grace has the last word, and frees it */
	bool stale;	   /* the trees may be behind the list: see trees_renew() */
	uint64_t moved_ns; /* when grace was over last: changes in line got on */
	pthread_t thread;
	/* The thread's while it builds. */
	struct guard_change *job;
	uint64_t new_roots;
	uint32_t old_half, old_n, new_half, first_bucket;
	int result;
	struct guard_line bad;
};

/* ---- the tables ---- */

static uint32_t half_n(const struct guard *g)
{
	return g->d->tables->config->guard_prefixes;
}

static uint32_t part_buckets(const struct guard *g)
{
	return guard_buckets_part(half_n(g));
}

static struct crier_guard_prefix *half_list(const struct guard *g, uint32_t half)
{
	return &g->d->tables->guard_list[(size_t)half * half_n(g)];
}

static uint32_t list_half(uint64_t list)
{
	return (uint32_t)(list >> 63);
}

static struct crier_guard *row(const struct guard *g)
{
	return g->d->tables->guard;
}

/* The part without the trees in force. */
static uint32_t free_part(const struct guard *g)
{
	uint64_t roots = row(g)->roots;
	uint32_t any = (uint32_t)roots ? (uint32_t)roots : (uint32_t)(roots >> 32);

	return any && any <= part_buckets(g) ? 1 : 0;
}

uint32_t guard_capacity(const struct guard *g)
{
	return half_n(g);
}

struct guard_counts guard_counts(const struct guard *g)
{
	return g->counts;
}

bool guard_busy(const struct guard *g)
{
	return g->first || g->waiting;
}

/* ---- changes ---- */

struct guard_change *guard_change_new(enum guard_op op, uint32_t lists)
{
	struct guard_change *c = calloc(1, sizeof(*c));

	if (c) {
		c->op = op;
		c->lists = lists;
	}
	return c;
}

void guard_change_free(struct guard_change *c)
{
	if (c)
		free(c->line);
	free(c);
}

int guard_change_add(const struct guard *g, struct guard_change *c,
		     const struct crier_guard_prefix *p, uint64_t line)
{
	/* The same may be given more than once, but not for ever. */
	if (c->n > 4 * half_n(g) + 4096)
		return -E2BIG;
	if (c->n == c->room) {
		uint32_t room = c->room ? c->room * 2 : 64;
		struct guard_line *more = realloc(c->line, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->line = more;
		c->room = room;
	}
	c->line[c->n++] = (struct guard_line){*p, line};
	return 0;
}

/* Takes the first out of line and tells how it ended. */
static void change_end(struct guard *g)
{
	struct guard_change *c = g->first;

	g->first = c->next;
	if (!g->first)
		g->end = &g->first;
	if (c->done)
		c->done(c, c->arg);
	guard_change_free(c);
}

__attribute__((format(printf, 3, 4))) static void refuse(struct guard_change *c, int code,
							 const char *fmt, ...)
{
	va_list ap;

	c->code = code;
	va_start(ap, fmt);
	vsnprintf(c->err, sizeof(c->err), fmt, ap);
	va_end(ap);
}

static void refuse_clash(struct guard *g, struct guard_change *c)
{
	bool block = g->bad.p.value == CRIER_GUARD_BLOCK;
	char text[PREFIX_STRLEN];

	guard_prefix_format(text, &g->bad.p);
	c->err_line = g->bad.line;
	if (g->result == -EINVAL)
		refuse(c, 400, "%s is given for both lists", text);
	else
		refuse(c, 409,
		       "%s is on the %s list and cannot be on both; take it off there first "
		       "(crierctl guard del %s)",
		       text, block ? "allow" : "block", text);
}

static void judge(struct guard *g, struct guard_change *c)
{
	switch (g->result) {
	case 0:
		c->code = 200;
		break;
	case -EEXIST:
	case -EINVAL:
		refuse_clash(g, c);
		break;
	case -ENOSPC:
		refuse(c, 507,
		       "full: there would be %u prefixes on both lists, and the tables hold %u; "
		       "enlarge capacity.guard_prefixes (crierctl save, crierd --flush, start, "
		       "crierctl restore)",
		       c->counts.prefixes, half_n(g));
		break;
	default:
		refuse(c, 500, "out of memory");
		break;
	}
}

/* ---- the thread ---- */

static void *build(void *arg)
{
	struct guard *g = arg;
	struct guard_change *c = g->job;
	struct crier_guard_prefix *list = half_list(g, g->new_half);
	uint32_t used;

	g->result = guard_list_merge(c->op, c->lists, half_list(g, g->old_half), g->old_n, c->line,
				     c->n, list, half_n(g), &c->counts, &g->bad);
	if (!g->result)
		g->result =
			guard_tree_build(list, c->counts.prefixes, g->d->tables->guard_buckets,
					 g->first_bucket, part_buckets(g), &g->new_roots, &used);
	/* Here and not in the loop: it may take milliseconds. */
	free(c->line);
	c->line = NULL;
	if (eventfd_write(g->eventfd, 1) != 0)
		log_err("crierd: cannot wake the loop: %s", strerror(errno));
	return NULL;
}

static void on_grace(void *arg);

/* What was in force until now may be written again after grace. */
static void part_retire(struct guard *g)
{
	g->part_free = false;
	g->waiting = grace_defer(g->d->grace, on_grace, g) == 0;
}

static void switch_over(struct guard *g, const struct guard_counts *counts)
{
	tbl_store_release(&row(g)->list, (uint64_t)g->new_half << 63 | counts->prefixes);
	tbl_store_release(&row(g)->roots, g->new_roots);
	tbl_store(&row(g)->changed_s, (uint64_t)time(NULL));
	g->counts = *counts;
	g->stale = false;
	part_retire(g);
}

/* 0, or why there is no thread for the first in line. */
static int build_start(struct guard *g)
{
	int err;

	g->job = g->first;
	g->old_half = list_half(row(g)->list);
	g->old_n = (uint32_t)row(g)->list;
	g->new_half = !g->old_half;
	g->first_bucket = 1 + free_part(g) * part_buckets(g);
	err = pthread_create(&g->thread, NULL, build, g);
	g->building = !err;
	return err;
}

/* The first in line, if nothing stands in its way; and the next, if that gets no thread. */
static void change_start(struct guard *g)
{
	int err;

	while (g->first && !g->building) {
		if (!g->part_free && !g->waiting)
			part_retire(g); /* there was no memory for it before */
		if (!g->part_free)
			return;
		err = build_start(g);
		if (!err)
			return;
		refuse(g->first, 500, "no thread for it: %s", strerror(err));
		change_end(g);
	}
}

static int trees_renew(struct guard *g);

static void on_grace(void *arg)
{
	struct guard *g = arg;

	if (g->closed) {
		free(g);
		return;
	}
	g->waiting = false;
	g->part_free = true;
	g->moved_ns = loop_now_ns();
	if (!g->first && g->stale && trees_renew(g) != 0)
		log_err("crierd: no memory to make the guard's trees anew");
	change_start(g);
}

static void on_built(evutil_socket_t fd, short what, void *arg)
{
	struct guard *g = arg;
	eventfd_t n;

	(void)what;
	if (eventfd_read(fd, &n) != 0)
		return;
	pthread_join(g->thread, NULL);
	g->building = false;
	judge(g, g->first);
	if (g->first->code == 200)
		switch_over(g, &g->first->counts);
	change_end(g);
	change_start(g);
}

/* ---- waiting ---- */

static void patience_start(struct guard *g)
{
	struct timeval tv = {PATIENCE_S, 0};

	if (g->first && !event_pending(g->patience, EV_TIMEOUT, NULL))
		event_add(g->patience, &tv);
}

/* Since when the first in line has waited and nothing moved. */
static uint64_t stuck_since_ns(const struct guard *g)
{
	return g->first->since_ns > g->moved_ns ? g->first->since_ns : g->moved_ns;
}

/* Those in line wait for grace, which a worker that does not turn can hold up. */
static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = loop_now_ns();
	char why[GRACE_WHY_LEN];
	struct guard *g = arg;

	(void)fd;
	(void)what;
	while (g->first && !g->building && now - stuck_since_ns(g) >= PATIENCE_S * 1000000000ULL) {
		refuse(g->first, 503,
		       "the lists that were in force before the last change may still be read: "
		       "%s; try again later",
		       grace_why(g->d->grace, why));
		change_end(g);
	}
	patience_start(g);
}

void guard_submit(struct guard *g, struct guard_change *c)
{
	c->next = NULL;
	c->since_ns = loop_now_ns();
	*g->end = c;
	g->end = &c->next;
	patience_start(g);
	change_start(g);
}

/* ---- listing ---- */

bool guard_walk_next(const struct guard *g, struct guard_walk *w, uint32_t value,
		     struct crier_guard_prefix *out, uint32_t n, uint32_t *found)
{
	const struct crier_guard_prefix *list = half_list(g, list_half(row(g)->list));
	uint32_t end = (uint32_t)row(g)->list;
	uint32_t at = w->begun ? guard_list_after(list, end, &w->last) : 0, from = at;

	*found = 0;
	for (; at < end && *found < n && at - from < WALK_LOOKED; at++)
		if (!value || list[at].value == value)
			out[(*found)++] = list[at];
	if (at > from) {
		w->last = list[at - 1];
		w->begun = true;
	}
	return at < end;
}

uint32_t guard_find(const struct guard *g, const struct crier_guard_prefix *p)
{
	const struct crier_guard_prefix *list = half_list(g, list_half(row(g)->list));
	uint32_t after = guard_list_after(list, (uint32_t)row(g)->list, p);

	if (!after || guard_prefix_compare(&list[after - 1], p) != 0)
		return CRIER_GUARD_NONE;
	return list[after - 1].value;
}

/* ---- start and end ---- */

static void row_check(struct guard *g, bool fresh)
{
	uint64_t list = row(g)->list;

	row(g)->buckets = guard_buckets_entries(half_n(g));
	if (!fresh && (uint32_t)list > half_n(g)) {
		log_warn("crierd: the guard's lists were damaged and are empty now");
		tbl_store_release(&row(g)->list, 0);
	}
	for (uint32_t i = 0; i < (uint32_t)row(g)->list; i++) {
		g->counts.block += half_list(g, list_half(list))[i].value == CRIER_GUARD_BLOCK;
		g->counts.allow += half_list(g, list_half(list))[i].value == CRIER_GUARD_ALLOW;
	}
	g->counts.prefixes = (uint32_t)row(g)->list;
}

/*
 * The crierd before may have died between its two stores: a change that changes nothing
 * makes the trees anew.
 */
static int trees_renew(struct guard *g)
{
	struct guard_change *c;

	if (!row(g)->roots && !(uint32_t)row(g)->list)
		return 0;
	g->stale = true;
	c = guard_change_new(GUARD_ADD, 0);
	if (!c)
		return -ENOMEM;
	guard_submit(g, c);
	return 0;
}

static int events_open(struct guard *g)
{
	struct event_base *base = loop_base(g->d->loop);

	g->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->eventfd < 0)
		return -errno;
	g->built = event_new(base, g->eventfd, EV_READ | EV_PERSIST, on_built, g);
	g->patience = event_new(base, -1, 0, on_patience, g);
	return g->built && g->patience && event_add(g->built, NULL) == 0 ? 0 : -ENOMEM;
}

int guard_open(struct crierd *d, bool fresh, struct guard **out)
{
	struct guard *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->d = d;
	g->end = &g->first;
	err = events_open(g);
	if (!err) {
		row_check(g, fresh);
		err = trees_renew(g);
	}
	if (err) {
		guard_close(g);
		return err;
	}
	/* What a former crierd took out of force may still be read. */
	if (!g->waiting)
		part_retire(g);
	*out = g;
	return 0;
}

void guard_close(struct guard *g)
{
	if (!g)
		return;
	if (g->building)
		pthread_join(g->thread, NULL);
	g->building = false;
	while (g->first) {
		struct guard_change *c = g->first;

		g->first = c->next;
		guard_change_free(c);
	}
	if (g->built)
		event_free(g->built);
	if (g->patience)
		event_free(g->patience);
	if (g->eventfd > 0)
		close(g->eventfd);
	g->closed = true;
	if (!g->waiting)
		free(g);
}
