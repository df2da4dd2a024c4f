/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scripts/bench kernel's tools, for tests/bench/kernel.sh.
 *
 *   sink IFACE COUNTS               count and drop IPv4 UDP there; the map is pinned at COUNTS
 *   count COUNTS                    how many there were
 *   bare N IFACE LINK SAVED         the program of the pinned XDP link is pinned at SAVED, and
 *                                   one takes its place that broadcasts N times to IFACE
 *   restore LINK SAVED              ... and back
 *   send IFACE MAC COUNTS N SECONDS FLIGHT PID
 *                                   packets to 10.1.0.1:5000, each when all but FLIGHT of those
 *                                   before have been seen N times; a line of JSON.  PID, if not
 *                                   0, works for them, too
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "broadcast.h"
#include "broadcast.skel.h"

#define PAYLOAD 112 /* 154 bytes of frame */
/* How long to wait for a packet's copies, and how often to look: so much, and more for each. */
#define LATE_NS(n) (50000000ULL + (n)*10000)
#define NAP_NS(n) (20000 + (long)(n)*40)

static int fail(const char *what, int err)
{
	fprintf(stderr, "bench_broadcast: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* ---- the sink ---- */

static int cmd_sink(char **arg)
{
	struct broadcast_bpf *skel = broadcast_bpf__open_and_load();
	struct bpf_link *link;
	char path[300];
	int ret;

	if (!skel)
		return fail("load", errno);
	snprintf(path, sizeof(path), "%s_link", arg[1]);
	link = bpf_program__attach_xdp(skel->progs.broadcast_sink, (int)if_nametoindex(arg[0]));
	ret = link ? bpf_link__pin(link, path) : -errno;
	if (!ret)
		ret = bpf_map__pin(skel->maps.counts, arg[1]);
	bpf_link__destroy(link);
	broadcast_bpf__destroy(skel);
	return ret ? fail(arg[1], ret) : 0;
}

static const struct broadcast_count *counts_open(const char *path)
{
	int fd = bpf_obj_get(path);
	void *mem = fd < 0 ? MAP_FAILED
			   : mmap(NULL, BROADCAST_CPUS * sizeof(struct broadcast_count), PROT_READ,
				  MAP_SHARED, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static uint64_t counts_sum(const struct broadcast_count *c)
{
	static long cpus;
	uint64_t sum = 0;

	if (!cpus)
		cpus = sysconf(_SC_NPROCESSORS_CONF);
	for (long i = 0; i < cpus && i < BROADCAST_CPUS; i++)
		sum += __atomic_load_n(&c[i].frames, __ATOMIC_RELAXED);
	return sum;
}

static int cmd_count(char **arg)
{
	const struct broadcast_count *c = counts_open(arg[0]);

	if (!c)
		return fail(arg[0], errno);
	printf("%" PRIu64 "\n", counts_sum(c));
	return 0;
}

/* ---- the broadcast that does nothing else ---- */

/* The program of a link, pinned at `path`. */
static int save(int link, const char *path)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int prog, ret = bpf_obj_get_info_by_fd(link, &info, &len);

	if (ret)
		return ret;
	prog = bpf_prog_get_fd_by_id(info.prog_id);
	if (prog < 0)
		return prog;
	unlink(path);
	ret = bpf_obj_pin(prog, path);
	close(prog);
	return ret;
}

static int cmd_bare(char **arg)
{
	uint32_t n = (uint32_t)atoi(arg[0]), ifindex = if_nametoindex(arg[1]);
	struct broadcast_bpf *skel = broadcast_bpf__open();
	int link = bpf_obj_get(arg[2]), ret;

	if (link < 0 || !skel)
		return fail(arg[2], errno);
	bpf_map__set_max_entries(skel->maps.out, n);
	ret = broadcast_bpf__load(skel);
	for (uint32_t i = 0; i < n && !ret; i++)
		ret = bpf_map_update_elem(bpf_map__fd(skel->maps.out), &i, &ifindex, BPF_ANY);
	if (!ret && access(arg[3], F_OK))
		ret = save(link, arg[3]);
	if (!ret)
		ret = bpf_link_update(link, bpf_program__fd(skel->progs.broadcast_bare), NULL);
	return ret ? fail("bare", ret) : 0;
}

static int cmd_restore(char **arg)
{
	int link = bpf_obj_get(arg[0]), prog = bpf_obj_get(arg[1]);
	int ret = link < 0 || prog < 0 ? -errno : bpf_link_update(link, prog, NULL);

	if (ret)
		return fail("restore", ret);
	return unlink(arg[1]) ? fail(arg[1], errno) : 0;
}

/* ---- the source ---- */

struct frame {
	uint8_t bytes[14 + 20 + 8 + PAYLOAD];
};

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void frame_make(struct frame *f, const struct ether_addr *to)
{
	uint8_t *ip = f->bytes + 14, *udp = ip + 20;
	uint32_t sum = 0;

	memset(f, 0, sizeof(*f));
	memcpy(f->bytes, to, 6);
	f->bytes[6] = 2;
	put16(f->bytes + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, 20 + 8 + PAYLOAD);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, "\x0a\x01\x00\x02\x0a\x01\x00\x01", 8);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
	put16(udp, 4000);
	put16(udp + 2, 5000);
	put16(udp + 4, 8 + PAYLOAD);
}

static int source_open(const char *ifname)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd >= 0 && (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
			setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one))))
		return -1;
	return fd;
}

