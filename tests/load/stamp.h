/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sink's pinned map of stamps, seen from the publisher: it says of each packet of
 * real audio when it went out and what is in it, since nothing inside it does.
 */
#ifndef CRIER_LOAD_STAMP_H
#define CRIER_LOAD_STAMP_H

#include <stdint.h>

#include "tally.h"

#define STAMPS_BYTES (TALLY_STAMPS * sizeof(struct tally_stamp))

/* A new map of stamps, pinned there, as memory; NULL with the reason logged. */
struct tally_stamp *stamps_make(const char *pin);

/* The map at a pin as memory; NULL with the reason logged. */
struct tally_stamp *stamps_open(const char *pin);
void stamps_close(struct tally_stamp *stamps);

/* Just before sending; ssrc and seq in host order. */
void stamp_put(struct tally_stamp *stamps, uint32_t ssrc, uint16_t seq, uint64_t hash, uint64_t ns);

#endif
