/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages: which are free, and the list of them that one (room, shard, family) has.
 *
 * The list lives in the shared table, where readers follow it; beside it crierd keeps
 * its pages in order and which have a hole, so that a join finds the lowest hole
 * without a walk.  A page goes
 *
 *   FREE -> USED    owner written, then linked at the tail
 *   USED -> LEAVING unlinked, then owner zeroed
 *   LEAVING -> FREE after grace
 *
 * A v6 slot that was left stays in limbo until grace, and is no hole until then.
 */
#ifndef CRIER_CONTROL_PAGE_H
#define CRIER_CONTROL_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp/tables.h"

enum page_state {
	PAGE_FREE,
	PAGE_USED,
	PAGE_LEAVING,
	PAGE_OLD, /* from before crierd's start, free after its first grace */
};

/* What crierd keeps of a page beside the table. */
struct page_note {
	uint32_t room;	   /* whose members the slots hold, also while it is LEAVING */
	uint32_t position; /* in its list, if USED */
	uint32_t state;	   /* enum page_state */
	uint8_t family6, shard;
};

struct page_limbo {
	uint64_t slot[4];
};

struct pages {
	struct tables *t;
	uint32_t total;		  /* entries of "pages" */
	struct page_note *note;	  /* by page */
	struct page_limbo *limbo; /* by page - pages4 */
	struct page_limbo *old;	  /* the same: what was a hole when crierd started; or NULL */
	uint32_t *free[2];	  /* stacks of free pages, by family */
	uint32_t free_n[2];
};

/* The pages of one (room, shard, family), in the order of the list. */
struct page_list {
	uint32_t *page;
	uint64_t *holes; /* bit i: page[i] has a hole */
	uint32_t n, cap;
	uint32_t hint; /* no hole in words before this one */
};

/* All pages begin as PAGE_OLD.  0 or -ENOMEM. */
int pages_init(struct pages *p, struct tables *t);
void pages_free(struct pages *p);

/* Pages of a family that can be had, in all and now. */
uint32_t pages_total(const struct pages *p, bool family6);
static inline uint32_t pages_available(const struct pages *p, bool family6)
{
	return p->free_n[family6];
}

/* Gives an emptied page back: after grace.  Its member words must be 0. */
void page_release(struct pages *p, uint32_t page);

/* The head that readers start from. */
uint32_t *page_list_head(struct tables *t, uint32_t room, uint32_t shard, bool family6);

/*
 * Links a free page at the tail.  Its number, 0: no page is free, or no memory.
 * page_list_adopt takes one that a former crierd left: already linked there, or not.
 */
uint32_t page_list_grow(struct pages *p, struct page_list *l, uint32_t room, uint32_t generation,
			uint32_t shard, bool family6);
int page_list_adopt(struct pages *p, struct page_list *l, uint32_t page, bool linked);

/* Unlinks the last page, which is then LEAVING: the caller defers page_release. */
uint32_t page_list_cut(struct pages *p, struct page_list *l);

/* Is its last page without a member? */
bool page_list_ends_empty(const struct pages *p, const struct page_list *l);

void page_list_free(struct page_list *l);

/* The lowest hole: its slot number, 0: none. */
uint32_t page_list_hole(const struct pages *p, struct page_list *l);

/* Keep the occupancy words, the count and the hole bit; the word itself is the caller's. */
void page_take(struct pages *p, struct page_list *l, uint32_t slot);
void page_leave(struct pages *p, struct page_list *l, uint32_t slot);

/*
 * After a member's word or via changed: keeps the words of who leaves by the page's egress
 * port.  That is the port of the first who has a way, until nobody leaves by it any more.
 */
void page_egress(struct pages *p, uint32_t slot);
/* The same for a whole page, whose words may be anything. */
void page_egress_all(struct pages *p, uint32_t page);

/* A v6 slot's grace is over: a hole again if the page is still in the list. */
void page_limbo_end(struct pages *p, struct page_list *l, uint32_t slot);

/*
 * The holes of a v6 page that a former crierd left: into limbo, and out of it after the
 * first grace.  0 or -ENOMEM.
 */
int page_limbo_old(struct pages *p, struct page_list *l, uint32_t page);
void page_limbo_settle(struct pages *p, struct page_list *l, uint32_t page);

/* Look for holes again after the occupancy words were rebuilt. */
void page_refresh(struct pages *p, struct page_list *l, uint32_t page);

static inline uint32_t slot_page(uint32_t slot)
{
	return slot >> CRIER_PAGE_SHIFT;
}

static inline uint32_t slot_place(uint32_t slot)
{
	return slot & (CRIER_PAGE_SLOTS - 1);
}

static inline struct page_limbo *page_limbo(const struct pages *p, uint32_t page)
{
	return &p->limbo[page - p->t->config->pages4];
}

#endif
