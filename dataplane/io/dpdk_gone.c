/* SPDX-License-Identifier: BSD-2-Clause */
/* Watching a device is experimental in DPDK 22.11; it is the only way to learn of vfio's wish. */
#define ALLOW_EXPERIMENTAL_API
#include "dpdk_gone.h"

#include <errno.h>
#include <sched.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

static int on_driver(uint16_t id, enum rte_eth_event_type type, void *removed, void *ret)
{
	(void)id;
	(void)type;
	(void)ret;
	__atomic_store_n((bool *)removed, true, __ATOMIC_RELAXED);
	return 0;
}

static void on_kernel(const char *name, enum rte_dev_event_type type, void *removed)
{
	(void)name;
	if (type == RTE_DEV_EVENT_REMOVE)
		__atomic_store_n((bool *)removed, true, __ATOMIC_RELAXED);
}

void dpdk_gone_watch(uint16_t id, struct rte_device *device, bool *removed)
{
	rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_RMV, on_driver, removed);
	rte_dev_event_callback_register(rte_dev_name(device), on_kernel, removed);
}

void dpdk_gone_forget(uint16_t id, struct rte_device *device, bool *removed)
{
	rte_eth_dev_callback_unregister(id, RTE_ETH_EVENT_INTR_RMV, on_driver, removed);
	while (rte_dev_event_callback_unregister(rte_dev_name(device), on_kernel, removed) ==
	       -EAGAIN)
		sched_yield(); /* it is being called */
}
