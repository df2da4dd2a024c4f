/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two looks at /v1/stats and what happened in between.  A room that was deleted
 * and made again, and counters of a restarted crierd, begin at zero: their rates
 * are then what came since.
 */
#ifndef CRIER_CLI_RATES_H
#define CRIER_CLI_RATES_H

#include <jansson.h>
#include <stdbool.h>

struct rates {
	json_t *before, *now; /* before: NULL at first */
	json_t *index;	      /* rooms of `before` by name */
	double seconds;	      /* between them, 0 at first */
};

/* Takes the reference to a new answer. */
void rates_step(struct rates *r, json_t *stats);
void rates_free(struct rates *r);

/* Per second, of section "xdp" or "worker". */
/* Copies a second that left, of both engines. */
double rates_copies(const struct rates *r);
double rates_of(const struct rates *r, const char *section, const char *counter);
/* Per second, of a room in r->now, by its name. */
double rates_of_room(const struct rates *r, const json_t *room, const char *counter);
/* The same of all that the room lost: every counter that means a copy not made. */
double rates_of_room_drops(const struct rates *r, const json_t *room);

/* Whether a counter of section "xdp" or "worker" counts something lost or refused. */
bool counter_is_drop(const char *name);

/* All rates as an object: {seconds, xdp, worker, rooms:[{name, counter...}]}. */
json_t *rates_object(const struct rates *r);

#endif
