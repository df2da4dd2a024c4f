/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A leader and its sweeper over two memory ports that write down each frame: for tests of
 * the engine.  The room 1 is there, of generation 1; via 1 and 3 leave by port 1, via 2 by
 * port 2.
 */
#ifndef CRIER_TESTS_HEARD_H
#define CRIER_TESTS_HEARD_H

#include "dataplane/core/intake.h"
#include "dataplane/io/port_mem.h"
#include "fixture.h"

#define PORTS 2
#define HEARD_MAX 20000

struct heard {
	uint32_t port; /* index of the memory port */
	uint32_t len;
	uint32_t last4; /* low word of the destination address, host order */
	bool family6;
	uint32_t mark; /* first four bytes of the payload */
};

struct state {
	struct tables t;
	struct fixture f;
	struct sweeper s;
	struct intake in;
	struct port *port[PORTS];
	struct {
		struct state *s;
		uint32_t n;
	} sink[PORTS];
	struct heard heard[HEARD_MAX];
	uint32_t n;
	uint32_t lost_next; /* frames that the device will say it dropped */
	uint32_t bursts, burst_first, burst_most;
	uint64_t lend_ns; /* what a burst takes */
	uint64_t now;
};

/* The sweeper's clock: a microsecond further at each look. */
extern uint64_t fake_now;

int heard_setup(void **state);
int heard_teardown(void **state);

#define heard_test(f) cmocka_unit_test_setup_teardown(f, heard_setup, heard_teardown)

/* A packet of len bytes, which begins with mark, 20 ms after the last. */
void push(struct state *s, uint32_t room, uint32_t generation, uint32_t mark, uint32_t len);
/* A port's sink: arg is an element of sink[]. */
void hear(void *arg, const uint8_t *frame, uint32_t len);

/* All that may be sent now. */
void run(struct state *s);

uint64_t counter(struct state *s, enum crier_worker_counter c);
/* Worker and room counters agree with each other and with what was heard. */
void reconcile(struct state *s, uint32_t room);

#endif
