/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables as kernel maps: made, pinned, and opened again by whoever reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "maps.h"

#define FLUSH_HINT "`crierctl save FILE`, `crierd --flush`, start crierd, `crierctl restore FILE`"

int pin_path(char path[PIN_PATH_LEN], const char *dir, const char *name)
{
	int n = snprintf(path, PIN_PATH_LEN, "%s/%s", dir, name);

	return n < 0 || n >= PIN_PATH_LEN ? -ENAMETOOLONG : 0;
}

bool bpf_fd_is(int fd, const char *kind)
{
	char path[32], name[64], *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return true; /* no /proc: believe the caller */
	name[n] = '\0';
	at = strstr(name, "bpf_"); /* links are "bpf_link" in most versions */
	if (at)
		at[3] = '-';
	return strstr(name, kind);
}

/* A BPF call failed for want of rights, or otherwise. */
static int bpf_error(int ret, const char *doing, const char *what, char err[TABLES_ERR_LEN])
{
	if (ret == -EPERM || ret == -EACCES)
		err_say(err,
			"no right to %s %s: run as root, or with CAP_BPF, CAP_NET_ADMIN, "
			"CAP_PERFMON and the file's permissions",
			doing, what);
	else
		err_say(err, "cannot %s %s: %s%s", doing, what, strerror(-ret), bpf_advice(ret));
	return ret;
}

int pin_dir_check(const char *dir, char err[TABLES_ERR_LEN])
{
	struct statfs fs;
	struct stat st;

	if (stat(dir, &st)) {
		int ret = -errno;

		if (ret == -ENOENT)
			err_say(err, "no tables under %s: is crierd running, with this --pin-dir?",
				dir);
		else
			err_say(err, "cannot look into %s: %s", dir, strerror(-ret));
		return ret;
	}
	if (!S_ISDIR(st.st_mode)) {
		err_say(err, "%s is not a directory", dir);
		return -ENOTDIR;
	}
	if (statfs(dir, &fs) || (unsigned long)fs.f_type != BPF_FS_MAGIC) {
		err_say(err,
			"%s is not on a bpffs: `mount -t bpf bpf /sys/fs/bpf`, or give a "
			"--pin-dir that is",
			dir);
		return -EXDEV;
	}
	return 0;
}

/* Maps memory of map i; its descriptor is there. */
static int map_memory(struct tables *t, int i, const struct crier_config *c,
		      char err[TABLES_ERR_LEN])
{
	struct maps *m = t->priv;
	size_t bytes = map_bytes(&map_specs[i], c);
	void *mem;

	if (!map_specs[i].mapped)
		return 0;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd[i], 0);
	if (mem == MAP_FAILED)
		return bpf_error(-errno, "map into memory table", map_specs[i].name, err);
	m->mem[i] = mem;
	m->bytes[i] = bytes;
	tables_set(t, i, mem);
	return 0;
}

int devmap_create(uint32_t entries)
{
	return bpf_map_create(BPF_MAP_TYPE_DEVMAP, "clones", sizeof(uint32_t),
			      sizeof(struct bpf_devmap_val), entries, NULL);
}

static int map_create(const struct map_spec *s, const struct crier_config *c,
		      char err[TABLES_ERR_LEN])
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = s->flags);
	int like = s->devmaps ? devmap_create(1) : -1;
	int fd;

	/* the kernel learns by one what all will be */
	opts.inner_map_fd = like >= 0 ? (uint32_t)like : 0;
	/* libbpf raises RLIMIT_MEMLOCK by itself where the kernel still counts by it. */
	fd = s->devmaps && like < 0 ? like
				    : bpf_map_create(s->type, s->name, s->key_size, s->value_size,
						     s->entries(c), &opts);
	if (like >= 0)
		close(like);
	if (fd >= 0)
		return fd;
	if (fd == -ENOMEM || fd == -E2BIG) {
		err_say(err, "the kernel has no room for table %s (%zu MB)%s", s->name,
			map_bytes(s, c) >> 20, bpf_advice(fd));
		return fd;
	}
	if (fd == -EINVAL) {
		err_say(err,
			"the kernel refuses to make table %s: crier needs Linux 5.11 or later with "
			"CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS",
			s->name);
		return -EOPNOTSUPP;
	}
	return bpf_error(fd, "make table", s->name, err);
}

