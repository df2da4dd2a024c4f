/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_guard CPU [WORDS]: ns a packet for each verdict, by test runs of the loaded program, its
 * sources going round: neighbours in turn (warm), or all over the place (random); without lists,
 * and with 100,000 prefixes of each family (lists).  And packets dropped a second on a veth beside
 * a program that does nothing else.  WORDS: only lines with them.  Each line is measured beside its
 * empty run or its ceiling, in turns.
 */
#include "tests/bpf/sandbox.h"

#include <linux/bpf.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "guard.skel.h"
#include "guard_turn.h"
#include "load.h"
#include "measure.h"
#include "packets.h"

#define ROUNDS 7
#define REPEAT 500000
#define FLOOD 1000000
#define FLOOD_BATCH 64
#define GOAL_NS 60.0
#define PREFIXES 100000U /* of each family */
#define ANY 5100	 /* ports of streams that any source may speak to */

static const struct tables_size size = {
	.members4 = 1024,
	.members6 = 256,
	.rooms = 15,
	.streams = 31,
	.vias = 31,
	.locals = 64,
	.guard_prefixes = 2 * PREFIXES,
};

/* Sources whose hash has this bit are not on the block list, those without it are. */
#define FREE_BIT4 0x80
#define FREE_BIT6 1
#define RANDOM4 0x10000000, 0x3fffffff & ~FREE_BIT4
#define FREE4 0x10000000 + FREE_BIT4, 0x3fffffff & ~FREE_BIT4
#define RANDOM6 0, ~FREE_BIT6
#define FREE6 FREE_BIT6, ~FREE_BIT6
#define SOURCE6 "2001:db8::7"

#define STUN_HEX "0001 0000 2112a442 000102030405060708090a0b"

static const struct bench_case {
	struct packet_case packet;
	uint32_t base, mask;
	int list, flood;
	uint64_t punt_pps; /* 0: 10 M */
} cases[] = {
	{{.name = "guard_blocked v4", .dport = ANY, .want = CRIER_XDP_guard_blocked},
	 RANDOM4,
	 .list = 1,
	 .flood = 1},
	{{.name = "guard_blocked v6",
	  .src = SOURCE6,
	  .dst = "2001:db8::1",
	  .dport = ANY,
	  .want = CRIER_XDP_guard_blocked},
	 RANDOM6,
	 .list = 1,
	 .flood = 1},
	{{.name = "guard_checksum", .dport = ANY, .check_xor = 1, .want = CRIER_XDP_guard_checksum},
	 FREE4},
	{{.name = "guard_impossible", .dport = ANY, .want = CRIER_XDP_guard_impossible},
	 0x7f000000,
	 0xffffff,
	 .flood = 1},
	{{.name = "guard_media", .dport = WORLD_MEDIA_PORT, .want = CRIER_XDP_guard_media},
	 FREE4,
	 .flood = 1},
	{{.name = "guard_cap",
	  .dport = WORLD_MEDIA_PORT,
	  .payload = STUN_HEX,
	  .want = CRIER_XDP_guard_cap},
	 FREE4,
	 .punt_pps = 100,
	 .flood = 1},
	{{.name = "guard_punt",
	  .dport = WORLD_MEDIA_PORT,
	  .payload = STUN_HEX,
	  .want = CRIER_XDP_pass_media},
	 FREE4},
	{{.name = "drop_runt", .dport = ANY, .cut = 21, .want = CRIER_XDP_drop_runt}, FREE4},
	{{.name = "drop_length", .dport = ANY, .udp_len_add = 1, .want = CRIER_XDP_drop_length},
	 FREE4},
	{{.name = "drop_rtp", .dport = ANY, .payload = STUN_HEX, .want = CRIER_XDP_drop_rtp},
	 FREE4},
	{{.name = "drop_source", .want = CRIER_XDP_drop_source}, FREE4, .flood = 1},
	{{.name = "drop_source v6",
	  .src = SOURCE6,
	  .dst = "2001:db8::1",
	  .dport = 5002,
	  .want = CRIER_XDP_drop_source},
	 FREE6},
	{{.name = "drop_ssrc",
	  .dport = ANY,
	  .payload = RTP_SSRC("55667788"),
	  .want = CRIER_XDP_drop_ssrc},
	 FREE4},
	{{.name = "drop_pt",
	  .dport = ANY,
	  .payload = "8060 0001 00000064 11223344 00",
	  .want = CRIER_XDP_drop_pt},
	 FREE4},
	{{.name = "accepted, no socket", .dport = ANY, .want = CRIER_XDP_drop_no_socket}, FREE4},
	{{.name = "pass_other", .proto = 6, .want = CRIER_XDP_pass_other}, FREE4},
};

