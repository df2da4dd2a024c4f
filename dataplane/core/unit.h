/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units: of a page's members those whom one page trigger serves together (xdp/trigger.h).
 *
 * A page is cut from where the walk stands: into units, one for each port that takes
 * broadcasts and is to have them, of unit_slots members at most and about as many each as the
 * next cut will have;
 * and into the rest, for whom frames are written as ever: they may have no way out, which the
 * writer then counts.  Each member is in exactly one of them, by the word that was loaded once.
 *
 * Used by one thread, between two of its quiescent points.  Reads the tables, writes nothing.
 */
#ifndef CRIER_UNIT_H
#define CRIER_UNIT_H

#include "walk.h"
#include "xdp/rewrite.h"
#include "xdp/trigger.h"

#define UNITS_MOST 8 /* of one cut: a page with more ports takes several cuts */

struct unit {
	uint32_t port;
	uint32_t n;
	uint64_t member[4]; /* as in struct crier_trigger */
};

struct cut {
	uint32_t page;
	uint32_t members; /* in units and rest together */
	uint32_t n;
	struct unit unit[UNITS_MOST];
};

/* What a cut depends on beside the page. */
struct units_of {
	uint32_t most;	      /* members of a unit */
	uint32_t payload_len; /* with its headers it has to fit a next hop */
	uint64_t framed;      /* ports that have frames rather than triggers, bit = number */
};

/*
 * Cuts members off the page on which walk_page() left w, and moves w behind them.  `rest` gets
 * those in no unit.
 */
void units_cut(struct walk *w, const struct units_of *of, struct cut *cut, struct walk_burst *rest);

/* To `rest`, by frame, those of a unit of that page whom no trigger was sent for. */
void unit_rest(const struct walk *w, const struct unit *unit, struct walk_burst *rest);

/* A trigger for any unit of a room's packet: all but serial, worker, page and the unit. */
void trigger_describe(struct crier_trigger *t, uint32_t room, uint32_t generation,
		      const struct rewrite_packet *packet);

void trigger_aim(struct crier_trigger *t, uint32_t page, const struct unit *unit);

#endif
