/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/status and /healthz: what there is, and what is wrong. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/api.h"
#include "control/crierd.h"
#include "control/grace.h"
#include "control/injector.h"
#include "control/kernel.h"
#include "control/nexthop.h"
#include "control/ports.h"
#include "control/room.h"
#include "control/stats.h"
#include "xdp/load.h"

#define WORKER_SLOW_NS 1000000000ULL
#define GRACE_SLOW_NS 2000000000ULL

/* ---- interfaces ---- */

static json_t *notes_json(const struct crierd *d, uint32_t port)
{
	struct port_notes notes = {0};
	json_t *list = json_array();

	if (d->ports)
		ports_notes(d->ports, port, &notes);
	for (uint32_t i = 0; i < notes.count; i++)
		json_array_append_new(list, json_string(notes.text[i]));
	return list;
}

/*
 * Queues that a living worker serves.  The kernel doesn't tell what an XSKMAP holds, so
 * this is what the workers say of themselves: a worker takes every queue of its ports.
 */
static json_t *sockets_json(const struct crierd *d, uint32_t port, uint32_t queues)
{
	json_t *list = json_array();
	uint64_t served = 0;

	for (uint32_t w = 0; d->run_dir && w < d->tables->config->max_workers; w++)
		if (worker_is_known(d->tables, w) && worker_is_alive(d->run_dir, w))
			served |= d->tables->workers[w].port_mask;
	for (uint32_t q = 0; served >> port & 1 && q < queues && q < CRIER_MAX_QUEUES; q++)
		json_array_append_new(list, json_integer(q));
	return list;
}

static const char *mode_name(uint32_t mode)
{
	switch (mode) {
	case CRIER_PORT_NATIVE:
		return "native";
	case CRIER_PORT_GENERIC:
		return "generic";
	case CRIER_PORT_DPDK:
		return "dpdk";
	default:
		return "none";
	}
}

static json_t *port_json(const struct crierd *d, uint32_t n)
{
	const struct crier_port *port = &d->tables->ports[n];
	uint64_t hw = tbl_load(&port->mac);
	char mac[18], name[CRIER_IFNAME_LEN + 1] = "";

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(hw & 0xff),
		 (unsigned)(hw >> 8 & 0xff), (unsigned)(hw >> 16 & 0xff),
		 (unsigned)(hw >> 24 & 0xff), (unsigned)(hw >> 32 & 0xff),
		 (unsigned)(hw >> 40 & 0xff));
	memcpy(name, port->name, CRIER_IFNAME_LEN);
	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:b, s:I, s:I, s:I, s:b, s:b, s:b, s:I, s:o, "
			 "s:o}",
			 "name", name, "port", (json_int_t)n, "ifindex", (json_int_t)port->ifindex,
			 "mode", mode_name(port->mode), "mac", mac, "link", (int)(hw >> 48 & 1),
			 "mtu", (json_int_t)port->mtu, "speed_mbps", (json_int_t)port->speed_mbps,
			 "rx_queues", (json_int_t)port->rx_queues, "vlan_hidden",
			 !!(port->flags & CRIER_PORT_VLAN_HIDDEN), "local",
			 !!(port->flags & CRIER_PORT_LOCAL), "broadcasts",
			 !!(port->flags & CRIER_PORT_BROADCASTS), "tx_full",
			 (json_int_t)stats_port_tx_full(d->tables, n), "sockets",
			 sockets_json(d, n, port->rx_queues), "notes", notes_json(d, n));
}

static json_t *ports_json(const struct crierd *d)
{
	json_t *list = json_array();

	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (d->tables->ports[n].name[0])
			json_array_append_new(list, port_json(d, n));
	return list;
}

/* ---- workers ---- */

static uint64_t turn_age(const struct crier_worker *w)
{
	uint64_t turn = tbl_load(&w->turn_ns), now = loop_now_ns();

	return turn < now ? now - turn : 0;
}

