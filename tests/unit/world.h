/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A crierd without kernel: tables in plain memory, a loop, grace, a store, and next
 * hops that are what a test says.  For tests of control/.
 */
#ifndef CRIER_TESTS_WORLD_H
#define CRIER_TESTS_WORLD_H

#include "control/crierd.h"
#include "control/room.h"
#include "control/stream.h"

struct world {
	struct tables tables;
	struct crierd d;
	uint16_t via; /* what resolve() answers */
	uint64_t resolved;
};

struct tables_size world_size(uint32_t members4, uint32_t members6);

void world_tables(struct world *w, const struct tables_size *size);
/* A crierd begins to work with the tables as they are; and ends, they stay. */
void world_open(struct world *w, bool fresh);
void world_close(struct world *w);
void world_free(struct world *w);

/* Run the loop until nothing is deferred and no task is left. */
void world_settle(struct world *w);

uint32_t world_room(struct world *w, const char *name);
struct crier_endpoint world_ep4(uint32_t n);
struct crier_endpoint world_ep6(uint32_t n);

/*
 * Everything that must hold between two operations, by a walk over the tables from
 * scratch: lists, owners, occupancy, counts, index, holes, free numbers.
 */
void world_check(struct world *w);

#endif
