/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_write [CPU]: nanoseconds a copy of walk and write into the memory port, beside a
 * bare loop that takes a buffer from the same pool, stores a whole frame of the same
 * size into it and hands it back.  One JSON line a case.
 *
 * Both sides are measured in turns, in slices of a few ms each; figures are medians.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/intake.h"
#include "dataplane/io/port_mem.h"
#include "measure.h"
#include "tests/unit/fixture.h"

#define FRAME_LEN 154
#define PAYLOAD_LEN (FRAME_LEN - 14 - 20 - 8)
#define BURST 64
#define ROUNDS 101
#define SLICE_COPIES 300000

struct bench {
	const char *name;
	uint32_t slots;
	unsigned live; /* of 100 slots */
	struct tables t;
	struct sweeper sweeper;
	struct intake intake;
	uint32_t members;
	double write[ROUNDS], store[ROUNDS];
};

static struct port *port;
static uint8_t payload[PAYLOAD_LEN];

static void bench_lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	(void)arg;
	(void)out;
	port->ops->reserve(port, n, o, wait_ns);
}

static uint32_t bench_commit(void *arg, uint32_t out, struct out *o)
{
	(void)arg;
	(void)out;
	return port->ops->commit(port, o);
}

static double slice_store(void)
{
	uint64_t start = clock_ns(), wait = 0;

	for (uint32_t done = 0; done < SLICE_COPIES; done += BURST) {
		struct out o;

		port->ops->reserve(port, BURST, &o, &wait);
		for (uint32_t i = 0; i < BURST; i++)
			store_frame(&o.frame[i], FRAME_LEN, done);
		o.used = BURST;
		port->ops->commit(port, &o);
	}
	return (double)(clock_ns() - start) / (SLICE_COPIES / BURST * BURST);
}

static double slice_write(struct bench *b)
{
	uint64_t before = b->sweeper.stats.c[CRIER_WORKER_copies];
	uint64_t start = clock_ns(), copies;

	do {
		intake_push(&b->intake, 1, 1, payload, sizeof(payload), start);
		while (sweeper_turn(&b->sweeper, start))
			;
		copies = b->sweeper.stats.c[CRIER_WORKER_copies] - before;
	} while (copies < SLICE_COPIES);
	return (double)(clock_ns() - start) / (double)copies;
}

static void bench_setup(struct bench *b)
{
	const struct sweep_io io = {bench_lend, bench_commit, clock_ns, NULL};
	struct fixture f;

	fixture_make(&f, &b->t, b->slots, 0);
	fixture_room(&f, 1, 1);
	fixture_fill4(&f, 1, 0, b->slots, b->live, 1);
	b->members = b->t.rooms[1].members4;
	if (sweeper_init(&b->sweeper, &b->t, 0, &io) || intake_init(&b->intake, &b->sweeper))
		abort();
	sweeper_add_out(&b->sweeper, 1, 0, 1);
}

static void bench_print(struct bench *b)
{
	double ns = median(b->write, ROUNDS), ceiling = median(b->store, ROUNDS);

	printf("{\"bench\":\"write\",\"case\":\"%s\",\"value\":%.2f,\"unit\":\"ns/copy\","
	       "\"ceiling\":%.2f,\"ratio\":%.3f,\"members\":%u,\"frame_bytes\":%d,\"buffers\":%d,"
	       "\"burst\":%d}\n",
	       b->name, ns, ceiling, ceiling / ns, b->members, FRAME_LEN, PORT_MEM_BUFFERS, BURST);
}

int main(int argc, char **argv)
{
	static struct bench benches[] = {
		{.name = "1k", .slots = 1000, .live = 100},
		{.name = "10k", .slots = 10000, .live = 100},
		{.name = "100k", .slots = 100000, .live = 100},
		{.name = "1M", .slots = 1000000, .live = 100},
		{.name = "1M-half-holes", .slots = 1000000, .live = 50},
	};
	const size_t n = sizeof(benches) / sizeof(benches[0]);

	cpu_pin(pthread_self(), argc > 1 ? atoi(argv[1]) : sched_getcpu());
	port = port_mem_open(PORT_MEM_BUFFERS, PORT_MEM_BUFFER_BYTES, NULL, NULL);
	if (!port)
		return 1;
	memset(payload, 0x5a, sizeof(payload));
	for (size_t i = 0; i < n; i++)
		bench_setup(&benches[i]);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			benches[i].store[round] = slice_store();
			benches[i].write[round] = slice_write(&benches[i]);
		}
	}
	for (size_t i = 0; i < n; i++)
		bench_print(&benches[i]);
	port_mem_close(port);
	return 0;
}
