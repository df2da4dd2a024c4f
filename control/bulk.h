/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins and leaves of many listeners in one call, in steps: first all lines are read
 * and checked, then all are applied, so that a bad line leaves everything as it was.
 */
#ifndef CRIER_CONTROL_BULK_H
#define CRIER_CONTROL_BULK_H

#include "control/endpoints.h"
#include "control/http.h"

enum bulk_op { BULK_ADD, BULK_REMOVE };

struct bulk_counts {
	uint64_t added, existing, unreachable; /* BULK_ADD */
	uint64_t deleted, missing;	       /* BULK_REMOVE */
};

/*
 * Applies endpoints from the front until the budget is spent (budget NULL: all).  1:
 * more are left; 0: all done; or what member_add() refused the last one taken with.
 */
int bulk_apply(struct crierd *d, uint32_t room, enum bulk_op op, struct endpoints *e,
	       struct bulk_counts *counts, struct budget *budget);

/* Answers a call whose body is text lines. */
void bulk_call(struct call *call, uint32_t room, enum bulk_op op);

#endif
