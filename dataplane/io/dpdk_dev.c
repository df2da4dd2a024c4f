/* SPDX-License-Identifier: BSD-2-Clause */
#include "dpdk_dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>

#include "dataplane/core/link.h"
#include "dpdk_close.h"
#include "dpdk_eal.h"
#include "dpdk_gone.h"
#include "tap.h"
#include "xdp/log.h"
#include "xdp_iface.h"

#define DPDK_RX_DESC 2048
#define DPDK_TX_DESC 1024
#define DPDK_RX_MBUFS 8191
#define DPDK_TX_MBUFS 8191 /* more than any ring holds, and 4,096 before one comes again */
#define DPDK_RX_ROOM (2048 + RTE_PKTMBUF_HEADROOM)
#define DPDK_OVERHEAD 26 /* Ethernet with two tags, FCS */

/*
 * ---- link ------------------------------------------------------------------------
 */
static uint32_t link_mbps(const struct rte_eth_link *link)
{
	return link->link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link->link_speed;
}

static void link_note(struct dpdk_dev *d)
{
	struct rte_eth_link link = {0};
	bool up;

	rte_eth_link_get_nowait(d->id, &link);
	up = link.link_status == RTE_ETH_LINK_UP;
	if (up == d->up)
		return;
	__atomic_store_n(&d->up, up, __ATOMIC_RELAXED);
	/* the speed first: the carrier is what crierd hears of */
	if (d->tap_fd >= 0) {
		tap_set_speed(d->dev.name, link_mbps(&link));
		tap_set_carrier(d->tap_fd, up);
	}
	d->was_up |= up;
	if (up)
		log_info("%s: link is up", d->dev.name);
	else
		log_warn("%s: link is down; its copies are counted link_down until it is up",
			 d->dev.name);
}

/*
 * True: the device is to be closed and opened anew.  So is a NIC whose link went: what
 * its ring holds must not be sent when the cable is back, minutes later.
 */
static bool dpdk_gone(struct port_dev *pd)
{
	struct dpdk_dev *d = dpdk_dev_of(pd);

	if (__atomic_load_n(&d->removed, __ATOMIC_RELAXED)) {
		__atomic_store_n(&d->up, false, __ATOMIC_RELAXED);
		return true;
	}
	link_note(d);
	if (d->dev.ifindex && xdp_iface_index(d->dev.name) != d->dev.ifindex)
		return true;
	return d->pci && d->was_up && !d->up;
}

/*
 * ---- opening and closing ---------------------------------------------------------
 */
static int dpdk_publish(struct port_dev *pd, int xsks_fd, uint32_t number)
{
	(void)pd;
	(void)xsks_fd;
	(void)number;
	return 0;
}

/* Workers have told by drop() what they had committed. */
static uint32_t dpdk_close(struct port_dev *pd)
{
	struct dpdk_dev *d = dpdk_dev_of(pd);

	if (d->device) {
		dpdk_gone_forget(d->id, d->device, &d->removed);
		dpdk_device_close(d->id);
		rte_dev_remove(d->device);
	}
	for (uint32_t i = 0; d->handle && i < d->dev.workers; i++)
		rte_mempool_free(d->handle[i].pool);
	rte_mempool_free(d->rx_pool);
	if (d->punt)
		punt_close(d->punt);
	else if (d->tap_fd >= 0)
		close(d->tap_fd);
	free(d->handle);
	free(d);
	return 0;
}

static const struct port_dev_ops dpdk_dev_ops = {
	.publish = dpdk_publish,
	.gone = dpdk_gone,
	.close = dpdk_close,
};

static struct rte_mempool *pool_make(const struct dpdk_dev *d, const char *what, uint32_t n,
				     uint32_t mbufs, uint32_t room, int numa, const char *ops)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u.%u", what, d->id, n);
	return rte_pktmbuf_pool_create_by_ops(name, mbufs, 0, 0, (uint16_t)room,
					      numa < 0 ? SOCKET_ID_ANY : numa, ops);
}

static int no_memory(const struct dpdk_dev *d, char err[PORT_ERR_LEN])
{
	snprintf(err, PORT_ERR_LEN, "%s: no memory for packet buffers: %s", d->dev.name,
		 dpdk_eal_hugepages()
			 ? "more hugepages are needed (/proc/sys/vm/nr_hugepages)"
			 : "more is needed than was taken at the start (--eal \"-m MB\")");
	return -ENOMEM;
}

