/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dp.h"

#include "control/crierd.h"
#include "control/stats.h"

/* Those at work: since when a worker must have turned, lest its words be an earlier one's. */
struct crew {
	uint64_t since_ns;
	bool any, pages;
	uint64_t fast, slow; /* masks of port numbers */
};

static void crew_look(struct crew *c, const struct crierd *d)
{
	for (uint32_t n = 0; d->run_dir && n < d->tables->config->max_workers; n++) {
		const struct crier_worker *w = &d->tables->workers[n];
		uint64_t ports = tbl_load(&w->port_mask), fast;

		if (!worker_is_known(d->tables, n) || !worker_is_alive(d->run_dir, n) ||
		    tbl_load(&w->turn_ns) <= c->since_ns || !ports)
			continue;
		c->any = true;
		c->pages |= tbl_load(&w->pages);
		fast = tbl_load(&w->fast_mask);
		c->fast |= ports & fast;
		c->slow |= ports & ~fast;
	}
}

void dp_begin(struct dp *dp, const struct crierd *d, uint64_t now_ns)
{
	struct crew crew = {0};

	*dp = (struct dp){.works = any_worker_alive(d)};
	dp->since_ns = dp->works ? now_ns : 0;
	crew_look(&crew, d);
	dp->pages = crew.pages;
	dp->fast = crew.fast & ~crew.slow;
}

/*
 * A worker's lock is there before its sockets are, and its words in the table may be an earlier
 * one's: so it must have turned since it was seen first.  Until then all is as it was.
 */
bool dp_look(struct dp *dp, const struct crierd *d, uint64_t now_ns)
{
	struct dp was = *dp;
	struct crew crew;

	if (!any_worker_alive(d)) {
		*dp = (struct dp){0};
		return was.works || was.pages || was.fast;
	}
	if (!dp->since_ns)
		dp->since_ns = now_ns;
	crew = (struct crew){.since_ns = dp->since_ns};
	crew_look(&crew, d);
	if (!crew.any)
		return false;
	dp->works = true;
	dp->pages = crew.pages;
	dp->fast = crew.fast & ~crew.slow;
	return dp->works != was.works || dp->pages != was.pages || dp->fast != was.fast;
}
