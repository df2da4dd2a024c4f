/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/grace.h"
#include "control/member.h"
#include "control/stream.h"
#include "xdp/log.h"

/* A deleted room on its way to be free. */
struct room_death {
	struct task task; /* first: a step gets it as its task */
	struct store *store;
	uint32_t room;
	uint32_t list, position; /* how far the walk over its pages is */
	struct room_death *next, *prev;
};

/* ---- names ---- */

struct name_key {
	const char *s;
	size_t len;
};

static uint64_t name_hash(uint64_t seed, const char *s, size_t len)
{
	uint64_t h = index_mix(seed, len, 0);

	for (size_t at = 0; at < len; at += 8) {
		uint64_t piece = 0;

		memcpy(&piece, s + at, len - at < 8 ? len - at : 8);
		h = index_mix(h, piece, at);
	}
	return h;
}

static bool name_is(const void *ctx, uint32_t room, const void *key)
{
	const struct store *s = ctx;
	const struct name_key *k = key;
	const char *name = s->t->rooms[room].name;

	return strnlen(name, CRIER_NAME_LEN) == k->len && memcmp(name, k->s, k->len) == 0;
}

static uint64_t name_hash_of(const struct store *s, uint32_t room)
{
	const char *name = s->t->rooms[room].name;

	return name_hash(s->seed, name, strnlen(name, CRIER_NAME_LEN));
}

static uint64_t name_rehash(const void *ctx, uint32_t room, uint32_t tag)
{
	(void)tag;
	return name_hash_of(ctx, room);
}

static const struct index_ops name_ops = {.is = name_is, .hash = name_rehash};

int room_names_init(struct store *s)
{
	return index_init(&s->names, s->t->config->max_rooms, &name_ops, s);
}

void room_names_add(struct store *s, uint32_t room)
{
	index_add(&s->names, name_hash_of(s, room), room);
}

