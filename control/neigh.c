/* SPDX-License-Identifier: BSD-2-Clause */
#include "neigh.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include "rtnl.h"
#include "xdp/addr.h"
#include "xdp/log.h"

#define TICK_MS 20
#define IDLE_TICK_MS 200
#define PER_TICK (NEIGH_RATE * TICK_MS / 1000)
#define WALK_PER_TICK 2000
#define SECOND 1000000000ULL
#define STALE_NS (20 * SECOND) /* how long a stale entry may wait on old kernels */
#define BATCH_LEN 16384
#define MSG_LEN 128

struct neighs {
	struct neigh **bucket;
	uint32_t size, count;
	uint32_t gen;
	struct neigh *wanted, *cursor;
	struct neigh *queue, **queue_end;
	struct mnl_socket *socket;
	struct event *tick, *answers;
	uint64_t solicits, full_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static uint32_t neigh_hash(uint32_t ifindex, const struct crier_addr *addr)
{
	uint64_t h = addr->q[0] * 0x9e3779b97f4a7c15ULL + addr->q[1] + ifindex;

	/* An IPv4 address's last byte is the highest of q[1]: it must reach all bits. */
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return (uint32_t)(h ^ h >> 32);
}

static struct neigh **neigh_at(struct neighs *ns, uint32_t ifindex, const struct crier_addr *addr)
{
	struct neigh **at = &ns->bucket[neigh_hash(ifindex, addr) & (ns->size - 1)];

	while (*at && ((*at)->ifindex != ifindex || !addr_equal(&(*at)->addr, addr)))
		at = &(*at)->next;
	return at;
}

static void neighs_grow(struct neighs *ns)
{
	uint32_t size = ns->size * 4;
	struct neigh **bucket = calloc(size, sizeof(*bucket));

	if (bucket == NULL)
		return; /* longer chains, then */
	for (uint32_t i = 0; i < ns->size; i++) {
		for (struct neigh *n = ns->bucket[i], *next; n; n = next) {
			uint32_t to = neigh_hash(n->ifindex, &n->addr) & (size - 1);

			next = n->next;
			n->next = bucket[to];
			bucket[to] = n;
		}
	}
	free(ns->bucket);
	ns->bucket = bucket;
	ns->size = size;
}

static struct neigh *neigh_get(struct neighs *ns, uint32_t ifindex, const struct crier_addr *addr)
{
	struct neigh **at = neigh_at(ns, ifindex, addr), *n = *at;

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		log_err("out of memory: a neighbour is not followed");
		return NULL;
	}
	n->ifindex = ifindex;
	n->addr = *addr;
	n->gen = ns->gen;
	*at = n;
	if (++ns->count > ns->size)
		neighs_grow(ns);
	return n;
}

/* What neither the kernel has nor a via wants nor the queue holds is forgotten. */
static void neigh_put(struct neighs *ns, struct neigh *n)
{
	struct neigh **at;

	if (n->state || n->vias || n->queued || n->wanted_prev || ns->wanted == n)
		return;
	at = neigh_at(ns, n->ifindex, &n->addr);
	*at = n->next;
	ns->count--;
	free(n);
}

/* The tick is slow while nothing is queued. */
static void tick_within(struct neighs *ns, long ms)
{
	struct timeval tv = {.tv_usec = ms * 1000}, at, now;

	if (event_pending(ns->tick, EV_TIMEOUT, &at)) {
		event_base_gettimeofday_cached(event_get_base(ns->tick), &now);
		timersub(&at, &now, &now);
		if (timercmp(&now, &tv, <))
			return;
	}
	event_add(ns->tick, &tv);
}

static void neigh_queue(struct neighs *ns, struct neigh *n)
{
	if (n->queued)
		return;
	n->queued = true;
	n->queue_next = NULL;
	*ns->queue_end = n;
	ns->queue_end = &n->queue_next;
	tick_within(ns, TICK_MS);
}

/*
 * A gone or incomplete entry leaves its vias with the MAC they have, until the kernel
 * says that the neighbour has failed: it is only being asked for again.
 */
static void neigh_gone(struct neighs *ns, struct neigh *n)
{
	n->state = 0;
	n->managed = false;
	if (n->vias) {
		uint64_t soon = now_ns() + SECOND / 4;

		if (n->due_ns > soon)
			n->due_ns = soon;
	}
	neigh_put(ns, n);
}

