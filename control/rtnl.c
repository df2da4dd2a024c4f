/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <linux/netlink.h>

#include "xdp/log.h"
#include "xdp/table.h"

#define BUF_LEN 65536
#define RCVBUF (16 << 20)
#define TURN_NS 1000000

struct rtnl {
	struct mnl_socket *notes; /* multicast */
	struct mnl_socket *dumps;
	struct event *notes_event, *dumps_event, *start_event;
	const struct rtnl_ops *ops;
	void *arg;
	uint32_t kinds;	  /* followed */
	uint32_t wanted;  /* of these, to be dumped */
	uint32_t dumping; /* the kind under way, 0: none */
	uint32_t seq;
	bool lost;	  /* notifications: what is queued is thrown away */
	bool interrupted; /* the dump under way must be done again */
	bool settled;
	struct rtnl_stats stats;
	char buf[BUF_LEN];
};

static const struct {
	enum rtnl_kind kind;
	uint16_t type;
	uint8_t family;
	int groups[2];
} kinds_table[] = {
	{RTNL_LINK, RTM_GETLINK, AF_UNSPEC, {RTNLGRP_LINK}},
	{RTNL_ADDR, RTM_GETADDR, AF_UNSPEC, {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}},
	{RTNL_NEXTHOP, RTM_GETNEXTHOP, AF_UNSPEC, {RTNLGRP_NEXTHOP}},
	{RTNL_ROUTE4, RTM_GETROUTE, AF_INET, {RTNLGRP_IPV4_ROUTE}},
	{RTNL_ROUTE6, RTM_GETROUTE, AF_INET6, {RTNLGRP_IPV6_ROUTE}},
	{RTNL_NEIGH, RTM_GETNEIGH, AF_UNSPEC, {RTNLGRP_NEIGH}},
	{RTNL_RULE, RTM_GETRULE, AF_UNSPEC, {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE}},
};
#define KINDS (sizeof(kinds_table) / sizeof(kinds_table[0]))

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool rtnl_addr(const struct nlattr *attr, struct crier_addr *out)
{
	memset(out, 0, sizeof(*out));
	switch (mnl_attr_get_payload_len(attr)) {
	case 4:
		out->w[2] = htonl(0xffff);
		memcpy(&out->w[3], mnl_attr_get_payload(attr), 4);
		return true;
	case 16:
		memcpy(out, mnl_attr_get_payload(attr), 16);
		return true;
	}
	return false;
}

/* Each kind's request begins with a struct of its own, all of which start with the family. */
static size_t header_len(uint16_t type)
{
	switch (type) {
	case RTM_GETLINK:
		return sizeof(struct ifinfomsg);
	case RTM_GETADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_GETNEIGH:
		return sizeof(struct ndmsg);
	case RTM_GETNEXTHOP:
		return 8; /* struct nhmsg */
	}
	return sizeof(struct rtmsg); /* routes; rules have a header of the same length */
}

/* Sends the request for the next kind that is wanted.  False: none, or it can't be sent. */
static bool dump_next(struct rtnl *r)
{
	char buf[64] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh;
	uint8_t *family;
	size_t i;

	r->dumping = 0;
	for (i = 0; i < KINDS && !(r->wanted & kinds_table[i].kind); i++)
		;
	if (i == KINDS)
		return false;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = kinds_table[i].type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++r->seq;
	family = mnl_nlmsg_put_extra_header(nlh, header_len(nlh->nlmsg_type));
	*family = kinds_table[i].family;
	if (mnl_socket_sendto(r->dumps, nlh, nlh->nlmsg_len) < 0) {
		log_warn("netlink: cannot ask for a dump: %s; trying again", strerror(errno));
		return false;
	}
	r->wanted &= ~(uint32_t)kinds_table[i].kind;
	r->dumping = kinds_table[i].kind;
	r->interrupted = false;
	r->stats.resyncs += i == 0;
	r->ops->begin(r->dumping, r->arg);
	return true;
}

static void dumps_start(struct rtnl *r)
{
	static const struct timeval later = {.tv_usec = 100000};

	if (dump_next(r)) {
		event_del(r->notes_event); /* they are applied after the dump */
		return;
	}
	event_add(r->notes_event, NULL);
	if (r->wanted)
		event_add(r->start_event, &later);
	else
		event_active(r->notes_event, EV_READ, 0); /* what came meanwhile, or nothing */
}