static int pools_make(struct dpdk_dev *d, const int *numa, uint32_t frame_max,
		      char err[PORT_ERR_LEN])
{
	uint32_t room = (frame_max + LINK_ROOM + OUT_ALIGN - 1) / OUT_ALIGN * OUT_ALIGN;

	d->rx_pool = pool_make(d, "rx", 0, DPDK_RX_MBUFS,
			       frame_max + RTE_PKTMBUF_HEADROOM > DPDK_RX_ROOM
				       ? frame_max + RTE_PKTMBUF_HEADROOM
				       : DPDK_RX_ROOM,
			       numa[0], "ring_mp_mc");
	for (uint32_t i = 0; d->rx_pool && i < d->dev.workers; i++) {
		struct dpdk_port *x = &d->handle[i];

		x->room = room;
		x->pool = pool_make(d, "tx", i, DPDK_TX_MBUFS, room + DPDK_HEADROOM, numa[i],
				    "ring_sp_sc");
		if (!x->pool)
			return no_memory(d, err);
		rte_mempool_obj_iter(x->pool, dpdk_mbuf_constant, NULL);
	}
	return d->rx_pool ? 0 : no_memory(d, err);
}

static int refused(const struct dpdk_dev *d, const char *what, int rc, char err[PORT_ERR_LEN])
{
	snprintf(err, PORT_ERR_LEN, "%s: the device refuses %s: %s", d->dev.name, what,
		 rte_strerror(-rc));
	return rc;
}

/* One RX queue, for the leader; a TX queue for each worker. */
static int queues_make(struct dpdk_dev *d, const struct rte_eth_dev_info *info, const int *numa,
		       char err[PORT_ERR_LEN])
{
	struct rte_eth_conf conf = {0};
	uint16_t rxd = DPDK_RX_DESC, txd = DPDK_TX_DESC;
	uint64_t fast = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	struct rte_eth_txconf tx = info->default_txconf;
	int rc;

	conf.txmode.offloads = fast;
	rc = rte_eth_dev_configure(d->id, 1, (uint16_t)d->dev.workers, &conf);
	if (!rc)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &rxd, &txd);
	if (rc)
		return refused(d, "its queues", rc, err);
	rc = rte_eth_rx_queue_setup(d->id, 0, rxd, (unsigned)numa[0], NULL, d->rx_pool);
	if (rc)
		return refused(d, "its receive queue", rc, err);
	tx.offloads = fast;
	for (uint32_t i = 0; i < d->dev.workers && !rc; i++)
		rc = rte_eth_tx_queue_setup(d->id, (uint16_t)i, txd, (unsigned)numa[i], &tx);
	return rc ? refused(d, "a send queue", rc, err) : 0;
}

/* The TAP says how large packets are; a device that can't be told has to do as it is. */
static int mtu_set(struct dpdk_dev *d, uint32_t mtu, const struct rte_eth_dev_info *info,
		   char err[PORT_ERR_LEN])
{
	uint16_t now = 0;
	int rc;

	if (mtu > info->max_mtu) {
		snprintf(err, PORT_ERR_LEN,
			 "%s: its MTU is %u, the device takes %u at most: ip link set %s mtu %u",
			 d->dev.name, mtu, info->max_mtu, d->dev.name, info->max_mtu);
		return -EMSGSIZE;
	}
	rc = rte_eth_dev_set_mtu(d->id, (uint16_t)mtu);
	if (!rc || rc == -ENOTSUP)
		return 0;
	if (!rte_eth_dev_get_mtu(d->id, &now) && now >= mtu)
		return 0;
	return refused(d, "the MTU of its TAP", rc, err);
}

