/* SPDX-License-Identifier: BSD-2-Clause */
#include "sandbox.h"
#include "steered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "packet_world.h"

struct loader *loader;
struct tables world;
int prog_fd;
int sock = -1;
uint32_t crier0;

void counts_read(struct counts *out)
{
	const struct crier_config *c = world.config;

	memset(out, 0, sizeof(*out));
	for (uint32_t cpu = 0; cpu < c->cpus; cpu++) {
		for (int i = 0; i < CRIER_XDP_N; i++)
			out->c[i] += tbl_load(&world.xdp_counters[cpu].c[i]);
		for (uint32_t s = 0; s < c->max_streams; s++) {
			const struct crier_stream_counters *sc =
				&world.stream_counters[cpu * c->max_streams + s];

			out->accepted += tbl_load(&sc->accepted);
			out->refused += tbl_load(&sc->refused);
			out->bytes += tbl_load(&sc->bytes);
		}
	}
}

int run_by(uint32_t ifindex, const uint8_t *packet, size_t len)
{
	struct xdp_md ctx = {.data_end = (uint32_t)len, .ingress_ifindex = ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	int ret = bpf_prog_test_run_opts(prog_fd, &opts);

	if (ret)
		fail_msg("BPF_PROG_TEST_RUN of %zu bytes: %s", len, strerror(-ret));
	return (int)opts.retval;
}

int run(const uint8_t *packet, size_t len)
{
	return run_by(LO, packet, len);
}

/* The kernel takes a socket into an XSKMAP as soon as it has an RX ring. */
static int socket_up(void)
{
	uint32_t keys[] = {PORT * CRIER_MAX_QUEUES, (PORT + 1) * CRIER_MAX_QUEUES};
	uint32_t ifindexes[] = {LO, crier0}, ports[] = {PORT, PORT + 1};
	int entries = 64;

	sock = socket(AF_XDP, SOCK_RAW, 0);
	if (sock < 0 || setsockopt(sock, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)))
		return -errno;
	for (int i = 0; i < 2; i++)
		if (bpf_map_update_elem(tables_map_fd(&world, "xsks"), &keys[i], &sock, BPF_ANY) ||
		    bpf_map_update_elem(tables_map_fd(&world, "port_numbers"), &ifindexes[i],
					&ports[i], BPF_ANY))
			return -errno;
	return 0;
}

int world_sandbox(void)
{
	return sandbox_enter();
}

int world_up(void **state)
{
	char err[LOADER_ERR_LEN], dir[128];
	int ret;

	(void)state;
	sandbox_run("ip link set lo up && ip link add c0 type veth");
	crier0 = if_nametoindex("c0");
	snprintf(dir, sizeof(dir), "%s/crier", sandbox_dir);
	ret = loader_open(&loader, dir, &world_size, &world, err);
	if (ret != 1) {
		print_error("loader_open: %d: %s\n", ret, err);
		return -1;
	}
	world_init(&world);
	world_crier0(&world, PORT + 1, crier0);
	tables_publish(&world);
	prog_fd = loader_prog_fd(loader);
	ret = socket_up();
	if (ret)
		print_error("AF_XDP socket: %s\n", strerror(-ret));
	return ret;
}

int world_down(void **state)
{
	(void)state;
	loader_close(loader);
	if (sock >= 0)
		close(sock);
	return 0;
}
