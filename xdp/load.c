/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "object.h"

#define BPFFS "/sys/fs/bpf"

_Thread_local char loader_kernel_word[128];

/*
 * libbpf prints what the kernel says and hands over only a number; keep the words, so
 * that our own error can carry them, and print nothing.
 */
static int libbpf_word(enum libbpf_print_level level, const char *fmt, va_list args)
{
	static const char mark[] = "Kernel error message: ";
	char line[256], *word;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	word = strstr(line, mark);
	if (word) {
		word += sizeof(mark) - 1;
		word[strcspn(word, "\n")] = '\0';
		snprintf(loader_kernel_word, sizeof(loader_kernel_word), "%s", word);
	}
	return 0;
}

static bool on_bpffs(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/*
 * Mounts the bpffs at its usual place, if the pin directory is to be below it.  A
 * failure is told by the check that follows.
 */
static void bpffs_mount(const char *pin_dir)
{
	size_t len = strlen(BPFFS);

	if (strncmp(pin_dir, BPFFS, len) || (pin_dir[len] && pin_dir[len] != '/') ||
	    on_bpffs(BPFFS) || geteuid())
		return;
	if (!mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		log_info("mounted a bpffs at " BPFFS);
	else
		log_warn("cannot mount a bpffs at " BPFFS ": %s", strerror(errno));
}

/* The pin directory is there, on a bpffs.  Its parent must be; no more than it is made. */
static int pin_dir_make(const char *pin_dir, char err[LOADER_ERR_LEN])
{
	char parent[PIN_PATH_LEN], *dir;

	bpffs_mount(pin_dir);
	if (!access(pin_dir, F_OK))
		return pin_dir_check(pin_dir, err);
	snprintf(parent, sizeof(parent), "%s", pin_dir);
	dir = dirname(parent);
	if (access(dir, F_OK)) {
		err_say(err, "there is no %s to make the pin directory %s in", dir, pin_dir);
		return -ENOENT;
	}
	if (!on_bpffs(dir)) {
		err_say(err,
			"%s is not on a bpffs: `mount -t bpf bpf /sys/fs/bpf`, or give a --pin-dir "
			"that is",
			dir);
		return -EXDEV;
	}
	if (mkdir(pin_dir, 0700)) {
		int ret = -errno;

		err_say(err, "cannot make %s: %s", pin_dir, strerror(-ret));
		return ret;
	}
	return 0;
}

/* Sizes that the operator gave must be those of the tables that are there. */
static int sizes_check(const struct crier_config *have, const struct tables_size *size,
		       char err[LOADER_ERR_LEN])
{
	struct crier_config want;
	int ret;

	if (!size)
		return 0;
	ret = config_init(&want, size, err);
	if (ret)
		return ret;
	const struct {
		const char *name;
		uint32_t asked, want, have;
	} sizes[] = {
		{"pages of IPv4 listeners", size->members4, want.pages4 - 1, have->pages4 - 1},
		{"pages of IPv6 listeners", size->members6, want.pages6, have->pages6},
		{"rooms", size->rooms, want.max_rooms - 1, have->max_rooms - 1},
		{"streams", size->streams, want.max_streams - 1, have->max_streams - 1},
		{"next hops", size->vias, want.max_vias - 1, have->max_vias - 1},
		{"workers", size->workers, want.max_workers, have->max_workers},
		{"shards", size->shards, want.shards, have->shards},
		{"local addresses", size->locals, want.locals, have->locals},
		{"CPUs", size->cpus, want.cpus, have->cpus},
		{"guard prefixes", size->guard_prefixes, want.guard_prefixes, have->guard_prefixes},
	};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (!sizes[i].asked || sizes[i].want == sizes[i].have)
			continue;
		err_say(err,
			"the pinned tables hold %u %s, %u are asked for: `crierctl save FILE`, "
			"`crierd --flush`, start crierd, `crierctl restore FILE`",
			sizes[i].have, sizes[i].name, sizes[i].want);
		return -EINVAL;
	}
	return 0;
}

static int tables_make(struct tables *t, const char *pin_dir, const struct tables_size *size,
		       char err[LOADER_ERR_LEN])
{
	struct crier_config config;
	int ret = config_init(&config, size, err);

	if (ret)
		return ret;
	ret = tables_create(t, &config, err);
	if (ret)
		return ret;
	ret = tables_pin(t, pin_dir, err);
	if (ret)
		tables_close(t);
	return ret;
}

/* 0: they were there; 1: they are new. */
static int tables_open_or_make(struct tables *t, const char *pin_dir,
			       const struct tables_size *size, char err[LOADER_ERR_LEN])
{
	struct crier_config config;
	int ret = config_peek(pin_dir, &config, err);

	if (ret == -ENODATA)
		log_warn("%s holds tables that were never completed: making them anew", pin_dir);
	if (ret == -ENODATA || ret == -ENOENT) {
		tables_unpin(pin_dir);
		ret = tables_make(t, pin_dir, size, err);
		return ret ? ret : 1;
	}
	if (!ret)
		ret = sizes_check(&config, size, err);
	return ret ? ret : tables_open(t, pin_dir, err);
}

static int way_in_load(const struct loader *l, struct bpf_object **in, const char *dir,
		       bool triggers, struct loader_programs *p, char err[LOADER_ERR_LEN])
{
	int ret = object_open(in, OBJECT_IN, dir, false, err);

	if (!ret && !triggers)
		object_leave_out(*in, TRIGGER_NAME);
	if (!ret)
		ret = object_load(*in, l->tables, l->in, p, err);
	if (!ret)
		return 0;
	bpf_object__close(*in);
	*in = NULL;
	return ret;
}

int ways_in_load(const struct loader *l, struct bpf_object **in, const char *dir, bool all,
		 struct loader_programs *p, char trigger_why[LOADER_ERR_LEN],
		 char err[LOADER_ERR_LEN])
{
	char first[LOADER_ERR_LEN];
	int ret = way_in_load(l, in, dir, true, p, err);

	trigger_why[0] = '\0';
	if (!ret || ret == -EPERM || all)
		return ret;
	memcpy(first, err, sizeof(first));
	ret = way_in_load(l, in, dir, false, p, err);
	if (!ret)
		err_say(trigger_why, "%.220s; `crierctl reload` tries again", first);
	return ret;
}

static int prog_load(struct loader *l, char err[LOADER_ERR_LEN])
{
	struct bpf_object *in;
	int ret = ways_in_load(l, &in, NULL, false, &l->programs, l->trigger_why, err);

	if (ret)
		return ret;
	l->in = in;
	l->prog_fd = object_prog_fd(in, PROG_NAME);
	return 0;
}

/* See loader_grace(). */
static int grace_init(struct loader *l, char err[LOADER_ERR_LEN])
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int ret;

	ret = l->grace_inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", 4, 4, 1, NULL);
	if (ret >= 0) {
		opts.inner_map_fd = (uint32_t)l->grace_inner;
		ret = l->grace_map =
			bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace", 4, 4, 1, &opts);
	}
	if (ret >= 0)
		return 0;
	err_say(err, "cannot make the map that grace periods need: %s%s", strerror(-ret),
		bpf_advice(ret));
	return ret;
}

