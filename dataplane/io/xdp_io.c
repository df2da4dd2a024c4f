/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets in and out of AF_XDP sockets; see Documentation/networking/af_xdp.rst. */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "xdp_socket.h"

/*
 * Chunks are apart by a power of two, so their first bytes share a few cache sets, and
 * a burst of frames would push itself out of the cache.  So frames don't begin where
 * their chunk does but at one of so many places, a cache line apart.
 */
#define XDP_COLOURS 4
#define XDP_COLOUR_ROOM ((XDP_COLOURS - 1) * OUT_ALIGN)

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static struct xdp_handle *handle_of(struct port *p)
{
	return (struct xdp_handle *)p;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/*
 * ---- packets in ------------------------------------------------------------------
 */
void xdp_fill(struct xdp_dev *x, struct xdp_queue *q, const uint64_t *addr, uint32_t n)
{
	uint32_t at;

	/* can't fail: a queue has no more frames than its fill ring has places */
	if (!xsk_ring_prod__reserve(&q->fill, n, &at))
		return;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&q->fill, at + i) = addr[i] & ~(uint64_t)(x->chunk - 1);
	xsk_ring_prod__submit(&q->fill, n);
	if (x->zero_copy && xsk_ring_prod__needs_wakeup(&q->fill))
		recvfrom(xsk_socket__fd(q->xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static uint32_t queue_rx(struct xdp_dev *x, struct xdp_queue *q, struct port_rx *rx)
{
	uint32_t at, n = xsk_ring_cons__peek(&q->rx, PORT_RX_BURST, &at);

	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, at + i);

		x->rx_addr[i] = d->addr;
		rx[i] = (struct port_rx){x->area + d->addr, d->len};
	}
	x->rx_queue = q;
	x->rx_given = n;
	return n;
}

/* A burst from the first queue that has any, starting where the last call ended. */
static uint32_t xdp_rx(struct port *p, struct port_rx *rx)
{
	struct xdp_dev *x = handle_of(p)->dev;

	for (uint32_t i = 0; i < x->rx_queues; i++) {
		struct xdp_queue *q = &x->queue[x->rx_from];

		if (++x->rx_from == x->rx_queues)
			x->rx_from = 0;
		if (queue_rx(x, q, rx))
			return x->rx_given;
	}
	return 0;
}

static void xdp_rx_done(struct port *p)
{
	struct xdp_dev *x = handle_of(p)->dev;

	if (!x->rx_given)
		return;
	xsk_ring_cons__release(&x->rx_queue->rx, x->rx_given);
	xdp_fill(x, x->rx_queue, x->rx_addr, x->rx_given);
	x->rx_given = 0;
}

/*
 * ---- frames out ------------------------------------------------------------------
 */
/* A frame's place in its chunk. */
static uint64_t tx_colour(const struct xdp_handle *h, uint64_t addr)
{
	return addr / h->chunk % XDP_COLOURS * OUT_ALIGN;
}

static void tx_reclaim(struct xdp_handle *h)
{
	struct xsk_ring_cons *comp = &h->comp;
	uint32_t at, n = xsk_ring_cons__peek(comp, PORT_TX_FRAMES, &at);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = *xsk_ring_cons__comp_addr(comp, at + i);

		addr &= ~(uint64_t)(h->chunk - 1);
		h->addr[h->free++] = addr + tx_colour(h, addr);
	}
	if (n)
		xsk_ring_cons__release(comp, n);
}

uint32_t xdp_tx_pending(const struct xdp_handle *h)
{
	return *h->tx.producer - __atomic_load_n(h->tx.consumer, __ATOMIC_ACQUIRE);
}

/*
 * Asks the kernel to send.  In copy mode it sends as many as its budget allows, within
 * the call; EBUSY there means that the device dropped one frame, and nobody else says
 * so.  Returns frames dropped; *progress: some were taken.
 */
