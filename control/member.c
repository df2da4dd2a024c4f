/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/member.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "control/grace.h"
#include "control/member_index.h"
#include "control/room.h"
#include "xdp/log.h"

/* ---- slots ---- */

static uint64_t *slot_word(const struct store *s, uint32_t slot)
{
	uint32_t page = slot_page(slot), place = slot_place(slot);

	if (page_is_v4(s->t, page))
		return (uint64_t *)&s->t->members4[page].member[place];
	return (uint64_t *)&page6_members(s->t, page)->member[place].word;
}

bool member_at(const struct store *s, uint32_t slot, struct crier_endpoint *ep, uint16_t *via)
{
	uint32_t page = slot_page(slot), place = slot_place(slot);
	uint64_t word = *slot_word(s, slot);

	if (!word)
		return false;
	if (page_is_v4(s->t, page)) {
		ep->addr = addr_from4(member4_addr(word));
		ep->port = member4_port(word);
		*via = member4_via(word);
	} else {
		ep->addr = page6_members(s->t, page)->member[place].addr;
		ep->port = member6_port(word);
		*via = member6_via(word);
	}
	return true;
}

/* ---- the index ---- */

void members_init(struct store *s)
{
	member_index_init(s);
}

uint32_t member_find(const struct store *s, uint32_t room, const struct crier_endpoint *ep)
{
	return member_index_find(s, room, ep).slot;
}

void member_prefetch(const struct store *s, const struct crier_endpoint *ep)
{
	member_index_prefetch(s, ep);
}

/* ---- counts ---- */

static void count(struct store *s, uint32_t room, uint32_t shard, bool family6, int32_t by)
{
	struct crier_room *row = room_row(s, room);
	struct crier_shard *part = room_shard(s->t, room, shard);

	if (family6) {
		tbl_count(&row->members6, (uint32_t)by);
		tbl_count(&part->members6, (uint32_t)by);
		s->members6 += (uint64_t)(int64_t)by;
	} else {
		tbl_count(&row->members4, (uint32_t)by);
		tbl_count(&part->members4, (uint32_t)by);
		s->members4 += (uint64_t)(int64_t)by;
	}
}

/* A member more or less leaves by this via, or has none. */
static void count_way(struct store *s, uint32_t room, uint16_t via, int32_t by)
{
	uint32_t port = via < s->t->config->max_vias ? s->t->vias[via].port : 0;
	struct room *r = &s->rooms[room];

	if (!via) {
		r->unreachable += (uint32_t)by;
		s->unreachable += (uint64_t)(int64_t)by;
		return;
	}
	/* A damaged table's via may have been another once. */
	if (!port || port >= CRIER_MAX_PORTS || (by < 0 && !r->leaving[port]))
		return;
	r->leaving[port] += (uint32_t)by;
	r->ports = r->leaving[port] ? r->ports | 1ULL << port : r->ports & ~(1ULL << port);
}

/*
 * Only a room that is small, or was a moment ago, may have another engine now; or one whose
 * members leave by other ports than they did.
 */
static void tell_changed(struct store *s, uint32_t room)
{
	struct room *r = &s->rooms[room];

	if (s->ops.changed &&
	    (room_row(s, room)->engine == CRIER_ENGINE_KERNEL || r->ports != r->told ||
	     room_members(s, room) <= 2 * CRIER_PAGE_SLOTS))
		s->ops.changed(s->ops.changed_arg, room);
	r->told = r->ports;
}

/* ---- join ---- */

/* The first bit that is set in `bits`, which has one, from place `from` on and around. */
static uint32_t bit_from(uint64_t bits, uint32_t from)
{
	uint64_t behind = from < 64 ? bits >> from << from : 0;

	return (uint32_t)__builtin_ctzll(behind ? behind : bits);
}

/*
 * A hole in a page begun.  Shards take turns, so that a room that lost many of its members
 * does not grow again in one shard alone; of a shard it is the lowest hole.  A bit that
 * was set in vain is paid for by who set it.
 */
