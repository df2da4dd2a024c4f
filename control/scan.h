/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scan that resolves every member again after routes have changed, in steps, each
 * new via stored in place; then vias that nobody has are swept.
 */
#ifndef CRIER_CONTROL_SCAN_H
#define CRIER_CONTROL_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp/table.h"

struct crierd;
struct scan;

/* Whom to ask; tests have their own. */
struct scan_ops {
	uint16_t (*resolve)(void *arg, const struct crier_addr *dst);
	void (*sweep)(void *arg, const uint64_t used[1024]);
	void *arg;
};

int scan_open(struct crierd *d, const struct scan_ops *ops, struct scan **out);
void scan_close(struct scan *s);

/* Scan from the beginning; one that is under way is followed by another. */
void scan_request(void *scan);

/* ops.resolve, noting the answer as used: what joins must ask. */
uint16_t scan_resolve(void *scan, const struct crier_addr *dst);

struct scan_stats {
	uint64_t scans, members, moved; /* ended; resolved again; given another way */
	bool running;
};
const struct scan_stats *scan_stats(const struct scan *s);

#endif
