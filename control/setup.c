/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/api.h"
#include "control/body.h"
#include "control/crier0.h"
#include "control/guard.h"
#include "control/injector.h"
#include "control/member.h"
#include "control/nexthop.h"
#include "control/ports.h"
#include "control/settings.h"
#include "xdp/log.h"

#define LISTENERS 1048576U
#define LISTENERS6 65536U
#define VIAS 16384U
#define SPARE_PART 16U /* of the pages */
#define SPARE_LEAST 256U
#define SPARE_LEAST6 64U

/* ---- sizes ---- */

/*
 * A page serves one room only, so many small rooms use up pages before they use up
 * slots: there are some more pages than the listeners alone would fill.
 */
static uint32_t with_spare(uint32_t listeners, uint32_t least)
{
	uint32_t pages = (listeners + CRIER_PAGE_SLOTS - 1) / CRIER_PAGE_SLOTS;
	uint32_t spare = pages / SPARE_PART;

	return (pages + (spare > least ? spare : least)) * CRIER_PAGE_SLOTS;
}

struct tables_size setup_size(struct crierd *d, const struct config *c, const struct options *o)
{
	uint32_t n4 = o->listeners ? o->listeners : c->capacity.listeners;
	uint32_t n6 = o->listeners6 ? o->listeners6 : c->capacity.listeners6;
	struct tables_size size = {
		.rooms = c->capacity.rooms,
		.streams = c->capacity.streams,
		.vias = VIAS,
		.workers = c->capacity.workers,
		.shards = c->capacity.shards,
		.guard_prefixes = c->capacity.guard_prefixes,
	};

	d->listeners4 = n4 ? n4 : LISTENERS;
	d->listeners6 = n6 ? n6 : LISTENERS6;
	size.members4 = with_spare(d->listeners4, SPARE_LEAST);
	size.members6 = with_spare(d->listeners6, SPARE_LEAST6);
	return size;
}

static uint32_t at_most(uint32_t listeners, uint32_t pages)
{
	uint64_t slots = (uint64_t)pages * CRIER_PAGE_SLOTS;

	return listeners < slots ? listeners : (uint32_t)slots;
}

void setup_capacity(struct crierd *d)
{
	const struct crier_config *c = d->tables->config;

	d->listeners4 = at_most(d->listeners4, c->pages4 ? c->pages4 - 1 : 0);
	d->listeners6 = at_most(d->listeners6, c->pages6);
}

/* ---- the config row ---- */

void setup_config_row(struct crierd *d, const struct config *c, bool fresh)
{
	struct crier_config *row = d->tables->config;
	uint16_t port = ntohs(row->media_port);
	char err[256];

	memset(row->node, 0, sizeof(row->node));
	strncpy(row->node, c->node ? c->node : "", sizeof(row->node) - 1);
	if (!fresh && port != c->media_port)
		log_info("crierd: the media port changes from %u to %u", port, c->media_port);
	row->media_port = htons(c->media_port);
	row->crierd_pid = (uint32_t)getpid();
	row->crierd_started_ns = d->started_ns;
	for (uint32_t key = 0; key < CRIER_SET_N; key++)
		if (c->settings.value[key] &&
		    setting_put(d->tables, key, *c->settings.value[key], err, sizeof(err)) != 0)
			crierd_warn(d, "%s", err);
	if (c->guard.mode)
		setting_put(d->tables, CRIER_SET_guard_mode, c->guard.mode - CONFIG_GUARD_OFF, err,
			    sizeof(err));
}

/* ---- interfaces ---- */

static int port_add(struct crierd *d, const char *name, enum port_want want)
{
	char err[PORTS_ERR_LEN];
	int ret = ports_add(d->ports, name, want, 0, err);

	if (ret < 0)
		log_err("crierd: %s", err);
	return ret < 0 ? ret : 0;
}

int setup_ports(struct crierd *d, const struct config *c, const struct options *o)
{
	char err[PORTS_ERR_LEN], name[CRIER_IFNAME_LEN];
	enum port_want want;
	int ret = 0;

	for (uint32_t i = 0; i < c->interfaces_count && !ret; i++)
		ret = port_add(d, c->interfaces[i].name, c->interfaces[i].mode);
	for (uint32_t i = 0; i < o->interfaces && !ret; i++) {
		ret = ports_parse(o->interface[i], name, &want, err);
		if (ret)
			log_err("crierd: --interface %s: %s", o->interface[i], err);
		else
			ret = port_add(d, name, want);
	}
	return ret;
}

void setup_crier0(struct crierd *d, const struct config *c)
{
	char err[PORTS_ERR_LEN > CRIER0_ERR_LEN ? PORTS_ERR_LEN : CRIER0_ERR_LEN];
	struct crier0 c0;
	int port = -1;

	if (!c->crier0.enable)
		return;
	if (crier0_parse(&c0, c->crier0.address, c->crier0.address6, err) == 0 &&
	    crier0_up(&c0, err) == 0)
		port = ports_add(d->ports, CRIER0_ENGINE, PORT_AUTO, CRIER_PORT_LOCAL, err);
	if (port < 0) {
		crierd_warn(d, "no crier0 for local programs: %s", err);
		return;
	}
	nexthop_set_local(d->nexthop, (uint32_t)port, c0.has4 ? &c0.engine4 : NULL,
			  c0.has4 ? &c0.host4 : NULL, c0.has6 ? &c0.engine6 : NULL,
			  c0.has6 ? &c0.host6 : NULL);
	if (c0.has4)
		ports_add_local(d->ports, &c0.engine4, c0.engine_ifindex);
	if (c0.has6)
		ports_add_local(d->ports, &c0.engine6, c0.engine_ifindex);
}

