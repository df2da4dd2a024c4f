/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP through libxdp's xsk calls; see Documentation/networking/af_xdp.rst.
 *
 * One umem: frames to send are a stack (the one used last is warm), each RX queue has
 * frames of its own that go round between its fill and its RX ring.
 */
#include "port_xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "xdp/table.h"
#include "xdp_iface.h"

#define PORT_TX_RING 2048
#define PORT_TX_FRAMES 4096 /* as many as the completion ring holds */
#define PORT_RX_RING 2048
#define PORT_CHUNK 2048
#define PORT_CHUNK_BIG 4096 /* for interfaces whose packets don't fit */
#define PORT_CHUNK_MTU 1500 /* the kernel keeps 256 bytes of headroom for itself */
/*
 * Chunks are apart by a power of two, so their first bytes share a few cache sets, and
 * a burst of frames would push itself out of the cache.  So frames don't begin where
 * their chunk does but at one of so many places, a cache line apart.
 */
#define PORT_COLOURS 4
#define PORT_COLOUR_ROOM ((PORT_COLOURS - 1) * OUT_ALIGN)

/* Linux 6.17: frames that one system call sends in copy mode; 32 before. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

struct xdp_queue {
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons comp;
	struct xsk_ring_cons rx;
	struct xdp_statistics seen;
};

struct port_xdp {
	struct port port;
	struct xsk_umem *umem;
	uint8_t *area;
	size_t bytes;
	uint32_t chunk;
	bool zero_copy;

	struct xsk_ring_prod tx; /* of queue tx_queue */
	int tx_fd;
	uint32_t tx_queue;
	uint32_t tx_free;
	uint64_t tx_addr[PORT_TX_FRAMES]; /* [0, tx_free) may be lent; with colour */
	uint32_t lost;			  /* dropped by the device, not told yet */
	struct out_frame lent[PORT_TX_BURST];

	uint32_t rx_from; /* the queue that is asked first */
	uint32_t rx_given;
	struct xdp_queue *rx_queue;
	uint64_t rx_addr[PORT_RX_BURST];

	uint32_t queues;
	uint32_t number; /* as published; 0: not */
	int xsks_fd;
	struct port_stats stats;
	struct xdp_queue queue[CRIER_MAX_QUEUES];
};

static struct port_xdp *xdp_of(struct port *p)
{
	return (struct port_xdp *)p;
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
static void fill_give(struct port_xdp *x, struct xdp_queue *q, const uint64_t *addr, uint32_t n)
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

static uint32_t queue_rx(struct port_xdp *x, struct xdp_queue *q, struct port_rx *rx)
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
	struct port_xdp *x = xdp_of(p);

	for (uint32_t i = 0; i < x->queues; i++) {
		struct xdp_queue *q = &x->queue[x->rx_from];

		if (++x->rx_from == x->queues)
			x->rx_from = 0;
		if (queue_rx(x, q, rx))
			return x->rx_given;
	}
	return 0;
}

static void xdp_rx_done(struct port *p)
{
	struct port_xdp *x = xdp_of(p);

	if (!x->rx_given)
		return;
	xsk_ring_cons__release(&x->rx_queue->rx, x->rx_given);
	fill_give(x, x->rx_queue, x->rx_addr, x->rx_given);
	x->rx_given = 0;
}

/*
 * ---- frames out ------------------------------------------------------------------
 */
/* A frame's place in its chunk. */
static uint64_t tx_colour(const struct port_xdp *x, uint64_t addr)
{
	return addr / x->chunk % PORT_COLOURS * OUT_ALIGN;
}

static void tx_reclaim(struct port_xdp *x)
{
	struct xsk_ring_cons *comp = &x->queue[x->tx_queue].comp;
	uint32_t at, n = xsk_ring_cons__peek(comp, PORT_TX_FRAMES, &at);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = *xsk_ring_cons__comp_addr(comp, at + i);

		addr &= ~(uint64_t)(x->chunk - 1);
		x->tx_addr[x->tx_free++] = addr + tx_colour(x, addr);
	}
	if (n)
		xsk_ring_cons__release(comp, n);
}

/* Descriptors that the kernel has not taken yet. */
static uint32_t tx_pending(const struct port_xdp *x)
{
	return *x->tx.producer - __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
}

/*
 * Asks the kernel to send.  In copy mode it sends as many as its budget allows, within
 * the call; EBUSY there means that the device dropped one frame, and nobody else says
 * so.  Returns frames dropped; *progress: some were taken.
 */
