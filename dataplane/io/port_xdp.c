/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP devices, opened and closed through libxdp's xsk calls; see
 * Documentation/networking/af_xdp.rst.
 *
 * One umem: each worker has frames to send, a stack (the one used last is warm); each RX
 * queue has frames of its own that go round between its fill and its RX ring.
 */
#include "port_xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "numa.h"
#include "xdp_iface.h"
#include "xdp_socket.h"

#define XDP_CHUNK 2048
#define XDP_CHUNK_BIG 4096 /* for interfaces whose packets don't fit */
#define XDP_CHUNK_MTU 1500 /* the kernel keeps 256 bytes of headroom for itself */

/* Linux 6.17: frames that one system call sends in copy mode; 32 before. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static struct xdp_dev *xdp_of(struct port_dev *d)
{
	return (struct xdp_dev *)d;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int xdp_publish(struct port_dev *d, int xsks_fd, uint32_t number)
{
	struct xdp_dev *x = xdp_of(d);

	for (uint32_t q = 0; q < x->rx_queues; q++) {
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

/* Another of its name may have taken its place. */
static bool xdp_gone(struct port_dev *d)
{
	return xdp_iface_index(d->name) != d->ifindex;
}

/*
 * ---- memory ------------------------------------------------------------------------
 */
/* Frames to send stand first in the area, worker by worker, then each queue's. */
static uint64_t area_of_worker(const struct xdp_dev *x, uint32_t worker)
{
	return (uint64_t)worker * PORT_TX_FRAMES * x->chunk;
}

static uint64_t area_of_queue(const struct xdp_dev *x, uint32_t q)
{
	return area_of_worker(x, x->dev.workers) + (uint64_t)q * PORT_RX_RING * x->chunk;
}

