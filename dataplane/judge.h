/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For a device that Linux doesn't see: what the XDP program does for Linux's interfaces.
 * Verdicts are counted under the same names and, if asked for, captured; what is Linux's
 * is handed to it, within punt_pps.
 *
 * Counters are those of the CPU that the leader runs on (table.h, "xdp_counters"): XDP
 * interrupts it there and never the other way round, so an addition that is one
 * instruction is whole for both.
 *
 * Used by the leader alone.
 */
#ifndef CRIER_JUDGE_H
#define CRIER_JUDGE_H

#include "core/capture.h"
#include "core/stats.h"
#include "io/port.h"
#include "xdp/steer.h"

struct judge {
	const struct tables *t;
	struct stats *stats;
	struct capture *capture;
	struct guard_caps caps; /* for steer() */
	/* Punts left, as of filled_ns; some are kept for listeners, and for ARP and ICMPv6. */
	uint64_t tokens, filled_ns;
};

void judge_init(struct judge *j, const struct tables *t, struct stats *stats,
		struct capture *capture);

/* What steer() said of a packet that p received. */
void judge_packet(struct judge *j, struct port *p, uint32_t ifindex, const struct port_rx *rx,
		  enum crier_xdp_counter verdict, const struct steer_result *r, uint64_t now_ns);

#endif
