/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel engine's program on the way out, and the devmaps that carry it.  All of it may
 * fail without harm to the rest: rooms are then crier-dp's.
 */
#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "egress.skel.h"
#include "log.h"

static const uint32_t sizes[CRIER_KSIZES_N] = {
#define SIZE(n) n,
	CRIER_KSIZES(SIZE)
#undef SIZE
};

/* The program by itself, or its double for tests. */
static int egress_load(struct loader *l, bool run, struct egress_bpf **out)
{
	struct egress_bpf *skel = egress_bpf__open();
	struct bpf_map *map;
	int ret = skel ? 0 : -errno;

	if (ret)
		return ret;
	bpf_program__set_autoload(skel->progs.crier_egress, !run);
	bpf_program__set_autoload(skel->progs.crier_egress_run, run);
	bpf_object__for_each_map(map, skel->obj)
	{
		int fd = tables_map_fd(l->tables, bpf_map__name(map));

		if (!ret && fd >= 0)
			ret = bpf_map__reuse_fd(map, fd);
	}
	if (!ret)
		ret = egress_bpf__load(skel);
	if (ret)
		egress_bpf__destroy(skel);
	else
		*out = skel;
	return ret;
}

void egress_init(struct loader *l)
{
	l->egress_fd = -1;
	for (uint32_t n = 0; n < CRIER_MAX_PORTS; n++)
		for (uint32_t i = 0; i < CRIER_KSIZES_N; i++)
			l->devmap_fd[n][i] = -1;
}

void egress_open(struct loader *l)
{
	struct egress_bpf *skel;
	int ret;

	if (!kernel_broadcasts()) {
		snprintf(l->egress_why, sizeof(l->egress_why),
			 "XDP cannot broadcast before Linux 5.14");
		return;
	}
	ret = egress_load(l, false, &skel);
	if (ret) {
		snprintf(l->egress_why, sizeof(l->egress_why),
			 "this kernel does not take the program that makes them: %s",
			 strerror(-ret));
		return;
	}
	l->egress = skel;
	l->egress_fd = bpf_program__fd(skel->progs.crier_egress);
}

static void devmaps_drop(int fd[CRIER_KSIZES_N])
{
	for (uint32_t i = 0; i < CRIER_KSIZES_N; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

void egress_close(struct loader *l)
{
	egress_bpf__destroy(l->egress);
	egress_bpf__destroy(l->egress_run);
	for (uint32_t n = 0; n < CRIER_MAX_PORTS; n++)
		devmaps_drop(l->devmap_fd[n]);
}

const char *loader_egress(const struct loader *l)
{
	return l->egress_fd >= 0 ? NULL : l->egress_why;
}

int loader_egress_run_fd(struct loader *l)
{
	int ret = l->egress_run ? 0 : egress_load(l, true, &l->egress_run);

	return ret ? ret : bpf_program__fd(l->egress_run->progs.crier_egress_run);
}

/* ---- devmaps ---- */

static int devmap_make(const struct loader *l, uint32_t size, uint32_t ifindex)
{
	struct bpf_devmap_val value = {.ifindex = ifindex, .bpf_prog.fd = l->egress_fd};
	int fd = devmap_create(size), ret = fd < 0 ? fd : 0;

	for (uint32_t i = 0; i < size && !ret; i++)
		ret = bpf_map_update_elem(fd, &i, &value, BPF_ANY);
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* An update of a map in a map waits for a grace period each: so all go at once. */
static int devmaps_put(const struct loader *l, uint32_t *keys, int *fds)
{
	int map = tables_map_fd(l->tables, "devmaps");
	uint32_t done = CRIER_KSIZES_N;
	int ret = bpf_map_update_batch(map, keys, fds, &done, NULL);

	for (uint32_t i = 0; ret && i < CRIER_KSIZES_N; i++) {
		int one = bpf_map_update_elem(map, &keys[i], &fds[i], BPF_ANY);

		if (one)
			return one;
	}
	return 0;
}

/*
 * The old ones are held until the update has waited for whoever was broadcasting by them:
 * before Linux 6.8 a devmap that nobody holds is torn down without asking.
 */
int loader_devmaps(struct loader *l, uint32_t port, uint32_t ifindex)
{
	uint32_t keys[CRIER_KSIZES_N];
	int fds[CRIER_KSIZES_N], ret = 0;

	if (l->egress_fd < 0)
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < CRIER_KSIZES_N; i++) {
		keys[i] = port * CRIER_KSIZES_N + i;
		fds[i] = ret ? -1 : devmap_make(l, sizes[i], ifindex);
		if (fds[i] < 0 && !ret)
			ret = fds[i];
	}
	if (!ret)
		ret = devmaps_put(l, keys, fds);
	if (ret) {
		devmaps_drop(fds);
		return ret;
	}
	devmaps_drop(l->devmap_fd[port]);
	memcpy(l->devmap_fd[port], fds, sizeof(fds));
	return 0;
}
