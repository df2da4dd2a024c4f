/* SPDX-License-Identifier: BSD-2-Clause */
#include "ports.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/ethtool.h>
#include <linux/if.h>

#include "ethtool.h"
#include "links.h"
#include "locals.h"
#include "peer.h"
#include "rtnl.h"
#include "tap.h"
#include "xdp/addr.h"
#include "xdp/load.h"
#include "xdp/log.h"

#define LINK_UP (1ULL << 48)
#define EXTRA_LOCALS 8

struct own {
	bool wanted;
	bool attached;
	enum port_want want;
	uint32_t flags;
	char name[CRIER_IFNAME_LEN];
	char attach_note[PORT_NOTE_LEN]; /* why generic, or why not attached */
	char vlan_note[PORT_NOTE_LEN];
	char queue_note[PORT_NOTE_LEN];
	char late_note[PORT_NOTE_LEN];
};

struct ports {
	struct tables *t;
	struct loader *loader;
	struct rtnl *rtnl;
	struct links links;
	struct locals *locals;
	struct event *retry;
	struct errands *errands; /* NULL: not yet */
	struct own own[CRIER_MAX_PORTS];
	struct {
		struct crier_addr addr;
		uint32_t ifindex;
	} extra[EXTRA_LOCALS];
	uint32_t extra_count;
	uint32_t lost;
	bool addrs_changed;
	void (*cb)(void *arg);
	void *cb_arg;
};

static void changed(struct ports *p)
{
	if (p->cb)
		p->cb(p->cb_arg);
}

static int refuse(char err[PORTS_ERR_LEN], int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char err[PORTS_ERR_LEN], int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, PORTS_ERR_LEN, fmt, ap);
	va_end(ap);
	return code;
}

/* ---- one port ------------------------------------------------------------------ */

/* A TAP that crier-dp has not told the card's speed says 10, or 10000 on newer kernels. */
static uint32_t port_speed(enum port_want want, const char *ifname)
{
	uint32_t mbps = ethtool_speed_mbps(ifname);

	return want == PORT_DPDK && mbps == SPEED_10 ? 0 : mbps;
}

/* Two CPUs that share a veth's ring of 256 frames lose copies there, however few each sends. */
static void queues_note(struct own *own, uint32_t n, const char *peer)
{
	uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);

	own->queue_note[0] = '\0';
	if (!n || n >= cpus)
		return;
	snprintf(own->queue_note, sizeof(own->queue_note),
		 "%.15s, the other end of %.15s, has RX queues: %u, CPUs: %u. Two that share one "
		 "lose copies: `ethtool -L %.15s rx %u`",
		 peer, own->name, n, cpus, peer, cpus);
	log_warn("%s", own->queue_note);
}

static void on_queues(void *arg, uint32_t ifindex, uint32_t queues, const char *peer)
{
	struct ports *p = arg;

	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (p->own[n].attached && p->t->ports[n].ifindex == ifindex)
			queues_note(&p->own[n], queues, peer);
}

static void queues_look(struct ports *p, struct own *own, uint32_t ifindex)
{
	own->queue_note[0] = '\0';
	if (!(own->flags & CRIER_PORT_LOCAL))
		peer_ask(p->errands, ifindex, on_queues, p);
}

/* An interface that is gone left its number here, and Linux has given it to port n's. */
static void ifindex_take(struct ports *p, uint32_t n, uint32_t ifindex)
{
	for (uint32_t other = 1; other < CRIER_MAX_PORTS; other++)
		if (other != n && !p->own[other].attached && p->t->ports[other].ifindex == ifindex)
			tbl_store_release(&p->t->ports[other].ifindex, 0);
}

