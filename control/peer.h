/* SPDX-License-Identifier: BSD-2-Clause */
/* A veth's other end, wherever it is. */
#ifndef CRIER_CONTROL_PEER_H
#define CRIER_CONTROL_PEER_H

#include <stdint.h>

#include "xdp/table.h"

struct errands;

/*
 * RX queues of the interface's other end, whose name goes into peer.  0: it is no veth, or the
 * other end is in a namespace that we cannot look into.  Asks the kernel, of each namespace there
 * is perhaps (7 us each as measured), and visits the one: only the calling thread does.
 */
uint32_t peer_rx_queues(uint32_t ifindex, char peer[CRIER_IFNAME_LEN]);

/*
 * The same as an errand: told() is called by the loop later, unless crierd stops or has no memory.
 * e NULL: it is called at once.
 */
typedef void (*peer_told_fn)(void *arg, uint32_t ifindex, uint32_t queues, const char *peer);
void peer_ask(struct errands *e, uint32_t ifindex, peer_told_fn told, void *arg);

#endif