/* Seconds that all CPUs of the machine were not idle, interrupts and all. */
static double busy_s(void)
{
	unsigned long long v[8] = {0}, sum = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2],
			&v[3], &v[4], &v[5], &v[6], &v[7]) == 8)
		sum = v[0] + v[1] + v[2] + v[5] + v[6]; /* without idle, iowait, steal */
	if (f)
		fclose(f);
	return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

/* This process's CPU time and that of `pid`, softirqs in them included. */
static double own_s(pid_t pid)
{
	const clockid_t self = CLOCK_PROCESS_CPUTIME_ID;
	struct timespec ts, other = {0};
	clockid_t clock;

	clock_gettime(self, &ts);
	if (pid && !clock_getcpuclockid(pid, &clock))
		clock_gettime(clock, &other);
	return (double)(ts.tv_sec + other.tv_sec) + (double)(ts.tv_nsec + other.tv_nsec) / 1e9;
}

/* Until no more than `most` copies are missing, but not for ever.  Sleeps: others need the CPU. */
static int wait_seen(const struct broadcast_count *c, uint64_t due, uint64_t n, uint64_t most)
{
	const struct timespec nap = {.tv_nsec = NAP_NS(n)};
	uint64_t end = 0;

	while (counts_sum(c) + most < due) {
		if (!end)
			end = now_ns() + LATE_NS(n);
		else if (now_ns() > end)
			return 0;
		nanosleep(&nap, NULL);
	}
	return 1;
}

static int cmd_send(char **arg)
{
	uint64_t n = strtoull(arg[3], NULL, 10), flight = strtoull(arg[5], NULL, 10);
	const struct broadcast_count *c = counts_open(arg[2]);
	const struct ether_addr *mac = ether_aton(arg[1]);
	uint64_t base, due, late = 0, sent = 0, start, end, seen;
	pid_t pid = (pid_t)atoi(arg[6]);
	int fd = source_open(arg[0]);
	double busy, own;
	struct frame f;

	if (fd < 0 || !c || !mac)
		return fail("send", errno ? errno : EINVAL);
	frame_make(&f, mac);
	base = due = counts_sum(c);
	start = now_ns();
	end = start + (uint64_t)(atof(arg[4]) * 1e9);
	busy = busy_s();
	own = own_s(pid);
	while (now_ns() < end) {
		if (send(fd, &f, sizeof(f), 0) < 0)
			return fail("send", errno);
		sent++;
		due += n;
		if (!wait_seen(c, due, n, flight * n)) {
			late++;
			due = counts_sum(c);
		}
	}
	late += !wait_seen(c, due, n, 0);
	seen = counts_sum(c) - base;
	busy = busy_s() - busy;
	own = own_s(pid) - own;
	printf("{\"sent\":%" PRIu64 ",\"due\":%" PRIu64 ",\"seen\":%" PRIu64 ",\"late\":%" PRIu64
	       ",\"seconds\":%.6f,\"busy\":%.3f,\"own\":%.3f}\n",
	       sent, sent * n, seen, late, (double)(now_ns() - start) / 1e9, busy, own);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **arg);
	} commands[] = {
		{"sink", 2, cmd_sink},	     {"count", 1, cmd_count}, {"bare", 4, cmd_bare},
		{"restore", 2, cmd_restore}, {"send", 7, cmd_send},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 == commands[i].args)
			return commands[i].run(argv + 2);
	fprintf(stderr, "bench_broadcast: see its source for how\n");
	return 2;
}