static void on_start(int fd, short what, void *arg)
{
	struct rtnl *r = arg;

	(void)fd;
	(void)what;
	if (!r->dumping)
		dumps_start(r);
}

/* The end of a dump, by NLMSG_DONE or an error. */
static void dump_ended(struct rtnl *r, int err)
{
	uint32_t kind = r->dumping;

	if (err == -EOPNOTSUPP || err == -EINVAL || err == -EAFNOSUPPORT)
		err = 0; /* this kernel has no such objects */
	if (err < 0)
		log_warn("netlink: a dump failed: %s; trying again", strerror(-err));
	if (err < 0 || r->interrupted) {
		r->stats.interrupted++;
		r->wanted |= kind;
	} else {
		r->ops->end(kind, r->arg);
	}
	r->settled = false;
	dumps_start(r);
}

static void dump_read(struct rtnl *r, size_t len)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)r->buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != r->seq || !r->dumping)
			continue; /* of a dump that was given up */
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			r->interrupted = true;
		if (nlh->nlmsg_type == NLMSG_DONE) {
			const int *err = mnl_nlmsg_get_payload(nlh);

			dump_ended(r, nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*err)) ? *err : 0);
		} else if (nlh->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			dump_ended(r,
				   nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) ? e->error : -EPROTO);
		} else {
			r->ops->msg(nlh, true, r->arg);
		}
	}
}

static void notes_read(struct rtnl *r, size_t len)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)r->buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type >= RTM_BASE)
			r->ops->msg(nlh, false, r->arg);
	}
}

static void on_dumps(int fd, short what, void *arg)
{
	struct rtnl *r = arg;
	uint64_t end = now_ns() + TURN_NS;
	ssize_t len;

	(void)fd;
	(void)what;
	do {
		len = mnl_socket_recvfrom(r->dumps, r->buf, sizeof(r->buf));
		if (len > 0)
			dump_read(r, (size_t)len);
		else if (errno == EINTR)
			continue;
		else if (errno == EAGAIN)
			return;
		else if (r->dumping)
			dump_ended(r, -errno);
	} while (now_ns() < end);
}

/*
 * What is still queued is thrown away before all is read anew: the word that an object
 * queued here is gone again may be among the lost.  To the last: until its queue is empty
 * the kernel drops all that follows and doesn't say so a second time.
 */
static void notes_lost(struct rtnl *r)
{
	r->stats.overruns += !r->lost;
	r->lost = true;
}

static void on_notes(int fd, short what, void *arg)
{
	struct rtnl *r = arg;
	uint64_t end = now_ns() + TURN_NS;
	ssize_t len;

	(void)fd;
	(void)what;
	while (!r->dumping && now_ns() < end) {
		len = mnl_socket_recvfrom(r->notes, r->buf, sizeof(r->buf));
		if (len > 0) {
			if (!r->lost)
				notes_read(r, (size_t)len);
			r->settled = false;
		} else if (errno == EAGAIN && r->lost) {
			r->lost = false;
			rtnl_resync(r, UINT32_MAX);
			return;
		} else if (errno == EAGAIN) {
			if (!r->settled && !r->wanted && r->ops->settled)
				r->ops->settled(r->arg);
			r->settled = true;
			return;
		} else if (errno != EINTR) {
			/* ENOBUFS: some were lost; ENOSPC: one didn't fit. */
			notes_lost(r);
		}
	}
}

void rtnl_resync(struct rtnl *r, uint32_t kinds)
{
	static const struct timeval now = {0};

	r->wanted |= kinds & r->kinds;
	if (!r->dumping)
		event_add(r->start_event, &now);
}

const struct rtnl_stats *rtnl_stats(const struct rtnl *r)
{
	return &r->stats;
}

static struct mnl_socket *socket_open(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int size = RCVBUF;

	if (s == NULL)
		return NULL;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = errno;

		mnl_socket_close(s);
		errno = err;
		return NULL;
	}
	if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return s;
}

