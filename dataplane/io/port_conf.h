/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports as the command line names them, of whatever kind. */
#ifndef CRIER_PORT_CONF_H
#define CRIER_PORT_CONF_H

#include "port_dpdk.h"
#include "port_page.h"
#include "port_xdp.h"

struct port_conf {
	bool dpdk, page;
	char ifname[IF_NAMESIZE]; /* the interface, or the TAP that stands for the device */
	union {
		struct port_xdp_conf xdp;
		struct port_dpdk_conf of_dpdk;
		struct port_page_conf of_page;
	};
};

/* How DPDK is started, if a port needs it. */
struct port_env {
	const char *hugepages; /* "auto", "yes", "no" */
	const char *eal;       /* raw arguments, NULL: none */
};

/*
 * "xdp:...", "dpdk:..." or "page:...", with the n confs that were given before it.  0, or -EINVAL
 * and a line in err.
 */
int port_conf_parse(const char *spec, const struct port_conf *before, uint32_t n,
		    struct port_conf *conf, char err[PORT_ERR_LEN]);

/* False: hugepages is none of auto, yes, no. */
bool port_env_valid(const struct port_env *env);

/*
 * Before the first is opened, on the first worker's thread, which runs on cpu (-1: any).
 * 0, or -errno and a line in err.
 */
int ports_start(const struct port_conf *conf, uint32_t n, const struct port_env *env,
		uint32_t workers, int cpu, char err[PORT_ERR_LEN]);

/*
 * Worker i runs on cpu[i].  busy_ms: how long to wait for a queue that another socket
 * still holds.  NULL: *rc is -errno and err says what to do.
 */
struct port_dev *port_conf_open(struct port_conf *conf, uint32_t workers, const int *cpu,
				uint64_t busy_ms, int *rc, char err[PORT_ERR_LEN]);

#endif