static struct loader *loader;
static struct tables t;
static struct guard_bpf *skel;
static struct guard_turn *turn;
static uint64_t roots;

/*
 * ---- the world -----------------------------------------------------------------------
 */
static struct crier_guard_prefix block(struct crier_addr addr, int len, int family6)
{
	struct crier_guard_prefix p = {.addr = addr,
				       .len = (__u8)len,
				       .family6 = (__u8)family6,
				       .value = CRIER_GUARD_BLOCK};

	match_trim(&p);
	return p;
}

/* The i-th prefix's address: sources of random runs, then those of warm ones, then any. */
static uint32_t blocked_source(uint32_t i, uint32_t base, uint32_t mask, uint32_t free_bit)
{
	const struct guard_turn random = {.base = base, .mask = mask, .random = 1};
	const struct guard_turn warm = {.base = base, .mask = mask};

	if (i < GUARD_TURN_SOURCES)
		return guard_turn_source(&random, i);
	i -= GUARD_TURN_SOURCES;
	if (i < GUARD_TURN_SOURCES / 2)
		return guard_turn_source(&warm, i * 2 * free_bit);
	return i * 2246822519U & ~free_bit;
}

static void lists(void)
{
	static struct crier_guard_prefix list[2 * PREFIXES];

	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct crier_addr src = world_addr(SOURCE6);
		struct crier_addr src4 = {.w = {0, 0, 0xffff0000}};

		src4.w[3] = htonl(blocked_source(i, RANDOM4, FREE_BIT4));
		src.w[1] = htonl(blocked_source(i, RANDOM6, FREE_BIT6));
		list[2 * i] = block(src4, 25, 0);
		list[2 * i + 1] = block(src, 64, 1);
	}
	match_guard(&t, list, 2 * PREFIXES);
	roots = t.guard->roots;
}

static void world_make(void)
{
	char err[LOADER_ERR_LEN], dir[128];

	snprintf(dir, sizeof(dir), "%s/crier", sandbox_dir);
	if (loader_open(&loader, dir, &size, &t, err) != 1)
		die(err);
	world_init(&t);
	world_stream(&t, 11, ANY, 1, NULL, 0x11223344, 111);
	lists();
	tables_publish(&t);
}

static uint64_t counted(enum crier_xdp_counter which)
{
	uint64_t n = 0;

	for (uint32_t cpu = 0; cpu < t.config->cpus; cpu++)
		n += tbl_load(&t.xdp_counters[cpu].c[which]);
	return n;
}

/*
 * ---- runs ------------------------------------------------------------------------------
 */
static uint8_t packet[PACKET_MAX];
static size_t packet_len;

static void prepare(const struct bench_case *c, int random, int list)
{
	int family6 = c->packet.src != NULL;

	packet_len = packet_build(packet, &c->packet);
	*turn = (struct guard_turn){.base = c->base,
				    .mask = c->mask,
				    .random = (__u32)random,
				    .spoil = c->packet.check_xor,
				    .family6 = (__u32)family6};
	if (!family6) {
		memset(packet + 24, 0, 6); /* checksum and source */
		turn->sum = sum_fold(sum_ip4(packet + 14));
	}
	tbl_store(&t.config->setting[CRIER_SET_guard_punt_pps],
		  c->punt_pps ? c->punt_pps : 10000000);
	tbl_store(&t.guard->roots, list ? roots : 0);
	usleep(20000); /* until the last punt of another case is due */
}

/* ns a packet of that program; the kernel's own clock leaves out when others had the CPU. */
static double run(int prog)
{
	struct xdp_md ctx = {.data_end = (uint32_t)packet_len, .ingress_ifindex = 1};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = (uint32_t)packet_len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = REPEAT);
	uint32_t key = 0;

	if (bpf_map_update_elem(bpf_map__fd(skel->maps.under_test), &key, &prog, BPF_ANY))
		die("cannot set the program under test");
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.rotate), &opts))
		die("BPF_PROG_TEST_RUN fails");
	return opts.duration;
}

static const char *words;

static bool wanted(const char *name, const char *more)
{
	char line[128];

	snprintf(line, sizeof(line), "%s%s", name, more);
	return !words || strstr(line, words);
}