static uint32_t hole_find(struct store *s, uint32_t room, bool family6)
{
	struct room *r = &s->rooms[room];

	while (r->open[family6]) {
		uint32_t shard = bit_from(r->open[family6], r->turn[family6]);
		uint32_t slot = page_list_hole(&s->pages, store_list(s, room, shard, family6));

		if (slot) {
			r->turn[family6] = (uint8_t)(shard + 1);
			return slot;
		}
		r->open[family6] &= ~(1ULL << shard);
	}
	return 0;
}

/* Small rooms, which have one page, begin on different shards; the families of one don't. */
static uint32_t shard_least(const struct store *s, uint32_t room, bool family6)
{
	uint32_t shards = s->t->config->shards, least = 0, least_n = UINT32_MAX;

	for (uint32_t k = 0; k < shards && least_n; k++) {
		uint32_t shard = (room + k) % shards;
		uint32_t n = store_list(s, room, shard, family6)->n;

		if (n < least_n)
			least = shard, least_n = n;
	}
	return least;
}

/*
 * A page begun is filled first, and a new one goes to the shard with the fewest: so a
 * small room has one page, and the shards of a large one differ by a page.
 */
static uint32_t slot_pick(struct store *s, uint32_t room, bool family6)
{
	uint32_t slot = hole_find(s, room, family6), shard, page;

	if (slot)
		return slot;
	shard = shard_least(s, room, family6);
	page = page_list_grow(&s->pages, store_list(s, room, shard, family6), room,
			      room_row(s, room)->generation, shard, family6);
	if (!page)
		return 0;
	s->rooms[room].empty[family6]++;
	store_open_page(s, page);
	return page_list_hole(&s->pages, store_list(s, room, shard, family6));
}

/* A member entered the page, or left it: one more or less that has nobody. */
static void count_empty(struct store *s, uint32_t page, bool joined)
{
	const struct page_note *note = &s->pages.note[page];
	uint32_t n = s->t->pages[page].count;

	if (joined && n == 1)
		s->rooms[note->room].empty[note->family6]--;
	else if (!joined && n == 0)
		s->rooms[note->room].empty[note->family6]++;
}

static void note_joined(struct store *s, uint32_t slot)
{
	struct crier_info *info = &s->t->info[slot_page(slot)].member[slot_place(slot)];
	uint32_t now = (uint32_t)time(NULL);

	*info = (struct crier_info){.joined_s = now, .flags = CRIER_INFO_STATIC};
	tbl_store(&s->t->seen[slot_page(slot)].seen_s[slot_place(slot)], now);
}

/* The one store that makes a member. */
static void slot_fill(struct store *s, uint32_t slot, const struct crier_endpoint *ep, uint16_t via)
{
	uint32_t page = slot_page(slot), place = slot_place(slot);

	if (page_is_v4(s->t, page)) {
		tbl_store_release(&s->t->members4[page].member[place],
				  member4_word(addr_v4(&ep->addr), ep->port, via));
	} else {
		struct crier_member6 *m = &page6_members(s->t, page)->member[place];

		m->addr = ep->addr;
		tbl_store_release(&m->word, member6_word(ep->port, via));
	}
}

/* No slot, though fewer than allowed: deleted rooms still hold pages, or all are begun. */
static int why_full(const struct store *s)
{
	return s->dying || !s->settled ? -EAGAIN : -ENOSPC;
}