/*
 * Since Linux 4.18 an update of a map in a map returns only after an RCU grace period,
 * so that user space may rely on no program using the old map: bpf_map_update_elem()
 * ends in maybe_wait_bpf_programs() (kernel/bpf/syscall.c).  XDP programs run in RCU
 * read sections, so all that ran when we came here have ended.
 */
int loader_grace(struct loader *l)
{
	uint32_t key = 0;

	return bpf_map_update_elem(l->grace_map, &key, &l->grace_inner, BPF_ANY);
}

int loader_prog_fd(const struct loader *l)
{
	return l->prog_fd;
}

int loader_trigger_fd(const struct loader *l)
{
	return object_prog_fd(l->in, TRIGGER_NAME);
}

const char *loader_trigger(const struct loader *l)
{
	return l->trigger_why[0] ? l->trigger_why : NULL;
}

const struct loader_programs *loader_programs(const struct loader *l)
{
	return &l->programs;
}

int loader_capture_fd(const struct loader *l)
{
	return tables_map_fd(l->tables, "capture");
}

void loader_close(struct loader *l)
{
	if (!l)
		return;
	if (l->grace_map >= 0)
		close(l->grace_map);
	if (l->grace_inner >= 0)
		close(l->grace_inner);
	egress_close(l);
	bpf_object__close(l->in);
	tables_close(l->tables);
	free(l);
}

int loader_open(struct loader **out, const char *pin_dir, const struct tables_size *size,
		struct tables *t, char err[LOADER_ERR_LEN])
{
	struct loader *l;
	int made = 0, ret;

	*out = NULL;
	memset(t, 0, sizeof(*t));
	libbpf_set_print(libbpf_word);
	if (strlen(pin_dir) + CRIER_IFNAME_LEN + 32 > PIN_PATH_LEN) {
		err_say(err, "the pin directory's name is too long");
		return -ENAMETOOLONG;
	}
	ret = kernel_check(err);
	if (ret)
		return ret;
	l = calloc(1, sizeof(*l));
	if (!l) {
		err_say(err, "out of memory");
		return -ENOMEM;
	}
	l->tables = t;
	l->prog_fd = l->grace_map = l->grace_inner = -1;
	egress_init(l);
	snprintf(l->pin_dir, sizeof(l->pin_dir), "%s", pin_dir);

	ret = pin_dir_make(pin_dir, err);
	if (ret)
		goto fail;
	ret = made = tables_open_or_make(t, pin_dir, size, err);
	if (ret < 0)
		goto fail;
	ret = prog_load(l, err);
	if (ret)
		goto fail;
	ret = grace_init(l, err);
	if (ret)
		goto fail;
	egress_open(l);
	xmit_open(l);
	*out = l;
	return made;
fail:
	/* Nobody has seen them, and they hold memory. */
	if (made == 1)
		tables_unpin(pin_dir);
	loader_close(l);
	return ret;
}
