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

#include "object.h"

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

int xmit_attach(const struct loader *l, const struct bpf_object *obj, char err[LOADER_ERR_LEN])
{
	int fd = bpf_raw_tracepoint_open("xdp_devmap_xmit", object_prog_fd(obj, XMIT_NAME));
	int ret = fd < 0 ? fd : xmit_pin(l, fd);

	if (fd >= 0)
		close(fd);
	if (ret)
		err_say(err, "cannot attach to the tracepoint xdp_devmap_xmit: %s", strerror(-ret));
	return ret;
}

void xmit_refused(char why[LOADER_ERR_LEN], const char *err)
{
	err_say(why,
		"this kernel does not take the program that counts them: %.160s; "
		"`crierctl reload` tries again",
		err);
}

void xmit_open(struct loader *l)
{
	struct bpf_object *obj = NULL;
	char err[LOADER_ERR_LEN];
	int ret;

	if (l->egress_fd < 0) {
		snprintf(l->xmit_why, sizeof(l->xmit_why), "there is no kernel engine");
		return;
	}
	ret = object_open(&obj, OBJECT_XMIT, NULL, false, err);
	if (!ret)
		ret = object_load(obj, l->tables, NULL, &l->programs, err);
	if (!ret)
		ret = xmit_attach(l, obj, err);
	if (ret)
		xmit_refused(l->xmit_why, err);
	bpf_object__close(obj);
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
