/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other programs in the place of those at work.
 *
 * Nothing that a packet meets changes before all is loaded and all devmaps are filled.  From then
 * on each step is one that a packet sees whole: an element of "devmaps", a link's program; and
 * old and new programs may meet, since jobs and tables are of one ABI.
 */
#include "loader.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"
#include "object.h"

struct loader_reload {
	struct loader *l;
	char dir[PIN_PATH_LEN]; /* "": built in */
	struct bpf_object *in, *out, *xmit;
	char trigger_why[LOADER_ERR_LEN], egress_why[LOADER_ERR_LEN], xmit_why[LOADER_ERR_LEN];
	struct loader_programs programs;
	struct devmap_set devmaps; /* new ones, not yet the loader's */
	bool changed;		   /* packets meet the new programs */
};

/* The way in first, for it is what most packets meet; triggers are crier-dp's and wait for it. */
static const char *const order[] = {PROG_NAME, TRIGGER_NAME};

struct loader_reload *loader_reload_new(struct loader *l, const char *dir)
{
	struct loader_reload *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->l = l;
	snprintf(r->dir, sizeof(r->dir), "%s", dir ? dir : "");
	memcpy(r->egress_why, l->egress_why, sizeof(r->egress_why));
	memcpy(r->xmit_why, l->xmit_why, sizeof(r->xmit_why));
	devmap_set_init(&r->devmaps);
	return r;
}

/* ---- loading ---- */

static bool has_file(const char *dir, const char *name)
{
	char path[PIN_PATH_LEN];

	/* One that can't be seen is there: opening it says why not. */
	return !pin_path(path, dir, name) && (!access(path, F_OK) || errno != ENOENT);
}

/* Some of them there, and some not, is a mistake of the operator's. */
static int source_choose(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	static const char *const names[] = {"crier.bpf.o", "egress.bpf.o", "xmit.bpf.o"};
	const char *missing = NULL;
	uint32_t there = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && *r->dir; i++) {
		if (has_file(r->dir, names[i]))
			there++;
		else
			missing = names[i];
	}
	if (!there) {
		r->dir[0] = '\0';
		return 0;
	}
	snprintf(r->programs.from, sizeof(r->programs.from), "%.*s", LOADER_ERR_LEN - 1, r->dir);
	if (!missing)
		return 0;
	err_say(err, "%.180s has no %s: all three objects belong there, or none", r->dir, missing);
	return -ENOENT;
}

static const char *source(const struct loader_reload *r)
{
	return *r->dir ? r->dir : NULL;
}

static int one_load(struct loader_reload *r, struct bpf_object **obj, enum object_which which,
		    const struct bpf_object *before, char err[LOADER_ERR_LEN])
{
	int ret = object_open(obj, which, source(r), false, err);

	if (!ret)
		ret = object_load(*obj, r->l->tables, before, &r->programs, err);
	if (!ret)
		return 0;
	bpf_object__close(*obj);
	*obj = NULL;
	return ret;
}

/*
 * What the kernel has not taken before is no reason to keep the rest back: it may take it now, or
 * else *_why says why not.
 */
static int egress_load(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	int ret;

	if (!kernel_broadcasts())
		return 0;
	ret = one_load(r, &r->out, OBJECT_OUT, r->l->out, err);
	if (!ret)
		r->egress_why[0] = '\0';
	if (!ret || !loader_egress(r->l))
		return ret;
	egress_refused(r->egress_why, err);
	return 0;
}

static int xmit_load(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	int ret;

	if (!r->out)
		return 0;
	ret = one_load(r, &r->xmit, OBJECT_XMIT, NULL, err);
	if (!ret || !loader_xmit(r->l))
		return ret;
	xmit_refused(r->xmit_why, err);
	return 0;
}

static int all_load(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	int ret = source_choose(r, err);

	if (!ret)
		ret = ways_in_load(r->l, &r->in, source(r), !loader_trigger(r->l), &r->programs,
				   r->trigger_why, err);
	if (!ret)
		ret = egress_load(r, err);
	if (!ret)
		ret = xmit_load(r, err);
	return ret;
}

/* ---- the way out ---- */

static bool port_is_there(const struct loader *l, uint32_t port)
{
	char name[IF_NAMESIZE];

	return l->devmaps.fd[port][0] >= 0 && if_indextoname(l->devmap_ifindex[port], name);
}

static void way_out_say(const struct loader_reload *r, uint32_t port, const char *what, int ret,
			char err[LOADER_ERR_LEN])
{
	char name[IF_NAMESIZE] = "?";

	if_indextoname(r->l->devmap_ifindex[port], name);
	err_say(err, "cannot %s the devmaps of %s: %s%s", what, name, strerror(-ret),
		bpf_advice(ret));
}

static int ways_out_make(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	int fd = object_prog_fd(r->out, EGRESS_NAME);

	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		int ret = port_is_there(r->l, n)
				  ? devmaps_make(r->devmaps.fd[n], fd, r->l->devmap_ifindex[n])
				  : 0;

		/* It may have gone meanwhile. */
		if (!ret || !port_is_there(r->l, n))
			continue;
		way_out_say(r, n, "make", ret, err);
		return ret;
	}
	return 0;
}

/* The old ones again, where new ones are. */
static void ways_out_undo(struct loader_reload *r, uint32_t end)
{
	for (uint32_t n = 1; n < end; n++) {
		int ret = r->devmaps.fd[n][0] < 0 ? 0 : devmaps_put(r->l, n, r->l->devmaps.fd[n]);

		if (ret)
			log_err("crierd: port %u may keep the new way out, which does as the old "
				"one: %s",
				n, strerror(-ret));
	}
}