static void port_fill(struct ports *p, uint32_t n, const struct link *l)
{
	struct crier_port *port = &p->t->ports[n];
	uint64_t mac = l->mac | (l->carrier ? LINK_UP : 0);
	uint32_t queues = ethtool_rx_queues(l->name);

	strncpy(port->name, p->own[n].name, sizeof(port->name) - 1);
	tbl_store(&port->mtu, l->mtu);
	tbl_store(&port->rx_queues, queues ? queues : l->rx_queues);
	tbl_store(&port->speed_mbps, port_speed(p->own[n].want, l->name));
	port->numa = ethtool_numa(l->name);
	tbl_store_release(&port->mac, mac);
	ifindex_take(p, n, l->ifindex);
	tbl_store_release(&port->ifindex, l->ifindex);
}

void ports_look(struct ports *p)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (p->own[n].attached && p->own[n].want == PORT_DPDK)
			tbl_store(&p->t->ports[n].speed_mbps,
				  port_speed(PORT_DPDK, p->own[n].name));
}

/* A card that is DPDK's: what comes by it is judged by crier-dp, no program is needed. */
static int port_attach_tap(struct ports *p, uint32_t n, const struct link *l,
			   char err[PORTS_ERR_LEN])
{
	struct own *own = &p->own[n];

	if (!l->is_tun)
		return refuse(err, -EEXIST, "%s is no TAP, which mode dpdk wants", l->name);
	own->attach_note[0] = '\0';
	tbl_store(&p->t->ports[n].mode, CRIER_PORT_DPDK);
	tbl_store(&p->t->ports[n].flags, own->flags);
	port_fill(p, n, l);
	own->attached = true;
	return 0;
}

/*
 * The flag that an earlier crierd gave it stays: crier-dp sends triggers by it meanwhile, and may
 * have no other way there.  kernel.c takes it back if need be.
 */
static uint32_t port_broadcasts(const struct crier_port *port, const struct link *l, uint32_t was,
				uint32_t mode)
{
	bool same = port->ifindex == l->ifindex && was == CRIER_PORT_NATIVE &&
		    mode == CRIER_PORT_NATIVE;

	return same ? port->flags & CRIER_PORT_BROADCASTS : 0;
}

/* What becomes of its packets depends on who writes them: see broadcast_is_native(). */
static uint32_t late_look(struct own *own, const struct link *l, uint32_t mode)
{
	own->late_note[0] = '\0';
	if (!l->is_tun || mode != CRIER_PORT_NATIVE)
		return 0;
	snprintf(own->late_note, sizeof(own->late_note),
		 "%.15s is a TAP: the kernel engine serves listeners behind it, but what comes in "
		 "by it goes through crier-dp, whatever the room",
		 l->name);
	log_warn("%s", own->late_note);
	return CRIER_PORT_LATE;
}

/* Puts the program on an interface and fills in the port's line. */
static int port_attach(struct ports *p, uint32_t n, const struct link *l, char err[PORTS_ERR_LEN])
{
	static const enum loader_mode modes[] = {[PORT_AUTO] = LOADER_AUTO,
						 [PORT_NATIVE] = LOADER_NATIVE,
						 [PORT_GENERIC] = LOADER_GENERIC};
	struct crier_port *port = &p->t->ports[n];
	struct own *own = &p->own[n];
	struct loader_attached got = {0};
	char note[LOADER_NOTE_LEN] = "";
	uint32_t flags = own->flags, was = port->mode;
	int rc;

	own->vlan_note[0] = '\0';
	if (own->want == PORT_DPDK)
		return port_attach_tap(p, n, l, err);
	/* Before its first packet: in generic mode no room may be broadcast, and what came in the
	 * place of another may get that mode, or be a TAP. */
	if (own->want == PORT_GENERIC || port->ifindex != l->ifindex)
		tbl_store_release(&port->mode, CRIER_PORT_GENERIC);
	rc = loader_attach(p->loader, l->name, n, modes[own->want], &got, err);
	if (rc) {
		tbl_store(&port->mode, was);
		snprintf(own->attach_note, sizeof(own->attach_note), "%.*s", PORT_NOTE_LEN - 1,
			 err);
		return rc;
	}
	snprintf(own->attach_note, sizeof(own->attach_note), "%.*s", PORT_NOTE_LEN - 1, got.note);
	if (*got.note)
		log_warn("%s", got.note);
	if (!(flags & CRIER_PORT_LOCAL) && loader_vlan_hidden(l->name, note) == 1) {
		flags |= CRIER_PORT_VLAN_HIDDEN;
		snprintf(own->vlan_note, sizeof(own->vlan_note), "%.*s", PORT_NOTE_LEN - 1, note);
		log_warn("%s", note);
	}
	flags |= late_look(own, l, got.mode);
	tbl_store(&port->flags, flags | port_broadcasts(port, l, was, got.mode));
	tbl_store_release(&port->mode, got.mode);
	port_fill(p, n, l);
	own->attached = true;
	queues_look(p, own, l->ifindex);
	return 0;
}