static json_t *workers_json(const struct crierd *d)
{
	json_t *list = json_array();

	for (uint32_t n = 0; n < d->tables->config->max_workers; n++) {
		const struct crier_worker *w = &d->tables->workers[n];

		if (!worker_is_known(d->tables, n))
			continue;
		json_array_append_new(
			list, json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:I}", "slot",
					(json_int_t)n, "pid", (json_int_t)w->pid, "cpu",
					(json_int_t)w->cpu, "shard", (json_int_t)w->shard, "stride",
					(json_int_t)(w->stride ? w->stride : 1), "online",
					(int)(tbl_load(&w->quiescent) & 1), "alive",
					d->run_dir && worker_is_alive(d->run_dir, n), "turn_age_ms",
					(json_int_t)(turn_age(w) / 1000000)));
	}
	return list;
}

/* ---- warnings ---- */

__attribute__((format(printf, 2, 3))) static void say(json_t *list, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

static void say_nexthop(const char *text, void *arg)
{
	say(arg, "%s", text);
}

/* Rooms that wait for a crier-dp; those of the kernel engine don't. */
static uint32_t rooms_bypass(const struct store *s)
{
	uint32_t n = 0;

	for (uint32_t room = room_next(s, 0); room; room = room_next(s, room))
		n += room_row(s, room)->engine == CRIER_ENGINE_BYPASS ||
		     room_row(s, room)->engine == CRIER_ENGINE_PAGE;
	return n;
}

static void workers_warnings(const struct crierd *d, json_t *list)
{
	bool any = false;

	for (uint32_t n = 0; d->run_dir && n < d->tables->config->max_workers; n++) {
		const struct crier_worker *w = &d->tables->workers[n];

		if (!worker_is_known(d->tables, n) || !worker_is_alive(d->run_dir, n))
			continue;
		any = true;
		if (turn_age(w) > WORKER_SLOW_NS)
			say(list, "worker %u (pid %u) has not turned for %llu ms", n, w->pid,
			    (unsigned long long)(turn_age(w) / 1000000));
	}
	if (!any && !d->store.rooms_n)
		say(list, "no crier-dp is running: only rooms that the kernel engine can have are "
			  "served; start crier-dp --port xdp:IFACE");
	else if (!any && rooms_bypass(&d->store))
		say(list,
		    "no crier-dp is running: nothing is copied for %u of %u rooms; start "
		    "crier-dp --port xdp:IFACE",
		    rooms_bypass(&d->store), d->store.rooms_n);
}

static void ports_warnings(const struct crierd *d, json_t *list)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		const struct crier_port *p = &d->tables->ports[n];
		struct port_notes notes = {0};

		if (p->name[0] && !p->ifindex)
			say(list, "interface %.*s is gone", CRIER_IFNAME_LEN, p->name);
		else if (p->name[0] && !(tbl_load(&p->mac) >> 48 & 1))
			say(list, "interface %.*s has no link", CRIER_IFNAME_LEN, p->name);
		if (d->ports)
			ports_notes(d->ports, n, &notes);
		for (uint32_t i = 0; i < notes.count; i++)
			say(list, "interface %.*s: %s", CRIER_IFNAME_LEN, p->name, notes.text[i]);
	}
	if (d->ports && ports_locals_lost(d->ports))
		say(list, "%u of our own addresses did not fit: streams to them are not taken",
		    ports_locals_lost(d->ports));
}

/* What the kernel refused; of triggers the injector speaks. */
static void programs_warnings(const struct crierd *d, json_t *list)
{
	if (loader_egress(d->loader))
		say(list, LOST_EGRESS, loader_egress(d->loader));
	else if (loader_xmit(d->loader))
		say(list, LOST_XMIT, loader_xmit(d->loader));
}

static json_t *warnings_json(const struct crierd *d)
{
	json_t *list = json_array();
	char why[GRACE_WHY_LEN];

	for (uint32_t i = 0; i < d->warnings; i++)
		json_array_append_new(list, json_string(d->warning[i]));
	if (!d->serving)
		say(list, "starting: rooms and pages that were free are not yet given out");
	workers_warnings(d, list);
	ports_warnings(d, list);
	if (d->loader)
		programs_warnings(d, list);
	if (d->store.unreachable)
		say(list, "%llu listeners have no route by an interface of crier's",
		    (unsigned long long)d->store.unreachable);
	if (grace_age_ns(d->grace) > GRACE_SLOW_NS)
		say(list, "nothing is reused since %llu ms: %s",
		    (unsigned long long)(grace_age_ns(d->grace) / 1000000),
		    grace_why(d->grace, why));
	if (d->nexthop)
		nexthop_warnings(d->nexthop, say_nexthop, list);
	if (d->injector && injector_fails(d->injector))
		say(list,
		    "no page triggers, so that rooms too large for one packet are copied "
		    "frame by frame: %s",
		    injector_why(d->injector));
	return list;
}

