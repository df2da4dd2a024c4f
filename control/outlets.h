/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outlets: ports by which the kernel engine's copies may leave.  Sets of ports are words, bit =
 * port number.
 *
 * All calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_OUTLETS_H
#define CRIER_CONTROL_OUTLETS_H

#include <stdbool.h>
#include <stdint.h>

struct crierd;
struct netdev;

struct outlets {
	struct netdev *netdev;
	uint64_t local;	   /* our ends of crier0 */
	uint64_t closed;   /* take no redirected frames */
	uint64_t untold;   /* whether they take them: the kernel is older than 6.3 */
	uint64_t triggers; /* units may leave by them: CRIER_PORT_BROADCASTS */
};

void outlets_open(struct outlets *o);
void outlets_close(struct outlets *o);

/*
 * Asks the kernel of each port.  A veth's other end, in another namespace perhaps, may have got or
 * lost its program.  True: something has changed.
 */
bool outlets_look(struct outlets *o, const struct crierd *d);

/*
 * Gives its flag to each port by which units may leave; to none unless may.  The kernel forgets
 * what devmaps led to when an interface goes, so that one without a link has none.  True: they
 * are others now.
 */
bool outlets_flag(struct outlets *o, const struct crierd *d, bool may);

/* "e1, e2", or "e1, e2, e3 and 4 more": ports for a sentence. */
#define OUTLETS_NAMES_LEN 80
const char *outlets_named(const struct crierd *d, uint64_t ports, char text[OUTLETS_NAMES_LEN]);

#endif