int member_add(struct store *s, uint32_t room, const struct crier_endpoint *ep)
{
	bool family6 = !addr_is_v4(&ep->addr);
	struct member_spot spot = member_index_find(s, room, ep);
	uint32_t limit = room_row(s, room)->limit, slot;
	uint16_t via;

	if (spot.slot)
		return -EEXIST;
	if (limit && room_members(s, room) >= limit)
		return -EDQUOT;
	if ((family6 ? s->members6 : s->members4) >= s->most[family6])
		return -ENOSPC;
	if (room_lists(s, room) != 0)
		return -ENOMEM;
	slot = slot_pick(s, room, family6);
	if (!slot)
		return why_full(s);
	via = s->ops.resolve(s->ops.arg, &ep->addr);
	note_joined(s, slot);
	slot_fill(s, slot, ep, via);
	page_take(&s->pages, store_list(s, room, s->pages.note[slot_page(slot)].shard, family6),
		  slot);
	page_egress(&s->pages, slot);
	count_empty(s, slot_page(slot), true);
	count(s, room, s->pages.note[slot_page(slot)].shard, family6, 1);
	member_index_add(s, &spot, slot);
	count_way(s, room, via, 1);
	tell_changed(s, room);
	return via ? 0 : 1;
}

/* ---- leave ---- */

static void page_free_later(void *arg, uint32_t page)
{
	struct store *s = arg;

	page_release(&s->pages, page);
}

/* One empty page of the room is kept against churn, in whichever shard. */
static void list_trim(struct store *s, struct page_list *l, uint32_t *empty)
{
	while (*empty > 1 && page_list_ends_empty(&s->pages, l)) {
		uint32_t page = page_list_cut(&s->pages, l);

		--*empty;
		if (grace_defer_number(s->grace, page_free_later, s, page) != 0)
			log_err("crierd: no memory; page %u stays taken until crierd is started "
				"again",
				page);
	}
}

/* Page slots come first in grace, pages after them: a released page has none left. */
static void limbo_end(void *arg, uint32_t slot)
{
	struct store *s = arg;
	const struct page_note *note = &s->pages.note[slot_page(slot)];

	if (note->state != PAGE_USED || s->rooms[note->room].phase != ROOM_LIVE)
		return;
	page_limbo_end(&s->pages, store_list(s, note->room, note->shard, true), slot);
	store_open_page(s, slot_page(slot));
}

int member_remove(struct store *s, uint32_t room, const struct crier_endpoint *ep)
{
	struct member_spot spot = member_index_find(s, room, ep);
	uint32_t slot = spot.slot;
	const struct page_note *note = &s->pages.note[slot_page(slot)];
	struct crier_endpoint was;
	struct page_list *l;
	uint16_t via;

	if (!slot)
		return -ENOENT;
	member_at(s, slot, &was, &via);
	member_index_remove(s, &spot);
	tbl_store_release((__u64 *)slot_word(s, slot), 0);
	l = store_list(s, room, note->shard, note->family6);
	page_leave(&s->pages, l, slot);
	page_egress(&s->pages, slot);
	if (!note->family6)
		store_open_page(s, slot_page(slot));
	count_empty(s, slot_page(slot), false);
	count(s, room, note->shard, note->family6, -1);
	count_way(s, room, via, -1);
	if (note->family6 && grace_defer_number(s->grace, limbo_end, s, slot) != 0)
		log_err("crierd: no memory; slot %u stays taken until crierd is started again",
			slot);
	/* Before a page goes: the kernel engine must not be led to it any more. */
	tell_changed(s, room);
	list_trim(s, l, &s->rooms[room].empty[note->family6]);
	return 0;
}

/* ---- scans ---- */

void member_wipe(struct store *s, uint32_t slot)
{
	uint32_t page = slot_page(slot), place = slot_place(slot);

	tbl_store((__u64 *)slot_word(s, slot), 0);
	memset(&s->t->info[page].member[place], 0, sizeof(struct crier_info));
}

/* Takes it out of the index. */
static void slot_forget(struct store *s, uint32_t slot)
{
	struct crier_endpoint ep;
	struct member_spot spot;
	uint16_t via;

	if (!member_at(s, slot, &ep, &via))
		return;
	spot = member_index_find(s, s->pages.note[slot_page(slot)].room, &ep);
	if (spot.slot == slot)
		member_index_remove(s, &spot);
}

