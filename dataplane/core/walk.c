/* SPDX-License-Identifier: BSD-2-Clause */
#include "walk.h"

/*
 * A sequentially consistent load: it may not pass the exchange on the quiescent word
 * that came before it, or crierd could count a worker as moved that has yet to look.
 * Costs nothing on x86.
 */
#define load_ordered(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)

/* Places looked at in one call before it hands out a short burst, or none. */
#define WALK_SCAN_MAX 16384

/* To pass over an empty page is about as much work as to look at so many places. */
#define WALK_EMPTY_PAGE 64

void walk_start(struct walk *w, const struct tables *t, uint32_t room, uint32_t generation,
		uint32_t shard)
{
	*w = (struct walk){
		.t = t,
		.room = room,
		.generation = generation,
		.shard = shard,
		.state = WALK_MORE,
	};
}

bool walk_any(const struct tables *t, uint32_t room, uint32_t shard)
{
	const struct crier_shard *s = room_shard(t, room, shard);

	return load_ordered(&s->head4) || load_ordered(&s->head6);
}

static bool page_is_ours(const struct walk *w, uint32_t page)
{
	uint64_t want = owner_word(w->room, w->generation, w->shard, w->family6);

	return load_ordered(&w->t->pages[page].owner) == want;
}

/* Two bursts of v4 members: asked for while the burst at hand is being copied. */
#define WALK_AHEAD_BYTES 1024

/* May reach beyond a page: prefetching what isn't there does no harm. */
static inline __attribute__((always_inline)) void walk_prefetch(const void *from)
{
	for (uint32_t i = 0; i < WALK_AHEAD_BYTES; i += 64)
		__builtin_prefetch((const char *)from + i);
}

/* Its memory will be wanted once the page at hand is done. */
static inline __attribute__((always_inline)) void page_prefetch(const struct walk *w, uint32_t page)
{
	__builtin_prefetch(&w->t->pages[page]);
	if (w->family6)
		walk_prefetch(page6_members(w->t, page));
	else
		walk_prefetch(&w->t->members4[page]);
}

/*
 * A page that counts nobody is left at once: a join counts after it is stored, so nobody
 * in there joined before this walk began.  Returns the work of looking.
 */
static uint32_t page_enter(struct walk *w, uint32_t page)
{
	bool empty = !tbl_load(&w->t->pages[page].count);
	uint32_t next;

	w->page = page;
	w->place = empty ? CRIER_PAGE_SLOTS : 0;
	next = tbl_load(&w->t->pages[page].next);
	if (next)
		page_prefetch(w, next);
	return empty ? WALK_EMPTY_PAGE : 0;
}

/* From the end of the v4 list to the v6 list, from there to the end. */
static void family_done(struct walk *w)
{
	w->page = 0;
	w->place = 0;
	if (w->family6)
		w->state = WALK_END;
	w->family6 = true;
}

/* Stands on a page, with places left unless it is empty; or the family is done. */
static bool page_find(struct walk *w, struct walk_burst *b)
{
	const struct crier_shard *shard = room_shard(w->t, w->room, w->shard);
	uint32_t next;

	if (w->page && w->place < CRIER_PAGE_SLOTS)
		return true;
	if (w->page)
		next = load_ordered(&w->t->pages[w->page].next);
	else
		next = load_ordered(w->family6 ? &shard->head6 : &shard->head4);
	if (!next || !page_is_ours(w, next))
		return false;
	b->looked += page_enter(w, next);
	return true;
}

/* Appends the live members of the page from place on; returns the place it stopped at. */
static uint32_t page_take4(const struct crier_page4 *page, uint32_t place, struct walk_burst *b,
			   uint32_t n)
{
	uint32_t have = b->n;

	/* No branch on the word: holes come in no order that a CPU could guess. */
	for (; place < CRIER_PAGE_SLOTS && have < n; place++) {
		uint64_t word = tbl_load(&page->member[place]);

		b->word[have] = word;
		have += word != 0;
	}
	b->n = have;
	return place;
}

static uint32_t page_take6(const struct crier_page6 *page, uint32_t place, struct walk_burst *b,
			   uint32_t n)
{
	uint32_t have = b->n;

	for (; place < CRIER_PAGE_SLOTS && have < n; place++) {
		const struct crier_member6 *m = &page->member[place];
		uint64_t word = tbl_load_acquire(&m->word);

		if (!word)
			continue;
		b->word[have] = word;
		b->addr[have] = m->addr;
		have++;
	}
	b->n = have;
	return place;
}

static void page_take(struct walk *w, struct walk_burst *b, uint32_t n)
{
	uint32_t from = w->place;

	if (w->family6)
		w->place = page_take6(page6_members(w->t, w->page), from, b, n);
	else
		w->place = page_take4(&w->t->members4[w->page], from, b, n);
	if (!w->family6 && w->place < CRIER_PAGE_SLOTS)
		walk_prefetch(&w->t->members4[w->page].member[w->place]);
	b->looked += w->place - from;
}

/* Fills b from pages of the family at hand; false when there are no more of them. */
static bool family_take(struct walk *w, struct walk_burst *b, uint32_t n)
{
	while (b->n < n && b->looked < WALK_SCAN_MAX) {
		if (!page_find(w, b))
			return false;
		page_take(w, b, n);
	}
	return true;
}

/* After a pause: is there still a room to be walked, and the page that it stands on? */
static bool walk_resume(struct walk *w, struct walk_burst *b)
{
	b->n = 0;
	b->looked = 0;
	if (w->state != WALK_MORE)
		return false;
	if (load_ordered(&w->t->rooms[w->room].generation) != w->generation) {
		w->state = WALK_GONE;
		return false;
	}
	if (w->page && !page_is_ours(w, w->page))
		family_done(w);
	return true;
}

bool walk_page(struct walk *w, struct walk_burst *b)
{
	if (!walk_resume(w, b))
		return false;
	while (w->state == WALK_MORE && b->looked < WALK_SCAN_MAX) {
		if (!page_find(w, b))
			family_done(w);
		else if (w->place < CRIER_PAGE_SLOTS)
			return true;
	}
	return false;
}

uint32_t walk_some(struct walk *w, struct walk_burst *b, uint32_t n)
{
	if (!walk_resume(w, b))
		return 0;
	while (w->state == WALK_MORE && !b->n && b->looked < WALK_SCAN_MAX) {
		b->family6 = w->family6;
		if (!family_take(w, b, n))
			family_done(w);
	}
	return b->n;
}

uint32_t walk_next(struct walk *w, struct walk_burst *b, uint32_t n)
{
	while (!walk_some(w, b, n) && w->state == WALK_MORE)
		;
	return b->n;
}
