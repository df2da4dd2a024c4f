/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/page.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_GROW 64 /* pages, a word of hole bits: lists grow in such steps at first */

int pages_init(struct pages *p, struct tables *t)
{
	uint32_t pages4 = t->config->pages4, pages6 = t->config->pages6;

	memset(p, 0, sizeof(*p));
	p->t = t;
	p->total = pages4 + pages6;
	p->note = calloc(p->total, sizeof(*p->note));
	p->limbo = calloc(pages6 + 1, sizeof(*p->limbo));
	p->free[0] = calloc(pages4 + 1, sizeof(*p->free[0]));
	p->free[1] = calloc(pages6 + 1, sizeof(*p->free[1]));
	if (!p->note || !p->limbo || !p->free[0] || !p->free[1]) {
		pages_free(p);
		return -ENOMEM;
	}
	for (uint32_t page = 1; page < p->total; page++) {
		p->note[page].state = PAGE_OLD;
		p->note[page].family6 = page >= pages4;
	}
	return 0;
}

void pages_free(struct pages *p)
{
	free(p->note);
	free(p->limbo);
	free(p->old);
	free(p->free[0]);
	free(p->free[1]);
	memset(p, 0, sizeof(*p));
}

uint32_t pages_total(const struct pages *p, bool family6)
{
	const struct crier_config *config = p->t->config;

	/* Page 0 means none, and belongs to IPv4 where there are IPv4 pages. */
	if (family6)
		return config->pages4 ? config->pages6 : config->pages6 - !!config->pages6;
	return config->pages4 - !!config->pages4;
}

void page_release(struct pages *p, uint32_t page)
{
	struct page_note *note = &p->note[page];

	assert(note->state == PAGE_LEAVING || note->state == PAGE_OLD);
	if (note->family6)
		memset(page_limbo(p, page), 0, sizeof(struct page_limbo));
	note->state = PAGE_FREE;
	note->room = 0;
	p->free[note->family6][p->free_n[note->family6]++] = page;
}

uint32_t *page_list_head(struct tables *t, uint32_t room, uint32_t shard, bool family6)
{
	struct crier_shard *s = room_shard(t, room, shard);

	return family6 ? &s->head6 : &s->head4;
}

static int list_reserve(struct page_list *l)
{
	uint32_t cap = l->cap ? l->cap * 2 : LIST_GROW;
	uint32_t *page;
	uint64_t *holes;

	if (l->n < l->cap)
		return 0;
	page = realloc(l->page, cap * sizeof(*page));
	if (!page)
		return -ENOMEM;
	l->page = page;
	holes = realloc(l->holes, cap / 64 * sizeof(*holes));
	if (!holes)
		return -ENOMEM;
	memset(holes + l->cap / 64, 0, (cap - l->cap) / 64 * sizeof(*holes));
	l->holes = holes;
	l->cap = cap;
	return 0;
}

static void hole_set(struct page_list *l, uint32_t position, bool hole)
{
	uint64_t bit = 1ULL << position % 64;

	if (!hole) {
		l->holes[position / 64] &= ~bit;
		return;
	}
	l->holes[position / 64] |= bit;
	if (position / 64 < l->hint)
		l->hint = position / 64;
}

/* Slots that a join may take, of word i. */
static uint64_t holes_of(const struct pages *p, uint32_t page, uint32_t i)
{
	uint64_t taken = p->t->pages[page].occupied[i];

	if (p->note[page].family6)
		taken |= page_limbo(p, page)->slot[i];
	return ~taken;
}

static bool page_has_hole(const struct pages *p, uint32_t page)
{
	return holes_of(p, page, 0) || holes_of(p, page, 1) || holes_of(p, page, 2) ||
	       holes_of(p, page, 3);
}

static void list_append(struct pages *p, struct page_list *l, uint32_t page)
{
	p->note[page].position = l->n;
	l->page[l->n++] = page;
	hole_set(l, l->n - 1, page_has_hole(p, page));
}

