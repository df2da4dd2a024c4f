/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_dpdk null|memif|scale CPU SINK_CPU [ROUNDS]: copies a second of one core through a
 * DPDK port, beside a bare loop on the same device that takes a buffer of the same pool,
 * stores a whole frame of the same size into it and sends it.  One JSON line a case.
 *
 * Both sides are measured in turns, in slices of a few ms each; figures are medians.
 * What is sent is looked at (device.h).  scale is null with rooms of 1k to 4M members, and
 * tells nanoseconds a copy.
 *
 * memif: the other end is polled by a thread on SINK_CPU.  A round in which the device
 * refused frames, because its ring was full, measured the sink: it does not count.  When
 * most of a case's rounds are such, the case is marked sink_limited and has no ratio.
 *
 * A round in which somebody else had a core of ours measured that one: it is made again, as
 * often as there are rounds, and then counts after all.
 *
 * bench_dpdk sink PATH CPU: that other end, for another program; until its client goes.
 *
 * The socket of the two is made in $TMPDIR.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dataplane/core/intake.h"
#include "device.h"
#include "measure.h"
#include "memif_sink.h"
#include "tests/unit/fixture.h"

#define BURST 64
#define SLICE_COPIES 400000
#define ROUNDS_MOST 201
#define APART_LEAST 4096
#define REFUSED_PCT 2

struct bench {
	uint32_t members, frame_len;
	struct tables t;
	struct sweeper sweeper;
	struct intake intake;
	double write[ROUNDS_MOST], store[ROUNDS_MOST];
	uint32_t rounds; /* that count */
	uint32_t disturbed;
	uint64_t checked;
};

static struct bench pps[] = {{10000, 154}, {100000, 154}, {1000000, 154},
			     {10000, 218}, {100000, 218}, {1000000, 218}};
static struct bench scale[] = {{1000, 154},   {4000, 154},    {16000, 154},  {64000, 154},
			       {256000, 154}, {1000000, 154}, {4000000, 154}};

static const struct mode {
	const char *name;
	struct bench *benches;
	size_t n;
	bool memif, ns;
} modes[] = {
	{"null", pps, sizeof(pps) / sizeof(pps[0]), false, false},
	{"memif", pps, sizeof(pps) / sizeof(pps[0]), true, false},
	{"scale", scale, sizeof(scale) / sizeof(scale[0]), false, true},
};

static const struct mode *mode;
static struct port_dev *dev;
static struct port *port;
static struct hook hook;
static uint8_t payload[2048];
static uint64_t apart;
static int rounds = 41;

static struct memif_sink *sink;
static pthread_t sink_thread;
static char sink_path[64];

/*
 * ---- both sides ------------------------------------------------------------------
 */
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

static double slice_store(uint32_t len)
{
	uint64_t start = clock_ns(), done = 0;

	hook.len = 0;
	while (done < SLICE_COPIES) {
		uint64_t wait = 1000000000;
		struct out o;

		port->ops->reserve(port, BURST, &o, &wait);
		if (!o.n)
			die("the device takes nothing");
		for (uint32_t i = 0; i < o.n; i++)
			store_frame(&o.frame[i], len, done);
		o.used = o.n;
		port->ops->commit(port, &o);
		done += o.used;
	}
	return (double)(clock_ns() - start) / (double)done;
}

static double slice_write(struct bench *b)
{
	uint64_t before = b->sweeper.stats.c[CRIER_WORKER_copies];
	uint64_t start = clock_ns(), copies;

	hook.len = b->frame_len;
	do {
		intake_push(&b->intake, 1, 1, payload, b->frame_len - DEVICE_HEADERS, start);
		while (sweeper_turn(&b->sweeper, start))
			;
		copies = b->sweeper.stats.c[CRIER_WORKER_copies] - before;
		if (!copies)
			die("no copy was sent");
	} while (copies < SLICE_COPIES);
	return (double)(clock_ns() - start) / (double)copies;
}

/* Of frames offered since, were so many refused that they must have waited for the sink? */
static bool was_refused(uint64_t offered, uint64_t sent)
{
	return (hook.offered - offered - sent) * 100 > sent * REFUSED_PCT;
}

/* How often a thread of ours had to leave its core. */
static long preemptions(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_nivcsw;
}

/* False: to be made again. */
static bool bench_round(struct bench *b)
{
	long preempted = preemptions();
	uint64_t offered = hook.offered, checked = hook.checked;
	uint64_t copies = b->sweeper.stats.c[CRIER_WORKER_copies];
	double store = slice_store(b->frame_len), write;
	bool limited = was_refused(offered, (SLICE_COPIES + BURST - 1) / BURST * BURST);

	offered = hook.offered;
	write = slice_write(b);
	limited |= was_refused(offered, b->sweeper.stats.c[CRIER_WORKER_copies] - copies);
	b->checked += hook.checked - checked;
	if (preemptions() != preempted && b->disturbed < (uint32_t)rounds) {
		b->disturbed++;
		return false;
	}
	if (!limited) {
		b->store[b->rounds] = store;
		b->write[b->rounds++] = write;
	}
	return true;
}

static void bench_setup(struct bench *b)
{
	const struct sweep_io io = {bench_lend, bench_commit, clock_ns, NULL};
	struct fixture f;

	fixture_make(&f, &b->t, b->members, 0);
	fixture_room(&f, 1, 1);
	fixture_fill4(&f, 1, 0, b->members, 100, 1);
	b->t.config->heartbeat_ns = 0;
	if (sweeper_init(&b->sweeper, &b->t, 0, &io) || intake_init(&b->intake, &b->sweeper))
		die("no memory");
	sweeper_add_out(&b->sweeper, 1, 0, 1);
}

/*
 * ---- the sink --------------------------------------------------------------------
 */