static void port_lost(struct ports *p, uint32_t n)
{
	struct crier_port *port = &p->t->ports[n];

	log_warn("interface %s is gone; its port waits for it to come back", p->own[n].name);
	p->own[n].attached = false;
	snprintf(p->own[n].attach_note, PORT_NOTE_LEN, "the interface is gone");
	tbl_store_release(&port->mac, tbl_load(&port->mac) & ~LINK_UP);
	changed(p);
}

/* An interface of a wanted name is there, without our program. */
static void port_return(struct ports *p, uint32_t n, const struct link *l)
{
	char err[PORTS_ERR_LEN] = "", was[PORT_NOTE_LEN];

	memcpy(was, p->own[n].attach_note, sizeof(was));
	if (port_attach(p, n, l, err) == 0) {
		log_info("interface %s is back as port %u", l->name, n);
		changed(p);
	} else if (strcmp(was, p->own[n].attach_note) != 0) {
		log_err("interface %s is back, but: %s", l->name, err);
	}
}

static void link_changed(struct ports *p, uint32_t change, uint32_t ifindex)
{
	const struct link *l = links_find(&p->links, ifindex);

	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		struct own *own = &p->own[n];

		if (!own->wanted)
			continue;
		if (own->attached && p->t->ports[n].ifindex == ifindex) {
			if (change & LINKS_GONE) {
				port_lost(p, n);
			} else if (l) {
				port_fill(p, n, l);
				changed(p);
			}
		} else if (!own->attached && l && strcmp(l->name, own->name) == 0) {
			port_return(p, n, l);
		}
	}
}

/* Attaching may fail for a while: the driver is still busy, a foreign program leaves. */
static void on_retry(int fd, short what, void *arg)
{
	struct ports *p = arg;

	(void)fd;
	(void)what;
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		const struct own *own = &p->own[n];
		const struct link *l =
			own->wanted && !own->attached ? links_by_name(&p->links, own->name) : NULL;

		if (l)
			port_return(p, n, l);
	}
}

/* ---- numbers ------------------------------------------------------------------- */

/* A number that a live via still names would lead its copies out of the wrong port. */
static bool number_in_vias(const struct ports *p, uint32_t n)
{
	for (uint32_t i = 1; i < p->t->config->max_vias; i++) {
		if (p->t->vias[i].port == n && tbl_load(&p->t->vias[i].hw))
			return true;
	}
	return false;
}

static uint32_t number_for(const struct ports *p, const char *name)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		if (strncmp(p->t->ports[n].name, name, CRIER_IFNAME_LEN) == 0)
			return n;
	}
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		if (p->t->ports[n].ifindex == 0 && p->t->ports[n].name[0] == '\0' &&
		    !p->own[n].wanted && !number_in_vias(p, n))
			return n;
	}
	return 0;
}

static void number_free(struct ports *p, uint32_t n)
{
	struct crier_port *port = &p->t->ports[n];

	tbl_store_release(&port->ifindex, 0);
	tbl_store(&port->mac, 0);
	memset(port->name, 0, sizeof(port->name));
	p->own[n] = (struct own){0};
}

