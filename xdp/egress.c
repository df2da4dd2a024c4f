/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel engine's program on the way out, and the devmaps that carry it.  All of it may
 * fail without harm to the rest: rooms are then crier-dp's.
 */
#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "object.h"

static const uint32_t sizes[CRIER_KSIZES_N] = {
#define SIZE(n) n,
	CRIER_KSIZES(SIZE)
#undef SIZE
};

static int egress_load(struct loader *l, bool run, struct bpf_object **out,
		       struct loader_programs *p, char err[LOADER_ERR_LEN])
{
	int ret = object_open(out, OBJECT_OUT, NULL, run, err);

	if (!ret)
		ret = object_load(*out, l->tables, NULL, p, err);
	if (!ret)
		return 0;
	bpf_object__close(*out);
	*out = NULL;
	return ret;
}

void egress_init(struct loader *l)
{
	l->egress_fd = -1;
	devmap_set_init(&l->devmaps);
}

void egress_refused(char why[LOADER_ERR_LEN], const char *err)
{
	err_say(why,
		"this kernel does not take the program that makes copies: %.160s; "
		"`crierctl reload` tries again",
		err);
}

void egress_open(struct loader *l)
{
	char err[LOADER_ERR_LEN];

	if (!kernel_broadcasts()) {
		snprintf(l->egress_why, sizeof(l->egress_why),
			 "XDP cannot broadcast before Linux 5.14");
		return;
	}
	if (egress_load(l, false, &l->out, &l->programs, err)) {
		egress_refused(l->egress_why, err);
		return;
	}
	l->egress_fd = object_prog_fd(l->out, EGRESS_NAME);
}

void egress_close(struct loader *l)
{
	bpf_object__close(l->out);
	bpf_object__close(l->out_run);
	for (uint32_t n = 0; n < CRIER_MAX_PORTS; n++)
		devmaps_drop(l->devmaps.fd[n]);
}

const char *loader_egress(const struct loader *l)
{
	return l->egress_fd >= 0 ? NULL : l->egress_why;
}

int loader_egress_run_fd(struct loader *l)
{
	char err[LOADER_ERR_LEN];
	int ret = l->out_run ? 0 : egress_load(l, true, &l->out_run, NULL, err);

	return ret ? ret : object_prog_fd(l->out_run, EGRESS_NAME "_run");
}

/* ---- devmaps ---- */

void devmap_set_init(struct devmap_set *set)
{
	for (uint32_t n = 0; n < CRIER_MAX_PORTS; n++)
		for (uint32_t i = 0; i < CRIER_KSIZES_N; i++)
			set->fd[n][i] = -1;
}

void devmaps_drop(int fd[CRIER_KSIZES_N])
{
	for (uint32_t i = 0; i < CRIER_KSIZES_N; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

static int devmap_make(uint32_t size, int egress_fd, uint32_t ifindex)
{
	struct bpf_devmap_val value = {.ifindex = ifindex, .bpf_prog.fd = egress_fd};
	int fd = devmap_create(size), ret = fd < 0 ? fd : 0;

	for (uint32_t i = 0; i < size && !ret; i++)
		ret = bpf_map_update_elem(fd, &i, &value, BPF_ANY);
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

int devmaps_make(int fd[CRIER_KSIZES_N], int egress_fd, uint32_t ifindex)
{
	int ret = 0;

	for (uint32_t i = 0; i < CRIER_KSIZES_N; i++) {
		fd[i] = ret ? -1 : devmap_make(sizes[i], egress_fd, ifindex);
		if (fd[i] < 0 && !ret)
			ret = fd[i];
	}
	if (ret)
		devmaps_drop(fd);
	return ret;
}

/* An update of a map in a map waits for a grace period each: so all go at once. */
int devmaps_put(const struct loader *l, uint32_t port, const int fd[CRIER_KSIZES_N])
{
	int map = tables_map_fd(l->tables, "devmaps"), ret;
	uint32_t keys[CRIER_KSIZES_N], done = CRIER_KSIZES_N;

	for (uint32_t i = 0; i < CRIER_KSIZES_N; i++)
		keys[i] = port * CRIER_KSIZES_N + i;
	ret = bpf_map_update_batch(map, keys, fd, &done, NULL);
	for (uint32_t i = 0; ret && i < CRIER_KSIZES_N; i++) {
		int one = bpf_map_update_elem(map, &keys[i], &fd[i], BPF_ANY);

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
	int fds[CRIER_KSIZES_N], ret;

	if (l->egress_fd < 0)
		return -EOPNOTSUPP;
	ret = devmaps_make(fds, l->egress_fd, ifindex);
	if (ret)
		return ret;
	ret = devmaps_put(l, port, fds);
	if (ret) {
		devmaps_drop(fds);
		return ret;
	}
	devmaps_drop(l->devmaps.fd[port]);
	memcpy(l->devmaps.fd[port], fds, sizeof(fds));
	l->devmap_ifindex[port] = ifindex;
	return 0;
}
