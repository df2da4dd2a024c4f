/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet socket a worker (packet(7)), bypassing the queueing discipline: send() runs the
 * veth's far end in a softirq of its own before it returns, unless that is busy elsewhere.
 */
#include "port_page.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "xdp/tables.h"
#include "xdp/trigger.h"
#include "xdp_iface.h"

#define PAGE_ANSWER_NS 100000000ULL /* who doesn't answer for so long is not there */
#define PAGE_WAIT_NS 10000000ULL    /* least wait for what was sent: taking it back costs as much */
#define PAGE_SPIN 1000		    /* looks before it lets others run */
#define PAGE_MTU_LEAST 256

struct page_port {
	struct port port;
	int fd;
	uint16_t worker; /* its slot */
	uint32_t most;	 /* payload that the interface's MTU leaves room for */
	struct crier_trigger_slot *slot;
	uint64_t serial; /* of its last trigger */
	bool answered;	 /* the far end has taken what it was sent, lately */
	bool asking;	 /* a trigger for nobody is under way */
	bool used;	 /* triggers were taken since it was last looked after */
	uint64_t kicks;	 /* system calls */
	uint64_t again;	 /* refused ones */
	uint64_t asked_ns;
};

struct page_dev {
	struct port_dev dev;
	struct page_port handle[];
};

static struct page_port *page_of(struct port *p)
{
	return (struct page_port *)p;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/*
 * ---- one trigger -------------------------------------------------------------------
 */
static bool page_taken(const struct page_port *p)
{
	return tbl_load_acquire(&p->slot->taken) == p->serial;
}

/* The next number is the one that is awaited; what was sent before is nobody's. */
static void page_number(struct page_port *p)
{
	p->serial++;
	__atomic_store_n(&p->slot->sent, p->serial, __ATOMIC_SEQ_CST);
}

/* False: the device would not have it.  One that is down, gone or smaller is opened anew. */
static bool page_send(struct page_port *p, struct crier_trigger *t, uint32_t len)
{
	page_number(p);
	t->serial = p->serial;
	t->worker = p->worker;
	p->kicks++;
	if (send(p->fd, t, len, MSG_DONTWAIT) >= 0)
		return true;
	p->again++;
	if (errno == ENETDOWN || errno == ENODEV || errno == ENXIO || errno == EMSGSIZE)
		port_break(&p->port, errno);
	return false;
}

/*
 * A program that saw its number a moment ago may yet take it.  Such run in RCU sections, all
 * of which this barrier waits for.  Where the kernel refuses (nohz_full), a moment must do.
 */
static bool page_withdraw(struct page_port *p)
{
	uint64_t serial = p->serial;

	page_number(p);
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(100);
	return tbl_load_acquire(&p->slot->taken) == serial;
}

/* By then the softirq has run elsewhere, or in ksoftirqd, which may want this very CPU. */
static bool page_wait(const struct page_port *p, uint64_t wait_ns)
{
	uint64_t until = clock_ns() + (wait_ns > PAGE_WAIT_NS ? wait_ns : PAGE_WAIT_NS);
	bool taken;

	while (!(taken = page_taken(p)) && clock_ns() < until) {
		for (uint32_t i = 0; i <= PAGE_SPIN && !page_taken(p); i++)
			if (i == PAGE_SPIN)
				sched_yield();
		port_meanwhile(&p->port);
	}
	return taken;
}

static bool page_trigger(struct port *port, struct crier_trigger *t, uint32_t len, uint64_t wait_ns)
{
	struct page_port *p = page_of(port);
	bool sent = page_send(p, t, len);

	p->asking = false;
	if (sent && (page_taken(p) || page_wait(p, wait_ns))) {
		p->used = true;
		return true;
	}
	if (sent && page_withdraw(p))
		return true;
	p->answered = false;
	return false;
}

static uint32_t page_most(struct port *port)
{
	const struct page_port *p = page_of(port);

	return p->answered && !port_broken(port) ? p->most : 0;
}

/*
 * ---- does anybody answer? ------------------------------------------------------------
 */
/* It may be a moment until it is taken; who waits for nothing needn't withdraw it. */
static void page_ask(struct page_port *p)
{
	struct crier_trigger t = {.type = CRIER_TRIGGER_TYPE, .magic = CRIER_TRIGGER_MAGIC};

	p->asking = page_send(p, &t, sizeof(t));
	p->asked_ns = clock_ns();
	if (p->asking && page_taken(p)) {
		p->asking = false;
		p->answered = true;
	}
}

static bool page_flush(struct port *port)
{
	struct page_port *p = page_of(port);

	if (__builtin_expect(p->answered && !p->asking, 1))
		return false;
	if (p->asking && page_taken(p)) {
		p->asking = false;
		p->answered = true;
	} else if (clock_ns() - p->asked_ns > PAGE_ANSWER_NS) {
		p->answered = false;
		page_ask(p);
	}
	return false;
}

/* Some times a second, which is as often as it asks when nothing is to be sent. */
static void page_stats(struct port *port, struct port_stats *s)
{
	struct page_port *p = page_of(port);

	if (p->answered && !p->asking && !p->used)
		page_ask(p);
	p->used = false;
	*s = (struct port_stats){.tx_kicks = p->kicks, .tx_again = p->again};
}

/*
 * ---- what it is not -----------------------------------------------------------------
 */
static uint32_t page_rx(struct port *p, struct port_rx *rx)
{
	(void)p;
	(void)rx;
	return 0;
}

static void page_rx_done(struct port *p)
{
	(void)p;
}

static void page_reserve(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	(void)p;
	(void)n;
	*o = (struct out){0};
	*wait_ns = 0;
}

static uint32_t page_commit(struct port *p, struct out *o)
{
	(void)p;
	return o->used;
}

static uint32_t page_fds(struct port *p, struct pollfd *fds, uint32_t max)
{
	(void)p;
	(void)fds;
	(void)max;
	return 0;
}

static const struct port_ops page_ops = {
	.rx = page_rx,
	.rx_done = page_rx_done,
	.reserve = page_reserve,
	.commit = page_commit,
	.flush = page_flush,
	.fds = page_fds,
	.stats = page_stats,
	.page_most = page_most,
	.trigger = page_trigger,
};

/*
 * ---- devices -----------------------------------------------------------------------
 */
static int page_publish(struct port_dev *d, int xsks_fd, uint32_t number)
{
	(void)d;
	(void)xsks_fd;
	(void)number;
	return 0;
}

/* Another of its name may have taken its place. */
static bool page_gone(struct port_dev *d)
{
	return xdp_iface_index(d->name) != d->ifindex;
}

static uint32_t page_close(struct port_dev *d)
{
	struct page_dev *pd = (struct page_dev *)d;

	for (uint32_t i = 0; i < d->workers; i++)
		if (pd->handle[i].fd >= 0)
			close(pd->handle[i].fd);
	free(pd);
	return 0;
}

static const struct port_dev_ops page_dev_ops = {page_publish, page_gone, page_close};

int port_page_parse(const char *spec, struct port_page_conf *conf, char err[PORT_ERR_LEN])
{
	size_t len = strlen(spec);

	memset(conf, 0, sizeof(*conf));
	if (!len || len >= IF_NAMESIZE || strchr(spec, ',') || strchr(spec, '/')) {
		snprintf(err, PORT_ERR_LEN,
			 "\"page:%.100s\": want page:IFACE, an interface's name of 1 to 15 letters",
			 spec);
		return -EINVAL;
	}
	memcpy(conf->ifname, spec, len + 1);
	return 0;
}

/* What a trigger went into otherwise would leave the machine, or meet nobody. */
static int page_check(const char *ifname, const struct xdp_iface *iface, char err[PORT_ERR_LEN])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifr = {.ifr_data = (void *)&info};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	rc = fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (rc || strcmp(info.driver, "veth")) {
		snprintf(err, PORT_ERR_LEN,
			 "%s is no veth: page: wants the near end of crierd's injector, crier-page",
			 ifname);
		return -ENOTSUP;
	}
	if (iface->mtu < PAGE_MTU_LEAST) {
		snprintf(err, PORT_ERR_LEN,
			 "%s has an MTU of %u, too small for triggers: ip link set %s mtu 1700",
			 ifname, iface->mtu, ifname);
		return -ERANGE;
	}
	return 0;
}

