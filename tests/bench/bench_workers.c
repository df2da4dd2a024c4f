/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_workers CPU CPU2 [ROUNDS]: copies a second of one worker and of two, to the same 1M
 * members, on net_null.  One JSON line a case.
 *
 * The engine alone, as crier-dp's workers drive it: the leader takes packets and serves
 * half of the pages; the other, a thread on CPU2, is handed them through its ring and
 * serves the other half by a send queue of its own.  In turns, in slices; medians.
 *
 * With two CPUs nothing else on the machine has one meanwhile: what is taken from either
 * core is taken from both workers, for a packet is done when both are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/intake.h"
#include "device.h"
#include "measure.h"
#include "tests/unit/fixture.h"

#define MEMBERS 1000000
#define FRAME_LEN 154
#define SLICE_NS 100000000ULL
#define ROUNDS_MOST 201
#define WORKERS 2

struct hand_worker {
	struct sweeper sweeper;
	struct ring ring;
	struct port *port;
	bool stop; /* set by the leader */
};

static struct tables t;
static struct port_dev *dev;
static struct hook hook[WORKERS];
static struct hand_worker worker[WORKERS];
static uint8_t payload[FRAME_LEN - DEVICE_HEADERS];
static double rate[WORKERS][ROUNDS_MOST];
static int rounds = 21;
static int cpu2;

static void hand_lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct port *p = ((struct hand_worker *)arg)->port;

	(void)out;
	p->ops->reserve(p, n, o, wait_ns);
}

static uint32_t hand_commit(void *arg, uint32_t out, struct out *o)
{
	struct port *p = ((struct hand_worker *)arg)->port;

	(void)out;
	return p->ops->commit(p, o);
}

static void hand_start(uint32_t i, uint32_t n)
{
	struct hand_worker *w = &worker[i];
	const struct sweep_io io = {hand_lend, hand_commit, clock_ns, w};

	memset(w, 0, sizeof(*w));
	w->port = dev->port[i];
	if (sweeper_init(&w->sweeper, &t, i, &io) || ring_init(&w->ring))
		die("no memory");
	w->sweeper.first = i;
	w->sweeper.stride = n;
	sweeper_add_out(&w->sweeper, 1, 0, 1);
}

static void hand_end(uint32_t i)
{
	sweeper_free(&worker[i].sweeper);
	ring_free(&worker[i].ring);
}

/* As worker_take() does, then a turn. */
static void *hand_run(void *arg)
{
	struct hand_worker *w = arg;
	const struct ring_slot *slot;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		while ((slot = ring_first(&w->ring))) {
			sweeper_succeed(&w->sweeper, slot->room, slot->generation);
			packet_copy(sweeper_slot(&w->sweeper, slot->room, slot->generation),
				    &slot->packet);
			ring_pop(&w->ring);
		}
		sweeper_turn(&w->sweeper, clock_ns());
	}
	return NULL;
}

/* More is asked of them than they can do; what they can't is refused before it costs. */
static uint64_t lead(struct intake *in)
{
	uint64_t start = clock_ns(), now = start, asked = 0;

	while (now - start < SLICE_NS) {
		if (now - asked > 1000000) {
			intake_push(in, 1, 1, payload, sizeof(payload), now);
			asked = now;
		}
		sweeper_turn(&worker[0].sweeper, now);
		now = clock_ns();
	}
	return now - start;
}

static uint64_t copies_of(uint32_t i)
{
	return tbl_load(&worker[i].sweeper.stats.c[CRIER_WORKER_copies]);
}

static double slice(uint32_t n)
{
	struct intake intake;
	uint64_t copies = 0, took;
	pthread_t thread;

	for (uint32_t i = 0; i < n; i++)
		hand_start(i, n);
	if (intake_init(&intake, &worker[0].sweeper))
		die("no memory");
	for (uint32_t i = 0; i < n; i++)
		copies -= copies_of(i);
	if (n > 1) {
		if (intake_add(&intake, &worker[1].ring, &worker[1].sweeper.progress) ||
		    pthread_create(&thread, NULL, hand_run, &worker[1]))
			die("can't start the second worker");
		cpu_pin(thread, cpu2);
	}
	took = lead(&intake);
	for (uint32_t i = 0; i < n; i++)
		copies += copies_of(i);
	if (n > 1) {
		__atomic_store_n(&worker[1].stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
	}
	intake_free(&intake);
	for (uint32_t i = 0; i < n; i++)
		hand_end(i);
	return (double)copies * 1e9 / (double)took;
}

static void setup(int cpu)
{
	struct fixture f;

	device_start(cpu, WORKERS);
	dev = device_open("net_null0,size=64,copy=0", WORKERS);
	fixture_make(&f, &t, MEMBERS + WORKERS * CRIER_PAGE_SLOTS, 0);
	fixture_room(&f, 1, 1);
	for (uint32_t i = 0; i < WORKERS; i++)
		fixture_fill4(&f, 1, i, MEMBERS / WORKERS, 100, 1);
	t.config->heartbeat_ns = 0;
	memset(payload, 0x5a, sizeof(payload));
	for (uint16_t i = 0; i < WORKERS; i++) {
		hook[i] = (struct hook){.payload = payload, .len = FRAME_LEN};
		hook_install(dev, i, &hook[i]);
	}
}

static void print(uint32_t n, double value, double ceiling)
{
	char top[32] = "null", ratio[32] = "null";

	if (ceiling > 0) {
		snprintf(top, sizeof(top), "%.0f", ceiling);
		snprintf(ratio, sizeof(ratio), "%.3f", value / ceiling);
	}
	printf("{\"bench\":\"workers\",\"case\":\"%u worker%s, 1M members, %d "
	       "bytes\",\"value\":%.0f,"
	       "\"unit\":\"copies/s\",\"ceiling\":%s,\"ratio\":%s,\"per_worker\":%.0f,"
	       "\"checked\":%llu}\n",
	       n, n > 1 ? "s" : "", FRAME_LEN, value, top, ratio, value / n,
	       (unsigned long long)(hook[0].checked + hook[1].checked));
}

int main(int argc, char **argv)
{
	double one;

	if (argc < 3)
		die("usage: bench_workers CPU CPU2 [ROUNDS]");
	if (argc > 3 && atoi(argv[3]) > 0 && atoi(argv[3]) <= ROUNDS_MOST)
		rounds = atoi(argv[3]);
	cpu2 = atoi(argv[2]);
	cpu_pin(pthread_self(), atoi(argv[1]));
	setup(atoi(argv[1]));
	for (int round = 0; round < rounds; round++)
		for (uint32_t n = 1; n <= WORKERS; n++)
			rate[n - 1][round] = slice(n);
	if (!hook[0].checked || !hook[1].checked)
		die("no frame was looked at");
	one = median(rate[0], (size_t)rounds);
	print(1, one, 0);
	print(2, median(rate[1], (size_t)rounds), 2 * one);
	dev->ops->close(dev);
	return 0;
}