int setup_injector(struct crierd *d, const struct config *c)
{
	const char *name = c->kernel.injector;

	return injector_open(strcmp(name, CONFIG_NO_INJECTOR) ? name : NULL, d->pin_dir, d->loader,
			     d->errands, &d->injector);
}

/* ---- rooms ---- */

/* The same checks as the API's: the room goes through its JSON form. */
static json_t *room_json(const struct config_room *r)
{
	static const char *const engines[] = {"auto", "bypass", "kernel", "none"};
	json_t *streams = json_array();

	for (uint32_t i = 0; i < r->streams_count; i++) {
		const struct config_stream *s = &r->streams[i];
		json_t *json = json_pack("{s:i, s:s}", "port", (int)s->port, "from", s->from);

		if (s->ssrc)
			json_object_set_new(json, "ssrc", json_integer(*s->ssrc));
		if (s->pt)
			json_object_set_new(json, "pt", json_integer(*s->pt));
		json_array_append_new(streams, json);
	}
	return json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", r->name, "payload",
			 body_payload_name(r->payload), "engine", engines[r->engine], "limit",
			 (json_int_t)r->limit, "streams", streams);
}

static uint32_t room_setup(struct crierd *d, const struct config_room *r, char *err, size_t size)
{
	struct room_body *body = malloc(sizeof(*body));
	json_t *json = room_json(r);
	uint32_t room = 0;

	if (!body || !json)
		snprintf(err, size, "out of memory");
	else if (body_room(json, body, err) == 0 && api_room_make(d, body, &room, err, size) != 0)
		room = 0;
	json_decref(json);
	free(body);
	return room;
}

static void listeners_setup(struct crierd *d, uint32_t room, const struct config_room *r)
{
	char err[BODY_ERR_LEN];

	for (uint32_t i = 0; i < r->listeners_count; i++) {
		struct crier_endpoint ep;
		int ret = member_parse(r->listeners[i], strlen(r->listeners[i]), &ep);

		if (!ret)
			ret = member_add(&d->store, room, &ep);
		if (ret >= 0 || ret == -EEXIST)
			continue;
		api_listener_error(d, room, ret, err, sizeof(err));
		crierd_warn(d, "listener %s of room %s: %s", r->listeners[i], r->name, err);
	}
}

void setup_rooms(struct crierd *d, const struct config *c)
{
	for (uint32_t i = 0; i < c->rooms_count; i++) {
		const struct config_room *r = &c->rooms[i];
		uint32_t room = room_find(&d->store, r->name, strlen(r->name));
		char err[BODY_ERR_LEN] = "";

		if (!room)
			room = room_setup(d, r, err, sizeof(err));
		if (room)
			listeners_setup(d, room, r);
		else
			crierd_warn(d, "room %s of the configuration: %s", r->name, err);
	}
}

/* ---- the guard ---- */

static void on_guard(struct guard_change *change, void *arg)
{
	if (change->code != 200)
		crierd_warn(arg, "the guard's lists of the configuration: %s", change->err);
}

/* Lists of the configuration on their way to the guard. */
struct guard_setup {
	struct crierd *d;
	struct guard_change *change;
	uint32_t moved; /* prefixes that are on the other list */
	char first[PREFIX_STRLEN];
};

/* What was moved to the other list at run time stays there. */
static int guard_take(struct guard_setup *g, const char *text, uint32_t value)
{
	struct crier_guard_prefix p;
	char err[GUARD_ERR_LEN];
	uint32_t there;

	if (guard_prefix_parse(text, strlen(text), &p, err) != 0)
		return -EINVAL; /* cannot be: the file was checked */
	p.value = (uint8_t)value;
	there = guard_find(g->d->guard, &p);
	if (there && there != value && !g->moved++)
		guard_prefix_format(g->first, &p);
	return there ? 0 : guard_change_add(g->d->guard, g->change, &p, 0);
}

static int guard_take_lists(struct guard_setup *g, const struct config *c)
{
	int err = g->change ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < c->guard.block_count; i++)
		err = guard_take(g, c->guard.block[i], CRIER_GUARD_BLOCK);
	for (uint32_t i = 0; !err && i < c->guard.allow_count; i++)
		err = guard_take(g, c->guard.allow[i], CRIER_GUARD_ALLOW);
	return err;
}

void setup_guard(struct crierd *d, const struct config *c)
{
	struct guard_setup g = {.d = d, .change = guard_change_new(GUARD_ADD, 0)};
	struct guard_change *change = g.change;
	int err = guard_take_lists(&g, c);

	/* Once for all of them: there may be many thousands. */
	if (g.moved)
		crierd_warn(d,
			    "%u of the guard's prefixes in the configuration (%s is one) are on "
			    "the other list, where they were put at run time: left so",
			    g.moved, g.first);
	if (err)
		crierd_warn(d, "the guard's lists of the configuration: %s", strerror(-err));
	if (err || !change->n) {
		guard_change_free(change);
		return;
	}
	change->done = on_guard;
	change->arg = d;
	guard_submit(d->guard, change);
}
