/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The punt: frames between a device that Linux doesn't see and the TAP that stands for
 * it.  System calls are made by a thread of its own, on whatever CPU is free, so that
 * what Linux is sent, or sends, costs the worker a copy and no more.
 *
 * Two rings, single producer and single consumer each: "in" from the worker to Linux,
 * "out" from Linux to the worker.  punt_give(), punt_next() and punt_done() belong to
 * the one worker that receives; none of them blocks or makes a system call, but for a
 * wake-up when the thread sleeps.
 */
#ifndef CRIER_PUNT_H
#define CRIER_PUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

struct punt;

/* Frames of at most frame_max bytes.  Takes over tap_fd.  NULL: *rc is -errno. */
struct punt *punt_open(int tap_fd, uint32_t frame_max, int *rc);
void punt_close(struct punt *p);

/* To Linux.  False: there is no room, or the frame is too long. */
bool punt_give(struct punt *p, const uint8_t *frame, uint32_t len);

/* From Linux: the oldest frame, which stays until punt_done(); NULL: there is none. */
const uint8_t *punt_next(struct punt *p, uint32_t *len);
void punt_done(struct punt *p);

/* Frames that Linux would not take: the TAP is down. */
uint64_t punt_refused(const struct punt *p);

#endif
