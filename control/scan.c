/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/crierd.h"
#include "control/member.h"

struct scan {
	struct task task; /* first */
	struct crierd *d;
	struct scan_ops ops;
	uint32_t page, place;
	bool again;
	uint64_t used[1024]; /* bit n: somebody has via n */
	struct scan_stats stats;
};

static void use(struct scan *s, uint16_t via)
{
	s->used[via / 64] |= 1ULL << via % 64;
}

uint16_t scan_resolve(void *scan, const struct crier_addr *dst)
{
	struct scan *s = scan;
	uint16_t via = s->ops.resolve(s->ops.arg, dst);

	use(s, via); /* or a scan that has passed this page already would let it be swept */
	return via;
}

static void scan_slot(struct scan *s, uint32_t slot)
{
	struct crier_endpoint ep;
	uint16_t was, via;

	if (!member_at(&s->d->store, slot, &ep, &was))
		return;
	via = scan_resolve(s, &ep.addr);
	s->stats.members++;
	if (via == was)
		return;
	member_set_via(&s->d->store, slot, via);
	s->stats.moved++;
}

/* True when the page is done, false when the budget is. */
static bool scan_page(struct scan *s, struct budget *budget)
{
	const struct crier_page *page = &s->d->tables->pages[s->page];

	for (; s->place < CRIER_PAGE_SLOTS; s->place++) {
		if (!(page->occupied[s->place / 64] >> s->place % 64 & 1))
			continue;
		scan_slot(s, s->page << CRIER_PAGE_SHIFT | s->place);
		if (budget_spent(budget))
			return false;
	}
	return true;
}

static bool page_is_live(const struct store *store, uint32_t page)
{
	const struct page_note *note = &store->pages.note[page];

	return note->state == PAGE_USED && store->rooms[note->room].phase == ROOM_LIVE;
}

static void scan_start(struct scan *s)
{
	s->again = false;
	s->page = 1;
	s->place = 0;
	memset(s->used, 0, sizeof(s->used));
	s->stats.running = true;
}

static bool scan_step(struct task *task, struct budget *budget)
{
	struct scan *s = (struct scan *)task;
	const struct store *store = &s->d->store;

	for (; s->page < store->pages.total; s->page++, s->place = 0) {
		if (page_is_live(store, s->page) && !scan_page(s, budget)) {
			s->place++;
			return true;
		}
		if (budget_spent(budget)) {
			s->page++;
			s->place = 0;
			return true;
		}
	}
	s->stats.scans++;
	s->stats.running = false;
	s->ops.sweep(s->ops.arg, s->used);
	if (s->again)
		scan_start(s);
	return s->stats.running;
}

void scan_request(void *scan)
{
	struct scan *s = scan;

	if (s->stats.running) {
		s->again = true;
		return;
	}
	scan_start(s);
	loop_add(s->d->loop, &s->task);
}

int scan_open(struct crierd *d, const struct scan_ops *ops, struct scan **out)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->task.step = scan_step;
	s->d = d;
	s->ops = *ops;
	*out = s;
	return 0;
}

const struct scan_stats *scan_stats(const struct scan *s)
{
	return &s->stats;
}

void scan_close(struct scan *s)
{
	if (!s)
		return;
	loop_cancel(s->d->loop, &s->task);
	free(s);
}
