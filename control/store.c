/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/grace.h"
#include "control/member.h"
#include "control/room.h"
#include "xdp/log.h"

static int numbers_init(struct numbers *n, uint32_t most)
{
	n->n = 0;
	n->number = calloc(most, sizeof(*n->number));
	return n->number ? 0 : -ENOMEM;
}

static void numbers_free(struct numbers *n)
{
	free(n->number);
	*n = (struct numbers){0};
}

static int store_alloc(struct store *s)
{
	const struct crier_config *c = s->t->config;

	if (pages_init(&s->pages, s->t) || room_names_init(s) ||
	    numbers_init(&s->free_rooms, c->max_rooms) ||
	    numbers_init(&s->old_rooms, c->max_rooms) ||
	    numbers_init(&s->free_streams, c->max_streams) ||
	    numbers_init(&s->old_streams, c->max_streams))
		return -ENOMEM;
	members_init(s);
	s->rooms = calloc(c->max_rooms, sizeof(*s->rooms));
	return s->rooms ? 0 : -ENOMEM;
}

static void numbers_move(struct numbers *to, struct numbers *from)
{
	while (from->n)
		to->number[to->n++] = from->number[--from->n];
	numbers_free(from);
}

/* What was free when crierd started is unread now, and so are the holes of v6 pages. */
static void store_settle(void *arg)
{
	struct store *s = arg;

	s->settled = true;
	numbers_move(&s->free_rooms, &s->old_rooms);
	numbers_move(&s->free_streams, &s->old_streams);
	for (uint32_t page = s->pages.total - 1; page; page--) {
		struct page_note *note = &s->pages.note[page];

		if (note->state == PAGE_OLD)
			page_release(&s->pages, page);
		else if (note->state == PAGE_USED && note->family6 &&
			 s->rooms[note->room].phase == ROOM_LIVE) {
			page_limbo_settle(&s->pages, store_list(s, note->room, note->shard, true),
					  page);
			store_open_page(s, page);
		}
	}
	free(s->pages.old);
	s->pages.old = NULL;
}

int store_open(struct store *s, struct tables *t, struct grace *grace, struct loop *loop,
	       const struct store_ops *ops, bool fresh)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->grace = grace;
	s->loop = loop;
	s->ops = *ops;
	s->most[0] = s->most[1] = UINT64_MAX;
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) != sizeof(s->seed))
		s->seed = loop_now_ns() * 0x9e3779b97f4a7c15ULL;
	err = store_alloc(s);
	if (!err)
		err = store_rebuild(s);
	if (!err && fresh)
		store_settle(s);
	else if (!err)
		err = grace_defer(grace, store_settle, s);
	if (err)
		store_close(s);
	return err;
}

void store_close(struct store *s)
{
	room_deaths_close(s);
	for (uint32_t n = 0; s->rooms && n < s->t->config->max_rooms; n++) {
		struct room *r = &s->rooms[n];

		for (uint32_t i = 0; r->lists && i < s->t->config->shards * 2; i++)
			page_list_free(&r->lists[i]);
		free(r->lists);
		free(r->leaving);
		free(r->stream);
	}
	free(s->rooms);
	numbers_free(&s->free_rooms);
	numbers_free(&s->old_rooms);
	numbers_free(&s->free_streams);
	numbers_free(&s->old_streams);
	index_free(&s->members);
	index_free(&s->names);
	pages_free(&s->pages);
	memset(s, 0, sizeof(*s));
}

size_t store_bytes(const struct store *s)
{
	const struct crier_config *c = s->t->config;

	return index_bytes(&s->names) +
	       s->pages.total * (sizeof(*s->pages.note) + sizeof(uint32_t)) +
	       c->pages6 * sizeof(*s->pages.limbo) +
	       c->max_rooms * (sizeof(*s->rooms) + sizeof(uint32_t)) +
	       c->max_streams * sizeof(uint32_t);
}