static int dev_start(struct dpdk_dev *d, char err[PORT_ERR_LEN])
{
	struct rte_ether_addr mac;
	int rc = rte_eth_dev_start(d->id);

	if (rc)
		return refused(d, "to start", rc, err);
	/* neighbour discovery (RFC 4861) speaks to groups; not each device has a filter */
	rte_eth_allmulticast_enable(d->id);
	if (d->tap_fd < 0)
		return 0;
	if (!rte_eth_macaddr_get(d->id, &mac) && rte_is_valid_assigned_ether_addr(&mac)) {
		rc = tap_set_mac(d->dev.name, mac.addr_bytes);
		if (rc) {
			snprintf(err, PORT_ERR_LEN, "%s: can't give the TAP the device's MAC: %s",
				 d->dev.name, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static int dev_setup(struct dpdk_dev *d, uint32_t mtu, const int *numa, char err[PORT_ERR_LEN])
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(d->id, &info);

	if (rc)
		return refused(d, "to describe itself", rc, err);
	if (info.max_tx_queues < d->dev.workers) {
		snprintf(err, PORT_ERR_LEN,
			 "%s: %u workers want a send queue each, the device has %u: fewer CPUs "
			 "in --cpu, or more queues in its arguments",
			 d->dev.name, d->dev.workers, info.max_tx_queues);
		return -ERANGE;
	}
	rc = pools_make(d, numa, mtu + DPDK_OVERHEAD, err);
	if (!rc)
		rc = queues_make(d, &info, numa, err);
	if (!rc)
		rc = mtu_set(d, mtu, &info, err);
	if (!rc)
		rc = dev_start(d, err);
	if (rc)
		return rc;
	snprintf(d->dev.mode, sizeof(d->dev.mode), "%s", info.driver_name);
	dpdk_gone_watch(d->id, d->device, &d->removed);
	return 0;
}

static int tap_take(struct dpdk_dev *d, struct xdp_iface *iface, char err[PORT_ERR_LEN])
{
	int rc = xdp_iface_get(d->dev.name, iface, err);

	/* that it is down is Linux's affair: copies go on, only the punt does not */
	if (rc && rc != -ENETDOWN)
		iface->ifindex = 0;
	d->tap_fd = tap_open(d->dev.name, err);
	if (d->tap_fd < 0)
		return d->tap_fd;
	d->dev.ifindex = xdp_iface_index(d->dev.name);
	tap_set_carrier(d->tap_fd, false);
	return 0;
}

static int dev_open(struct dpdk_dev *d, const struct port_dpdk_conf *conf, const int *numa,
		    char err[PORT_ERR_LEN])
{
	struct xdp_iface iface = {.mtu = 1500};
	int rc = 0;

	if (*conf->ifname)
		rc = tap_take(d, &iface, err);
	if (!rc)
		rc = dpdk_probe(d, conf, err);
	if (!rc)
		rc = dev_setup(d, iface.mtu, numa, err);
	if (rc || d->tap_fd < 0)
		return rc;
	d->punt = punt_open(d->tap_fd, iface.mtu + DPDK_OVERHEAD, &rc);
	return d->punt ? 0 : no_memory(d, err);
}

static struct dpdk_dev *dev_new(const struct port_dpdk_conf *conf, uint32_t workers)
{
	struct dpdk_dev *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->dev.ops = &dpdk_dev_ops;
	d->dev.workers = workers;
	d->dev.bypass = true;
	d->tap_fd = -1;
	d->pci = conf->pci;
	snprintf(d->dev.name, sizeof(d->dev.name), "%s", *conf->ifname ? conf->ifname : "dpdk");
	d->handle = aligned_alloc(64, workers * sizeof(*d->handle));
	if (!d->handle) {
		free(d);
		return NULL;
	}
	memset(d->handle, 0, workers * sizeof(*d->handle));
	return d;
}

static void handles_fill(struct dpdk_dev *d)
{
	for (uint32_t i = 0; i < d->dev.workers; i++) {
		struct dpdk_port *x = &d->handle[i];

		x->port.ops = &dpdk_port_ops;
		x->dev = d;
		x->id = d->id;
		x->queue = (uint16_t)i;
		d->dev.port[i] = &x->port;
	}
}

struct port_dev *port_dpdk_open(const struct port_dpdk_conf *conf, uint32_t workers,
				const int *numa, int *rc, char err[PORT_ERR_LEN])
{
	struct dpdk_dev *d = dev_new(conf, workers);

	*rc = d ? dev_open(d, conf, numa, err) : -ENOMEM;
	if (!d) {
		snprintf(err, PORT_ERR_LEN, "dpdk:%s: no memory", conf->devargs);
		return NULL;
	}
	if (*rc) {
		dpdk_close(&d->dev);
		return NULL;
	}
	handles_fill(d);
	link_note(d);
	return &d->dev;
}

uint16_t port_dpdk_id(const struct port_dev *d)
{
	return ((const struct dpdk_dev *)d)->id;
}

uint32_t port_dpdk_memory_mb(const struct port_dpdk_conf *conf, uint32_t workers)
{
	struct xdp_iface iface = {.mtu = 1500};
	char err[PORT_ERR_LEN];
	uint32_t room, pool;

	if (*conf->ifname)
		xdp_iface_get(conf->ifname, &iface, err); /* if there is none, opening says so */
	room = iface.mtu > 2048 ? iface.mtu : 2048;
	pool = DPDK_TX_MBUFS * (room + 512) / (1 << 20) + 1;
	return 64 + pool * (workers + 1);
}
