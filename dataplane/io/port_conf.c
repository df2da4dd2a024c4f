/* SPDX-License-Identifier: BSD-2-Clause */
#include "port_conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "numa.h"
#ifdef CRIER_DPDK
#include "dpdk_eal.h"
#endif

bool port_env_valid(const struct port_env *env)
{
	return !strcmp(env->hugepages, "auto") || !strcmp(env->hugepages, "yes") ||
	       !strcmp(env->hugepages, "no");
}

static int parse_dpdk(const char *spec, const struct port_conf *before, uint32_t n,
		      struct port_conf *conf, char err[PORT_ERR_LEN])
{
#ifdef CRIER_DPDK
	uint32_t number = 0;
	int rc;

	for (uint32_t i = 0; i < n; i++)
		number += before[i].dpdk;
	conf->dpdk = true;
	rc = port_dpdk_parse(spec, number, &conf->of_dpdk, err);
	memcpy(conf->ifname, conf->of_dpdk.ifname, sizeof(conf->ifname));
	return rc;
#else
	(void)before;
	(void)n;
	(void)conf;
	snprintf(err, PORT_ERR_LEN,
		 "\"dpdk:%.100s\": this crier-dp was built without DPDK (meson -Ddpdk=enabled)",
		 spec);
	return -EINVAL;
#endif
}

int port_conf_parse(const char *spec, const struct port_conf *before, uint32_t n,
		    struct port_conf *conf, char err[PORT_ERR_LEN])
{
	int rc;

	memset(conf, 0, sizeof(*conf));
	if (!strncmp(spec, "dpdk:", 5)) {
		rc = parse_dpdk(spec + 5, before, n, conf, err);
	} else if (!strncmp(spec, "xdp:", 4)) {
		rc = port_xdp_parse(spec + 4, &conf->xdp, err);
		memcpy(conf->ifname, conf->xdp.ifname, sizeof(conf->ifname));
	} else if (!strncmp(spec, "page:", 5)) {
		conf->page = true;
		rc = port_page_parse(spec + 5, &conf->of_page, err);
		memcpy(conf->ifname, conf->of_page.ifname, sizeof(conf->ifname));
	} else {
		snprintf(err, PORT_ERR_LEN,
			 "\"%.100s\": ports are xdp:IFACE[,queue=N], dpdk:DEVARGS[,as=IFACE] or "
			 "page:IFACE",
			 spec);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (conf->page && before[i].page) {
			snprintf(err, PORT_ERR_LEN,
				 "\"%.100s\": page:%s is there already, one will do", spec,
				 before[i].ifname);
			return -EINVAL;
		}
		if (strcmp(before[i].ifname, conf->ifname))
			continue;
		snprintf(err, PORT_ERR_LEN, "\"%.100s\": %s is named twice", spec, conf->ifname);
		rc = -EINVAL;
	}
	return rc;
}

#ifdef CRIER_DPDK

static bool any_dpdk(const struct port_conf *conf, uint32_t n)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++)
		any |= conf[i].dpdk;
	return any;
}

static enum dpdk_hugepages hugepages_of(const char *word)
{
	if (!strcmp(word, "yes"))
		return DPDK_HUGEPAGES_YES;
	return strcmp(word, "no") ? DPDK_HUGEPAGES_AUTO : DPDK_HUGEPAGES_NO;
}

int ports_start(const struct port_conf *conf, uint32_t n, const struct port_env *env,
		uint32_t workers, int cpu, char err[PORT_ERR_LEN])
{
	struct dpdk_eal_conf eal = {
		.cpu = cpu,
		.hugepages = hugepages_of(env->hugepages),
		.extra = env->eal,
	};

	if (!any_dpdk(conf, n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int rc = conf[i].dpdk ? port_dpdk_check(&conf[i].of_dpdk, err) : 0;

		if (rc)
			return rc;
		if (!conf[i].dpdk)
			continue;
		eal.memory_mb += port_dpdk_memory_mb(&conf[i].of_dpdk, workers);
		if (conf[i].of_dpdk.pci && eal.n_pci < DPDK_PCI_MAX)
			eal.pci[eal.n_pci++] = conf[i].of_dpdk.devargs;
	}
	return dpdk_eal_start(&eal, err);
}

static struct port_dev *open_dpdk(const struct port_conf *conf, uint32_t workers, const int *cpu,
				  int *rc, char err[PORT_ERR_LEN])
{
	int node[CRIER_MAX_WORKERS];

	for (uint32_t i = 0; i < workers; i++)
		node[i] = numa_node(cpu[i]);
	return port_dpdk_open(&conf->of_dpdk, workers, node, rc, err);
}

#else

int ports_start(const struct port_conf *conf, uint32_t n, const struct port_env *env,
		uint32_t workers, int cpu, char err[PORT_ERR_LEN])
{
	(void)conf;
	(void)n;
	(void)env;
	(void)workers;
	(void)cpu;
	(void)err;
	return 0;
}

static struct port_dev *open_dpdk(const struct port_conf *conf, uint32_t workers, const int *cpu,
				  int *rc, char err[PORT_ERR_LEN])
{
	(void)conf;
	(void)workers;
	(void)cpu;
	*rc = -ENOTSUP;
	snprintf(err, PORT_ERR_LEN, "this crier-dp was built without DPDK");
	return NULL;
}

#endif

struct port_dev *port_conf_open(struct port_conf *conf, uint32_t workers, const int *cpu,
				uint64_t busy_ms, int *rc, char err[PORT_ERR_LEN])
{
	if (conf->page)
		return port_page_open(&conf->of_page, workers, rc, err);
	if (conf->dpdk)
		return open_dpdk(conf, workers, cpu, rc, err);
	conf->xdp.busy_ms = busy_ms;
	for (uint32_t i = 0; i < workers; i++)
		conf->xdp.node[i] = numa_node(cpu[i]);
	return port_xdp_open(&conf->xdp, workers, rc, err);
}