static void bench_runs(const struct bench_case *c, int random, int list)
{
	double net[ROUNDS], empty[ROUNDS], ns;

	if (!wanted(c->packet.name, random ? (list ? ", random, lists" : ", random")
					   : (list ? ", warm, lists" : ", warm")))
		return;
	prepare(c, random, list);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before;

		empty[i] = run(bpf_program__fd(skel->progs.bare_drop));
		before = counted(c->packet.want);
		net[i] = run(loader_prog_fd(loader)) - empty[i];
		/* a second's one punt, or the punts over the cap of 10 M */
		if (counted(c->packet.want) - before < REPEAT / 2)
			die(c->packet.name);
	}
	ns = median(net, ROUNDS);
	printf("{\"bench\":\"guard\",\"case\":\"%s%s%s\",\"value\":%.1f,\"unit\":\"ns/packet\","
	       "\"ceiling\":%.0f,\"ratio\":%.3f,\"empty\":%.1f,\"sources\":%d,\"prefixes\":%u}\n",
	       c->packet.name, random ? ", random" : ", warm", list ? ", lists" : "", ns, GOAL_NS,
	       GOAL_NS / ns, median(empty, ROUNDS), GUARD_TURN_SOURCES, list ? 2 * PREFIXES : 0);
}

/*
 * ---- floods ----------------------------------------------------------------------------
 *
 *   a0 -- a1: crier's program      b0 -- b1: bare_drop
 *
 * One core makes the frames, carries them over and drops them.
 */
static void links_make(void)
{
	struct loader_attached at;
	char err[LOADER_ERR_LEN];

	sandbox_run("ip link set lo up; for i in a b; do "
		    "ip link add ${i}0 type veth peer name ${i}1 && ip link set ${i}0 up && "
		    "ip link set ${i}1 up; done");
	if (loader_attach(loader, "a1", 1, LOADER_NATIVE, &at, err))
		die(err);
	if (bpf_xdp_attach((int)if_nametoindex("b1"), bpf_program__fd(skel->progs.bare_drop), 0,
			   NULL))
		die("cannot attach a program to a veth");
}

/* Packets a second into that interface. */
static double run_flood(const char *ifname)
{
	struct xdp_md ctx = {.data_end = (uint32_t)packet_len, .ingress_ifindex = 1};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = (uint32_t)packet_len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = FLOOD,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = FLOOD_BATCH);
	uint64_t start;

	turn->ifindex = if_nametoindex(ifname);
	start = clock_ns();
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.flood), &opts))
		die("BPF_PROG_TEST_RUN with live frames fails");
	return (double)FLOOD * 1e9 / (double)(clock_ns() - start);
}

static void bench_flood(const struct bench_case *c, int random)
{
	double drops[ROUNDS], bare[ROUNDS], mine, ceiling;

	if (!wanted(c->packet.name, random ? ", flood, random" : ", flood, warm"))
		return;
	prepare(c, random, c->list);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before = counted(c->packet.want);

		drops[i] = run_flood("a0");
		if (counted(c->packet.want) - before < FLOOD - 1000)
			die("packets of a flood were not dropped so");
		bare[i] = run_flood("b0");
	}
	mine = median(drops, ROUNDS);
	ceiling = median(bare, ROUNDS);
	printf("{\"bench\":\"guard\",\"case\":\"%s, flood, %s\",\"value\":%.0f,"
	       "\"unit\":\"drops/s/core\",\"ceiling\":%.0f,\"ratio\":%.3f}\n",
	       c->packet.name, random ? "random" : "warm", mine, ceiling, mine / ceiling);
}

int main(int argc, char **argv)
{
	const size_t n = sizeof(cases) / sizeof(cases[0]);
	int ret = sandbox_enter();

	if (ret)
		return ret;
	words = argc > 2 ? argv[2] : NULL;
	cpu_pin(pthread_self(), argc > 1 ? atoi(argv[1]) : sched_getcpu());
	world_make();
	skel = guard_bpf__open_and_load();
	if (!skel)
		die("cannot load the programs that make packets");
	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(skel->maps.turn),
		    0);
	if (turn == MAP_FAILED)
		die("cannot map their numbers");
	links_make();
	for (size_t i = 0; i < n; i++)
		for (int list = cases[i].list; list < 2; list++)
			for (int random = 0; random < 2; random++)
				bench_runs(&cases[i], random, list);
	for (size_t i = 0; i < n; i++)
		for (int random = 0; random < 2 && cases[i].flood; random++)
			bench_flood(&cases[i], random);
	guard_bpf__destroy(skel);
	loader_close(loader);
	return 0;
}
