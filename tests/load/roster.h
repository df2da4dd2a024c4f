/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who listens: rooms by name and number, and the (address, port, room) of each
 * listener, in the order they were given.
 */
#ifndef CRIER_LOAD_ROSTER_H
#define CRIER_LOAD_ROSTER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "publog.h"
#include "tally.h"
#include "wire.h"
#include "xdp/addr.h"

#define ROSTER_NAME_MAX PUBLOG_ROOM_MAX
#define ROSTER_ROOMS_MAX 10000

struct roster {
	char (*room)[ROSTER_NAME_MAX];
	uint32_t rooms;
	struct tally_member *member;
	size_t members, room_for;
};

/* The room's number, a new one if need be; -1 with the reason logged. */
int roster_room(struct roster *r, const char *name);

/* Its number, or -1: there is no such room. */
int roster_room_find(const struct roster *r, const char *name);

/* Lines "ADDR:PORT" (of the given room) or "ROOM ADDR:PORT"; 0, or -errno, logged. */
int roster_load(struct roster *r, const char *path, const char *room, uint16_t flags);

/*
 * "ADDR/COUNT/PORT[-LAST]": COUNT listeners from that address on, each address with
 * all the ports before the next one.  0, or -errno, logged.
 */
int roster_generate(struct roster *r, const char *spec, const char *room, uint16_t flags);

/* Lines as crierctl listener add --file wants them: ADDR:PORT. */
int roster_write(const struct roster *r, FILE *out, int with_rooms);

/* Number of the member of that key, or -1: a search from end to end. */
long roster_find(const struct roster *r, uint32_t room, const struct crier_endpoint *ep);

struct crier_endpoint roster_endpoint(const struct tally_member *m);

/*
 * The index that the sink's program looks members up in: *words of *count, to be
 * freed.  -EEXIST, logged, if a listener stands in the roster twice.
 */
int roster_index(const struct roster *r, uint64_t **words, uint32_t *count);

void roster_free(struct roster *r);

#endif
