/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_dpdk null|memif CPU SINK_CPU [ROUNDS]: copies a second of one core through a DPDK
 * port, beside a bare loop on the same device that takes a buffer of the same pool,
 * stores a whole frame of the same size into it and sends it.  One JSON line a case.
 *
 * Both sides are measured in turns, in slices of a few ms each; figures are medians.
 * What is sent is looked at by a hook of the device: one frame in 1,000 for headers,
 * payload and both sums, and how many others go out before a buffer does so again.
 *
 * memif: the other end is polled by a thread on SINK_CPU.  A case in which that thread
 * had no idle poll to speak of measures the sink; it is marked sink_limited.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/core/intake.h"
#include "dataplane/io/dpdk_eal.h"
#include "dataplane/io/port_dpdk.h"
#include "tests/unit/fixture.h"

#define BURST 64
#define SLICE_COPIES 400000
#define ROUNDS_MOST 201
#define HEADERS (14 + 20 + 8)
#define CHECK_EACH 1000
#define APART_LEAST 4096
#define SINK_IDLE_PCT 2

struct bench {
	uint32_t members, frame_len;
	struct tables t;
	struct sweeper sweeper;
	struct intake intake;
	double write[ROUNDS_MOST], store[ROUNDS_MOST];
	uint64_t polls, idle; /* the sink's, while this case wrote */
};

static struct port_dev *dev;
static struct port *port;
static uint8_t payload[2048];
static int rounds = 41;

/* Of the hook. */
static bool writing;
static uint32_t want_len;
static uint64_t seen, checked, apart_least = UINT64_MAX;
static uint64_t last_seen[1 << 16]; /* by address, hashed */

/* Of the sink: one writer, its thread. */
static bool sink_stop;
static uint64_t sink_polls, sink_idle, sink_frames;

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_dpdk: %s\n", what);
	exit(1);
}

/*
 * ---- what is sent ----------------------------------------------------------------
 */
static uint32_t sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (; n > 1; p += 2, n -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (n)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Written anew, and slowly, lest an error of the engine's be repeated here. */
static void frame_check(const uint8_t *f, uint32_t len)
{
	const uint8_t *ip = f + 14, *udp = ip + 20;
	uint32_t udp_len = len - 34, pseudo = sum16(ip + 12, 8, 17 + udp_len);

	if (len != want_len || f[12] != 8 || f[13] || ip[0] != 0x45 || ip[9] != 17)
		die("a frame with wrong headers was sent");
	if ((uint32_t)(ip[2] << 8 | ip[3]) != len - 14 ||
	    (uint32_t)(udp[4] << 8 | udp[5]) != udp_len)
		die("a frame with wrong lengths was sent");
	if (sum16(ip, 20, 0) != 0xffff || sum16(udp, udp_len, pseudo) != 0xffff)
		die("a frame with a wrong checksum was sent");
	if (memcmp(f + HEADERS, payload, len - HEADERS))
		die("a frame with a wrong payload was sent");
	checked++;
}

static void apart_note(const struct rte_mbuf *m)
{
	uint64_t *last = &last_seen[(uintptr_t)m * 0x9e3779b97f4a7c15ULL >> 48];

	if (*last && seen - *last < apart_least)
		apart_least = seen - *last;
	*last = seen;
}

static uint16_t hook(uint16_t id, uint16_t queue, struct rte_mbuf **m, uint16_t n, void *arg)
{
	uint64_t next = (seen / CHECK_EACH + 1) * CHECK_EACH;

	(void)id;
	(void)queue;
	(void)arg;
	if (next < seen + n && writing)
		frame_check(rte_pktmbuf_mtod(m[next - seen], uint8_t *), m[next - seen]->pkt_len);
	seen += n;
	return n;
}

static uint16_t hook_apart(uint16_t id, uint16_t queue, struct rte_mbuf **m, uint16_t n, void *arg)
{
	(void)id;
	(void)queue;
	(void)arg;
	for (uint16_t i = 0; i < n; i++) {
		seen++;
		apart_note(m[i]);
	}
	return n;
}

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

static void store_frame(struct out_frame *f, uint32_t len, uint64_t stamp)
{
	typedef uint64_t block __attribute__((vector_size(16), may_alias, aligned(2)));
	block v = {stamp, stamp};
	uint32_t at = 0;

	for (; at + 16 <= len; at += 16)
		*(block *)(f->buf + at) = v;
	*(block *)(f->buf + len - 16) = v;
	f->start = 0;
	f->len = len;
}

static double slice_store(uint32_t len)
{
	uint64_t start = clock_ns(), done = 0;

	writing = false;
	while (done < SLICE_COPIES) {
		uint64_t wait = 1000000000;
		struct out o;

		port->ops->reserve(port, BURST, &o, &wait);
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

	writing = true;
	want_len = b->frame_len;
	do {
		intake_push(&b->intake, 1, 1, payload, b->frame_len - HEADERS, start);
		while (sweeper_turn(&b->sweeper, start))
			;
		copies = b->sweeper.stats.c[CRIER_WORKER_copies] - before;
	} while (copies < SLICE_COPIES);
	return (double)(clock_ns() - start) / (double)copies;
}

static void bench_round(struct bench *b, int round)
{
	uint64_t polls, idle;

	b->store[round] = slice_store(b->frame_len);
	polls = __atomic_load_n(&sink_polls, __ATOMIC_RELAXED);
	idle = __atomic_load_n(&sink_idle, __ATOMIC_RELAXED);
	b->write[round] = slice_write(b);
	b->polls += __atomic_load_n(&sink_polls, __ATOMIC_RELAXED) - polls;
	b->idle += __atomic_load_n(&sink_idle, __ATOMIC_RELAXED) - idle;
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
		abort();
	sweeper_add_out(&b->sweeper, 1, 0, 1);
}

/*
 * ---- the sink --------------------------------------------------------------------
 */
static void *sink_run(void *arg)
{
	struct port *sink = arg;
	struct port_rx rx[PORT_RX_BURST];

	while (!__atomic_load_n(&sink_stop, __ATOMIC_RELAXED)) {
		uint32_t n = sink->ops->rx(sink, rx);

		__atomic_store_n(&sink_polls, sink_polls + 1, __ATOMIC_RELAXED);
		if (!n)
			__atomic_store_n(&sink_idle, sink_idle + 1, __ATOMIC_RELAXED);
		sink_frames += n;
		sink->ops->rx_done(sink);
	}
	return NULL;
}

static void cpu_pin(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(thread, sizeof(set), &set))
		die("can't pin to the CPU");
}

static struct port_dev *device_open(const char *devargs)
{
	struct port_dpdk_conf conf;
	char err[PORT_ERR_LEN];
	struct port_dev *d;
	int rc, numa = -1;

	if (port_dpdk_parse(devargs, 0, &conf, err))
		die(err);
	conf.ifname[0] = '\0'; /* no TAP */
	d = port_dpdk_open(&conf, 1, &numa, &rc, err);
	if (!d)
		die(err);
	return d;
}

/*
 * ---- results ---------------------------------------------------------------------
 */
static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, (size_t)rounds, sizeof(*v), by_value);
	return v[rounds / 2];
}

