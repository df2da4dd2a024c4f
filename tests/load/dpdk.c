/* SPDX-License-Identifier: BSD-2-Clause */
#include "dpdk.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "dataplane/io/dpdk_close.h"
#include "load.h"
#include "xdp/log.h"

#define RING 4096 /* descriptors; memif has its own rsize=12 */
#define BUFFERS (4 * RING - 1)
#define CACHE 512     /* kept at hand: the same few stay in the CPU's cache */
#define HUGE_PAGES 64 /* of 2 MB, for the buffers and DPDK itself */
#define ARGS_MAX 16

struct dpdk {
	uint16_t port;
	struct rte_mempool *pool;
	struct rte_ether_addr mac;
	struct rte_mbuf *in[BURST_MAX], *out[BURST_MAX];
	uint16_t ins, outs;
};

/* ---- DPDK's environment ------------------------------------------------------------- */

/* "0000:01:00.0" or "01:00.0", perhaps with arguments behind. */
static bool is_pci(const char *devargs)
{
	size_t n = strspn(devargs, "0123456789abcdefABCDEF:.");

	return strchr(devargs, ':') && n && (devargs[n] == ',' || !devargs[n]);
}

static long huge_pages_free(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	long n = 0;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/*
 * DPDK would pin this thread to one core.  Which one is the caller's to say (taskset, or
 * --cpu for the sink's thread): its one lcore may run wherever the process may.
 */
static int lcores_format(char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "--lcores=0@(");
	cpu_set_t set;
	int cpu;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (cpu = 0; cpu < CPU_SETSIZE && len < size; cpu++)
		if (CPU_ISSET(cpu, &set))
			len += (size_t)snprintf(out + len, size - len, "%d,", cpu);
	if (len >= size)
		return -E2BIG;
	out[len - 1] = ')';
	return 0;
}

static int environment_init(const char *devargs)
{
	char lcores[4096], prefix[64], device[1024];
	char *argv[ARGS_MAX] = {"crier-load", "--in-memory", "--no-telemetry",
				"--log-level=*:error"};
	int argc = 4, rc = lcores_format(lcores, sizeof(lcores));

	if (rc)
		return rc;
	snprintf(prefix, sizeof(prefix), "--file-prefix=crier-load-%d", (int)getpid());
	snprintf(device, sizeof(device), "%s%s", is_pci(devargs) ? "--allow=" : "--vdev=", devargs);
	argv[argc++] = lcores;
	argv[argc++] = prefix;
	argv[argc++] = device;
	if (!is_pci(devargs))
		argv[argc++] = "--no-pci";
	if (huge_pages_free() < HUGE_PAGES) {
		argv[1] = "--no-shconf"; /* in-memory goes with huge pages alone */
		argv[argc++] = "--no-huge";
		argv[argc++] = "-m";
		argv[argc++] = "128";
	}
	if (rte_eal_init(argc, argv) >= 0)
		return 0;
	rc = rte_errno ? -rte_errno : -EIO;
	log_err("crier-load: --dpdk %s: DPDK does not start: %s%s", devargs, rte_strerror(-rc),
		is_pci(devargs) ? " (is it bound to vfio-pci, and are there huge pages?)"
				: " (is it a device and its arguments as in DPDK's --vdev?)");
	return rc;
}

/* ---- the device --------------------------------------------------------------------- */

static int device_find(struct dpdk *d, const char *devargs)
{
	uint16_t port;

	RTE_ETH_FOREACH_DEV(port)
	{
		d->port = port;
		return 0;
	}
	log_err("crier-load: --dpdk %s: no such device, or its driver does not take it%s", devargs,
		is_pci(devargs) ? " ('dpdk-devbind.py --status' says what it is bound to)" : "");
	return -ENODEV;
}

static int queues_make(const struct dpdk *d)
{
	struct rte_eth_conf conf = {0};
	uint16_t rx = RING, tx = RING;
	int rc = rte_eth_dev_configure(d->port, 1, 1, &conf);

	if (!rc)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(d->port, &rx, &tx);
	if (!rc)
		rc = rte_eth_rx_queue_setup(d->port, 0, rx, SOCKET_ID_ANY, NULL, d->pool);
	if (!rc)
		rc = rte_eth_tx_queue_setup(d->port, 0, tx, SOCKET_ID_ANY, NULL);
	if (!rc)
		rc = rte_eth_dev_start(d->port);
	return rc;
}

