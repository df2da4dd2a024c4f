/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Veth pairs of crierd's making, by rtnetlink: what crier0 and the injector need alike.
 *
 * Each call waits for the kernel's answers.
 */
#ifndef CRIER_CONTROL_VETH_H
#define CRIER_CONTROL_VETH_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

struct links;

#define VETH_REQUEST_LEN 1024

struct veth_request {
	struct nlmsghdr *nlh;
	char buf[VETH_REQUEST_LEN] __attribute__((aligned(8)));
};

/* A request for rtnl_talk(); its header, of `header` bytes, to be filled in. */
void *veth_request(struct veth_request *rq, uint16_t type, uint16_t flags, size_t header);

/* An answer of the kernel's, into the struct links that arg is. */
void veth_read(const struct nlmsghdr *nlh, void *arg);

enum veth_pair {
	VETH_NONE,    /* neither name is taken */
	VETH_PAIR,    /* both are, and are each other's peer */
	VETH_FOREIGN, /* something else has one of the names */
};

/* What has these names; the interfaces found are in *ls then, the caller's to free. */
enum veth_pair veth_find(struct links *ls, const char *name, const char *peer);

/* A new pair, both ends down, with a queue for each CPU.  0 or -errno. */
int veth_make(const char *name, const char *peer);

int veth_up(uint32_t ifindex);

/* One end's removal is the other's. */
int veth_remove(uint32_t ifindex);

/* Of /proc/sys, where the kernel has it. */
void veth_sysctl(const char *path, const char *value);

#endif
