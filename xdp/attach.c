/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program on its interfaces, by pinned links.
 */
#include "loader.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "log.h"

static void link_path(const struct loader *l, const char *ifname, char path[PIN_PATH_LEN])
{
	char name[sizeof(LINK_PREFIX) + IF_NAMESIZE];

	snprintf(name, sizeof(name), LINK_PREFIX "%.15s", ifname);
	pin_path(path, l->pin_dir, name); /* loader_open() saw that it fits */
}

int link_get(const char *path, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);
	int fd = bpf_obj_get(path), ret;

	if (fd < 0)
		return fd;
	memset(info, 0, sizeof(*info));
	ret = bpf_fd_is(fd, "bpf-link") ? bpf_obj_get_info_by_fd(fd, info, &len) : -EINVAL;
	if (!ret && info->type == BPF_LINK_TYPE_XDP)
		return fd;
	close(fd);
	return ret ? ret : -EINVAL;
}

/* Which program an interface carries, in any mode; 0: none. */
static uint32_t prog_on(unsigned int ifindex, enum crier_port_mode *mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	if (bpf_xdp_query((int)ifindex, 0, &q))
		return 0;
	*mode = q.attach_mode == XDP_ATTACHED_SKB ? CRIER_PORT_GENERIC : CRIER_PORT_NATIVE;
	if (q.prog_id)
		return q.prog_id;
	/* several modes at once: prog_id is none of them */
	return q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
}

static void prog_name(uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		info.name[0] = '\0';
	snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name[0] ? info.name : "?");
	if (fd >= 0)
		close(fd);
}

static int foreign_prog(const char *ifname, uint32_t id, char err[LOADER_ERR_LEN])
{
	char name[BPF_OBJ_NAME_LEN];

	prog_name(id, name);
	err_say(err,
		"%s already carries the XDP program \"%s\" (id %u), which is not ours: take it off "
		"(`ip link set dev %s xdp off`, or `xdp-loader unload -a %s`) or use another "
		"interface",
		ifname, name, id, ifname, ifname);
	return -EBUSY;
}

/* Why the driver would not have it: the kernel tells in words on netlink alone. */
static void native_refusal(unsigned int ifindex, int prog_fd, int ret, const char *ifname,
			   char note[LOADER_NOTE_LEN])
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	char driver[32];

	nic_driver(ifname, driver);
	loader_kernel_word[0] = '\0';
	if (!bpf_xdp_attach((int)ifindex, prog_fd, XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST,
			    &opts)) {
		opts.old_prog_fd = prog_fd;
		bpf_xdp_detach((int)ifindex, XDP_FLAGS_DRV_MODE | XDP_FLAGS_REPLACE, &opts);
	}
	if (loader_kernel_word[0])
		snprintf(note, LOADER_NOTE_LEN, "driver %s refuses native XDP: %s", driver,
			 loader_kernel_word);
	else if (ret == -EOPNOTSUPP)
		snprintf(note, LOADER_NOTE_LEN, "driver %s has no native XDP", driver);
	else
		snprintf(note, LOADER_NOTE_LEN, "driver %s refuses native XDP: %s", driver,
			 strerror(-ret));
}

static int link_create(const struct loader *l, unsigned int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);

	return bpf_link_create(l->prog_fd, (int)ifindex, BPF_XDP, &opts);
}

/* A new link, pinned; its mode in *out. */
static int link_make(struct loader *l, const char *ifname, unsigned int ifindex,
		     enum loader_mode mode, const char *path, struct loader_attached *out,
		     char err[LOADER_ERR_LEN])
{
	int fd = -EOPNOTSUPP, ret;

	out->mode = CRIER_PORT_NATIVE;
	if (mode != LOADER_GENERIC) {
		fd = link_create(l, ifindex, XDP_FLAGS_DRV_MODE);
		if (fd < 0)
			native_refusal(ifindex, l->prog_fd, fd, ifname, out->note);
	}
	if (fd < 0 && mode == LOADER_NATIVE) {
		err_say(err, "%s: %s; use mode=generic or mode=auto", ifname, out->note);
		return fd;
	}
	if (fd < 0) {
		out->mode = CRIER_PORT_GENERIC;
		fd = link_create(l, ifindex, XDP_FLAGS_SKB_MODE);
	}
	if (fd < 0) {
		err_say(err, "cannot attach to %s: %s", ifname, strerror(-fd));
		return fd;
	}
	ret = bpf_obj_pin(fd, path);
	if (ret)
		err_say(err, "cannot pin %s: %s", path, strerror(-ret));
	/* Unpinned, the link goes with its descriptor. */
	close(fd);
	return ret;
}

/*
 * An interface that was renamed still has its link, pinned by its old name: move the
 * pin.
 */
