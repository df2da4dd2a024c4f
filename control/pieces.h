/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer of any length, made piece by piece over as many turns of the loop as it
 * takes, no faster than its client reads.
 */
#ifndef CRIER_CONTROL_PIECES_H
#define CRIER_CONTROL_PIECES_H

#include "control/http.h"

struct pieces {
	struct job job; /* first */
	struct evbuffer *data;
	/* Adds the next piece to data, well below 1 ms of work.  False: that was all. */
	bool (*more)(struct pieces *p);
};

/*
 * p is the first part of something from malloc(), which pieces frees.  Answers the call
 * in any case.
 */
void pieces_start(struct pieces *p, struct call *call, const char *type,
		  bool (*more)(struct pieces *p));

/* calloc() for the above; NULL after the call was answered with 500. */
void *pieces_new(struct call *call, size_t size);

/* Adds JSON text, after a comma if *any, which it sets.  Takes the reference. */
void pieces_json(struct pieces *p, json_t *json, bool *any);

#endif
