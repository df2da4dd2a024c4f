/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the loader: shared by load.c, attach.c, egress.c, xmit.c, flush.c and features.c only.
 */
#ifndef CRIER_LOADER_H
#define CRIER_LOADER_H

#include <linux/bpf.h>

#include "load.h"
#include "maps.h"

#define PROG_NAME "crier_xdp"
#define TRIGGER_NAME "crier_trigger"
#define EGRESS_NAME "crier_egress"
#define XMIT_NAME "crier_xmit"
#define LINK_PREFIX "link_"
#define XMIT_PIN "xmit_link"
#define TRIGGER_LINK LINK_PREFIX ":trigger" /* no interface can have such a name */

struct bpf_object;

/* Of each port, its devmaps' descriptors, -1: none. */
struct devmap_set {
	int fd[CRIER_MAX_PORTS][CRIER_KSIZES_N];
};

struct loader {
	char pin_dir[PIN_PATH_LEN];
	struct tables *tables;
	struct bpf_object *in;		  /* the programs on interfaces */
	int prog_fd;			  /* owned by in */
	char trigger_why[LOADER_ERR_LEN]; /* "": the one for triggers is among them */
	int grace_map;			  /* array of one map, see loader_grace() */
	int grace_inner;		  /* what is put there */
	struct bpf_object *out, *out_run; /* the kernel engine's way out, and its double */
	int egress_fd;			  /* owned by out; -1: see egress_why */
	struct loader_programs programs;
	/* Of the thread that calls loader_devmaps(), what it put into "devmaps": */
	struct devmap_set devmaps;
	uint32_t devmap_ifindex[CRIER_MAX_PORTS]; /* and where that leads */
	char egress_why[LOADER_ERR_LEN];
	char xmit_why[LOADER_ERR_LEN]; /* "": what devices drop is counted */
};

/* What the kernel said on netlink when libbpf last asked it for something, or "". */
extern _Thread_local char loader_kernel_word[128];

/* A pinned XDP link: its descriptor, or -errno; *info is filled in. */
int link_get(const char *path, struct bpf_link_info *info);

/* Detaches and unpins one link; -ENOENT if there is none, -EINVAL if it isn't one. */
int link_remove(const char *path, uint32_t *ifindex);

/*
 * The programs on interfaces, from dir or built in.  If the kernel refuses the one for triggers
 * alone, and `all` of them are no must, the other comes without it, and trigger_why says why.
 */
int ways_in_load(const struct loader *l, struct bpf_object **in, const char *dir, bool all,
		 struct loader_programs *p, char trigger_why[LOADER_ERR_LEN],
		 char err[LOADER_ERR_LEN]);

/* The kernel engine's program: see loader_egress(). */
void egress_init(struct loader *l);
void egress_open(struct loader *l);
void egress_refused(char why[LOADER_ERR_LEN], const char *err);
void egress_close(struct loader *l);

/* The program that counts what devices drop: see loader_xmit(). */
void xmit_open(struct loader *l);
void xmit_refused(char why[LOADER_ERR_LEN], const char *err);
/* Puts it where the one before it was, if there was one. */
int xmit_attach(const struct loader *l, const struct bpf_object *obj, char err[LOADER_ERR_LEN]);

/* Is a pin of this name its link's?  And the end of one: -EINVAL if it is no such link. */
bool xmit_is_link(const char *name);
int xmit_remove(const char *path);

/* Devmaps of one port, with this program of the way out: made, or put where packets find them. */
int devmaps_make(int fd[CRIER_KSIZES_N], int egress_fd, uint32_t ifindex);
int devmaps_put(const struct loader *l, uint32_t port, const int fd[CRIER_KSIZES_N]);
void devmaps_drop(int fd[CRIER_KSIZES_N]);
void devmap_set_init(struct devmap_set *set);

/* The driver's name, or "". */
int nic_driver(const char *ifname, char driver[32]);

/* -EOPNOTSUPP before 5.11: links to XDP programs, and a clock that they can afford. */
int kernel_check(char err[LOADER_ERR_LEN]);

/* Redirects to all of a devmap (5.14); before, such packets are dropped when it is tried. */
bool kernel_broadcasts(void);

#endif
