/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture: packets with their verdict, streamed to clients as pcapng.
 *
 * XDP's packets come by the BPF ring buffer "capture", copies by the workers' parts of
 * "capture_ring".  config.capture says what the clients together want; it is 0 but
 * while there are any, so that a sweep pays one load for it.
 */
#ifndef CRIER_CONTROL_CAPTURE_H
#define CRIER_CONTROL_CAPTURE_H

#include "control/crierd.h"

/* ring_fd: the ring buffer, -1: there is none.  Turns off what a dead crierd left on. */
int capture_open(struct crierd *d, int ring_fd, struct capture **out);
void capture_close(struct capture *c);

/* Clients at present, and packets that came too fast for them. */
uint32_t capture_clients(const struct capture *c);
uint64_t capture_lost(const struct capture *c);

#endif