void member_purge_page(struct store *s, uint32_t page)
{
	struct crier_page *row = &s->t->pages[page];

	for (uint32_t i = 0; i < 4; i++) {
		for (uint64_t left = row->occupied[i]; left; left &= left - 1) {
			uint32_t slot =
				page << CRIER_PAGE_SHIFT | i * 64 | (uint32_t)__builtin_ctzll(left);

			slot_forget(s, slot);
			member_wipe(s, slot);
		}
		tbl_store(&row->occupied[i], 0);
		tbl_store(&row->egress[i], 0);
	}
	tbl_store(&row->egress_port, 0);
	tbl_store(&row->count, 0);
}

int member_adopt(struct store *s, uint32_t slot)
{
	const struct page_note *note = &s->pages.note[slot_page(slot)];
	struct crier_endpoint ep;
	struct member_spot spot;
	uint16_t via;

	member_at(s, slot, &ep, &via);
	if (addr_is_v4(&ep.addr) == note->family6 || !ep.port)
		return -EEXIST;
	spot = member_index_find(s, note->room, &ep);
	if (spot.slot)
		return -EEXIST;
	member_index_add(s, &spot, slot);
	count_way(s, note->room, via, 1);
	return 0;
}

void member_set_via(struct store *s, uint32_t slot, uint16_t via)
{
	uint32_t room = s->pages.note[slot_page(slot)].room;
	struct crier_endpoint ep;
	uint16_t was;

	if (!member_at(s, slot, &ep, &was) || was == via)
		return;
	if (page_is_v4(s->t, slot_page(slot)))
		tbl_store_release((__u64 *)slot_word(s, slot),
				  member4_word(addr_v4(&ep.addr), ep.port, via));
	else
		tbl_store_release((__u64 *)slot_word(s, slot), member6_word(ep.port, via));
	count_way(s, room, was, -1);
	count_way(s, room, via, 1);
	page_egress(&s->pages, slot);
	tell_changed(s, room);
}

/* ---- listing ---- */

struct member_walk member_walk_start(const struct store *s, uint32_t room)
{
	return (struct member_walk){.room = room, .generation = room_row(s, room)->generation};
}

/* Shards in the order in which they got their first pages; see shard_least(). */
static const struct page_list *walk_list(const struct store *s, const struct member_walk *w,
					 uint32_t turn)
{
	return store_list(s, w->room, (w->room + turn) % s->t->config->shards, w->family6);
}

/* The first page of each shard, the second of each, and so on; then the other family. */
static void walk_next_row(const struct store *s, struct member_walk *w)
{
	w->turn = 0;
	w->position++;
	for (uint32_t i = 0; i < s->t->config->shards; i++)
		if (w->position < walk_list(s, w, i)->n)
			return;
	w->position = 0;
	if (w->family6)
		w->generation = 0;
	w->family6 = true;
}

/* The page it stands on, 0: it has ended. */
static uint32_t walk_page(const struct store *s, struct member_walk *w)
{
	const struct room *r = &s->rooms[w->room];

	if (r->phase != ROOM_LIVE || !r->lists)
		return 0;
	while (w->generation && w->generation == room_row(s, w->room)->generation) {
		for (; w->turn < s->t->config->shards; w->turn++, w->place = 0) {
			const struct page_list *l = walk_list(s, w, w->turn);

			if (w->position < l->n)
				return l->page[w->position];
		}
		walk_next_row(s, w);
	}
	return 0;
}

uint32_t member_walk_next(const struct store *s, struct member_walk *w, struct crier_endpoint *ep,
			  uint32_t most)
{
	uint32_t page, n = 0;
	uint16_t via;

	while (n < most && (page = walk_page(s, w))) {
		while (n < most && w->place < CRIER_PAGE_SLOTS)
			n += member_at(s, page << CRIER_PAGE_SHIFT | w->place++, &ep[n], &via);
		if (w->place == CRIER_PAGE_SLOTS) {
			w->turn++;
			w->place = 0;
		}
	}
	return n;
}