static uint32_t tx_kick(struct port_xdp *x, bool *progress)
{
	uint32_t before = tx_pending(x);
	uint32_t lost = 0;

	x->stats.tx_kicks++;
	x->port.broken = 0;
	if (sendto(x->tx_fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0) {
		switch (errno) {
		case EBUSY:
			lost = !x->zero_copy;
			/* fallthrough */
		case EAGAIN:
		case ENOBUFS:
		case EINTR:
			x->stats.tx_again++;
			break;
		default:
			x->port.broken = errno;
		}
	}
	*progress = tx_pending(x) < before || lost;
	return lost;
}

/* Kicks until the ring is empty or the device takes no more. */
static uint32_t tx_drive(struct port_xdp *x)
{
	uint32_t lost = 0;
	bool progress = true;

	if (x->zero_copy) {
		if (xsk_ring_prod__needs_wakeup(&x->tx) && tx_pending(x))
			lost = tx_kick(x, &progress);
		return lost;
	}
	while (progress && tx_pending(x))
		lost += tx_kick(x, &progress);
	return lost;
}

/* How many frames could be lent now. */
static uint32_t tx_room(struct port_xdp *x, uint32_t n)
{
	uint32_t room;

	/* each time: frames that were sent just now are still warm */
	tx_reclaim(x);
	room = xsk_prod_nb_free(&x->tx, n);
	room = room < n ? room : n;
	return room < x->tx_free ? room : x->tx_free;
}

/* Lets those run who empty the device, which may want this very core. */
static void tx_pause(void)
{
	const struct timespec t = {.tv_nsec = 20000};

	nanosleep(&t, NULL);
}

/* As long as the device takes frames, however slowly, its pace is waited for. */
static uint32_t tx_wait(struct port_xdp *x, uint32_t n, uint64_t *wait_ns)
{
	uint64_t stalled = clock_ns(), waited = 0;
	uint32_t room, before = tx_pending(x);

	for (;;) {
		x->lost += tx_drive(x);
		room = tx_room(x, n);
		if (room == n || x->port.broken)
			return room;
		if (tx_pending(x) < before) {
			before = tx_pending(x);
			stalled = clock_ns();
		}
		waited = clock_ns() - stalled;
		if (waited >= *wait_ns)
			break;
		tx_pause();
	}
	*wait_ns = 0;
	return room;
}

static void xdp_reserve(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct port_xdp *x = xdp_of(p);
	uint32_t room = tx_room(x, n);

	if (__builtin_expect(room < n, 0))
		room = tx_wait(x, n, wait_ns);
	for (uint32_t i = 0; i < room; i++)
		x->lent[i].buf = x->area + x->tx_addr[--x->tx_free];
	*o = (struct out){.frame = x->lent, .n = room, .room = x->chunk - PORT_COLOUR_ROOM};
}

static uint32_t xdp_commit(struct port *p, struct out *o)
{
	struct port_xdp *x = xdp_of(p);
	uint32_t at = 0, lost;

	for (uint32_t i = o->n; i > o->used; i--)
		x->tx_addr[x->tx_free++] = (uint64_t)(o->frame[i - 1].buf - x->area);
	if (o->used) {
		/* can't fail: xdp_reserve() looked */
		xsk_ring_prod__reserve(&x->tx, o->used, &at);
		for (uint32_t i = 0; i < o->used; i++) {
			struct xdp_desc *d = xsk_ring_prod__tx_desc(&x->tx, at + i);

			d->addr = (uint64_t)(o->frame[i].buf - x->area) + o->frame[i].start;
			d->len = o->frame[i].len;
			d->options = 0;
		}
		xsk_ring_prod__submit(&x->tx, o->used);
	}
	lost = tx_drive(x) + x->lost;
	x->lost = 0;
	return lost;
}

static bool xdp_flush(struct port *p)
{
	struct port_xdp *x = xdp_of(p);

	if (!tx_pending(x)) {
		x->port.broken = 0;
		return false;
	}
	x->lost += tx_drive(x);
	return tx_pending(x) && !x->port.broken;
}

static uint32_t xdp_fds(struct port *p, struct pollfd *fds, uint32_t max)
{
	struct port_xdp *x = xdp_of(p);
	uint32_t n = 0;

	for (; n < x->queues && n < max; n++)
		fds[n] = (struct pollfd){xsk_socket__fd(x->queue[n].xsk), POLLIN, 0};
	return n;
}

/*
 * ---- statistics ------------------------------------------------------------------
 */
static void queue_stats(struct port_stats *s, struct xdp_queue *q)
{
	struct xdp_statistics now = {0};
	socklen_t len = sizeof(now);

	if (getsockopt(xsk_socket__fd(q->xsk), SOL_XDP, XDP_STATISTICS, &now, &len))
		return;
	s->rx_ring_full += now.rx_ring_full - q->seen.rx_ring_full;
	s->rx_fill_empty += now.rx_fill_ring_empty_descs - q->seen.rx_fill_ring_empty_descs;
	s->rx_dropped += now.rx_dropped - q->seen.rx_dropped;
	s->tx_invalid += now.tx_invalid_descs - q->seen.tx_invalid_descs;
	q->seen = now;
}

static void xdp_stats(struct port *p, struct port_stats *s)
{
	struct port_xdp *x = xdp_of(p);

	for (uint32_t i = 0; i < x->queues; i++)
		queue_stats(&x->stats, &x->queue[i]);
	*s = x->stats;
}

/*
 * ---- opening and closing ---------------------------------------------------------
 */
int port_xdp_publish(struct port *p, int xsks_fd, uint32_t number)
{
	struct port_xdp *x = xdp_of(p);

	for (uint32_t q = 0; q < x->queues; q++) {
		uint32_t old = x->number * CRIER_MAX_QUEUES + q;
		uint32_t key = number * CRIER_MAX_QUEUES + q;
		int fd = xsk_socket__fd(x->queue[q].xsk);

		if (x->number && x->number != number)
			bpf_map_delete_elem(xsks_fd, &old);
		if (number && bpf_map_update_elem(xsks_fd, &key, &fd, BPF_ANY))
			return -errno;
	}
	x->number = number;
	return 0;
}

static void sockets_close(struct port_xdp *x)
{
	/* the kernel takes a closed socket out of the XSKMAP by itself */
	for (uint32_t q = 0; q < x->queues; q++)
		xsk_socket__delete(x->queue[q].xsk);
	if (x->umem)
		xsk_umem__delete(x->umem);
	x->umem = NULL;
	x->queues = 0;
}

static uint32_t xdp_close(struct port *p)
{
	struct port_xdp *x = xdp_of(p);
	uint32_t lost = x->lost + (x->queues ? tx_pending(x) : 0);

	sockets_close(x);
	munmap(x->area, x->bytes);
	free(x);
	return lost;
}

static const struct port_ops xdp_ops = {
	.rx = xdp_rx,
	.rx_done = xdp_rx_done,
	.reserve = xdp_reserve,
	.commit = xdp_commit,
	.flush = xdp_flush,
	.fds = xdp_fds,
	.stats = xdp_stats,
	.close = xdp_close,
};

/* Frames to send stand first in the area, then each queue's. */
static uint8_t *area_map(size_t bytes)
{
	uint8_t *area;

	area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	madvise(area, bytes, MADV_HUGEPAGE);
	return area;
}

static int umem_make(struct port_xdp *x)
{
	const struct xsk_umem_config conf = {
		.fill_size = PORT_RX_RING,
		.comp_size = PORT_TX_FRAMES,
		.frame_size = x->chunk,
	};

	for (uint64_t i = 0; i < PORT_TX_FRAMES; i++)
		x->tx_addr[x->tx_free++] = i * x->chunk + tx_colour(x, i * x->chunk);
	return xsk_umem__create(&x->umem, x->area, x->bytes, &x->queue[0].fill, &x->queue[0].comp,
				&conf);
}

static int queue_open(struct port_xdp *x, uint32_t n, uint16_t bind_flags)
{
	const struct xsk_socket_config conf = {
		.rx_size = PORT_RX_RING,
		.tx_size = PORT_TX_RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = bind_flags,
	};
	struct xdp_queue *q = &x->queue[n];
	uint64_t base = (PORT_TX_FRAMES + (uint64_t)n * PORT_RX_RING) * x->chunk;
	int rc;

	rc = xsk_socket__create_shared(&q->xsk, x->port.name, n, x->umem, &q->rx,
				       n == x->tx_queue ? &x->tx : NULL, &q->fill, &q->comp, &conf);
	if (rc)
		return rc;
	x->queues = n + 1;
	for (uint64_t i = 0; i < PORT_RX_RING; i++)
		fill_give(x, q, &(uint64_t){base + i * x->chunk}, 1);
	return 0;
}

/* What the sending socket may do in one system call, and hold in the device. */
static void tx_tune(struct port_xdp *x)
{
	uint32_t budget = PORT_TX_BURST;

	x->tx_fd = xsk_socket__fd(x->queue[x->tx_queue].xsk);
	/* an older kernel refuses: then it takes more calls */
	setsockopt(x->tx_fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
}

/* The sockets, over the area that x has. */
static int sockets_open(struct port_xdp *x, uint32_t queues, uint16_t bind_flags)
{
	int rc;

	x->tx_free = 0;
	x->zero_copy = bind_flags & XDP_ZEROCOPY;
	memset(x->queue, 0, sizeof(x->queue));
	rc = umem_make(x);
	for (uint32_t q = 0; !rc && q < queues; q++)
		rc = queue_open(x, q, bind_flags | XDP_USE_NEED_WAKEUP);
	if (rc)
		sockets_close(x);
	return rc;
}

/* A socket that was just closed holds its queue for some 30 ms more. */
static int sockets_retry(struct port_xdp *x, const struct port_xdp_conf *conf, uint32_t queues,
			 uint16_t bind_flags)
{
	uint64_t until = clock_ns() + conf->busy_ms * 1000000;
	int rc;

	for (;;) {
		rc = sockets_open(x, queues, bind_flags);
		if (rc != -EBUSY || clock_ns() >= until)
			return rc;
		usleep(5000);
	}
}

static struct port_xdp *xdp_new(const struct port_xdp_conf *conf, const struct xdp_iface *iface)
{
	struct port_xdp *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->port.ops = &xdp_ops;
	x->port.ifindex = iface->ifindex;
	memcpy(x->port.name, conf->ifname, sizeof(x->port.name));
	x->tx_queue = conf->tx_queue;
	x->chunk = iface->mtu <= PORT_CHUNK_MTU ? PORT_CHUNK : PORT_CHUNK_BIG;
	x->bytes = ((size_t)PORT_TX_FRAMES + (size_t)iface->queues * PORT_RX_RING) * x->chunk;
	x->area = area_map(x->bytes);
	if (!x->area) {
		free(x);
		return NULL;
	}
	return x;
}

/* Zero-copy if the driver can, else copy mode. */
static int xdp_start(struct port_xdp *x, const struct port_xdp_conf *conf, uint32_t queues)
{
	int rc = sockets_retry(x, conf, queues, XDP_ZEROCOPY);

	if (rc && rc != -EBUSY && rc != -EPERM)
		rc = sockets_retry(x, conf, queues, XDP_COPY);
	if (rc)
		return rc;
	snprintf(x->port.mode, sizeof(x->port.mode), "%s",
		 x->zero_copy ? "zero-copy" : "copy mode");
	tx_tune(x);
	return 0;
}

static void open_error(int rc, const char *ifname, char err[PORT_ERR_LEN])
{
	switch (rc) {
	case -EBUSY:
		snprintf(err, PORT_ERR_LEN,
			 "%s: no free queue, another AF_XDP socket serves it: is another crier-dp "
			 "running?",
			 ifname);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(err, PORT_ERR_LEN,
			 "%s: no right to AF_XDP: run as root or with CAP_NET_RAW, CAP_NET_ADMIN "
			 "and CAP_BPF",
			 ifname);
		break;
	case -ENOBUFS:
	case -ENOMEM:
		snprintf(err, PORT_ERR_LEN, "%s: no memory for packet buffers (ulimit -l?)",
			 ifname);
		break;
	case -EAFNOSUPPORT:
		snprintf(err, PORT_ERR_LEN, "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)");
		break;
	default:
		snprintf(err, PORT_ERR_LEN, "%s: AF_XDP: %s", ifname, strerror(-rc));
	}
}

struct port *port_xdp_open(const struct port_xdp_conf *conf, int *rc, char err[PORT_ERR_LEN])
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct xdp_iface iface;
	struct port_xdp *x;

	*rc = xdp_iface_get(conf->ifname, &iface, err);
	if (*rc)
		return NULL;
	if (conf->tx_queue >= iface.queues) {
		*rc = -ERANGE;
		snprintf(err, PORT_ERR_LEN, "%s has no queue %u: its queues are 0 to %u",
			 conf->ifname, conf->tx_queue, iface.queues - 1);
		return NULL;
	}
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* if it may not, the umem says so */
	x = xdp_new(conf, &iface);
	*rc = x ? xdp_start(x, conf, iface.queues) : -ENOMEM;
	if (!*rc)
		return &x->port;
	open_error(*rc, conf->ifname, err);
	if (x)
		xdp_close(&x->port);
	return NULL;
}

int port_xdp_parse(const char *spec, struct port_xdp_conf *conf, char err[PORT_ERR_LEN])
{
	const char *comma = strchr(spec, ',');
	size_t len = comma ? (size_t)(comma - spec) : strlen(spec);
	char *end;

	memset(conf, 0, sizeof(*conf));
	conf->busy_ms = 1000;
	if (!len || len >= sizeof(conf->ifname)) {
		snprintf(err, PORT_ERR_LEN,
			 "\"xdp:%.100s\": an interface's name has 1 to %zu letters", spec,
			 sizeof(conf->ifname) - 1);
		return -EINVAL;
	}
	memcpy(conf->ifname, spec, len);
	if (!comma)
		return 0;
	if (!strncmp(comma, ",queue=", 7) && comma[7] >= '0' && comma[7] <= '9') {
		unsigned long n = strtoul(comma + 7, &end, 10);

		if (!*end && n < CRIER_MAX_QUEUES) {
			conf->tx_queue = (uint32_t)n;
			return 0;
		}
	}
	snprintf(err, PORT_ERR_LEN, "\"xdp:%.100s\": only \",queue=N\" may follow, N from 0 to %d",
		 spec, CRIER_MAX_QUEUES - 1);
	return -EINVAL;
}