static void bench_print(struct bench *b, const char *device)
{
	double ns = median(b->write), ceiling = median(b->store);
	bool limited = b->polls && b->idle * 100 < b->polls * SINK_IDLE_PCT;

	printf("{\"bench\":\"%s\",\"case\":\"%uk members, %u bytes\",\"value\":%.0f,"
	       "\"unit\":\"copies/s/core\",\"ceiling\":%.0f,\"ratio\":%.3f,\"members\":%u,"
	       "\"frame_bytes\":%u,\"burst\":%d,\"checked\":%llu,\"buffers_apart\":%llu,"
	       "\"sink_idle_pct\":%.1f,\"sink_limited\":%s}\n",
	       device, b->members / 1000, b->frame_len, 1e9 / ns, 1e9 / ceiling, ceiling / ns,
	       b->members, b->frame_len, BURST, (unsigned long long)checked,
	       (unsigned long long)apart_least,
	       b->polls ? (double)b->idle * 100 / (double)b->polls : 100.0,
	       limited ? "true" : "false");
}

/* Longer than any pool or ring: each buffer came by several times. */
static void apart_prove(void)
{
	const struct rte_eth_rxtx_callback *cb =
		rte_eth_add_tx_callback(port_dpdk_id(dev), 0, hook_apart, NULL);

	slice_store(154);
	rte_eth_remove_tx_callback(port_dpdk_id(dev), 0, cb);
	if (apart_least < APART_LEAST)
		die("buffers are used again too soon: this measures the cache");
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

int main(int argc, char **argv)
{
	static struct bench benches[] = {{10000, 154}, {100000, 154}, {1000000, 154},
					 {10000, 218}, {100000, 218}, {1000000, 218}};
	const size_t n = sizeof(benches) / sizeof(benches[0]);
	bool memif = argc > 1 && !strcmp(argv[1], "memif");
	struct dpdk_eal_conf eal = {.cpu = argc > 2 ? atoi(argv[2]) : 0, .memory_mb = 512};
	char err[PORT_ERR_LEN], args[PORT_DPDK_ARGS_LEN];
	struct port_dev *far = NULL;
	pthread_t thread;

	if (argc < 4 || (!memif && strcmp(argv[1], "null")))
		die("usage: bench_dpdk null|memif CPU SINK_CPU [ROUNDS]");
	if (argc > 4 && atoi(argv[4]) > 0 && atoi(argv[4]) <= ROUNDS_MOST)
		rounds = atoi(argv[4]);
	cpu_pin(pthread_self(), eal.cpu);
	if (dpdk_eal_start(&eal, err))
		die(err);
	if (memif) {
		snprintf(
			args, sizeof(args),
			"net_memif1,role=server,id=0,socket-abstract=no,socket=/tmp/crier-bench.%d,"
			"rsize=12",
			(int)getpid());
		far = device_open(args);
		snprintf(
			args, sizeof(args),
			"net_memif0,role=client,id=0,socket-abstract=no,socket=/tmp/crier-bench.%d,"
			"rsize=12",
			(int)getpid());
		pthread_create(&thread, NULL, sink_run, far->port[0]);
		cpu_pin(thread, atoi(argv[3]));
	}
	dev = device_open(memif ? args : "net_null0,size=64,copy=0");
	port = dev->port[0];
	if (memif)
		memif_wait();
	memset(payload, 0x5a, sizeof(payload));
	for (size_t i = 0; i < n; i++)
		bench_setup(&benches[i]);
	apart_prove();
	rte_eth_add_tx_callback(port_dpdk_id(dev), 0, hook, NULL);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < n; i++)
			bench_round(&benches[i], round);
	for (size_t i = 0; i < n; i++)
		bench_print(&benches[i], argv[1]);
	return 0;
}