int tables_create(struct tables *t, const struct crier_config *config, char err[TABLES_ERR_LEN])
{
	struct maps *m = maps_new();
	int ret = 0;

	memset(t, 0, sizeof(*t));
	if (!m) {
		err_say(err, "out of memory");
		return -ENOMEM;
	}
	t->priv = m;
	for (int i = 0; i < MAPS_N && !ret; i++) {
		ret = map_create(&map_specs[i], config, err);
		if (ret < 0)
			break;
		m->fd[i] = ret;
		ret = map_memory(t, i, config, err);
	}
	if (ret) {
		tables_close(t);
		return ret;
	}
	*t->config = *config;
	return 0;
}

void tables_unpin(const char *pin_dir)
{
	char path[PIN_PATH_LEN];

	for (int i = MAPS_N - 1; i >= 0; i--)
		if (!pin_path(path, pin_dir, map_specs[i].name))
			unlink(path);
}

int tables_pin(struct tables *t, const char *pin_dir, char err[TABLES_ERR_LEN])
{
	struct maps *m = t->priv;
	char path[PIN_PATH_LEN];
	int ret;

	/* "config" goes first: unpublished, it marks the others as remains if we die here. */
	for (int i = 0; i < MAPS_N; i++) {
		ret = pin_path(path, pin_dir, map_specs[i].name);
		if (!ret)
			ret = bpf_obj_pin(m->fd[i], path);
		if (ret) {
			bpf_error(ret, "pin", path, err);
			while (i-- > 0)
				if (!pin_path(path, pin_dir, map_specs[i].name))
					unlink(path);
			return ret;
		}
	}
	return 0;
}

static int foreign(const char *pin_dir, const char *why, char err[TABLES_ERR_LEN])
{
	err_say(err, "%s/config %s", pin_dir, why);
	return -EPROTO;
}

static int config_judge(const struct crier_config *c, uint32_t value_size, const char *pin_dir,
			char err[TABLES_ERR_LEN])
{
	uint64_t magic = tbl_load_acquire(&c->magic);

	/* magic, abi and size stand first in every version there will be. */
	if (magic && magic != CRIER_MAGIC)
		return foreign(pin_dir, "was not made by crier: give another --pin-dir", err);
	if (magic && c->abi != CRIER_ABI) {
		err_say(err,
			"the tables under %s have ABI %u, this program speaks %u: with the "
			"programs "
			"of that version, " FLUSH_HINT,
			pin_dir, c->abi, CRIER_ABI);
		return -EPROTO;
	}
	if (value_size != sizeof(*c) || (magic && c->size != sizeof(*c)))
		return foreign(pin_dir, "has another layout: " FLUSH_HINT, err);
	if (!magic) {
		err_say(err,
			"the tables under %s are not complete yet: is crierd starting? Try again",
			pin_dir);
		return -ENODATA;
	}
	if (!config_sane(c))
		return foreign(pin_dir, "has impossible sizes: " FLUSH_HINT, err);
	return 0;
}

/* Opens a pin as a map; 0 or -errno, *info filled in. */
static int pin_get(const char *pin_dir, const char *name, int *fd, struct bpf_map_info *info,
		   char err[TABLES_ERR_LEN])
{
	char path[PIN_PATH_LEN];
	uint32_t len = sizeof(*info);
	int ret = pin_path(path, pin_dir, name);

	if (ret) {
		err_say(err, "%s is too long a path", pin_dir);
		return ret;
	}
	*fd = bpf_obj_get(path);
	if (*fd < 0) {
		ret = *fd;
		if (ret == -ENOENT)
			err_say(err,
				"%s is missing: if crierd runs with this --pin-dir, " FLUSH_HINT,
				path);
		else
			bpf_error(ret, "open", path, err);
		return ret;
	}
	memset(info, 0, sizeof(*info));
	ret = bpf_fd_is(*fd, "bpf-map") ? bpf_obj_get_info_by_fd(*fd, info, &len) : -EPROTO;
	if (ret) {
		if (ret == -EPROTO)
			err_say(err, "%s is not a map of crier's: give another --pin-dir", path);
		else
			bpf_error(ret, "read about", path, err);
		close(*fd);
		*fd = -1;
	}
	return ret;
}

