/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting DPDK's environment (EAL) from crier's own options, once a process.
 *
 * By dpdk_eal.c and port_dpdk.c alone does crier-dp know DPDK.
 */
#ifndef CRIER_DPDK_EAL_H
#define CRIER_DPDK_EAL_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

enum dpdk_hugepages { DPDK_HUGEPAGES_AUTO, DPDK_HUGEPAGES_YES, DPDK_HUGEPAGES_NO };

#define DPDK_PCI_MAX 16

struct dpdk_eal_conf {
	int cpu; /* of the calling thread, -1: any */
	enum dpdk_hugepages hugepages;
	uint32_t memory_mb;	       /* without hugepages: what to take at the start */
	const char *pci[DPDK_PCI_MAX]; /* devices by PCI address, with their arguments */
	uint32_t n_pci;
	const char *extra; /* raw EAL arguments, separated by blanks; or NULL */
};

/*
 * From the thread that will be the first worker: its affinity stays what it was.  0, or
 * -errno and a line in err: -ENOMEM too few hugepages, -EPERM, -EINVAL raw arguments.
 */
int dpdk_eal_start(const struct dpdk_eal_conf *conf, char err[PORT_ERR_LEN]);

/* Memory comes from hugepages, which devices that use physical addresses need. */
bool dpdk_eal_hugepages(void);

/* Bytes of hugepages that are free on this machine now. */
uint64_t dpdk_hugepages_free(void);

#endif
