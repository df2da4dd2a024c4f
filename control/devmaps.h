/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devmaps by which the kernel engine's packets leave, per port: made when a port is up,
 * and anew when it has become another interface.  The kernel lets each wait for an RCU
 * grace period (8 to 17 ms, more on older kernels), so that is an errand, not the loop's.
 *
 * All calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_DEVMAPS_H
#define CRIER_CONTROL_DEVMAPS_H

#include <stdint.h>

struct crierd;
struct devmaps;

/* After the loader and the errands. */
int devmaps_open(struct crierd *d, struct devmaps **out);
/* After errands_close(). */
void devmaps_close(struct devmaps *m);

/*
 * Makes those of all ports that are up, at once: for the start, when no loop runs yet.
 * Also before the programs of an earlier crierd's ports are replaced: the devmaps bring
 * the new program of the way out, which comes first.
 */
void devmaps_now(struct devmaps *m);

/* ports_on_change(): begins what has become due. */
void devmaps_ports_changed(struct devmaps *m);

/*
 * 0: they lead to the port's interface of now, or that is down.  -EAGAIN: they are being made,
 * begun by this call if need be; cb will come.  Otherwise why there are none.
 */
int devmaps_get(struct devmaps *m, uint32_t port);

/* cb is called when some were made, or could not be. */
void devmaps_on_change(struct devmaps *m, void (*cb)(void *arg), void *arg);

#endif
