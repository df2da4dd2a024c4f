/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine of each room, and when that changes.
 *
 * A room fits if its members stand on one page a family, are not more than unit_slots, and leave
 * by one interface that can have it: then XDP serves it by itself.  Otherwise it is crier-dp's,
 * which has XDP broadcast it unit by unit where triggers are better for some of the ports that its
 * own members leave by (struct room counts them), and else writes each frame: engine.h chooses.
 * A switch is one store, and takes effect with the next packet; crier-dp may
 * have packets of the room yet, so that after a switch to XDP these may come after newer ones.
 *
 * All calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_KERNEL_H
#define CRIER_CONTROL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crierd;
struct kernel;

#define KERNEL_WHY_LEN 256

/* Before store_open(); the store's rooms are judged from the first turn of the loop on. */
int kernel_open(struct crierd *d, struct kernel **out);
void kernel_close(struct kernel *k);

/* store_ops.changed: judges the room again, at once. */
void kernel_room(void *kernel, uint32_t room);

/* The operator asks for its engine now: it may have as many as kernel_why_not() lets it. */
void kernel_room_wanted(struct kernel *k, uint32_t room);

/* ports_on_change(): interfaces may be others now; all rooms are judged again. */
void kernel_ports_changed(void *kernel);

/* devmaps_on_change(): likewise. */
void kernel_devmaps_changed(void *kernel);

/*
 * NULL: XDP can make the room's copies, by one broadcast of its packet or by triggers.  Or why
 * not, a sentence in err.
 */
const char *kernel_why_not(struct kernel *k, uint32_t room, char *err, size_t size);

/* Why the room is served by what serves it, or not by XDP alone; a phrase that may be in text. */
const char *kernel_room_why(struct kernel *k, uint32_t room, bool served, char *text, size_t size);

/* NULL, or why no room can have triggers now: for status. */
const char *kernel_why_no_triggers(const struct kernel *k);

/* NULL, or why no room can have this engine here: for status. */
const char *kernel_why_off(const struct kernel *k);

#endif
