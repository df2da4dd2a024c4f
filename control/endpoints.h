/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A long list of endpoints in pieces, so that neither growing it nor freeing it takes
 * long at once.
 */
#ifndef CRIER_CONTROL_ENDPOINTS_H
#define CRIER_CONTROL_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp/addr.h"

#define ENDPOINTS_PIECE 1024

struct endpoints_piece {
	struct endpoints_piece *next;
	uint32_t n;
	struct crier_endpoint ep[ENDPOINTS_PIECE];
};

struct endpoints {
	struct endpoints_piece *first, *last;
	size_t n;
	uint32_t taken; /* of the first piece */
};

/* 0 or -ENOMEM. */
int endpoints_add(struct endpoints *e, const struct crier_endpoint *ep);

/* The k-th from the front (k < ENDPOINTS_PIECE), without taking it; NULL: fewer are left. */
const struct crier_endpoint *endpoints_peek(const struct endpoints *e, uint32_t k);

/* The front one; it stays valid until the next call.  NULL: none are left. */
const struct crier_endpoint *endpoints_take(struct endpoints *e);

void endpoints_free(struct endpoints *e);

#endif
