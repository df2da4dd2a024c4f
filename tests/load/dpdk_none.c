/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-load built without DPDK: there is no device, and nothing else is ever called. */
#include "dpdk.h"

#include <errno.h>
#include <stddef.h>

#include "xdp/log.h"

int dpdk_open(struct dpdk **out, const char *devargs)
{
	*out = NULL;
	log_err("crier-load: --dpdk %s: built without DPDK; install libdpdk-dev and build with "
		"meson setup -Ddpdk=enabled",
		devargs);
	return -ENOTSUP;
}

void dpdk_close(struct dpdk *d)
{
	(void)d;
}

void dpdk_thread_begin(void)
{
}

void dpdk_thread_end(void)
{
}

const uint8_t *dpdk_mac(const struct dpdk *d)
{
	(void)d;
	return NULL;
}

bool dpdk_link_up(const struct dpdk *d)
{
	(void)d;
	return false;
}

void dpdk_counts(const struct dpdk *d, struct dpdk_counts *c)
{
	(void)d;
	*c = (struct dpdk_counts){0};
}

uint32_t dpdk_receive(struct dpdk *d, struct burst_frame f[BURST_MAX])
{
	(void)d;
	(void)f;
	return 0;
}

int dpdk_reserve(struct dpdk *d, struct burst_frame *f, uint32_t n, uint32_t len)
{
	(void)d;
	(void)f;
	(void)n;
	(void)len;
	return -ENOTSUP;
}

uint32_t dpdk_send(struct dpdk *d, uint64_t patience_ns)
{
	(void)d;
	(void)patience_ns;
	return 0;
}