/* Before the umem takes its pages: each worker's frames near its CPU. */
static int area_map(struct xdp_dev *x, const struct port_xdp_conf *conf, uint32_t rx_queues)
{
	x->bytes = area_of_queue(x, rx_queues);
	x->area = mmap(NULL, x->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (x->area == MAP_FAILED) {
		x->area = NULL;
		return -ENOMEM;
	}
	madvise(x->area, x->bytes, MADV_HUGEPAGE);
	for (uint32_t i = 0; i < x->dev.workers; i++)
		numa_prefer(x->area + area_of_worker(x, i), (size_t)PORT_TX_FRAMES * x->chunk,
			    conf->node[i]);
	return 0;
}

static int handles_new(struct xdp_dev *x)
{
	for (uint32_t i = 0; i < x->dev.workers; i++) {
		struct xdp_handle *h = aligned_alloc(_Alignof(struct xdp_handle), sizeof(*h));

		if (!h)
			return -ENOMEM;
		memset(h, 0, sizeof(*h));
		h->port.ops = &xdp_port_ops;
		h->dev = x;
		h->area = x->area;
		h->chunk = x->chunk;
		x->dev.port[i] = &h->port;
	}
	return 0;
}

static uint32_t xdp_close(struct port_dev *d);
static const struct port_dev_ops xdp_dev_ops;

static struct xdp_dev *xdp_new(const struct port_xdp_conf *conf, const struct xdp_iface *iface,
			       uint32_t workers)
{
	struct xdp_dev *x = aligned_alloc(_Alignof(struct xdp_dev), sizeof(*x));

	if (!x)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->dev.ops = &xdp_dev_ops;
	x->dev.ifindex = iface->ifindex;
	x->dev.workers = workers;
	memcpy(x->dev.name, conf->ifname, sizeof(x->dev.name));
	x->tx_base = conf->tx_queue;
	x->chunk = iface->mtu <= XDP_CHUNK_MTU ? XDP_CHUNK : XDP_CHUNK_BIG;
	if (!area_map(x, conf, iface->rx_queues) && !handles_new(x))
		return x;
	xdp_close(&x->dev);
	return NULL;
}

/*
 * ---- sockets -----------------------------------------------------------------------
 */
static void sockets_close(struct xdp_dev *x)
{
	/* the kernel takes a closed socket out of the XSKMAP by itself */
	for (uint32_t q = 0; q < x->queues; q++)
		xsk_socket__delete(x->queue[q].xsk);
	if (x->umem)
		xsk_umem__delete(x->umem);
	x->umem = NULL;
	x->queues = 0;
}

/* Who sends on queue q, NULL: nobody. */
static struct xdp_handle *queue_sender(const struct xdp_dev *x, uint32_t q)
{
	if (q < x->tx_base || q - x->tx_base >= x->dev.workers)
		return NULL;
	return xdp_handle(x, q - x->tx_base);
}

static struct xsk_ring_cons *queue_comp(struct xdp_dev *x, uint32_t q)
{
	struct xdp_handle *h = queue_sender(x, q);

	return h ? &h->comp : &x->queue[q].comp;
}

static int umem_make(struct xdp_dev *x)
{
	const struct xsk_umem_config conf = {
		.fill_size = PORT_RX_RING,
		.comp_size = PORT_TX_FRAMES,
		.frame_size = x->chunk,
	};

	return xsk_umem__create(&x->umem, x->area, x->bytes, &x->queue[0].fill, queue_comp(x, 0),
				&conf);
}

/* What a sending socket may do in one system call, and hold in the device. */
static void sender_init(struct xdp_handle *h, struct xsk_socket *xsk)
{
	uint32_t budget = PORT_TX_BURST;

	h->fd = xsk_socket__fd(xsk);
	/* an older kernel refuses: then it takes more calls */
	setsockopt(h->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
}

static int queue_open(struct xdp_dev *x, uint32_t n, uint16_t bind_flags)
{
	const struct xsk_socket_config conf = {
		.rx_size = PORT_RX_RING,
		.tx_size = PORT_TX_RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = bind_flags,
	};
	struct xdp_handle *sender = queue_sender(x, n);
	struct xdp_queue *q = &x->queue[n];
	bool receives = n < x->rx_queues;
	int rc;

	rc = xsk_socket__create_shared(&q->xsk, x->dev.name, n, x->umem, receives ? &q->rx : NULL,
				       sender ? &sender->tx : NULL, &q->fill, queue_comp(x, n),
				       &conf);
	if (rc)
		return rc;
	x->queues = n + 1;
	for (uint64_t i = 0; receives && i < PORT_RX_RING; i++)
		xdp_fill(x, q, &(uint64_t){area_of_queue(x, n) + i * x->chunk}, 1);
	if (sender)
		sender_init(sender, q->xsk);
	return 0;
}

/* The sockets, over the area that x has: all queues that receive, and those that send. */
static int sockets_open(struct xdp_dev *x, uint32_t rx_queues, uint16_t bind_flags)
{
	uint32_t senders = x->tx_base + x->dev.workers;
	uint32_t queues = rx_queues > senders ? rx_queues : senders;
	int rc;

	x->rx_queues = rx_queues;
	x->zero_copy = bind_flags & XDP_ZEROCOPY;
	memset(x->queue, 0, sizeof(x->queue));
	for (uint32_t i = 0; i < x->dev.workers; i++) {
		xdp_handle(x, i)->zero_copy = x->zero_copy;
		xdp_frames_init(xdp_handle(x, i), area_of_worker(x, i));
	}
	rc = umem_make(x);
	for (uint32_t q = 0; !rc && q < queues; q++)
		rc = queue_open(x, q, bind_flags | XDP_USE_NEED_WAKEUP);
	if (rc)
		sockets_close(x);
	return rc;
}

/* A socket that was just closed holds its queue for some 30 ms more. */
static int sockets_retry(struct xdp_dev *x, const struct port_xdp_conf *conf, uint32_t rx_queues,
			 uint16_t bind_flags)
{
	uint64_t until = clock_ns() + conf->busy_ms * 1000000;
	int rc;

	for (;;) {
		rc = sockets_open(x, rx_queues, bind_flags);
		if (rc != -EBUSY || clock_ns() >= until)
			return rc;
		usleep(5000);
	}
}

/* Zero-copy if the driver can, else copy mode. */
static int xdp_start(struct xdp_dev *x, const struct port_xdp_conf *conf, uint32_t rx_queues)
{
	int rc = sockets_retry(x, conf, rx_queues, XDP_ZEROCOPY);

	if (rc && rc != -EBUSY && rc != -EPERM)
		rc = sockets_retry(x, conf, rx_queues, XDP_COPY);
	if (rc)
		return rc;
	x->dev.zero_copy = x->zero_copy;
	snprintf(x->dev.mode, sizeof(x->dev.mode), "%s", x->zero_copy ? "zero-copy" : "copy mode");
	return 0;
}

static uint32_t xdp_close(struct port_dev *d)
{
	struct xdp_dev *x = xdp_of(d);
	uint32_t lost = 0;

	for (uint32_t i = 0; i < d->workers && d->port[i]; i++)
		if (x->queues && !xdp_handle(x, i)->dropped)
			lost += xdp_port_ops.drop(d->port[i]);
	sockets_close(x);
	for (uint32_t i = 0; i < d->workers; i++)
		free(d->port[i]);
	if (x->area)
		munmap(x->area, x->bytes);
	free(x);
	return lost;
}

static const struct port_dev_ops xdp_dev_ops = {
	.publish = xdp_publish,
	.gone = xdp_gone,
	.close = xdp_close,
};

/*
 * ---- opening -----------------------------------------------------------------------
 */
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

/* One TX queue a worker. */
static int queues_check(const struct port_xdp_conf *conf, const struct xdp_iface *iface,
			uint32_t workers, char err[PORT_ERR_LEN])
{
	uint32_t want = conf->tx_queue + workers;

	if (want <= iface->tx_queues)
		return 0;
	if (workers == 1)
		snprintf(err, PORT_ERR_LEN, "%s has no queue %u: its queues are 0 to %u",
			 conf->ifname, conf->tx_queue, iface->tx_queues - 1);
	else
		snprintf(err, PORT_ERR_LEN,
			 "%s: %u workers send on queues %u to %u, but it has queues 0 to %u: "
			 "ethtool -L %s combined %u (veth: tx %u, if it was made with numtxqueues "
			 "%u), or fewer CPUs in --cpu",
			 conf->ifname, workers, conf->tx_queue, want - 1, iface->tx_queues - 1,
			 conf->ifname, want, want, want);
	return -ERANGE;
}

struct port_dev *port_xdp_open(const struct port_xdp_conf *conf, uint32_t workers, int *rc,
			       char err[PORT_ERR_LEN])
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct xdp_iface iface;
	struct xdp_dev *x;

	*rc = xdp_iface_get(conf->ifname, &iface, err);
	if (!*rc)
		*rc = queues_check(conf, &iface, workers, err);
	if (*rc)
		return NULL;
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* if it may not, the umem says so */
	x = xdp_new(conf, &iface, workers);
	*rc = x ? xdp_start(x, conf, iface.rx_queues) : -ENOMEM;
	if (!*rc)
		return &x->dev;
	open_error(*rc, conf->ifname, err);
	if (x)
		xdp_close(&x->dev);
	return NULL;
}

int port_xdp_parse(const char *spec, struct port_xdp_conf *conf, char err[PORT_ERR_LEN])
{
	const char *comma = strchr(spec, ',');
	size_t len = comma ? (size_t)(comma - spec) : strlen(spec);
	char *end;

	memset(conf, 0, sizeof(*conf));
	conf->busy_ms = 1000;
	for (uint32_t i = 0; i < CRIER_MAX_WORKERS; i++)
		conf->node[i] = NUMA_NOWHERE;
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