static int subscribe(struct rtnl *r)
{
	for (size_t i = 0; i < KINDS; i++) {
		for (size_t g = 0; r->kinds & kinds_table[i].kind && g < 2; g++) {
			int group = kinds_table[i].groups[g];

			if (group &&
			    mnl_socket_setsockopt(r->notes, NETLINK_ADD_MEMBERSHIP, &group,
						  sizeof(group)) < 0 &&
			    kinds_table[i].kind != RTNL_NEXTHOP)
				return -errno;
		}
	}
	return 0;
}

/* The first dumps, before the event loop turns. */
static int sync_now(struct rtnl *r)
{
	for (int tries = 0; tries < 100; tries++) {
		struct pollfd pfd = {.fd = mnl_socket_get_fd(r->dumps), .events = POLLIN};

		if (!r->dumping && r->wanted)
			dumps_start(r);
		while (r->dumping && poll(&pfd, 1, 2000) > 0)
			on_dumps(pfd.fd, 0, r);
		if (r->dumping)
			return -ETIMEDOUT;
		if (r->wanted) {
			poll(NULL, 0, 20);
			continue;
		}
		r->settled = false;
		while (!r->settled && !r->wanted)
			on_notes(mnl_socket_get_fd(r->notes), 0, r);
		if (!r->wanted)
			return 0;
	}
	return -EAGAIN; /* the kernel's tables change faster than we read them */
}

void rtnl_catch_up(struct rtnl *r)
{
	int err = sync_now(r);

	if (err)
		log_warn("netlink: %s", strerror(-err));
}

int rtnl_open(struct event_base *base, uint32_t kinds, const struct rtnl_ops *ops, void *arg,
	      struct rtnl **out)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (r == NULL)
		goto out;
	*r = (struct rtnl){.ops = ops, .arg = arg, .kinds = kinds, .wanted = kinds};
	*out = r; /* the callbacks may ask for more */
	r->notes = socket_open();
	r->dumps = socket_open();
	if (r->notes == NULL || r->dumps == NULL) {
		err = -errno;
		goto out;
	}
	r->notes_event =
		event_new(base, mnl_socket_get_fd(r->notes), EV_READ | EV_PERSIST, on_notes, r);
	r->dumps_event =
		event_new(base, mnl_socket_get_fd(r->dumps), EV_READ | EV_PERSIST, on_dumps, r);
	r->start_event = event_new(base, -1, 0, on_start, r);
	if (r->notes_event == NULL || r->dumps_event == NULL || r->start_event == NULL ||
	    event_add(r->dumps_event, NULL) < 0)
		goto out;
	err = subscribe(r);
	if (err == 0)
		err = sync_now(r);
out:
	if (err) {
		log_err("netlink: cannot follow the kernel's routes and links: %s", strerror(-err));
		rtnl_close(r);
		*out = NULL;
	}
	return err;
}

static void event_drop(struct event *ev)
{
	if (ev)
		event_free(ev);
}

void rtnl_close(struct rtnl *r)
{
	if (r == NULL)
		return;
	event_drop(r->notes_event);
	event_drop(r->dumps_event);
	event_drop(r->start_event);
	if (r->notes)
		mnl_socket_close(r->notes);
	if (r->dumps)
		mnl_socket_close(r->dumps);
	free(r);
}

/* One answer of rtnl_talk: 1 more to come, 0 done, -errno. */
static int talk_read(const char *buf, size_t len, void (*each)(const struct nlmsghdr *, void *),
		     void *arg)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	int left = (int)len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 0;
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			return e->error;
		}
		if (each)
			each(nlh, arg);
	}
	return 1;
}

int rtnl_talk(struct nlmsghdr *nlh, void (*each)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char *buf = malloc(BUF_LEN);
	int err = 1;

	if (s == NULL || buf == NULL) {
		err = -ENOMEM;
		goto out;
	}
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0) {
		err = -errno;
		goto out;
	}
	while (err == 1) {
		ssize_t len = mnl_socket_recvfrom(s, buf, BUF_LEN);

		err = len < 0 ? -errno : talk_read(buf, (size_t)len, each, arg);
	}
out:
	if (s)
		mnl_socket_close(s);
	free(buf);
	return err;
}