/* owner and next are written already; the release makes them seen before the page is met. */
static void list_link(struct pages *p, const struct page_list *l, uint32_t page, uint32_t *head)
{
	uint32_t *link = l->n ? &p->t->pages[l->page[l->n - 1]].next : head;

	tbl_store_release(link, page);
}

static void page_clear(struct crier_page *page)
{
	tbl_store(&page->count, 0);
	for (int i = 0; i < 4; i++) {
		tbl_store(&page->occupied[i], 0);
		tbl_store(&page->egress[i], 0);
	}
	tbl_store(&page->egress_port, 0);
}

uint32_t page_list_grow(struct pages *p, struct page_list *l, uint32_t room, uint32_t generation,
			uint32_t shard, bool family6)
{
	struct crier_page *page;
	uint32_t n;

	if (!p->free_n[family6] || list_reserve(l) != 0)
		return 0;
	n = p->free[family6][--p->free_n[family6]];
	p->note[n].state = PAGE_USED;
	p->note[n].room = room;
	p->note[n].shard = (uint8_t)shard;
	page = &p->t->pages[n];
	page_clear(page);
	tbl_store(&page->next, 0);
	tbl_store_release(&page->owner, owner_word(room, generation, shard, family6));
	list_link(p, l, n, page_list_head(p->t, room, shard, family6));
	list_append(p, l, n);
	return n;
}

int page_list_adopt(struct pages *p, struct page_list *l, uint32_t page, bool linked)
{
	uint64_t owner = p->t->pages[page].owner;
	uint32_t room = owner_room(owner), shard = owner_shard(owner);
	int err = list_reserve(l);

	if (err)
		return err;
	p->note[page].state = PAGE_USED;
	p->note[page].room = room;
	p->note[page].shard = (uint8_t)shard;
	if (!linked) {
		tbl_store(&p->t->pages[page].next, 0);
		list_link(p, l, page, page_list_head(p->t, room, shard, owner_family6(owner)));
	}
	list_append(p, l, page);
	return 0;
}

uint32_t page_list_cut(struct pages *p, struct page_list *l)
{
	uint32_t page = l->page[l->n - 1];
	struct page_note *note = &p->note[page];
	uint32_t *link = l->n > 1 ? &p->t->pages[l->page[l->n - 2]].next
				  : page_list_head(p->t, note->room, note->shard, note->family6);

	hole_set(l, l->n - 1, false);
	l->n--;
	tbl_store_release(link, 0);
	tbl_store_release(&p->t->pages[page].owner, 0);
	note->state = PAGE_LEAVING;
	return page;
}

bool page_list_ends_empty(const struct pages *p, const struct page_list *l)
{
	return l->n && !p->t->pages[l->page[l->n - 1]].count;
}

void page_list_free(struct page_list *l)
{
	free(l->page);
	free(l->holes);
	memset(l, 0, sizeof(*l));
}

uint32_t page_list_hole(const struct pages *p, struct page_list *l)
{
	uint32_t words = (l->n + 63) / 64;

	for (; l->hint < words; l->hint++) {
		uint32_t page;

		if (!l->holes[l->hint])
			continue;
		page = l->page[l->hint * 64 + (uint32_t)__builtin_ctzll(l->holes[l->hint])];
		for (uint32_t i = 0; i < 4; i++) {
			uint64_t holes = holes_of(p, page, i);

			if (holes)
				return page << CRIER_PAGE_SHIFT | i * 64 |
				       (uint32_t)__builtin_ctzll(holes);
		}
		assert(!"a hole bit without a hole");
	}
	return 0;
}

void page_take(struct pages *p, struct page_list *l, uint32_t slot)
{
	uint32_t n = slot_page(slot), place = slot_place(slot);
	struct crier_page *page = &p->t->pages[n];

	tbl_store(&page->occupied[place / 64], page->occupied[place / 64] | 1ULL << place % 64);
	tbl_count(&page->count, 1);
	if (!page_has_hole(p, n))
		hole_set(l, p->note[n].position, false);
}