static uint32_t tx_kick(struct xdp_handle *h, bool *progress)
{
	uint32_t before = xdp_tx_pending(h);
	uint32_t lost = 0;

	h->kicks++;
	port_break(&h->port, 0);
	if (sendto(h->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0) {
		switch (errno) {
		case EBUSY:
			lost = !h->zero_copy;
			/* fallthrough */
		case EAGAIN:
		case ENOBUFS:
		case EINTR:
			h->again++;
			break;
		default:
			port_break(&h->port, errno);
		}
	}
	*progress = xdp_tx_pending(h) < before || lost;
	return lost;
}

/* Kicks until the ring is empty or the device takes no more. */
static uint32_t tx_drive(struct xdp_handle *h)
{
	uint32_t lost = 0;
	bool progress = true;

	if (h->zero_copy) {
		if (xsk_ring_prod__needs_wakeup(&h->tx) && xdp_tx_pending(h))
			lost = tx_kick(h, &progress);
		return lost;
	}
	while (progress && xdp_tx_pending(h))
		lost += tx_kick(h, &progress);
	return lost;
}

/* How many frames could be lent now. */
static uint32_t tx_room(struct xdp_handle *h, uint32_t n)
{
	uint32_t room;

	/* each time: frames that were sent just now are still warm */
	tx_reclaim(h);
	room = xsk_prod_nb_free(&h->tx, n);
	room = room < n ? room : n;
	return room < h->free ? room : h->free;
}

/* Lets those run who empty the device, which may want this very core. */
static void tx_pause(void)
{
	const struct timespec t = {.tv_nsec = 20000};

	nanosleep(&t, NULL);
}

/* As long as the device takes frames, however slowly, its pace is waited for. */
static uint32_t tx_wait(struct xdp_handle *h, uint32_t n, uint64_t *wait_ns)
{
	uint64_t stalled = clock_ns(), waited = 0;
	uint32_t room, before = xdp_tx_pending(h);

	for (;;) {
		h->lost += tx_drive(h);
		room = tx_room(h, n);
		if (room == n || h->port.broken)
			return room;
		if (xdp_tx_pending(h) < before) {
			before = xdp_tx_pending(h);
			stalled = clock_ns();
		}
		waited = clock_ns() - stalled;
		if (waited >= *wait_ns)
			break;
		port_meanwhile(&h->port);
		tx_pause();
	}
	*wait_ns = 0;
	return room;
}

static void xdp_reserve(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct xdp_handle *h = handle_of(p);
	uint32_t room = tx_room(h, n);

	if (__builtin_expect(room < n, 0))
		room = tx_wait(h, n, wait_ns);
	for (uint32_t i = 0; i < room; i++)
		h->lent[i].buf = h->area + h->addr[--h->free];
	*o = (struct out){.frame = h->lent, .n = room, .room = h->chunk - XDP_COLOUR_ROOM};
}

static uint32_t xdp_commit(struct port *p, struct out *o)
{
	struct xdp_handle *h = handle_of(p);
	uint32_t at = 0, lost;

	for (uint32_t i = o->n; i > o->used; i--)
		h->addr[h->free++] = (uint64_t)(o->frame[i - 1].buf - h->area);
	if (o->used) {
		/* can't fail: xdp_reserve() looked */
		xsk_ring_prod__reserve(&h->tx, o->used, &at);
		for (uint32_t i = 0; i < o->used; i++) {
			struct xdp_desc *d = xsk_ring_prod__tx_desc(&h->tx, at + i);

			d->addr = (uint64_t)(o->frame[i].buf - h->area) + o->frame[i].start;
			d->len = o->frame[i].len;
			d->options = 0;
		}
		xsk_ring_prod__submit(&h->tx, o->used);
	}
	lost = tx_drive(h) + h->lost;
	h->lost = 0;
	return lost;
}

static bool xdp_flush(struct port *p)
{
	struct xdp_handle *h = handle_of(p);

	if (!xdp_tx_pending(h)) {
		port_break(&h->port, 0);
		return false;
	}
	h->lost += tx_drive(h);
	return xdp_tx_pending(h) && !h->port.broken;
}

static uint32_t xdp_drop(struct port *p)
{
	struct xdp_handle *h = handle_of(p);

	h->dropped = true;
	return h->lost + xdp_tx_pending(h);
}

void xdp_frames_init(struct xdp_handle *h, uint64_t base)
{
	h->free = 0;
	for (uint64_t i = 0; i < PORT_TX_FRAMES; i++)
		h->addr[h->free++] = base + i * h->chunk + tx_colour(h, base + i * h->chunk);
}

static uint32_t xdp_fds(struct port *p, struct pollfd *fds, uint32_t max)
{
	const struct xdp_dev *x = handle_of(p)->dev;
	uint32_t n = 0;

	if (p != x->dev.port[0])
		return 0;
	for (; n < x->rx_queues && n < max; n++)
		fds[n] = (struct pollfd){xsk_socket__fd(x->queue[n].xsk), POLLIN, 0};
	return n;
}

/*
 * ---- statistics ------------------------------------------------------------------
 */
/*
 * In copy mode the kernel counts a packet that finds the fill ring empty as dropped, too:
 * what it dropped for other reasons is the difference.  It counts the empty ring first, and
 * tells it last, so the difference may come late but never too large.
 */
static uint64_t other_drops(struct xdp_queue *q, const struct xdp_statistics *now, bool zero_copy)
{
	uint64_t before = q->other_drops, empty = zero_copy ? 0 : now->rx_fill_ring_empty_descs;

	if (now->rx_dropped > empty && now->rx_dropped - empty > before)
		q->other_drops = now->rx_dropped - empty;
	return q->other_drops - before;
}

static void queue_stats(struct port_stats *s, struct xdp_queue *q, bool zero_copy)
{
	struct xdp_statistics now = {0};
	socklen_t len = sizeof(now);

	if (getsockopt(xsk_socket__fd(q->xsk), SOL_XDP, XDP_STATISTICS, &now, &len))
		return;
	s->rx_ring_full += now.rx_ring_full - q->seen.rx_ring_full;
	s->rx_fill_empty += now.rx_fill_ring_empty_descs - q->seen.rx_fill_ring_empty_descs;
	s->rx_dropped += other_drops(q, &now, zero_copy);
	s->tx_invalid += now.tx_invalid_descs - q->seen.tx_invalid_descs;
	q->seen = now;
}

/* What the kernel counts of all sockets is the leader's to tell. */
static void xdp_stats(struct port *p, struct port_stats *s)
{
	struct xdp_handle *h = handle_of(p);
	struct xdp_dev *x = h->dev;

	*s = (struct port_stats){0};
	if (p == x->dev.port[0]) {
		for (uint32_t i = 0; i < x->queues; i++)
			queue_stats(&x->stats, &x->queue[i], x->zero_copy);
		*s = x->stats;
	}
	s->tx_kicks = h->kicks;
	s->tx_again = h->again;
}

const struct port_ops xdp_port_ops = {
	.rx = xdp_rx,
	.rx_done = xdp_rx_done,
	.reserve = xdp_reserve,
	.commit = xdp_commit,
	.flush = xdp_flush,
	.fds = xdp_fds,
	.stats = xdp_stats,
	.drop = xdp_drop,
};
