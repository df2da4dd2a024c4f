/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who answers "who has that address?" for a router that is not there: a DPDK sink has no
 * Linux behind it.  ARP (RFC 826) and neighbour solicitations (RFC 4861).  No I/O.
 */
#ifndef CRIER_LOAD_NEIGHBOUR_H
#define CRIER_LOAD_NEIGHBOUR_H

#include <stdint.h>

#include "xdp/addr.h"

#define NEIGHBOUR_ADDRS 8
#define NEIGHBOUR_MAX 86 /* longest answer */

struct neighbour_self {
	uint8_t mac[6];
	struct crier_addr addr[NEIGHBOUR_ADDRS];
	uint32_t addrs;
};

/* The answer to frame, if it asks for one of self's addresses: its length; 0: it does not. */
uint32_t neighbour_answer(const struct neighbour_self *self, const uint8_t *frame, uint32_t len,
			  uint8_t out[NEIGHBOUR_MAX]);

#endif
