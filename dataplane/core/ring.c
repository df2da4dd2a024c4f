/* SPDX-License-Identifier: BSD-2-Clause */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>

int ring_init(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->slot = malloc(RING_SLOTS * sizeof(*r->slot));
	if (!r->slot)
		return -ENOMEM;
	memset(r->slot, 0, RING_SLOTS * sizeof(*r->slot));
	return 0;
}

void ring_free(struct ring *r)
{
	free(r->slot);
	r->slot = NULL;
}