/* The pinned config, read-only, of whatever version; munmap() info->value_size bytes. */
static const struct crier_config *config_map(const char *pin_dir, struct bpf_map_info *info,
					     int *ret, char err[TABLES_ERR_LEN])
{
	const struct crier_config *c = NULL;
	void *mem;
	int fd;

	*ret = pin_get(pin_dir, "config", &fd, info, err);
	if (*ret == -ENOENT)
		err_say(err, "no tables under %s: is crierd running, with this --pin-dir?",
			pin_dir);
	if (*ret)
		return NULL;
	if (info->type != BPF_MAP_TYPE_ARRAY || info->value_size < 16 ||
	    !(info->map_flags & BPF_F_MMAPABLE)) {
		*ret = foreign(pin_dir, "was not made by crier: give another --pin-dir", err);
		goto out;
	}
	mem = mmap(NULL, info->value_size, PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		*ret = bpf_error(-errno, "map into memory", "config", err);
	else
		c = mem;
out:
	close(fd);
	return c;
}

int config_peek(const char *pin_dir, struct crier_config *out, char err[TABLES_ERR_LEN])
{
	const struct crier_config *c;
	struct bpf_map_info info;
	int ret;

	c = config_map(pin_dir, &info, &ret, err);
	if (!c)
		return ret;
	ret = config_judge(c, info.value_size, pin_dir, err);
	if (!ret)
		memcpy(out, c, sizeof(*out));
	munmap((void *)c, info.value_size);
	return ret;
}

int config_is_ours(const char *pin_dir, char err[TABLES_ERR_LEN])
{
	const struct crier_config *c;
	struct bpf_map_info info;
	uint64_t magic;
	int ret;

	c = config_map(pin_dir, &info, &ret, err);
	if (!c)
		return ret;
	magic = tbl_load_acquire(&c->magic);
	munmap((void *)c, info.value_size);
	if (!magic || magic == CRIER_MAGIC)
		return 0;
	return foreign(pin_dir, "was not made by crier: give another --pin-dir", err);
}

void config_retire(const char *pin_dir)
{
	char err[TABLES_ERR_LEN];
	struct bpf_map_info info;
	uint64_t *magic;
	int fd;

	if (pin_get(pin_dir, "config", &fd, &info, err))
		return;
	magic = mmap(NULL, info.value_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (magic != MAP_FAILED) {
		tbl_store_release(magic, 0);
		munmap(magic, info.value_size);
	}
	close(fd);
}

static int map_check(const struct map_spec *s, const struct bpf_map_info *info,
		     const struct crier_config *c, const char *pin_dir, char err[TABLES_ERR_LEN])
{
	uint32_t entries = s->entries(c);

	if (info->type == s->type && info->key_size == s->key_size &&
	    info->value_size == s->value_size && info->max_entries == entries &&
	    (info->map_flags & s->flags) == s->flags)
		return 0;
	err_say(err,
		"%s/%s (type %u, %u x %u bytes) is not what config says (type %u, %u x "
		"%u): " FLUSH_HINT,
		pin_dir, s->name, info->type, info->max_entries, info->value_size, s->type, entries,
		s->value_size);
	return -EPROTO;
}

static int map_open(struct tables *t, int i, const struct crier_config *c, const char *pin_dir,
		    char err[TABLES_ERR_LEN])
{
	struct maps *m = t->priv;
	struct bpf_map_info info;
	int ret;

	ret = pin_get(pin_dir, map_specs[i].name, &m->fd[i], &info, err);
	if (ret) {
		m->fd[i] = -1;
		return ret;
	}
	ret = map_check(&map_specs[i], &info, c, pin_dir, err);
	return ret ? ret : map_memory(t, i, c, err);
}

int tables_open(struct tables *t, const char *pin_dir, char err[TABLES_ERR_LEN])
{
	struct crier_config config;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = pin_dir_check(pin_dir, err);
	if (!ret)
		ret = config_peek(pin_dir, &config, err);
	if (ret)
		return ret;
	t->priv = maps_new();
	if (!t->priv) {
		err_say(err, "out of memory");
		return -ENOMEM;
	}
	for (int i = 0; i < MAPS_N && !ret; i++)
		ret = map_open(t, i, &config, pin_dir, err);
	if (ret)
		tables_close(t);
	return ret;
}