/* ---- status ---- */

static json_t *injector_json(const struct crierd *d)
{
	const char *why = d->kernel ? kernel_why_no_triggers(d->kernel) : "there is none";
	json_t *json = json_object();

	if (d->injector) {
		json_object_set_new(json, "name", json_string(injector_name(d->injector)));
		json_object_set_new(json, "works", json_boolean(!injector_why(d->injector)));
	}
	json_object_set_new(json, "triggers", json_boolean(!why));
	if (why)
		json_object_set_new(json, "why", json_string(why));
	return json;
}

static json_t *vias_json(const struct crierd *d)
{
	struct nexthop_stats s = {0};

	if (d->nexthop)
		nexthop_stats(d->nexthop, &s);
	return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)s.total, "ready",
			 (json_int_t)s.ready, "pending", (json_int_t)s.pending, "down",
			 (json_int_t)s.down);
}

static json_t *capacity_json(const struct crierd *d)
{
	const struct crier_config *c = d->tables->config;

	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "listeners4", (json_int_t)d->listeners4,
			 "listeners6", (json_int_t)d->listeners6, "rooms",
			 (json_int_t)(c->max_rooms - 1), "streams",
			 (json_int_t)(c->max_streams - 1), "vias", (json_int_t)(c->max_vias - 1));
}

static json_t *used_json(const struct crierd *d)
{
	const struct store *s = &d->store;
	struct nexthop_stats n = {0};

	if (d->nexthop)
		nexthop_stats(d->nexthop, &n);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "listeners4", (json_int_t)s->members4,
			 "listeners6", (json_int_t)s->members6, "rooms", (json_int_t)s->rooms_n,
			 "streams", (json_int_t)s->streams_n, "vias", (json_int_t)n.total);
}

void api_status(struct call *call)
{
	const struct crierd *d = call->d;
	const struct crier_config *c = d->tables->config;
	const struct loop_stats *loop = loop_stats(d->loop);
	json_t *json = json_pack(
		"{s:s, s:I, s:s, s:I, s:I, s:s, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:I, s:o}",
		"version", CRIER_VERSION, "abi", (json_int_t)c->abi, "node", c->node, "uptime_s",
		(json_int_t)((loop_now_ns() - d->started_ns) / 1000000000ULL), "pid",
		(json_int_t)getpid(), "pin_dir", d->pin_dir ? d->pin_dir : "", "media_port",
		(json_int_t)ntohs(c->media_port), "capacity", capacity_json(d), "used",
		used_json(d), "memory_bytes",
		(json_int_t)(tables_bytes(d->tables) + store_bytes(&d->store)), "features",
		api_features_json(d), "programs", api_programs_json(d), "interfaces", ports_json(d),
		"workers", workers_json(d), "vias", vias_json(d), "guard", api_guard_json(d),
		"injector", injector_json(d), "loop_turn_max_us",
		(json_int_t)(loop->turn_max_ns / 1000), "warnings", warnings_json(d));

	http_reply_json(call, 200, json);
}

/* Healthy: it serves, its rooms are served, and what it deferred comes to pass. */
void api_health(struct call *call)
{
	const struct crierd *d = call->d;
	json_t *reasons = json_array();
	char why[GRACE_WHY_LEN];

	if (!d->serving)
		say(reasons, "starting");
	if (d->store.rooms_n)
		workers_warnings(d, reasons);
	if (grace_age_ns(d->grace) > GRACE_SLOW_NS)
		say(reasons, "%s", grace_why(d->grace, why));
	if (json_array_size(reasons)) {
		http_reply_json(call, 503,
				json_pack("{s:s, s:s, s:o}", "status", "degraded", "error",
					  "not all is well: see reasons", "reasons", reasons));
		return;
	}
	json_decref(reasons);
	http_reply_json(call, 200, json_pack("{s:s}", "status", "ok"));
}
