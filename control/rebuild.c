/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One scan of the tables at start: finds everything again, and mends what a crierd
 * that died between two stores left half made.
 *
 *   room      generation 0: not born yet or dying: its number and pages are free
 *   page      owned but not linked: linked, if somebody is in it; else free
 *             linked but not owned: the list ends before it
 *   member    the word is the truth: occupancy and counts follow it
 *   stream    live but not linked: linked; linked but not live: unlinked
 *
 * Readers are at work all the while: nothing that is right is stored again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/member.h"
#include "control/room.h"
#include "control/store.h"
#include "control/stream.h"
#include "xdp/log.h"

/* Only what differs is written, so that readers' caches and clean pages stay as they are. */
#define mend(s, p, v, counter) \
	do { \
		if (*(p) != (v)) { \
			tbl_store_release(p, v); \
			(s)->repairs.counter++; \
		} \
	} while (0)

/* ---- rooms ---- */

static bool room_is_whole(const struct store *s, uint32_t n)
{
	const struct crier_room *row = room_row(s, n);
	size_t len = strnlen(row->name, CRIER_NAME_LEN);

	return row->generation && room_name_valid(row->name, len) && !room_find(s, row->name, len);
}

static void rooms_scan(struct store *s)
{
	struct crier_config *config = s->t->config;

	for (uint32_t n = 1; n < config->max_rooms; n++) {
		struct crier_room *row = room_row(s, n);

		if (row->generation > config->next_generation)
			config->next_generation = row->generation;
		if (room_is_whole(s, n)) {
			s->rooms[n].phase = ROOM_LIVE;
			room_names_add(s, n);
			s->rooms_n++;
			continue;
		}
		mend(s, &row->generation, 0, rooms);
		s->old_rooms.number[s->old_rooms.n++] = n;
		for (uint32_t shard = 0; shard < config->max_shards; shard++) {
			mend(s, page_list_head(s->t, n, shard, false), 0, pages_freed);
			mend(s, page_list_head(s->t, n, shard, true), 0, pages_freed);
		}
	}
}

/* ---- pages ---- */

static bool page_number_fits(const struct store *s, uint32_t page, bool family6)
{
	return page && page < s->pages.total && page_is_v4(s->t, page) == !family6;
}

static int list_scan(struct store *s, uint32_t room, uint32_t shard, bool family6)
{
	uint64_t owner = owner_word(room, room_row(s, room)->generation, shard, family6);
	uint32_t *link = page_list_head(s->t, room, shard, family6);
	struct page_list *l = store_list(s, room, shard, family6);

	while (*link) {
		uint32_t page = *link;
		int err;

		if (!page_number_fits(s, page, family6) || s->t->pages[page].owner != owner ||
		    s->pages.note[page].state != PAGE_OLD) {
			mend(s, link, 0, pages_freed);
			break;
		}
		err = page_list_adopt(&s->pages, l, page, true);
		if (err)
			return err;
		link = &s->t->pages[page].next;
	}
	return 0;
}

static bool room_has_pages(const struct store *s, uint32_t room)
{
	for (uint32_t shard = 0; shard < s->t->config->max_shards; shard++)
		if (*page_list_head(s->t, room, shard, false) ||
		    *page_list_head(s->t, room, shard, true))
			return true;
	return false;
}

static int lists_scan(struct store *s)
{
	uint32_t shards = s->t->config->shards;
	int err = 0;

	for (uint32_t room = room_next(s, 0); room && !err; room = room_next(s, room)) {
		if (!room_has_pages(s, room))
			continue;
		err = room_lists(s, room);
		for (uint32_t shard = 0; shard < shards && !err; shard++) {
			err = list_scan(s, room, shard, false);
			if (!err)
				err = list_scan(s, room, shard, true);
		}
	}
	return err;
}

/* The words of a page, whichever family: bit i of used[i / 64] is set if slot i is. */
static bool page_used(const struct store *s, uint32_t page, uint64_t used[4])
{
	memset(used, 0, 4 * sizeof(*used));
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++) {
		bool is = page_is_v4(s->t, page) ? s->t->members4[page].member[i] != 0
						 : page6_members(s->t, page)->member[i].word != 0;

		used[i / 64] |= (uint64_t)is << i % 64;
	}
	return used[0] | used[1] | used[2] | used[3];
}

/* Does a living room own this page, though no list led to it? */
static bool page_is_astray(const struct store *s, uint32_t page)
{
	uint64_t owner = s->t->pages[page].owner;
	uint32_t room = owner_room(owner), shard = owner_shard(owner);

	return room && room < s->t->config->max_rooms && s->rooms[room].phase == ROOM_LIVE &&
	       shard < s->t->config->shards &&
	       owner == owner_word(room, room_row(s, room)->generation, shard,
				   !page_is_v4(s->t, page));
}

static void page_discard(struct store *s, uint32_t page, const uint64_t used[4])
{
	struct crier_page *row = &s->t->pages[page];

	mend(s, &row->owner, 0, pages_freed);
	for (uint32_t i = 0; i < 4; i++) {
		for (uint64_t left = used[i]; left; left &= left - 1) {
			member_wipe(s, page << CRIER_PAGE_SHIFT | i * 64 |
					       (uint32_t)__builtin_ctzll(left));
			s->repairs.members_dropped++;
		}
		mend(s, &row->occupied[i], 0, counts);
	}
	mend(s, &row->count, 0, counts);
}