static int device_start(struct dpdk *d, const char *devargs)
{
	int rc = device_find(d, devargs);

	if (rc)
		return rc;
	d->pool = rte_pktmbuf_pool_create("crier-load", BUFFERS, CACHE, 0,
					  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!d->pool) {
		log_err("crier-load: --dpdk %s: no memory for %d buffers: %s", devargs, BUFFERS,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	rc = queues_make(d);
	if (!rc)
		rc = rte_eth_macaddr_get(d->port, &d->mac);
	if (rc) {
		log_err("crier-load: --dpdk %s: cannot start it: %s", devargs, rte_strerror(-rc));
		return rc;
	}
	/* The stations of all listeners may be behind it; not every device knows the word. */
	rte_eth_promiscuous_enable(d->port);
	return 0;
}

int dpdk_open(struct dpdk **out, const char *devargs)
{
	struct dpdk *d = calloc(1, sizeof(*d));
	int rc;

	*out = NULL;
	if (!d) {
		log_err("crier-load: out of memory");
		return -ENOMEM;
	}
	rc = environment_init(devargs);
	if (!rc)
		rc = device_start(d, devargs);
	if (rc)
		free(d);
	else
		*out = d;
	return rc;
}

static void frames_free(struct rte_mbuf **m, uint16_t *n)
{
	rte_pktmbuf_free_bulk(m, *n);
	*n = 0;
}

void dpdk_close(struct dpdk *d)
{
	if (!d)
		return;
	frames_free(d->in, &d->ins);
	frames_free(d->out, &d->outs);
	dpdk_device_close(d->port);
	rte_mempool_free(d->pool);
	free(d);
}

/* Without an lcore of its own a thread has no cache of buffers. */
void dpdk_thread_begin(void)
{
	if (rte_lcore_id() == LCORE_ID_ANY && rte_thread_register())
		log_warn("crier-load: this thread is none of DPDK's: it will be slower");
}

void dpdk_thread_end(void)
{
	if (rte_lcore_id() != rte_get_main_lcore())
		rte_thread_unregister();
}

const uint8_t *dpdk_mac(const struct dpdk *d)
{
	return d->mac.addr_bytes;
}

bool dpdk_link_up(const struct dpdk *d)
{
	struct rte_eth_link link;

	return !rte_eth_link_get_nowait(d->port, &link) && link.link_status == RTE_ETH_LINK_UP;
}

void dpdk_counts(const struct dpdk *d, struct dpdk_counts *c)
{
	struct rte_eth_stats s;

	*c = (struct dpdk_counts){0};
	if (!rte_eth_stats_get(d->port, &s))
		*c = (struct dpdk_counts){s.imissed, s.rx_nombuf, s.ierrors};
}

/* ---- bursts ------------------------------------------------------------------------- */

uint32_t dpdk_receive(struct dpdk *d, struct burst_frame f[BURST_MAX])
{
	uint16_t i;

	frames_free(d->in, &d->ins);
	d->ins = rte_eth_rx_burst(d->port, 0, d->in, BURST_MAX);
	for (i = 0; i < d->ins; i++) {
		f[i].data = rte_pktmbuf_mtod(d->in[i], uint8_t *);
		f[i].len = d->in[i]->data_len;
		rte_prefetch0(f[i].data);
		rte_prefetch0(f[i].data + RTE_CACHE_LINE_SIZE);
	}
	return d->ins;
}

int dpdk_reserve(struct dpdk *d, struct burst_frame *f, uint32_t n, uint32_t len)
{
	uint32_t i;

	frames_free(d->out, &d->outs);
	if (n > BURST_MAX || rte_pktmbuf_alloc_bulk(d->pool, d->out, n))
		return -ENOBUFS;
	d->outs = (uint16_t)n;
	for (i = 0; i < n; i++) {
		f[i].data = rte_pktmbuf_mtod(d->out[i], uint8_t *);
		f[i].len = len;
		d->out[i]->data_len = (uint16_t)len;
		d->out[i]->pkt_len = len;
	}
	return 0;
}

uint32_t dpdk_send(struct dpdk *d, uint64_t patience_ns)
{
	uint64_t until = 0;
	uint16_t sent = 0, n = d->outs;

	for (;;) {
		sent += rte_eth_tx_burst(d->port, 0, d->out + sent, n - sent);
		if (sent == n)
			break;
		if (!until)
			until = now_ns() + patience_ns;
		else if (load_stop || now_ns() > until)
			break;
		sched_yield(); /* whoever empties it may want this very core */
	}
	rte_pktmbuf_free_bulk(d->out + sent, n - sent);
	d->outs = 0;
	return sent;
}