static bool neigh_parse(const struct nlmsghdr *nlh, struct neigh *out)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool has_dst = false;

	if (ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6)
		return false; /* bridges' */
	memset(out, 0, sizeof(*out));
	out->ifindex = (uint32_t)ndm->ndm_ifindex;
	out->state = ndm->ndm_state;
	mnl_attr_for_each(attr, nlh, sizeof(*ndm))
	{
		switch (mnl_attr_get_type(attr)) {
		case NDA_DST:
			has_dst = rtnl_addr(attr, &out->addr);
			break;
		case NDA_LLADDR:
			if (mnl_attr_get_payload_len(attr) == ETH_ALEN)
				out->mac = via_hw(mnl_attr_get_payload(attr), 0);
			break;
		case NDA_FLAGS_EXT:
			out->managed = mnl_attr_get_u32(attr) & NTF_EXT_MANAGED;
			break;
		}
	}
	if (!(out->state & NEIGH_VALID))
		out->mac = 0;
	return has_dst;
}

struct neigh *neighs_msg(struct neighs *ns, const struct nlmsghdr *nlh)
{
	struct neigh got, *n;
	bool changed;

	if (!neigh_parse(nlh, &got))
		return NULL;
	if (nlh->nlmsg_type == RTM_DELNEIGH) {
		n = *neigh_at(ns, got.ifindex, &got.addr);
		if (n)
			neigh_gone(ns, n);
		return NULL;
	}
	n = neigh_get(ns, got.ifindex, &got.addr);
	if (n == NULL)
		return NULL;
	changed = (got.mac && n->mac != got.mac) ||
		  ((got.state & NUD_FAILED) && !(n->state & NUD_FAILED));
	n->gen = ns->gen;
	n->state = got.state;
	n->managed = got.managed;
	if (got.mac || (got.state & NUD_FAILED))
		n->mac = got.mac;
	if (got.mac)
		n->tries = 0;
	return changed && n->vias ? n : NULL;
}

void neighs_begin(struct neighs *ns)
{
	ns->gen++;
}

void neighs_end(struct neighs *ns)
{
	for (uint32_t i = 0; i < ns->size; i++) {
		for (struct neigh *n = ns->bucket[i], *next; n; n = next) {
			next = n->next;
			if (n->gen != ns->gen && n->state)
				neigh_gone(ns, n);
		}
	}
}

struct neigh *neighs_want(struct neighs *ns, uint32_t ifindex, const struct crier_addr *addr)
{
	struct neigh *n = neigh_get(ns, ifindex, addr);

	if (n == NULL || n->wanted_prev || ns->wanted == n)
		return n;
	n->wanted_next = ns->wanted;
	if (ns->wanted)
		ns->wanted->wanted_prev = n;
	ns->wanted = n;
	n->release = false;
	n->due_ns = 0;
	if (!n->managed)
		neigh_queue(ns, n);
	return n;
}

void neighs_unwant(struct neighs *ns, struct neigh *n)
{
	if (ns->cursor == n)
		ns->cursor = n->wanted_next;
	if (n->wanted_next)
		n->wanted_next->wanted_prev = n->wanted_prev;
	if (n->wanted_prev)
		n->wanted_prev->wanted_next = n->wanted_next;
	else
		ns->wanted = n->wanted_next;
	n->wanted_prev = n->wanted_next = NULL;
	if (n->managed) {
		n->release = true;
		neigh_queue(ns, n);
	}
	neigh_put(ns, n);
}

void neighs_kick(struct neighs *ns, uint32_t ifindex)
{
	for (struct neigh *n = ns->wanted; n; n = n->wanted_next) {
		if (n->ifindex == ifindex && !(n->state & NEIGH_VALID)) {
			n->tries = 0;
			n->due_ns = 0;
		}
	}
	tick_within(ns, TICK_MS);
}

/* Asks for what is due among the wanted, some at a time. */
static void walk_wanted(struct neighs *ns, uint64_t now)
{
	struct neigh *n = ns->cursor ? ns->cursor : ns->wanted;

	for (int i = 0; n && i < WALK_PER_TICK; i++, n = n->wanted_next) {
		bool valid = n->state & NEIGH_VALID;

		if (n->due_ns > now || (valid && (n->managed || !(n->state & NUD_STALE))))
			continue;
		neigh_queue(ns, n);
	}
	ns->cursor = n;
}