bool room_name_valid(const char *name, size_t len)
{
	if (len < 1 || len >= CRIER_NAME_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

uint32_t room_find(const struct store *s, const char *name, size_t len)
{
	struct name_key key = {name, len};

	return index_find(&s->names, name_hash(s->seed, name, len), &key);
}

/* ---- birth ---- */

/* Until it is known whether the kernel engine can have it. */
static uint32_t engine_of(uint32_t wanted)
{
	return wanted == CRIER_ENGINE_NONE ? CRIER_ENGINE_NONE : CRIER_ENGINE_BYPASS;
}

static void shards_clear(struct store *s, uint32_t room)
{
	for (uint32_t i = 0; i < s->t->config->max_shards; i++) {
		struct crier_shard *shard = room_shard(s->t, room, i);

		tbl_store(&shard->head4, 0);
		tbl_store(&shard->head6, 0);
		tbl_store(&shard->members4, 0);
		tbl_store(&shard->members6, 0);
	}
}

/* A sleeping job may still look at the number's old words: generation stays 0, no torn stores. */
static void row_reset(struct crier_room *row)
{
	tbl_store(&row->members4, 0);
	tbl_store(&row->members6, 0);
	tbl_store(&row->active_stream, 0);
	tbl_store(&row->kernel, 0);
	row->ptime_merge = 0;
	row->flags = 0;
	row->srtp_key = 0;
	memset(row->name, 0, sizeof(row->name));
}

/* Counted up before it is used, so that a number is never given twice, whoever dies when. */
static uint32_t generation_next(struct store *s)
{
	uint32_t next = s->t->config->next_generation + 1;

	if (!next)
		next = 1;
	tbl_store_release(&s->t->config->next_generation, next);
	return next;
}

int room_create(struct store *s, const struct room_spec *spec, uint32_t *room)
{
	size_t len = strlen(spec->name);
	struct crier_room *row;
	uint32_t n, generation;

	if (!room_name_valid(spec->name, len))
		return -EINVAL;
	if (room_find(s, spec->name, len))
		return -EEXIST;
	if (!s->free_rooms.n)
		return s->dying || !s->settled ? -EAGAIN : -ENOSPC;
	n = s->free_rooms.number[--s->free_rooms.n];
	row = room_row(s, n);
	row_reset(row);
	memcpy(row->name, spec->name, len);
	row->payload = spec->payload;
	row->wanted = spec->wanted;
	tbl_store(&row->engine, engine_of(spec->wanted));
	row->limit = spec->limit;
	row->created_s = (uint64_t)time(NULL);
	shards_clear(s, n);
	generation = generation_next(s);
	s->t->kernel_counters[n] = (struct crier_room_counters){.generation = generation};
	tbl_store_release(&row->generation, generation);
	s->rooms[n] = (struct room){.phase = ROOM_LIVE};
	room_names_add(s, n);
	s->rooms_n++;
	if (s->ops.changed)
		s->ops.changed(s->ops.changed_arg, n);
	*room = n;
	return 0;
}

int room_lists(struct store *s, uint32_t room)
{
	struct room *r = &s->rooms[room];

	if (!r->lists)
		r->lists = calloc(s->t->config->shards, 2 * sizeof(*r->lists));
	if (!r->leaving)
		r->leaving = calloc(CRIER_MAX_PORTS, sizeof(*r->leaving));
	return r->lists && r->leaving ? 0 : -ENOMEM;
}

uint32_t room_next(const struct store *s, uint32_t n)
{
	while (++n < s->t->config->max_rooms)
		if (s->rooms[n].phase == ROOM_LIVE)
			return n;
	return 0;
}

/* ---- death ---- */

static void death_free(struct room_death *d)
{
	if (d->prev)
		d->prev->next = d->next;
	else
		d->store->deaths = d->next;
	if (d->next)
		d->next->prev = d->prev;
	free(d);
}

/* The pages of all lists, one after the other; 0 at the end. */
static uint32_t death_next_page(struct room_death *d)
{
	struct room *r = &d->store->rooms[d->room];
	uint32_t lists = r->lists ? d->store->t->config->shards * 2 : 0;

	for (; d->list < lists; d->list++, d->position = 0)
		if (d->position < r->lists[d->list].n)
			return r->lists[d->list].page[d->position++];
	return 0;
}

static void room_free(struct room_death *d)
{
	struct store *s = d->store;
	struct room *r = &s->rooms[d->room];

	for (uint32_t i = 0; r->lists && i < s->t->config->shards * 2; i++)
		page_list_free(&r->lists[i]);
	free(r->lists);
	free(r->leaving);
	free(r->stream);
	*r = (struct room){.phase = ROOM_FREE};
	row_reset(room_row(s, d->room));
	s->free_rooms.number[s->free_rooms.n++] = d->room;
	s->dying--;
	death_free(d);
}

/* Nobody reads the pages any more: empty them and give them back. */
static bool death_purge(struct task *task, struct budget *budget)
{
	struct room_death *d = (struct room_death *)task;
	uint32_t page;

	while ((page = death_next_page(d))) {
		member_purge_page(d->store, page);
		page_release(&d->store->pages, page);
		budget->asked |= 15; /* a page of members takes tens of microseconds */
		if (budget_spent(budget))
			return true;
	}
	room_free(d);
	return false;
}

static void death_after_grace(void *arg)
{
	struct room_death *d = arg;

	d->list = d->position = 0;
	d->task.step = death_purge;
	loop_add(d->store->loop, &d->task);
}

/* Sweeps under way end at the first page that isn't theirs any more. */
static bool death_disown(struct task *task, struct budget *budget)
{
	struct room_death *d = (struct room_death *)task;
	uint32_t page;

	while ((page = death_next_page(d))) {
		tbl_store_release(&d->store->t->pages[page].owner, 0);
		d->store->pages.note[page].state = PAGE_LEAVING;
		if (budget_spent(budget))
			return true;
	}
	if (grace_defer(d->store->grace, death_after_grace, d) != 0)
		log_err("crierd: no memory to free a deleted room; its pages stay taken until "
			"crierd is started again");
	return false;
}

static void streams_drop(struct store *s, uint32_t room)
{
	while (s->rooms[room].streams)
		stream_remove(s, room, s->rooms[room].stream[0]);
}

int room_delete(struct store *s, uint32_t room)
{
	struct room_death *d = calloc(1, sizeof(*d));
	struct crier_room *row = room_row(s, room);
	struct room *r = &s->rooms[room];

	if (!d)
		return -ENOMEM;
	index_remove(&s->names, name_hash_of(s, room), room);
	tbl_store_release(&row->generation, 0);
	tbl_store(&row->engine, CRIER_ENGINE_NONE);
	streams_drop(s, room);
	s->members4 -= row->members4;
	s->members6 -= row->members6;
	s->unreachable -= r->unreachable;
	shards_clear(s, room);
	r->phase = ROOM_DYING;
	s->rooms_n--;
	s->dying++;
	*d = (struct room_death){
		.task.step = death_disown, .store = s, .room = room, .next = s->deaths};
	if (s->deaths)
		s->deaths->prev = d;
	s->deaths = d;
	loop_add(s->loop, &d->task);
	return 0;
}

void room_deaths_close(struct store *s)
{
	while (s->deaths) {
		struct room_death *d = s->deaths;

		loop_cancel(s->loop, &d->task);
		death_free(d);
	}
}