static void page_members_scan(struct store *s, uint32_t page, uint64_t used[4])
{
	struct crier_page *row = &s->t->pages[page];
	uint32_t count = 0;

	for (uint32_t i = 0; i < 4; i++) {
		for (uint64_t left = used[i]; left; left &= left - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(left);
			uint32_t slot = page << CRIER_PAGE_SHIFT | i * 64 | bit;

			if (member_adopt(s, slot) == 0) {
				count++;
				continue;
			}
			member_wipe(s, slot);
			used[i] &= ~(1ULL << bit);
			s->repairs.members_dropped++;
		}
		mend(s, &row->occupied[i], used[i], counts);
	}
	mend(s, &row->count, count, counts);
	s->repairs.members += count;
}

static int page_scan(struct store *s, uint32_t page)
{
	const struct page_note *note = &s->pages.note[page];
	uint64_t used[4];
	bool any = page_used(s, page, used);

	if (note->state == PAGE_OLD && any && page_is_astray(s, page)) {
		uint64_t owner = s->t->pages[page].owner;
		uint32_t room = owner_room(owner);
		int err = room_lists(s, room);

		if (!err)
			err = page_list_adopt(
				&s->pages,
				store_list(s, room, owner_shard(owner), owner_family6(owner)), page,
				false);
		if (err)
			return err;
		s->repairs.pages_linked++;
	}
	if (note->state != PAGE_USED) {
		page_discard(s, page, used);
		return 0;
	}
	page_members_scan(s, page, used);
	page_egress_all(&s->pages, page);
	page_refresh(&s->pages, store_list(s, note->room, note->shard, note->family6), page);
	store_open_page(s, page);
	s->rooms[note->room].empty[note->family6] += !s->t->pages[page].count;
	if (!note->family6)
		return 0;
	return page_limbo_old(&s->pages, store_list(s, note->room, note->shard, true), page);
}

/* ---- counts ---- */

static uint32_t list_count(const struct store *s, const struct page_list *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n; i++)
		n += s->t->pages[l->page[i]].count;
	return n;
}

static void counts_scan(struct store *s)
{
	for (uint32_t room = room_next(s, 0); room; room = room_next(s, room)) {
		uint32_t n4 = 0, n6 = 0;

		for (uint32_t i = 0; i < s->t->config->max_shards; i++) {
			bool has = s->rooms[room].lists && i < s->t->config->shards;
			struct crier_shard *shard = room_shard(s->t, room, i);
			uint32_t here4 = has ? list_count(s, store_list(s, room, i, false)) : 0;
			uint32_t here6 = has ? list_count(s, store_list(s, room, i, true)) : 0;

			mend(s, &shard->members4, here4, counts);
			mend(s, &shard->members6, here6, counts);
			n4 += here4;
			n6 += here6;
		}
		mend(s, &room_row(s, room)->members4, n4, counts);
		mend(s, &room_row(s, room)->members6, n6, counts);
		s->members4 += n4;
		s->members6 += n6;
	}
}

/* ---- streams ---- */

static bool stream_is_live(const struct store *s, uint32_t n)
{
	const struct crier_stream *row = &s->t->streams[n];

	return row->state == 1 && row->port && row->room && row->room < s->t->config->max_rooms &&
	       s->rooms[row->room].phase == ROOM_LIVE &&
	       row->generation == room_row(s, row->room)->generation;
}

/* Marks what it meets, by the room's list of streams; cuts out what doesn't belong. */
static int chain_scan(struct store *s, uint32_t port, uint8_t *met)
{
	uint32_t *link = &s->t->ingest[port / 64].stream[port % 64];
	uint32_t room = 0;

	for (uint32_t n = 0; *link; n++) {
		uint32_t i = *link;
		struct crier_stream *row = &s->t->streams[i];
		int err;

		if (i >= s->t->config->max_streams || met[i] || n == CRIER_PORT_STREAMS) {
			mend(s, link, 0, streams);
			break;
		}
		if (!stream_is_live(s, i) || row->port != htons((uint16_t)port) ||
		    (room && room != row->room)) {
			mend(s, link, row->next, streams);
			continue;
		}
		room = row->room;
		met[i] = 1;
		err = stream_adopt(s, i, true);
		if (err)
			return err;
		link = &row->next;
	}
	return 0;
}

static int streams_scan(struct store *s)
{
	uint8_t *met = calloc(s->t->config->max_streams, 1);
	int err = met ? 0 : -ENOMEM;

	for (uint32_t port = 0; port < 65536 && !err; port++)
		err = chain_scan(s, port, met);
	for (uint32_t n = 1; n < s->t->config->max_streams && !err; n++) {
		if (met[n])
			continue;
		if (stream_is_live(s, n) && stream_may_link(s, n)) {
			err = stream_adopt(s, n, false);
			s->repairs.streams_linked++;
			continue;
		}
		mend(s, &s->t->streams[n].state, 0, streams);
		s->old_streams.number[s->old_streams.n++] = n;
	}
	free(met);
	return err;
}

int store_rebuild(struct store *s)
{
	int err;

	rooms_scan(s);
	err = lists_scan(s);
	for (uint32_t page = 1; page < s->pages.total && !err; page++)
		err = page_scan(s, page);
	if (!err)
		counts_scan(s);
	return err ? err : streams_scan(s);
}
