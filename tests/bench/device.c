/* SPDX-License-Identifier: BSD-2-Clause */
#include "device.h"

#include <stdbool.h>
#include <string.h>

#include <rte_ethdev.h>

#include "dataplane/io/dpdk_eal.h"
#include "measure.h"

#define CHECK_EACH 997 /* a prime: in rooms of round numbers, too, each member's turn comes */

void device_start(int cpu, uint32_t workers)
{
	const struct port_dpdk_conf no_tap = {0};
	const struct dpdk_eal_conf eal = {.cpu = cpu,
					  .memory_mb = 2 * port_dpdk_memory_mb(&no_tap, workers)};
	char err[PORT_ERR_LEN];

	if (dpdk_eal_start(&eal, err))
		die(err);
}

struct port_dev *device_open(const char *devargs, uint32_t workers)
{
	int rc, numa[CRIER_MAX_WORKERS];
	struct port_dpdk_conf conf;
	char err[PORT_ERR_LEN];
	struct port_dev *d;

	if (port_dpdk_parse(devargs, 0, &conf, err))
		die(err);
	conf.ifname[0] = '\0'; /* no TAP */
	for (uint32_t i = 0; i < workers; i++)
		numa[i] = -1;
	d = port_dpdk_open(&conf, workers, numa, &rc, err);
	if (!d)
		die(err);
	return d;
}

/*
 * ---- what is sent ----------------------------------------------------------------
 */
static uint32_t sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (; n > 1; p += 2, n -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (n)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Written anew, and slowly, lest an error of the engine's be repeated here. */
static void frame_check(struct hook *h, const uint8_t *f, uint32_t len)
{
	const uint8_t *ip = f + 14, *udp = ip + 20;
	uint32_t udp_len = len - 34, pseudo = sum16(ip + 12, 8, 17 + udp_len);

	if (len != h->len || f[12] != 8 || f[13] || ip[0] != 0x45 || ip[9] != 17)
		die("a frame with wrong headers was sent");
	if ((uint32_t)(ip[2] << 8 | ip[3]) != len - 14 ||
	    (uint32_t)(udp[4] << 8 | udp[5]) != udp_len)
		die("a frame with wrong lengths was sent");
	if (sum16(ip, 20, 0) != 0xffff || sum16(udp, udp_len, pseudo) != 0xffff)
		die("a frame with a wrong checksum was sent");
	if (memcmp(f + DEVICE_HEADERS, h->payload, len - DEVICE_HEADERS))
		die("a frame with a wrong payload was sent");
	h->checked++;
}

static uint16_t on_tx(uint16_t id, uint16_t queue, struct rte_mbuf **m, uint16_t n, void *arg)
{
	struct hook *h = arg;
	uint64_t next = (h->offered + CHECK_EACH - 1) / CHECK_EACH * CHECK_EACH;

	(void)id;
	(void)queue;
	if (next < h->offered + n && h->len) {
		const struct rte_mbuf *look = m[next - h->offered];

		frame_check(h, rte_pktmbuf_mtod(look, const uint8_t *), look->pkt_len);
	}
	h->offered += n;
	return n;
}

void hook_install(struct port_dev *d, uint16_t queue, struct hook *h)
{
	rte_eth_add_tx_callback(port_dpdk_id(d), queue, on_tx, h);
}

/*
 * ---- when a buffer comes again -----------------------------------------------------
 */
struct apart {
	uint64_t seen, least;
	uint16_t n; /* of the burst before */
	struct rte_mbuf *burst[PORT_TX_BURST];
	uint64_t last[1 << 16]; /* when it was seen, by its address, hashed */
};

/* How many of the burst before were refused, and are offered once more by this one. */
static uint16_t refused(const struct apart *a, struct rte_mbuf *const *m, uint16_t n)
{
	uint16_t k = 0;

	while (k < a->n && a->burst[k] != m[0])
		k++;
	return a->n - k == n ? n : 0;
}

static uint16_t on_tx_apart(uint16_t id, uint16_t queue, struct rte_mbuf **m, uint16_t n, void *arg)
{
	struct apart *a = arg;
	uint16_t again = refused(a, m, n);

	(void)id;
	(void)queue;
	for (uint16_t i = again; i < n; i++) {
		uint64_t *last = &a->last[(uintptr_t)m[i] * 0x9e3779b97f4a7c15ULL >> 48];

		a->seen++;
		if (*last && a->seen - *last < a->least)
			a->least = a->seen - *last;
		*last = a->seen;
	}
	memcpy(a->burst, m, n * sizeof(*m));
	a->n = n;
	return n;
}

uint64_t buffers_apart(struct port_dev *d, uint64_t (*send)(void))
{
	static struct apart a = {.least = UINT64_MAX};
	const struct rte_eth_rxtx_callback *cb =
		rte_eth_add_tx_callback(port_dpdk_id(d), 0, on_tx_apart, &a);
	uint64_t sent = send();

	rte_eth_remove_tx_callback(port_dpdk_id(d), 0, cb);
	/* else what was taken for offered again were buffers in use again at once */
	return a.seen == sent ? a.least : 0;
}