static void link_rename(struct loader *l, unsigned int ifindex, const char *path)
{
	DIR *dir = opendir(l->pin_dir);
	char old[PIN_PATH_LEN];
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct bpf_link_info info;
		char now[IF_NAMESIZE];
		int fd;

		if (strncmp(e->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) ||
		    !strcmp(e->d_name, TRIGGER_LINK) || pin_path(old, l->pin_dir, e->d_name) ||
		    !strcmp(old, path))
			continue;
		fd = link_get(old, &info);
		if (fd < 0)
			continue;
		close(fd);
		if (info.xdp.ifindex == ifindex && if_indextoname(ifindex, now) &&
		    rename(old, path))
			log_warn("cannot rename %s to %s: %s", old, path, strerror(errno));
	}
	if (dir)
		closedir(dir);
}

/*
 * The link of an earlier crierd takes the new program, in one step for the packets.
 * 0: done; 1: there is none that is worth keeping, and no pin is left; 2: likewise,
 * but it served, in the mode that is in *out.
 */
static int link_update(struct loader *l, const char *ifname, unsigned int ifindex,
		       enum loader_mode mode, const char *path, struct loader_attached *out,
		       char err[LOADER_ERR_LEN])
{
	struct bpf_link_info info;
	int fd, ret;

	if (access(path, F_OK))
		link_rename(l, ifindex, path);
	fd = link_get(path, &info);
	if (fd == -ENOENT)
		return 1;
	if (fd < 0) {
		err_say(err, "%s is not a link of crier's: remove it", path);
		return fd;
	}
	/* The interface may be a new one by the old name, or in another namespace. */
	if (info.xdp.ifindex == ifindex && prog_on(ifindex, &out->mode) == info.prog_id &&
	    (mode == LOADER_AUTO ||
	     (mode == LOADER_GENERIC) == (out->mode == CRIER_PORT_GENERIC))) {
		ret = bpf_link_update(fd, l->prog_fd, NULL);
		if (ret)
			err_say(err, "cannot put the new program on %s: %s", ifname,
				strerror(-ret));
		else
			out->updated = true;
		close(fd);
		return ret;
	}
	ret = info.xdp.ifindex == ifindex && prog_on(ifindex, &out->mode) == info.prog_id ? 2 : 1;
	unlink(path);
	close(fd);
	return ret;
}

/*
 * Native and generic programs cannot be on an interface at once, so the old one left
 * before the new mode was tried: what the driver refuses must not leave it with none.
 */
static void link_restore(struct loader *l, const char *ifname, unsigned int ifindex,
			 enum crier_port_mode was, const char *path)
{
	enum loader_mode mode = was == CRIER_PORT_GENERIC ? LOADER_GENERIC : LOADER_NATIVE;
	struct loader_attached again;
	char err[LOADER_ERR_LEN];

	if (link_make(l, ifname, ifindex, mode, path, &again, err))
		log_err("%s is without a program now: %s", ifname, err);
}

static bool is_down(const char *ifname)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool down;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	down = fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &ifr) && !(ifr.ifr_flags & IFF_UP);
	if (fd >= 0)
		close(fd);
	return down;
}

static void note_generic(const char *ifname, enum loader_mode mode, struct loader_attached *out)
{
	char why[LOADER_NOTE_LEN];

	if (out->mode != CRIER_PORT_GENERIC)
		return;
	snprintf(why, sizeof(why), "%s", out->note);
	if (mode == LOADER_GENERIC)
		snprintf(why, sizeof(why), "as configured");
	else if (!why[0])
		snprintf(why, sizeof(why), "as the running program was attached");
	err_say(out->note, "%.15s is in generic mode, slower: %s", ifname, why);
}

/*
 * A port number belongs to one interface: an earlier one that had it is gone, and
 * interfaces that come and go would fill the map.
 */
static int number_set(struct loader *l, uint32_t ifindex, uint32_t port)
{
	int fd = tables_map_fd(l->tables, "port_numbers");
	uint32_t *at = NULL, key, next, value;

	for (int i = 0; i < 2 * CRIER_MAX_PORTS && !bpf_map_get_next_key(fd, at, &next); i++) {
		if (next != ifindex && !bpf_map_lookup_elem(fd, &next, &value) && value == port) {
			/* The walk goes on from the key before it, which is still there. */
			bpf_map_delete_elem(fd, &next);
			continue;
		}
		key = next;
		at = &key;
	}
	return bpf_map_update_elem(fd, &ifindex, &port, BPF_ANY);
}

int loader_attach(struct loader *l, const char *ifname, uint32_t port, enum loader_mode mode,
		  struct loader_attached *out, char err[LOADER_ERR_LEN])
{
	unsigned int ifindex = if_nametoindex(ifname);
	char path[PIN_PATH_LEN];
	enum crier_port_mode other;
	uint32_t id;
	int ret;

