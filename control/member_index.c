/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/member_index.h"

#include <assert.h>

#include "control/member.h"
#include "xdp/members.h"

#define BELOW (1U << MEMBER_BITS) /* words that may stand below one */
#define ROOM_BITS (MEMBER_BITS * (MEMBER_LEVELS - 1))
_Static_assert(1U << ROOM_BITS >= 1U << 20, "a way tells all rooms apart: see owner_word()");

/* Who may stand at a spot: rooms that are alike in the bits of the way there. */
struct spot_key {
	const struct crier_endpoint *ep;
	uint32_t room, level;
};

static uint32_t way(uint32_t room, uint32_t level)
{
	return room & ((1U << MEMBER_BITS * level) - 1);
}

static uint32_t slot_room(const struct store *s, uint32_t slot)
{
	return s->pages.note[slot_page(slot)].room;
}

/* ---- hashes ---- */

static uint64_t root_hash(const struct store *s, const struct crier_endpoint *ep)
{
	return member_hash(s->t->config->index_seed, &ep->addr, !addr_is_v4(&ep->addr), ep->port);
}

/*
 * The upper half says where, and is another for each way.  The lower one is the piece to
 * compare: the root's, with the level in the bits that a slot's number never needs.  So a
 * word tells on which level it stands to who knows its listener, and costs the guard no bit.
 */
#define LEVEL_SHIFT 29
_Static_assert(MEMBER_LEVELS <= 1 << (32 - LEVEL_SHIFT), "a level fits its bits");

static uint64_t spot_hash(uint64_t root, uint32_t room, uint32_t level)
{
	uint64_t place = root;

	if (level)
		place = member_mix(root + ((uint64_t)way(room, level) << 3 | level));
	return (place & ~0xffffffffULL) | ((uint32_t)root ^ level << LEVEL_SHIFT);
}

static uint32_t word_level(uint64_t root, uint32_t tag)
{
	return ((uint32_t)root ^ tag) >> LEVEL_SHIFT;
}

/* ---- the index's own questions ---- */

static bool word_is(const void *ctx, uint32_t slot, const void *key)
{
	const struct store *s = ctx;
	const struct spot_key *k = key;
	struct crier_endpoint ep;
	uint16_t via;

	return !way(slot_room(s, slot) ^ k->room, k->level) && member_at(s, slot, &ep, &via) &&
	       endpoint_equal(&ep, k->ep);
}

static uint64_t word_hash(const void *ctx, uint32_t slot, uint32_t tag)
{
	const struct store *s = ctx;
	struct crier_endpoint ep = {0};
	uint64_t root;
	uint16_t via;

	member_at(s, slot, &ep, &via);
	root = root_hash(s, &ep);
	return spot_hash(root, slot_room(s, slot), word_level(root, tag));
}

static const struct index_ops word_ops = {.is = word_is, .hash = word_hash};

void member_index_init(struct store *s)
{
	struct crier_config *c = s->t->config;

	assert(c->index_mask < 1U << LEVEL_SHIFT);
	tbl_store(&c->index_seed, s->seed);
	index_lend(&s->members, s->t->member_index->word, c->index_words,
		   s->pages.total * CRIER_PAGE_SLOTS - 1, &word_ops, s);
}

/* ---- who has others below ---- */

/* Set if so, and maybe if not: then it is paid for by who looks. */
static bool is_above(const struct store *s, uint32_t slot)
{
	uint32_t place = slot_place(slot);

	return s->t->pages[slot_page(slot)].above[place / 64] >> place % 64 & 1;
}

static void set_above(struct store *s, uint32_t slot, bool above)
{
	__u64 *word = &s->t->pages[slot_page(slot)].above[slot_place(slot) / 64];
	uint64_t bit = 1ULL << slot_place(slot) % 64;

	if (!(*word & bit) == above)
		*word ^= bit;
}

/* ---- find, add ---- */

/* Who stands on a level of the way to a room, 0: nobody. */
static uint32_t spot_look(const struct store *s, uint64_t root, const struct crier_endpoint *ep,
			  uint32_t room, uint32_t level)
{
	struct spot_key key = {ep, room, level};

	return index_find(&s->members, spot_hash(root, room, level), &key);
}

struct member_spot member_index_find(const struct store *s, uint32_t room,
				     const struct crier_endpoint *ep)
{
	struct member_spot spot = {.root = root_hash(s, ep)};

	while ((spot.slot = spot_look(s, spot.root, ep, room, spot.level)) &&
	       slot_room(s, spot.slot) != room) {
		spot.above = spot.slot;
		spot.level++;
		assert(spot.level < MEMBER_LEVELS);
		if (is_above(s, spot.above))
			continue;
		spot.slot = 0;
		break;
	}
	return spot;
}

void member_index_prefetch(const struct store *s, const struct crier_endpoint *ep)
{
	index_prefetch(&s->members, root_hash(s, ep));
}

void member_index_add(struct store *s, const struct member_spot *spot, uint32_t slot)
{
	set_above(s, slot, false);
	if (spot->above)
		set_above(s, spot->above, true);
	index_add(&s->members, spot_hash(spot->root, slot_room(s, slot), spot->level), slot);
}

/* ---- remove ---- */

/* One that stands right below, 0: none. */
static uint32_t look_below(struct store *s, const struct crier_endpoint *ep,
			   const struct member_spot *spot)
{
	uint32_t room = way(slot_room(s, spot->slot), spot->level), below;

	if (!is_above(s, spot->slot))
		return 0;
	for (uint32_t i = 0; i < BELOW; i++) {
		below = spot_look(s, spot->root, ep, room | i << MEMBER_BITS * spot->level,
				  spot->level + 1);
		if (below)
			return below;
	}
	set_above(s, spot->slot, false);
	return 0;
}

void member_index_remove(struct store *s, const struct member_spot *spot)
{
	struct member_spot last = *spot;
	struct crier_endpoint ep = {0};
	uint32_t below, room = slot_room(s, spot->slot);
	uint16_t via;

	member_at(s, spot->slot, &ep, &via);
	while ((below = look_below(s, &ep, &last))) {
		last.slot = below;
		last.level++;
	}
	if (last.slot != spot->slot) {
		set_above(s, last.slot, true);
		index_replace(&s->members, spot_hash(spot->root, room, spot->level), spot->slot,
			      last.slot);
	}
	index_remove(&s->members, spot_hash(last.root, slot_room(s, last.slot), last.level),
		     last.slot);
}
