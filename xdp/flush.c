/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything pinned taken away again.
 */
#include "loader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

static bool is_table(const char *name)
{
	for (int i = 0; i < MAPS_N; i++)
		if (!strcmp(map_specs[i].name, name))
			return true;
	return false;
}

static bool is_map(const char *path)
{
	int fd = bpf_obj_get(path);
	bool map = fd >= 0 && bpf_fd_is(fd, "bpf-map");

	if (fd >= 0)
		close(fd);
	return map;
}

/* 1: removed, 0: not ours, or -errno. */
static int flush_one(const char *pin_dir, const char *name, bool ours)
{
	char path[PIN_PATH_LEN];
	uint32_t ifindex;
	int ret;

	ret = pin_path(path, pin_dir, name);
	if (ret)
		return ret;
	if (!strncmp(name, LINK_PREFIX, strlen(LINK_PREFIX))) {
		ret = link_remove(path, &ifindex);
		return ret == -EINVAL ? 0 : ret ? ret : 1;
	}
	if (xmit_is_link(name)) {
		ret = xmit_remove(path);
		return ret == -EINVAL ? 0 : ret ? ret : 1;
	}
	if (!is_table(name) && !(ours && is_map(path)))
		return 0;
	return unlink(path) ? -errno : 1;
}

/* One pass over the directory: links first, so that no program outlives its tables. */
static int flush_pass(const char *pin_dir, bool links, bool ours, char err[LOADER_ERR_LEN])
{
	DIR *dir = opendir(pin_dir);
	struct dirent *e;
	int ret = 0;

	if (!dir) {
		ret = -errno;
		err_say(err, "cannot read %s: %s", pin_dir, strerror(-ret));
		return ret;
	}
	while (ret >= 0 && (e = readdir(dir))) {
		bool is_link = !strncmp(e->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) ||
			       xmit_is_link(e->d_name);

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || is_link != links)
			continue;
		ret = flush_one(pin_dir, e->d_name, ours);
		if (ret < 0)
			err_say(err, "cannot remove %s/%s: %s", pin_dir, e->d_name, strerror(-ret));
		else if (!ret)
			err_say(err, "%s/%s is not crier's and stays", pin_dir, e->d_name);
	}
	closedir(dir);
	return ret < 0 ? ret : 0;
}

int loader_flush(const char *pin_dir, char err[LOADER_ERR_LEN])
{
	bool ours;
	int ret;

	if (access(pin_dir, F_OK) && errno == ENOENT)
		return 0;
	ret = pin_dir_check(pin_dir, err);
	if (ret)
		return ret;
	ret = config_is_ours(pin_dir, err);
	if (ret && ret != -ENOENT)
		return ret;
	/* With a config of crier's, of whatever ABI, every map beside it is crier's. */
	ours = !ret;
	err[0] = '\0';
	if (ours)
		config_retire(pin_dir);
	ret = flush_pass(pin_dir, true, ours, err);
	if (!ret)
		ret = flush_pass(pin_dir, false, ours, err);
	if (ret)
		return ret;
	if (!rmdir(pin_dir))
		return 0;
	ret = -errno;
	/* A bpffs mounted just there cannot go, and need not. */
	if (ret == -EBUSY && !err[0])
		return 0;
	if (!err[0])
		err_say(err, "cannot remove %s: %s", pin_dir, strerror(-ret));
	return ret;
}