static int ways_out_put(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		int ret = r->devmaps.fd[n][0] < 0 ? 0 : devmaps_put(r->l, n, r->devmaps.fd[n]);

		if (!ret)
			continue;
		way_out_say(r, n, "change", ret, err);
		ways_out_undo(r, n + 1);
		return ret;
	}
	return 0;
}

/* Nobody broadcasts by the old ones any more: each update has waited for that. */
static void ways_out_keep(struct loader_reload *r)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		if (r->devmaps.fd[n][0] < 0)
			continue;
		devmaps_drop(r->l->devmaps.fd[n]);
		memcpy(r->l->devmaps.fd[n], r->devmaps.fd[n], sizeof(r->devmaps.fd[n]));
	}
	devmap_set_init(&r->devmaps);
}

/* ---- the way in ---- */

static uint32_t prog_id(const struct bpf_object *obj, const char *name)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int fd = object_prog_fd(obj, name);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* One link: if it carries a program of this id, it gets the other. */
static int link_change(const char *path, uint32_t id, int fd, char err[LOADER_ERR_LEN])
{
	struct bpf_link_info info;
	int link = link_get(path, &info), ret = 0;

	if (link < 0)
		return 0; /* gone meanwhile, or none of ours */
	if (info.prog_id == id)
		ret = bpf_link_update(link, fd, NULL);
	close(link);
	/* Its interface is gone. */
	if (!ret || ret == -ENOLINK)
		return 0;
	err_say(err, "cannot put the new program in the place of %.100s: %s", path, strerror(-ret));
	return ret;
}

/* All pinned links that carry this program of one object get the other's. */
static int links_change(const struct loader *l, const struct bpf_object *from,
			const struct bpf_object *to, const char *name, char err[LOADER_ERR_LEN])
{
	int fd = object_prog_fd(to, name), ret = 0;
	uint32_t id = prog_id(from, name);
	DIR *dir;
	char path[PIN_PATH_LEN];
	struct dirent *e;

	/* Refused by the kernel, before or now as before: no link of theirs carries it. */
	if (!strcmp(name, TRIGGER_NAME) && (fd < 0 || !id))
		return 0;
	dir = opendir(l->pin_dir);
	if (!dir || fd < 0 || !id) {
		err_say(err, "cannot look for the links of %s: %s", name, strerror(errno));
		ret = -EIO;
	}
	while (!ret && (e = readdir(dir)))
		if (!strncmp(e->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) &&
		    !pin_path(path, l->pin_dir, e->d_name))
			ret = link_change(path, id, fd, err);
	if (dir)
		closedir(dir);
	return ret;
}

static int ways_in_change(const struct loader *l, const struct bpf_object *from,
			  const struct bpf_object *to, char err[LOADER_ERR_LEN])
{
	int ret = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && !ret; i++)
		ret = links_change(l, from, to, order[i], err);
	return ret;
}

/* ---- all of it ---- */

static int xmit_change(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	int ret = xmit_attach(r->l, r->xmit, err);

	if (!ret)
		r->xmit_why[0] = '\0';
	if (!ret || !loader_xmit(r->l))
		return ret;
	xmit_refused(r->xmit_why, err);
	return 0;
}

static int all_change(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	char undo[LOADER_ERR_LEN];
	int ret = r->out ? ways_out_make(r, err) : 0;

	if (!ret)
		ret = ways_out_put(r, err);
	if (ret)
		return ret;
	ret = ways_in_change(r->l, r->l->in, r->in, err);
	if (!ret && r->xmit)
		ret = xmit_change(r, err);
	if (!ret) {
		ways_out_keep(r);
		return 0;
	}
	if (ways_in_change(r->l, r->in, r->l->in, undo))
		log_err("crierd: %s", undo);
	ways_out_undo(r, CRIER_MAX_PORTS);
	return ret;
}

int loader_reload_work(struct loader_reload *r, char err[LOADER_ERR_LEN])
{
	int ret = all_load(r, err);

	if (!ret)
		ret = all_change(r, err);
	r->changed = !ret;
	return ret;
}

/* An interface that came while the work was done has got the old program. */
static void adopt(struct loader_reload *r)
{
	struct bpf_object *in = r->l->in, *out = r->l->out;
	char err[LOADER_ERR_LEN];

	if (ways_in_change(r->l, in, r->in, err))
		log_err("crierd: %s", err);
	r->l->in = r->in;
	r->l->prog_fd = object_prog_fd(r->in, PROG_NAME);
	r->l->out = r->out;
	r->l->egress_fd = r->out ? object_prog_fd(r->out, EGRESS_NAME) : -1;
	memcpy(r->l->trigger_why, r->trigger_why, sizeof(r->trigger_why));
	memcpy(r->l->egress_why, r->egress_why, sizeof(r->egress_why));
	memcpy(r->l->xmit_why, r->xmit_why, sizeof(r->xmit_why));
	r->l->programs = r->programs;
	r->in = in;
	r->out = out;
}

void loader_reload_end(struct loader_reload *r)
{
	if (r->changed)
		adopt(r);
	for (uint32_t n = 0; n < CRIER_MAX_PORTS; n++)
		devmaps_drop(r->devmaps.fd[n]);
	bpf_object__close(r->in);
	bpf_object__close(r->out);
	bpf_object__close(r->xmit);
	free(r);
}
