/* SPDX-License-Identifier: BSD-2-Clause */
#include "locals.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "grace.h"
#include "xdp/addr.h"
#include "xdp/log.h"

enum state { LOCAL_EMPTY, LOCAL_LIVE, LOCAL_GONE };

struct own {
	bool kept;     /* in this pass */
	bool reusable; /* gone, and grace is over */
};

struct locals {
	struct tables *t;
	struct grace *grace;
	struct own *own;
	uint32_t lost;
};

struct batch {
	struct locals *l;
	uint32_t count;
	uint32_t place[];
};

static void batch_reusable(void *arg)
{
	struct batch *b = arg;

	for (uint32_t i = 0; i < b->count; i++) {
		/* It may be live again: the same address came back. */
		if (b->l->t->locals[b->place[i]].state == LOCAL_GONE)
			b->l->own[b->place[i]].reusable = true;
	}
	free(b);
}

/* Hands to grace each place that is gone; all of them, or those gone in this pass. */
static void defer_gone(struct locals *l, bool all)
{
	uint32_t n = 0, entries = l->t->config->locals;
	struct batch *b;

	for (uint32_t i = 0; i < entries; i++)
		n += all ? l->t->locals[i].state == LOCAL_GONE
			 : l->t->locals[i].state == LOCAL_LIVE && !l->own[i].kept;
	if (n == 0)
		return;
	b = malloc(sizeof(*b) + n * sizeof(b->place[0]));
	if (b)
		*b = (struct batch){.l = l};
	for (uint32_t i = 0; i < entries; i++) {
		struct crier_local *e = &l->t->locals[i];

		if (!all && e->state == LOCAL_LIVE && !l->own[i].kept)
			tbl_store_release(&e->state, LOCAL_GONE);
		else if (!all || e->state != LOCAL_GONE)
			continue;
		l->own[i].reusable = false;
		if (b)
			b->place[b->count++] = i;
	}
	if (b && grace_defer(l->grace, batch_reusable, b) < 0) {
		free(b);
		b = NULL;
	}
	if (b == NULL)
		log_err("out of memory: %u places for our addresses stay unused", n);
}

int locals_open(struct tables *t, struct grace *grace, struct locals **out)
{
	struct locals *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->t = t;
	l->grace = grace;
	l->own = calloc(t->config->locals, sizeof(l->own[0]));
	if (l->own == NULL) {
		free(l);
		return -ENOMEM;
	}
	defer_gone(l, true);
	*out = l;
	return 0;
}

void locals_close(struct locals *l)
{
	if (l == NULL)
		return;
	free(l->own);
	free(l);
}

void locals_begin(struct locals *l)
{
	for (uint32_t i = 0; i < l->t->config->locals; i++)
		l->own[i].kept = false;
	l->lost = 0;
}

static uint32_t probe(const struct locals *l, const struct crier_addr *addr, uint32_t step)
{
	return (local_hash(addr) + step) & (l->t->config->locals - 1);
}

/* Where addr is, or was and nothing else has come since; -1. */
static int find(const struct locals *l, const struct crier_addr *addr)
{
	for (uint32_t step = 0; step < CRIER_LOCAL_PROBES; step++) {
		uint32_t i = probe(l, addr, step);

		if (l->t->locals[i].state == LOCAL_EMPTY)
			return -1;
		if (addr_equal(&l->t->locals[i].addr, addr))
			return (int)i;
	}
	return -1;
}

static int find_room(const struct locals *l, const struct crier_addr *addr)
{
	for (uint32_t step = 0; step < CRIER_LOCAL_PROBES; step++) {
		uint32_t i = probe(l, addr, step);

		if (l->t->locals[i].state == LOCAL_EMPTY ||
		    (l->t->locals[i].state == LOCAL_GONE && l->own[i].reusable))
			return (int)i;
	}
	return -1;
}

void locals_keep(struct locals *l, const struct crier_addr *addr, uint32_t ifindex)
{
	int i = find(l, addr);
	struct crier_local *e;

	if (i < 0)
		i = find_room(l, addr);
	if (i < 0) {
		l->lost++;
		return;
	}
	e = &l->t->locals[i];
	l->own[i].kept = true;
	l->own[i].reusable = false;
	if (e->state == LOCAL_LIVE)
		return;
	e->addr = *addr;
	e->ifindex = ifindex;
	tbl_store_release(&e->state, LOCAL_LIVE);
}

uint32_t locals_end(struct locals *l)
{
	defer_gone(l, false);
	return l->lost;
}