static int page_socket(int ifindex)
{
	/* protocol 0: it receives nothing */
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, rc;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) &&
	    !bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* What a dead worker sent last may be under way still: its number is not used again. */
static void page_init(struct page_port *p, const struct port_page_conf *conf, uint32_t i,
		      uint32_t mtu)
{
	uint32_t room = mtu + PACKET_ETH_LEN - (uint32_t)sizeof(struct crier_trigger);
	uint64_t taken;

	*p = (struct page_port){
		.port = {.ops = &page_ops},
		.fd = -1,
		.worker = (uint16_t)conf->slot[i],
		.most = room < TRIGGER_PAYLOAD_MAX ? room : TRIGGER_PAYLOAD_MAX,
		.slot = &conf->triggers[conf->slot[i]],
	};
	p->serial = tbl_load(&p->slot->sent);
	taken = tbl_load(&p->slot->taken);
	if (taken > p->serial)
		p->serial = taken;
}

static struct page_dev *page_new(const struct port_page_conf *conf, const struct xdp_iface *iface,
				 uint32_t workers)
{
	struct page_dev *pd = calloc(1, sizeof(*pd) + workers * sizeof(pd->handle[0]));

	if (!pd)
		return NULL;
	pd->dev.ops = &page_dev_ops;
	pd->dev.ifindex = iface->ifindex;
	pd->dev.workers = workers;
	memcpy(pd->dev.name, conf->ifname, sizeof(pd->dev.name));
	for (uint32_t i = 0; i < workers; i++) {
		page_init(&pd->handle[i], conf, i, iface->mtu);
		pd->dev.port[i] = &pd->handle[i].port;
	}
	return pd;
}

struct port_dev *port_page_open(const struct port_page_conf *conf, uint32_t workers, int *rc,
				char err[PORT_ERR_LEN])
{
	struct xdp_iface iface;
	struct page_dev *pd;

	*rc = xdp_iface_get(conf->ifname, &iface, err);
	if (!*rc)
		*rc = page_check(conf->ifname, &iface, err);
	if (*rc)
		return NULL;
	pd = page_new(conf, &iface, workers);
	*rc = pd ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < workers && !*rc; i++) {
		pd->handle[i].fd = page_socket(iface.ifindex);
		*rc = pd->handle[i].fd < 0 ? pd->handle[i].fd : 0;
	}
	if (!*rc) {
		for (uint32_t i = 0; i < workers; i++)
			page_ask(&pd->handle[i]);
		snprintf(pd->dev.mode, sizeof(pd->dev.mode), "%s",
			 pd->handle[0].answered ? "the far end answers"
						: "nobody answers yet: frames serve meanwhile");
		return &pd->dev;
	}
	snprintf(err, PORT_ERR_LEN, "page:%s: no packet socket: %s%s", conf->ifname, strerror(-*rc),
		 *rc == -EPERM ? " (CAP_NET_RAW is wanted)" : "");
	if (pd)
		page_close(&pd->dev);
	return NULL;
}