static void *sink_run(void *arg)
{
	if (memif_sink_run(arg))
		die("the sink does not understand DPDK's memif");
	return NULL;
}

static void sink_start(int cpu)
{
	const char *dir = getenv("TMPDIR");

	snprintf(sink_path, sizeof(sink_path), "%s/crier-bench.%d", dir ? dir : "/tmp",
		 (int)getpid());
	sink = memif_sink_open(sink_path);
	if (!sink || pthread_create(&sink_thread, NULL, sink_run, sink))
		die("can't start the sink");
	cpu_pin(sink_thread, cpu);
}

/* First: what it reads is the client's memory. */
static void sink_stop(void)
{
	if (!sink)
		return;
	memif_sink_end(sink);
	pthread_join(sink_thread, NULL);
	memif_sink_close(sink);
}

static void memif_wait(void)
{
	struct out o;

	for (int i = 0; i < 500; i++) {
		uint64_t wait = 0;

		dev->ops->gone(dev);
		port->ops->reserve(port, 1, &o, &wait);
		port->ops->commit(port, &o);
		if (o.n)
			return;
		usleep(10000);
	}
	die("the two ends of memif don't connect");
}

static void device_begin(int sink_cpu)
{
	char args[PORT_DPDK_ARGS_LEN] = "net_null0,size=64,copy=0";

	if (mode->memif) {
		sink_start(sink_cpu);
		snprintf(args, sizeof(args),
			 "net_memif0,role=client,id=0,socket-abstract=no,socket=%s,rsize=12",
			 sink_path);
	}
	dev = device_open(args, 1);
	port = dev->port[0];
	if (mode->memif)
		memif_wait();
}

static int sink_alone(const char *path, int cpu)
{
	struct memif_sink *s = memif_sink_open(path);
	int rc;

	if (!s)
		die("can't listen there");
	cpu_pin(pthread_self(), cpu);
	rc = memif_sink_run(s);
	printf("{\"frames\":%llu}\n", (unsigned long long)memif_sink_count(s).frames);
	memif_sink_close(s);
	return rc != 0;
}

/*
 * ---- results ---------------------------------------------------------------------
 */
static void case_name(const struct bench *b, char *name, size_t size)
{
	bool million = b->members >= 1000000;
	uint32_t n = b->members / (million ? 1000000 : 1000);

	if (mode->ns)
		snprintf(name, size, "%u%c members", n, million ? 'M' : 'k');
	else
		snprintf(name, size, "%u%c members, %u bytes", n, million ? 'M' : 'k',
			 b->frame_len);
}

static void bench_print(struct bench *b)
{
	bool limited = b->rounds * 2 < (uint32_t)rounds;
	double ns = limited ? 0 : median(b->write, b->rounds);
	double ceiling = limited ? 0 : median(b->store, b->rounds);
	char name[64], ratio[32] = "null", value[32] = "null", top[32] = "null";

	case_name(b, name, sizeof(name));
	if (!limited) {
		snprintf(ratio, sizeof(ratio), "%.3f", ceiling / ns);
		snprintf(value, sizeof(value), mode->ns ? "%.2f" : "%.0f",
			 mode->ns ? ns : 1e9 / ns);
		snprintf(top, sizeof(top), mode->ns ? "%.2f" : "%.0f",
			 mode->ns ? ceiling : 1e9 / ceiling);
	}
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"ceiling\":%s,"
	       "\"ratio\":%s,\"members\":%u,\"frame_bytes\":%u,\"burst\":%d,\"checked\":%llu,"
	       "\"buffers_apart\":%llu,\"rounds\":%u,\"disturbed\":%u,\"sink_limited\":%s}\n",
	       mode->name, name, value, mode->ns ? "ns/copy" : "copies/s/core", top, ratio,
	       b->members, b->frame_len, BURST, (unsigned long long)b->checked,
	       (unsigned long long)apart, b->rounds, b->disturbed, limited ? "true" : "false");
}

/* Longer than any pool or ring: each buffer came by several times. */
static uint64_t apart_send(void)
{
	slice_store(154);
	return (SLICE_COPIES + BURST - 1) / BURST * BURST;
}

static void benches_run(void)
{
	memset(payload, 0x5a, sizeof(payload));
	hook.payload = payload;
	for (size_t i = 0; i < mode->n; i++)
		bench_setup(&mode->benches[i]);
	apart = buffers_apart(dev, apart_send);
	if (apart < APART_LEAST)
		die("buffers are used again too soon: this measures the cache");
	hook_install(dev, 0, &hook);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < mode->n; i++)
			while (!bench_round(&mode->benches[i]))
				;
	for (size_t i = 0; i < mode->n; i++)
		if (!mode->benches[i].checked)
			die("no frame was looked at");
}

static const struct mode *mode_of(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(name, modes[i].name))
			return &modes[i];
	die("usage: bench_dpdk null|memif|scale CPU SINK_CPU [ROUNDS], or sink PATH CPU");
}

int main(int argc, char **argv)
{
	int cpu = argc > 2 ? atoi(argv[2]) : 0;

	if (argc == 4 && !strcmp(argv[1], "sink"))
		return sink_alone(argv[2], atoi(argv[3]));
	mode = mode_of(argc > 3 ? argv[1] : "");
	if (argc > 4 && atoi(argv[4]) > 0 && atoi(argv[4]) <= ROUNDS_MOST)
		rounds = atoi(argv[4]);
	cpu_pin(pthread_self(), cpu);
	device_start(cpu, 1);
	device_begin(atoi(argv[3]));
	benches_run();
	sink_stop();
	dev->ops->close(dev);
	for (size_t i = 0; i < mode->n; i++)
		bench_print(&mode->benches[i]);
	return 0;
}
