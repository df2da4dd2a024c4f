/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that sees what devices drop, on its tracepoint by a pinned link.  All of it
 * may fail without harm: copies are then counted that a full ring dropped.
 */
#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "xmit.skel.h"

static int xmit_load(struct loader *l, struct xmit_bpf **out)
{
	struct xmit_bpf *skel = xmit_bpf__open();
	int ret = skel ? 0 : -errno;
	struct bpf_map *map;

	if (ret)
		return ret;
	bpf_object__for_each_map(map, skel->obj)
	{
		int fd = tables_map_fd(l->tables, bpf_map__name(map));

		if (!ret && fd >= 0)
			ret = bpf_map__reuse_fd(map, fd);
	}
	if (!ret)
		ret = xmit_bpf__load(skel);
	if (ret)
		xmit_bpf__destroy(skel);
	else
		*out = skel;
	return ret;
}

/*
 * The kernel changes no program of such a link, so the new one comes before the old one goes:
 * what both see is counted once (xmit.bpf.c).  The pin alone holds it.
 */
static int xmit_pin(const struct loader *l, int fd)
{
	char path[PIN_PATH_LEN], next[PIN_PATH_LEN];
	int ret;

	ret = pin_path(path, l->pin_dir, XMIT_PIN);
	if (!ret)
		ret = pin_path(next, l->pin_dir, XMIT_PIN "_next");
	if (ret)
		return ret;
	unlink(next);
	ret = bpf_obj_pin(fd, next);
	if (!ret && rename(next, path)) {
		ret = -errno;
		unlink(next);
	}
	return ret;
}

void xmit_open(struct loader *l)
{
	struct xmit_bpf *skel;
	int fd, ret;

	if (l->egress_fd < 0) {
		snprintf(l->xmit_why, sizeof(l->xmit_why), "there is no kernel engine");
		return;
	}
	ret = xmit_load(l, &skel);
	if (ret) {
		snprintf(l->xmit_why, sizeof(l->xmit_why),
			 "this kernel does not take the program that counts them: %s",
			 strerror(-ret));
		return;
	}
	fd = bpf_raw_tracepoint_open("xdp_devmap_xmit", bpf_program__fd(skel->progs.crier_xmit));
	ret = fd < 0 ? fd : xmit_pin(l, fd);
	if (ret)
		snprintf(l->xmit_why, sizeof(l->xmit_why),
			 "cannot attach to the tracepoint xdp_devmap_xmit: %s", strerror(-ret));
	if (fd >= 0)
		close(fd);
	xmit_bpf__destroy(skel);
}

const char *loader_xmit(const struct loader *l)
{
	return l->xmit_why[0] ? l->xmit_why : NULL;
}

bool xmit_is_link(const char *name)
{
	return !strncmp(name, XMIT_PIN, strlen(XMIT_PIN));
}

int xmit_remove(const char *path)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path), ret;

	if (fd < 0)
		return fd;
	ret = bpf_fd_is(fd, "bpf-link") ? bpf_obj_get_info_by_fd(fd, &info, &len) : -EINVAL;
	close(fd);
	if (!ret && info.type != BPF_LINK_TYPE_RAW_TRACEPOINT)
		ret = -EINVAL;
	if (ret)
		return ret;
	return unlink(path) ? -errno : 0;
}