/* Can it be a port at all? */
static bool port_check(const struct link *l, char err[PORTS_ERR_LEN])
{
	if (l->flags & IFF_LOOPBACK)
		refuse(err, 0, "%s is the loopback device: programs on this host have crier0",
		       l->name);
	else if (l->is_vlan || l->is_bond)
		refuse(err, 0, "%s is a %s: name the interface under it instead", l->name,
		       l->is_vlan ? "VLAN device" : "bond");
	else if (!l->mac)
		refuse(err, 0, "%s has no MAC address: crier wants an Ethernet interface", l->name);
	else
		return true;
	return false;
}

int ports_add(struct ports *p, const char *name, enum port_want want, uint32_t flags,
	      char err[PORTS_ERR_LEN])
{
	const struct link *l = links_by_name(&p->links, name);
	struct own *own;
	uint32_t n;
	int rc;

	if (want == PORT_DPDK) {
		rc = tap_make(name, err);
		if (rc)
			return rc;
	}
	if (l == NULL || want == PORT_DPDK)
		/* Made a moment ago, perhaps, and its notification not read yet. */
		rtnl_catch_up(p->rtnl);
	l = links_by_name(&p->links, name);
	if (l == NULL)
		return refuse(err, -ENODEV, "there is no interface %.15s; `ip link` lists them",
			      name);
	if (!port_check(l, err))
		return -EOPNOTSUPP;
	n = number_for(p, name);
	if (n == 0)
		return refuse(err, -ENOSPC,
			      "%s: all %d ports are taken; give crierd fewer interfaces", name,
			      CRIER_MAX_PORTS - 1);
	own = &p->own[n];
	if (own->wanted)
		return refuse(err, -EEXIST, "interface %s is given twice", name);
	*own = (struct own){.want = want, .flags = flags};
	strncpy(own->name, name, sizeof(own->name) - 1);
	rc = port_attach(p, n, l, err);
	if (rc) {
		/* An earlier crierd's port stays in use as it is. */
		*own = (struct own){0};
		return rc;
	}
	own->wanted = true;
	if (!l->carrier)
		log_warn("interface %s is down: no packet comes or goes until it is up", name);
	changed(p);
	return (int)n;
}

void ports_prune(struct ports *p)
{
	bool any = false;

	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		char name[CRIER_IFNAME_LEN], err[LOADER_ERR_LEN] = "";

		if (p->own[n].wanted ||
		    (p->t->ports[n].ifindex == 0 && p->t->ports[n].name[0] == '\0'))
			continue;
		memcpy(name, p->t->ports[n].name, sizeof(name));
		name[sizeof(name) - 1] = '\0';
		log_info("interface %s is no port any more", name);
		if (p->t->ports[n].mode == CRIER_PORT_DPDK)
			tap_remove(name);
		else if (loader_detach(p->loader, name, err))
			log_warn("%s", err);
		number_free(p, n);
		any = true;
	}
	if (any)
		changed(p);
}

/* ---- our own addresses --------------------------------------------------------- */

static void locals_update(struct ports *p)
{
	const struct link *l;
	uint32_t lost;

	locals_begin(p->locals);
	for (uint32_t i = 0; i < p->extra_count; i++)
		locals_keep(p->locals, &p->extra[i].addr, p->extra[i].ifindex);
	links_for_each(&p->links, l)
	{
		for (uint32_t i = 0; i < l->addrs_count; i++) {
			if (!addr_is_loopback(&l->addrs[i].addr))
				locals_keep(p->locals, &l->addrs[i].addr, l->ifindex);
		}
	}
	lost = locals_end(p->locals);
	if (lost > p->lost)
		log_warn("%u of our own addresses do not fit into the table of locals: streams to "
			 "them are not taken",
			 lost);
	p->lost = lost;
}

void ports_add_local(struct ports *p, const struct crier_addr *addr, uint32_t ifindex)
{
	if (p->extra_count == EXTRA_LOCALS)
		return;
	p->extra[p->extra_count].addr = *addr;
	p->extra[p->extra_count++].ifindex = ifindex;
	locals_update(p);
}

