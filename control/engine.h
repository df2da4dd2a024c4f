/* SPDX-License-Identifier: BSD-2-Clause */
/* Which engine a room gets: the choice alone, a pure function of what is known. */
#ifndef CRIER_CONTROL_ENGINE_H
#define CRIER_CONTROL_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp/table.h"

/* Sets of ports: bit = port number. */
struct engine_facts {
	uint32_t wanted; /* crier_room.wanted */
	bool fits;	 /* one broadcast, of the room's own packet, serves it */
	uint64_t ports;	 /* by which its members leave */
	uint64_t pages;	 /* by which crier-dp can have units broadcast, by triggers */
	uint64_t fast;	 /* into which crier-dp writes frames without a copy by the kernel */
	uint64_t doubts; /* to which nobody knows whether a broadcast would get */
};

/* The room's ports whose members triggers would serve, if it is crier-dp's. */
static inline uint64_t engine_paged(const struct engine_facts *f)
{
	uint64_t fast = f->wanted == CRIER_ENGINE_AUTO ? f->fast : 0;

	return f->ports & f->pages & ~fast;
}

/*
 * Of what can serve it the cheapest: one broadcast before anything of crier-dp's; of that, port by
 * port, what a device takes without a copy before triggers, and these before frames that are
 * copied.  A room that is to be the kernel's gets triggers also where frames would be fast.  What
 * nobody asked for must not put at risk what frames can surely do.
 */
static inline enum crier_engine engine_choose(const struct engine_facts *f)
{
	uint64_t paged = engine_paged(f);

	if (f->wanted == CRIER_ENGINE_NONE || f->wanted == CRIER_ENGINE_BYPASS)
		return (enum crier_engine)f->wanted;
	if (f->fits)
		return CRIER_ENGINE_KERNEL;
	if (paged && (f->wanted == CRIER_ENGINE_KERNEL || !(paged & f->doubts)))
		return CRIER_ENGINE_PAGE;
	return CRIER_ENGINE_BYPASS;
}

#endif