void page_leave(struct pages *p, struct page_list *l, uint32_t slot)
{
	uint32_t n = slot_page(slot), place = slot_place(slot);
	struct crier_page *page = &p->t->pages[n];
	uint64_t bit = 1ULL << place % 64;

	tbl_store(&page->occupied[place / 64], page->occupied[place / 64] & ~bit);
	tbl_store(&page->count, page->count - 1);
	if (p->note[n].family6)
		page_limbo(p, n)->slot[place / 64] |= bit;
	else
		hole_set(l, p->note[n].position, true);
}

/* The port by which a slot's member leaves; 0: there is none, or no way. */
static uint32_t slot_port(const struct pages *p, uint32_t slot)
{
	uint32_t page = slot_page(slot), place = slot_place(slot);
	uint16_t via = page_is_v4(p->t, page)
			       ? member4_via(p->t->members4[page].member[place])
			       : member6_via(page6_members(p->t, page)->member[place].word);

	return via && via < p->t->config->max_vias ? p->t->vias[via].port : 0;
}

static bool egress_any(const struct crier_page *page)
{
	return page->egress[0] | page->egress[1] | page->egress[2] | page->egress[3];
}

static void egress_put(struct crier_page *page, uint32_t place, bool leaves)
{
	uint64_t *word = (uint64_t *)&page->egress[place / 64], bit = 1ULL << place % 64;
	uint64_t want = leaves ? *word | bit : *word & ~bit;

	if (want != *word)
		tbl_store_release(word, want);
}

/* No bit is set: the port may change. */
static void egress_choose(struct pages *p, uint32_t page)
{
	struct crier_page *row = &p->t->pages[page];
	uint32_t port = 0;

	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS && !port; i++)
		port = slot_port(p, page << CRIER_PAGE_SHIFT | i);
	tbl_store_release(&row->egress_port, port);
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS && port; i++)
		egress_put(row, i, slot_port(p, page << CRIER_PAGE_SHIFT | i) == port);
}

void page_egress(struct pages *p, uint32_t slot)
{
	struct crier_page *page = &p->t->pages[slot_page(slot)];
	uint32_t port = slot_port(p, slot);

	if (page->egress_port && (egress_any(page) || port == page->egress_port))
		egress_put(page, slot_place(slot), port == page->egress_port);
	if (!egress_any(page) && (port || page->egress_port))
		egress_choose(p, slot_page(slot));
}

void page_egress_all(struct pages *p, uint32_t page)
{
	struct crier_page *row = &p->t->pages[page];

	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		egress_put(row, i,
			   row->egress_port &&
				   slot_port(p, page << CRIER_PAGE_SHIFT | i) == row->egress_port);
	if (!egress_any(row))
		egress_choose(p, page);
}

void page_limbo_end(struct pages *p, struct page_list *l, uint32_t slot)
{
	uint32_t n = slot_page(slot), place = slot_place(slot);

	page_limbo(p, n)->slot[place / 64] &= ~(1ULL << place % 64);
	hole_set(l, p->note[n].position, true);
}

int page_limbo_old(struct pages *p, struct page_list *l, uint32_t page)
{
	uint32_t at = page - p->t->config->pages4;

	if (!p->old)
		p->old = calloc(p->t->config->pages6, sizeof(*p->old));
	if (!p->old)
		return -ENOMEM;
	for (int i = 0; i < 4; i++)
		p->limbo[at].slot[i] = p->old[at].slot[i] = ~p->t->pages[page].occupied[i];
	page_refresh(p, l, page);
	return 0;
}

void page_limbo_settle(struct pages *p, struct page_list *l, uint32_t page)
{
	uint32_t at = page - p->t->config->pages4;

	if (!p->old)
		return;
	for (int i = 0; i < 4; i++)
		p->limbo[at].slot[i] &= ~p->old[at].slot[i];
	page_refresh(p, l, page);
}

void page_refresh(struct pages *p, struct page_list *l, uint32_t page)
{
	hole_set(l, p->note[page].position, page_has_hole(p, page));
}