	memset(out, 0, sizeof(*out));
	if (!ifindex) {
		err_say(err, "there is no interface %s in this network namespace", ifname);
		return -ENODEV;
	}
	if (!port || port >= CRIER_MAX_PORTS) {
		err_say(err, "port number %u is not 1 to %u", port, CRIER_MAX_PORTS - 1);
		return -EINVAL;
	}
	/* The number first: the program redirects from its first packet on. */
	ret = number_set(l, ifindex, port);
	if (ret) {
		err_say(err, "cannot give %s its port number: %s", ifname, strerror(-ret));
		return ret;
	}
	link_path(l, ifname, path);
	ret = link_update(l, ifname, ifindex, mode, path, out, err);
	if (ret == 1 || ret == 2) {
		bool served = ret == 2;
		enum crier_port_mode was = out->mode;

		id = prog_on(ifindex, &other);
		ret = id ? foreign_prog(ifname, id, err)
			 : link_make(l, ifname, ifindex, mode, path, out, err);
		if (ret && served && !id)
			link_restore(l, ifname, ifindex, was, path);
		else if (ret)
			bpf_map_delete_elem(tables_map_fd(l->tables, "port_numbers"), &ifindex);
	}
	if (ret)
		return ret;
	note_generic(ifname, mode, out);
	if (!out->note[0] && is_down(ifname))
		err_say(out->note, "%s is down: `ip link set %s up`", ifname, ifname);
	return 0;
}

int link_remove(const char *path, uint32_t *ifindex)
{
	struct bpf_link_info info;
	int fd = link_get(path, &info);

	if (fd < 0)
		return fd;
	*ifindex = info.xdp.ifindex;
	/* Also where somebody else holds the link open. */
	bpf_link_detach(fd);
	close(fd);
	return unlink(path) ? -errno : 0;
}

int loader_detach(struct loader *l, const char *ifname, char err[LOADER_ERR_LEN])
{
	char path[PIN_PATH_LEN];
	uint32_t ifindex = 0;
	int ret;

	link_path(l, ifname, path);
	ret = link_remove(path, &ifindex);
	if (ret == -ENOENT)
		return 0;
	if (ret) {
		err_say(err, "cannot remove %s: %s", path, strerror(-ret));
		return ret;
	}
	bpf_map_delete_elem(tables_map_fd(l->tables, "port_numbers"), &ifindex);
	return 0;
}

int loader_each_link(struct loader *l, void (*fn)(void *arg, const char *ifname, int ifindex),
		     void *arg)
{
	DIR *dir = opendir(l->pin_dir);
	char path[PIN_PATH_LEN];
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct bpf_link_info info;
		int fd;

		if (strncmp(e->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) ||
		    !strcmp(e->d_name, TRIGGER_LINK) || pin_path(path, l->pin_dir, e->d_name))
			continue;
		fd = link_get(path, &info);
		if (fd < 0)
			continue;
		close(fd);
		fn(arg, e->d_name + strlen(LINK_PREFIX), (int)info.xdp.ifindex);
	}
	closedir(dir);
	return 0;
}

/* ---- the injector ---- */

static int trigger_make(int prog_fd, uint32_t ifindex, const char *ifname, const char *path,
			char err[LOADER_ERR_LEN])
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	enum crier_port_mode mode;
	uint32_t id = prog_on(ifindex, &mode);
	int fd, ret;

	if (id)
		return foreign_prog(ifname, id, err);
	fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);
	if (fd < 0) {
		err_say(err, "cannot attach the program of triggers to %s: %s", ifname,
			strerror(-fd));
		return fd;
	}
	ret = bpf_obj_pin(fd, path);
	if (ret)
		err_say(err, "cannot pin %s: %s", path, strerror(-ret));
	close(fd);
	return ret;
}

/* 0: the link that is there has the new program; 1: there is none, or it led elsewhere. */
static int trigger_update(int prog_fd, uint32_t ifindex, const char *ifname, const char *path,
			  char err[LOADER_ERR_LEN])
{
	struct bpf_link_info info;
	enum crier_port_mode mode;
	int fd = link_get(path, &info), ret;

	if (fd == -ENOENT)
		return 1;
	if (fd < 0) {
		err_say(err, "%s is not a link of crier's: remove it", path);
		return fd;
	}
	if (info.xdp.ifindex != ifindex || prog_on(ifindex, &mode) != info.prog_id) {
		close(fd);
		link_remove(path, &ifindex);
		return 1;
	}
	ret = bpf_link_update(fd, prog_fd, NULL);
	if (ret)
		err_say(err, "cannot put the new program of triggers on %s: %s", ifname,
			strerror(-ret));
	close(fd);
	return ret;
}

int loader_attach_trigger(struct loader *l, uint32_t ifindex, char err[LOADER_ERR_LEN])
{
	char path[PIN_PATH_LEN], ifname[IF_NAMESIZE] = "?";
	int prog_fd = loader_trigger_fd(l), ret;

	if (loader_egress(l) || loader_trigger(l)) {
		err_say(err, "%s", loader_egress(l) ? loader_egress(l) : loader_trigger(l));
		return -EOPNOTSUPP;
	}
	if (!if_indextoname(ifindex, ifname)) {
		err_say(err, "there is no interface %u", ifindex);
		return -ENODEV;
	}
	pin_path(path, l->pin_dir, TRIGGER_LINK); /* loader_open() saw that it fits */
	ret = trigger_update(prog_fd, ifindex, ifname, path, err);
	return ret == 1 ? trigger_make(prog_fd, ifindex, ifname, path, err) : ret;
}

void loader_detach_trigger(struct loader *l)
{
	char path[PIN_PATH_LEN];
	uint32_t ifindex;

	pin_path(path, l->pin_dir, TRIGGER_LINK);
	link_remove(path, &ifindex);
}