/* ---- netlink ------------------------------------------------------------------- */

static void on_msg(const struct nlmsghdr *nlh, bool dump, void *arg)
{
	struct ports *p = arg;
	uint32_t ifindex;
	uint32_t change = links_msg(&p->links, nlh, &ifindex);

	(void)dump;
	if (change & (LINKS_ADDRS | LINKS_GONE))
		p->addrs_changed = true;
	if (change & ~(uint32_t)(LINKS_ADDRS | LINKS_ADDR_GONE))
		link_changed(p, change, ifindex);
}

static void on_begin(enum rtnl_kind kind, void *arg)
{
	struct ports *p = arg;

	links_begin(&p->links, kind == RTNL_ADDR);
}

static void on_gone(uint32_t ifindex, void *arg)
{
	link_changed(arg, LINKS_GONE, ifindex);
}

static void on_end(enum rtnl_kind kind, void *arg)
{
	struct ports *p = arg;

	if (links_end(&p->links, kind == RTNL_ADDR, on_gone, p))
		p->addrs_changed = true;
}

static void on_settled(void *arg)
{
	struct ports *p = arg;

	if (p->addrs_changed)
		locals_update(p);
	p->addrs_changed = false;
}

static const struct rtnl_ops ops = {
	.msg = on_msg,
	.begin = on_begin,
	.end = on_end,
	.settled = on_settled,
};

int ports_open(struct tables *t, struct grace *grace, struct event_base *base,
	       struct loader *loader, struct ports **out)
{
	static const struct timeval each = {.tv_sec = 3};
	struct ports *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (p == NULL)
		return -ENOMEM;
	p->t = t;
	p->loader = loader;
	p->addrs_changed = true;
	p->retry = event_new(base, -1, EV_PERSIST, on_retry, p);
	if (p->retry == NULL || event_add(p->retry, &each) < 0)
		goto fail;
	err = locals_open(t, grace, &p->locals);
	if (err == 0)
		err = rtnl_open(base, RTNL_LINK | RTNL_ADDR, &ops, p, &p->rtnl);
	if (err)
		goto fail;
	*out = p;
	return 0;
fail:
	log_err("ports: %s", strerror(-err));
	ports_close(p);
	return err;
}

void ports_close(struct ports *p)
{
	if (p == NULL)
		return;
	rtnl_close(p->rtnl);
	if (p->retry)
		event_free(p->retry);
	locals_close(p->locals);
	links_free(&p->links);
	free(p);
}

void ports_use_errands(struct ports *p, struct errands *errands)
{
	p->errands = errands;
}

void ports_on_change(struct ports *p, void (*cb)(void *arg), void *arg)
{
	p->cb = cb;
	p->cb_arg = arg;
}

static void note(struct port_notes *out, const char *text)
{
	if (text[0] && out->count < PORT_NOTES)
		snprintf(out->text[out->count++], PORT_NOTE_LEN, "%.*s", PORT_NOTE_LEN - 1, text);
}

void ports_notes(const struct ports *p, uint32_t n, struct port_notes *out)
{
	const struct crier_port *port = &p->t->ports[n];

	out->count = 0;
	/* else it was only that the link was down then */
	if (!p->own[n].attached || port->mode == CRIER_PORT_GENERIC)
		note(out, p->own[n].attach_note);
	note(out, p->own[n].vlan_note);
	note(out, p->own[n].queue_note);
	note(out, p->own[n].late_note);
	if (p->own[n].attached && !(tbl_load(&port->mac) & LINK_UP))
		note(out, port->mode == CRIER_PORT_DPDK
				  ? "the link is down, or no crier-dp serves it (--port dpdk:)"
				  : "the link is down");
	if (port->rx_queues > CRIER_MAX_QUEUES)
		note(out, "it has more than 64 RX queues: packets to the others are not taken");
}

uint32_t ports_locals_lost(const struct ports *p)
{
	return p->lost;
}
