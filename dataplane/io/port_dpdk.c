/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK devices through rte_ethdev; see the DPDK Programmer's Guide, "Poll Mode Driver"
 * and "Mbuf Library".
 *
 * A worker has a TX queue and a pool of its own.  Its buffers are direct, of one
 * segment and one reference, and go round in the order they were used (a ring of one
 * producer and one consumer, without caches): so a device may free them the fast way,
 * and what a driver does to an mbuf besides sending it is nothing that lasts.  Hence
 * an mbuf's constant fields are written when its pool is made and never again.
 *
 * Sums are made in software even where the device could: a copy's sums cost two
 * additions each, an offload request costs a store into the mbuf's second cache line.
 */
#include "dpdk_dev.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define DPDK_FROM_LINUX 16 /* frames of the TAP sent at each look */

static struct dpdk_port *dpdk_of(struct port *p)
{
	return (struct dpdk_port *)p;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/*
 * ---- frames out ------------------------------------------------------------------
 */
static uint8_t *mbuf_frame(const struct rte_mbuf *m)
{
	return (uint8_t *)(uintptr_t)m + sizeof(struct rte_mbuf) + DPDK_HEADROOM;
}

/* Offers what the device has not taken yet; true: it took some. */
static bool tx_push(struct dpdk_port *x)
{
	uint16_t n = rte_eth_tx_burst(x->id, x->queue, x->held_mbuf + x->sent,
				      (uint16_t)(x->held - x->sent));

	x->sent += n;
	if (x->sent == x->held)
		x->sent = x->held = 0;
	return n > 0;
}

/* What waits for a link that is gone must not go out some day, to who knows whom. */
static void held_drop(struct dpdk_port *x)
{
	rte_pktmbuf_free_bulk(x->held_mbuf + x->sent, x->held - x->sent);
	x->lost += x->held - x->sent;
	x->sent = x->held = 0;
}

static bool link_is_up(struct dpdk_port *x)
{
	if (__atomic_load_n(&x->dev->up, __ATOMIC_RELAXED)) {
		port_break(&x->port, 0);
		return true;
	}
	port_break(&x->port,
		   __atomic_load_n(&x->dev->removed, __ATOMIC_RELAXED) ? ENODEV : ENETDOWN);
	if (x->held)
		held_drop(x);
	return false;
}

/* As long as the device takes frames, however slowly, its pace is waited for. */
static void tx_wait(struct dpdk_port *x, uint64_t *wait_ns)
{
	uint64_t stalled = clock_ns(), waited = 0;

	while (x->held && link_is_up(x)) {
		if (tx_push(x)) {
			stalled = clock_ns();
			continue;
		}
		waited = clock_ns() - stalled;
		if (waited >= *wait_ns)
			break;
		port_meanwhile(&x->port);
		rte_pause();
	}
	*wait_ns -= waited < *wait_ns ? waited : *wait_ns;
	if (x->held)
		*wait_ns = 0;
}

/* Tops up the mbufs at hand.  They are cold: ask for what commit will write. */
static void stock_fill(struct dpdk_port *x, uint32_t n)
{
	uint32_t want = n - x->stock;
	struct rte_mbuf **m = x->stock_mbuf + x->stock;

	if (rte_mempool_get_bulk(x->pool, (void **)m, want)) {
		/* all are in the device's ring: a driver frees what it sent when it is called */
		rte_eth_tx_done_cleanup(x->id, x->queue, 0);
		if (rte_mempool_get_bulk(x->pool, (void **)m, want))
			return;
	}
	for (uint32_t i = 0; i < want; i++) {
		rte_prefetch0(m[i]);
		x->lent[x->stock + i].buf = mbuf_frame(m[i]);
	}
	x->stock = n;
}

static void dpdk_reserve(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct dpdk_port *x = dpdk_of(p);

	*o = (struct out){.frame = x->lent, .room = x->room};
	if (x->held)
		tx_wait(x, wait_ns);
	if (x->held || !link_is_up(x))
		return;
	if (x->stock < n)
		stock_fill(x, n);
	o->n = x->stock < n ? x->stock : n;
	if (o->n < n)
		*wait_ns = 0;
}

static void mbuf_set(struct rte_mbuf *m, const struct out_frame *f)
{
	m->data_off = (uint16_t)(DPDK_HEADROOM + f->start);
	m->data_len = (uint16_t)f->len;
	m->pkt_len = f->len;
}

/* Mbufs that were lent and not used stay at hand; their frames are known already. */
static void stock_take(struct dpdk_port *x, uint32_t used)
{
	uint32_t left = x->stock - used;

	memmove(x->stock_mbuf, x->stock_mbuf + used, left * sizeof(x->stock_mbuf[0]));
	memmove(x->lent, x->lent + used, left * sizeof(x->lent[0]));
	x->stock = left;
}

static uint32_t dpdk_commit(struct port *p, struct out *o)
{
	struct dpdk_port *x = dpdk_of(p);
	uint32_t lost;

	for (uint32_t i = 0; i < o->used; i++) {
		mbuf_set(x->stock_mbuf[i], &o->frame[i]);
		x->held_mbuf[i] = x->stock_mbuf[i];
	}
	x->held = o->used; /* nothing was held, or nothing would have been lent */
	stock_take(x, o->used);
	if (x->held)
		tx_push(x);
	lost = x->lost;
	x->lost = 0;
	return lost;
}

/*
 * ---- Linux's frames, by the leader -----------------------------------------------
 */
static bool frame_send(struct dpdk_port *x, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m;
	struct out_frame f = {.start = 0, .len = len};

	if (len > x->room || rte_mempool_get(x->pool, (void **)&m))
		return false;
	memcpy(mbuf_frame(m), frame, len);
	mbuf_set(m, &f);
	if (rte_eth_tx_burst(x->id, x->queue, &m, 1) == 1)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

/* Between bursts: frames of a burst are never parted by it, nor does it wait. */
static void from_linux(struct dpdk_port *x)
{
	const uint8_t *frame;
	uint32_t len;

	for (int i = 0; i < DPDK_FROM_LINUX; i++) {
		frame = punt_next(x->dev->punt, &len);
		if (!frame)
			return;
		if (link_is_up(x) && !frame_send(x, frame, len))
			x->stats.tap_lost++;
		punt_done(x->dev->punt);
	}
}

static bool dpdk_punt(struct port *p, const struct port_rx *rx)
{
	struct dpdk_port *x = dpdk_of(p);

	return x->dev->punt && punt_give(x->dev->punt, rx->data, rx->len);
}

static bool dpdk_flush(struct port *p)
{
	struct dpdk_port *x = dpdk_of(p);

	if (!link_is_up(x))
		return false;
	if (x->held)
		tx_push(x);
	return x->held > 0;
}

/*
 * ---- packets in ------------------------------------------------------------------
 */
static uint32_t dpdk_rx(struct port *p, struct port_rx *rx)
{
	struct dpdk_port *x = dpdk_of(p);
	uint32_t n = 0;
	uint16_t got;

	if (x->queue) /* the first worker receives for all */
		return 0;
	if (x->dev->punt && !x->held) /* a full device would only lose them */
		from_linux(x);
	got = rte_eth_rx_burst(x->id, 0, x->rx_mbuf, PORT_RX_BURST);
	for (uint16_t i = 0; i < got; i++) {
		struct rte_mbuf *m = x->rx_mbuf[i];

		/* in pieces: larger than any packet that the MTU allows */
		if (m->nb_segs > 1)
			x->stats.rx_dropped++;
		else
			rx[n++] = (struct port_rx){rte_pktmbuf_mtod(m, uint8_t *), m->data_len};
	}
	x->rx_n = got;
	return n;
}

static void dpdk_rx_done(struct port *p)
{
	struct dpdk_port *x = dpdk_of(p);

	rte_pktmbuf_free_bulk(x->rx_mbuf, x->rx_n);
	x->rx_n = 0;
}

static uint32_t dpdk_fds(struct port *p, struct pollfd *fds, uint32_t max)
{
	(void)p;
	(void)fds;
	(void)max;
	return 0;
}

/*
 * ---- statistics, of the leader's handle alone ------------------------------------------
 */
static void dpdk_stats(struct port *p, struct port_stats *s)
{
	struct dpdk_port *x = dpdk_of(p);
	struct rte_eth_stats *seen = &x->dev->seen, now;

	if (!x->queue && !rte_eth_stats_get(x->id, &now)) {
		x->stats.rx_ring_full += now.imissed - seen->imissed;
		x->stats.rx_fill_empty += now.rx_nombuf - seen->rx_nombuf;
		x->stats.rx_dropped += now.ierrors - seen->ierrors;
		x->stats.tx_invalid += now.oerrors - seen->oerrors;
		*seen = now;
	}
	if (!x->queue && x->dev->punt)
		x->stats.tap_refused = punt_refused(x->dev->punt);
	*s = x->stats;
}

void dpdk_mbuf_constant(struct rte_mempool *mp, void *arg, void *obj, unsigned n)
{
	struct rte_mbuf *m = obj;

	(void)mp;
	(void)arg;
	(void)n;
	m->ol_flags = 0;
	m->port = RTE_MBUF_PORT_INVALID;
}

static uint32_t dpdk_drop(struct port *p)
{
	struct dpdk_port *x = dpdk_of(p);
	uint32_t lost;

	if (x->held)
		held_drop(x);
	rte_pktmbuf_free_bulk(x->stock_mbuf, x->stock);
	x->stock = 0;
	lost = x->lost;
	x->lost = 0;
	return lost;
}

const struct port_ops dpdk_port_ops = {
	.rx = dpdk_rx,
	.rx_done = dpdk_rx_done,
	.reserve = dpdk_reserve,
	.commit = dpdk_commit,
	.flush = dpdk_flush,
	.fds = dpdk_fds,
	.punt = dpdk_punt,
	.stats = dpdk_stats,
	.drop = dpdk_drop,
};