static void put_request(struct nlmsghdr *nlh, const struct neigh *n)
{
	bool v4 = addr_is_v4(&n->addr);
	struct ndmsg *ndm;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = v4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = (int)n->ifindex;
	ndm->ndm_flags = NTF_USE;
	mnl_attr_put(nlh, NDA_DST, v4 ? 4 : 16, v4 ? (const void *)&n->addr.w[3] : &n->addr);
	if (!n->release)
		mnl_attr_put_u32(nlh, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
}

static void backoff(struct neigh *n, uint64_t now)
{
	uint64_t wait = n->state & NEIGH_VALID ? STALE_NS : SECOND << n->tries;

	if (n->tries < 6 && !(n->state & NEIGH_VALID))
		n->tries++;
	n->due_ns = now + wait;
}

/* Sends up to PER_TICK requests of the queue in one message train. */
static void send_queue(struct neighs *ns, uint64_t now)
{
	static char buf[BATCH_LEN] __attribute__((aligned(8)));
	size_t len = 0;

	for (int i = 0; ns->queue && i < PER_TICK && len + MSG_LEN < sizeof(buf); i++) {
		struct neigh *n = ns->queue;
		struct nlmsghdr *nlh;

		ns->queue = n->queue_next;
		if (ns->queue == NULL)
			ns->queue_end = &ns->queue;
		n->queued = false;
		/* To ask for a permanent entry would make it one that can fail. */
		if ((n->vias && !(n->state & NUD_PERMANENT)) || n->release) {
			nlh = mnl_nlmsg_put_header(buf + len);
			put_request(nlh, n);
			len += MNL_ALIGN(nlh->nlmsg_len);
			ns->solicits++;
			backoff(n, now);
		}
		if (n->release) {
			n->release = false;
			n->managed = false;
		}
		neigh_put(ns, n);
	}
	if (len && mnl_socket_sendto(ns->socket, buf, len) < 0 && errno != EAGAIN)
		log_warn("netlink: cannot ask for neighbours: %s; trying again", strerror(errno));
}

static void on_tick(int fd, short what, void *arg)
{
	struct neighs *ns = arg;
	uint64_t now = now_ns();

	(void)fd;
	(void)what;
	walk_wanted(ns, now);
	send_queue(ns, now);
	tick_within(ns, ns->queue ? TICK_MS : IDLE_TICK_MS);
}

static void on_answers(int fd, short what, void *arg)
{
	char buf[8192] __attribute__((aligned(8)));
	struct neighs *ns = arg;
	ssize_t len;

	(void)fd;
	(void)what;
	for (int i = 0; i < 64; i++) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int left;

		len = mnl_socket_recvfrom(ns->socket, buf, sizeof(buf));
		if (len <= 0)
			return;
		for (left = (int)len; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && e->error == -ENOBUFS)
				ns->full_ns = now_ns();
		}
	}
}

int neighs_open(struct event_base *base, struct neighs **out)
{
	static const struct timeval soon = {.tv_usec = 1000};
	struct neighs *ns = calloc(1, sizeof(*ns));

	if (ns == NULL)
		return -ENOMEM;
	ns->size = 1024;
	ns->queue_end = &ns->queue;
	ns->bucket = calloc(ns->size, sizeof(*ns->bucket));
	ns->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (ns->bucket == NULL || ns->socket == NULL ||
	    mnl_socket_bind(ns->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	ns->tick = event_new(base, -1, 0, on_tick, ns);
	ns->answers = event_new(base, mnl_socket_get_fd(ns->socket), EV_READ | EV_PERSIST,
				on_answers, ns);
	if (ns->tick == NULL || ns->answers == NULL || event_add(ns->tick, &soon) < 0 ||
	    event_add(ns->answers, NULL) < 0)
		goto fail;
	*out = ns;
	return 0;
fail:
	neighs_close(ns);
	return -ENOMEM;
}

void neighs_close(struct neighs *ns)
{
	if (ns == NULL)
		return;
	if (ns->tick)
		event_free(ns->tick);
	if (ns->answers)
		event_free(ns->answers);
	if (ns->socket)
		mnl_socket_close(ns->socket);
	for (uint32_t i = 0; ns->bucket && i < ns->size; i++) {
		while (ns->bucket[i]) {
			struct neigh *n = ns->bucket[i];

			ns->bucket[i] = n->next;
			free(n);
		}
	}
	free(ns->bucket);
	free(ns);
}

uint32_t neighs_count(const struct neighs *ns)
{
	return ns->count;
}

uint64_t neighs_solicits(const struct neighs *ns)
{
	return ns->solicits;
}

bool neighs_full(const struct neighs *ns)
{
	return ns->full_ns && now_ns() - ns->full_ns < 60 * SECOND;
}
