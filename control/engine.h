/* SPDX-License-Identifier: BSD-2-Clause */
/* Which engine a room gets: the choice alone, a pure function of what is known. */
#ifndef CRIER_CONTROL_ENGINE_H
#define CRIER_CONTROL_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp/table.h"

struct engine_facts {
	uint32_t wanted; /* crier_room.wanted */
	bool fits;	 /* one broadcast, of the room's own packet, serves it */
	bool pages;	 /* crier-dp can have units of it broadcast, by triggers */
	bool fast;	 /* crier-dp writes frames into devices without a copy by the kernel */
};

/*
 * Of what can serve it the cheapest: one broadcast before anything of crier-dp's; of that what a
 * device takes without a copy before triggers, and these before frames that are copied.  A
 * room that is to be the kernel's gets triggers also where frames would be fast.
 */
static inline enum crier_engine engine_choose(const struct engine_facts *f)
{
	if (f->wanted == CRIER_ENGINE_NONE || f->wanted == CRIER_ENGINE_BYPASS)
		return (enum crier_engine)f->wanted;
	if (f->fits)
		return CRIER_ENGINE_KERNEL;
	if (f->pages && (f->wanted == CRIER_ENGINE_KERNEL || !f->fast))
		return CRIER_ENGINE_PAGE;
	return CRIER_ENGINE_BYPASS;
}

#endif
