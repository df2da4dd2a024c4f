/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that a port lends for writing: the line between the engine, which knows no
 * port, and the ports, which know no member.
 *
 * A frame is written into buf from start on, len bytes.  buf is aligned to OUT_ALIGN;
 * copies are stored in whole blocks of that size, so more than the frame is written.
 */
#ifndef CRIER_OUT_H
#define CRIER_OUT_H

#include <stdint.h>

#define OUT_ALIGN 64

struct out_frame {
	uint8_t *buf;
	uint32_t start;
	uint32_t len;
};

/* A port's frames during one burst: [0, used) are written, [used, n) are not. */
struct out {
	struct out_frame *frame;
	uint32_t n;
	uint32_t used;
	uint32_t room; /* bytes of each buffer */
};

#define OUT_AHEAD 16

/*
 * Asks for the buffer some copies after frame[i], of n: it was not used for long.  Always
 * inlined: gcc takes a function that only prefetches for one without effect.
 */
static inline __attribute__((always_inline)) void out_prefetch(const struct out_frame *frame,
							       uint32_t i, uint32_t n)
{
	const uint8_t *buf = frame[i + OUT_AHEAD < n ? i + OUT_AHEAD : n - 1].buf;

	__builtin_prefetch(buf, 1);
	__builtin_prefetch(buf + 64, 1);
	__builtin_prefetch(buf + 128, 1);
}

#endif
