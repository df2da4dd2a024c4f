/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/kernel.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/crierd.h"
#include "control/devmaps.h"
#include "control/dp.h"
#include "control/engine.h"
#include "control/injector.h"
#include "control/outlets.h"
#include "control/room.h"
#include "control/stats.h"
#include "xdp/load.h"
#include "xdp/log.h"

/* How often crier-dp and the interfaces are looked at. */
static const struct timeval look_each = {.tv_usec = 250000};

struct kernel {
	struct task task; /* first: judges all rooms */
	struct crierd *d;
	struct event *look;
	uint32_t room; /* the task's */
	bool again;
	uint64_t most; /* unit_slots, as seen last */
	struct dp dp;
	struct outlets outlets;
	uint64_t pages; /* ports to which rooms may have triggers */
};

static void rooms_judge(struct kernel *k);

/* Where a room's copies come from and go to. */
struct fit {
	uint32_t page[2]; /* by family */
	uint32_t port;
	bool pending; /* this will be known soon */
	char *err;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static bool no(const struct fit *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (f->err)
		vsnprintf(f->err, f->size, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- interfaces ---- */

/* In generic mode clones share one packet's bytes. */
static const struct crier_port *generic_port(const struct tables *t)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (t->ports[n].ifindex && t->ports[n].mode == CRIER_PORT_GENERIC)
			return &t->ports[n];
	return NULL;
}

static bool fit_anything(const struct kernel *k, const struct fit *f)
{
	const struct crier_port *generic = generic_port(k->d->tables);
	const char *why = k->d->loader ? loader_egress(k->d->loader) : "no program is loaded";

	if (why)
		return no(f, "%s", why);
	if (generic)
		return no(f,
			  "interface %.15s is in generic mode, in which copies would share bytes",
			  generic->name);
	return true;
}

/* NULL, or why triggers would be of no use here. */
static const char *injector_off(const struct kernel *k)
{
	const char *why = kernel_why_off(k);

	for (uint32_t n = 1; !why && n < CRIER_MAX_PORTS; n++) {
		const struct crier_port *port = &k->d->tables->ports[n];

		if (port->ifindex && port->mode == CRIER_PORT_NATIVE &&
		    !(port->flags & CRIER_PORT_LOCAL))
			return NULL;
	}
	return why ? why : "no interface of crier's is the kernel's in native mode";
}

static bool injector_changed(struct kernel *k)
{
	return k->d->injector && injector_look(k->d->injector, injector_off(k), loop_now_ns());
}

static bool fit_port(struct kernel *k, struct fit *f)
{
	const struct crier_port *port = &k->d->tables->ports[f->port];
	int ret;

	if (!tbl_load(&port->ifindex) || port->mode != CRIER_PORT_NATIVE)
		return no(f, "its listeners' interface %.15s is not the kernel's in native mode",
			  port->name);
	if (k->outlets.closed >> f->port & 1)
		return no(
			f,
			"interface %.15s takes no frames that XDP redirects; a veth does once its "
			"other end has an XDP program, or GRO (`ethtool -K <that end> gro on`)",
			port->name);
	ret = devmaps_get(k->d->devmaps, f->port);
	f->pending = ret == -EAGAIN;
	return ret ? no(f, "no broadcast by %.15s: %s", port->name, strerror(-ret)) : true;
}

/* ---- rooms ---- */

static uint32_t words_count(const __u64 word[4])
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n += (uint32_t)__builtin_popcountll(word[i]);
	return n;
}

/* A page of the room's: the one of its family with anybody on it. */
static bool fit_page(const struct kernel *k, struct fit *f, uint32_t page, bool family6,
		     uint32_t *ways)
{
	const struct crier_page *row = &k->d->tables->pages[page];

	if (!row->count)
		return true;
	if (f->page[family6])
		return no(f,
			  "its listeners are on several pages, which one broadcast cannot serve");
	f->page[family6] = page;
	*ways += words_count(row->egress);
	if (!row->egress_port)
		return true;
	if (f->port && f->port != row->egress_port)
		return no(f, "its listeners are behind several interfaces");
	f->port = row->egress_port;
	return true;
}

static bool fit_pages(const struct kernel *k, uint32_t room, struct fit *f)
{
	const struct store *s = &k->d->store;
	uint32_t ways = 0;

	for (uint32_t i = 0; s->rooms[room].lists && i < s->t->config->shards * 2; i++) {
		const struct page_list *l = &s->rooms[room].lists[i];

		for (uint32_t n = 0; n < l->n; n++)
			if (!fit_page(k, f, l->page[n], i % 2, &ways))
				return false;
	}
	if (ways + s->rooms[room].unreachable != room_members(s, room))
		return no(f, "its listeners are behind several interfaces");
	return true;
}

static uint32_t unit_slots(const struct kernel *k)
{
	return (uint32_t)setting(k->d->tables, CRIER_SET_unit_slots);
}

/*
 * Having outgrown it, a room comes back only when it has become an eighth smaller; at once
 * if there is no crier-dp to serve it meanwhile.
 */
static uint32_t most_members(const struct kernel *k, uint32_t room)
{
	uint32_t most = unit_slots(k);
	bool stays = room_row(&k->d->store, room)->engine == CRIER_ENGINE_KERNEL;

	return stays || !k->dp.works ? most : most - most / 8;
}

static bool room_fits(struct kernel *k, uint32_t room, uint32_t most, struct fit *f)
{
	uint32_t members = room_members(&k->d->store, room);

	if (!fit_anything(k, f))
		return false;
	if (members > most)
		return no(f, "it has %u listeners, and one packet serves %u by itself (unit_slots)",
			  members, most);
	return fit_pages(k, room, f) && (!f->port || fit_port(k, f));
}

const char *kernel_why_off(const struct kernel *k)
{
	static char err[LOADER_ERR_LEN];
	const struct fit f = {.err = err, .size = sizeof(err)};

	return fit_anything(k, &f) ? NULL : err;
}

/* ---- triggers ---- */

/* What all rooms have in common. */
static bool pages_anybody(const struct kernel *k, const struct fit *f)
{
	const struct crierd *d = k->d;

	if (!fit_anything(k, f))
		return false;
	if (!d->injector || injector_why(d->injector))
		return no(f, "there are no page triggers: %s",
			  d->injector ? injector_why(d->injector) : "there is no injector");
	if (!k->dp.works)
		return no(f,
			  "no crier-dp is running that would send page triggers (crier-dp --port "
			  "xdp:IFACE --port page:%s)",
			  injector_name(d->injector));
	if (!k->dp.pages)
		return no(f,
			  "crier-dp sends no page triggers; start it with --port page:%s as well",
			  injector_name(d->injector));
	return true;
}

const char *kernel_why_no_triggers(const struct kernel *k)
{
	static char err[KERNEL_WHY_LEN];
	const struct fit f = {.err = err, .size = sizeof(err)};

	if (!pages_anybody(k, &f))
		return err;
	return k->pages & ~k->outlets.local ? NULL : "no interface takes broadcasts now";
}

/* The ports by which a room's members leave: crier0, a veth everywhere, if it is the only one. */
static uint64_t room_ports(const struct kernel *k, uint32_t room)
{
	uint64_t all = k->d->store.rooms[room].ports, far = all & ~k->outlets.local;

	return far ? far : all;
}

/* Some of its listeners at least are behind an interface to which units can be broadcast. */
static bool pages_room(struct kernel *k, uint32_t room, struct fit *f)
{
	uint64_t ports = room_ports(k, room);

	if (!pages_anybody(k, f))
		return false;
	if (!ports || ports & k->pages)
		return true;
	f->port = (uint32_t)__builtin_ctzll(ports);
	return fit_port(k, f) &&
	       no(f, "interface %.15s has no link", k->d->tables->ports[f->port].name);
}

/* True: it has changed. */
static bool pages_look(struct kernel *k)
{
	const struct crierd *d = k->d;
	bool may = d->injector && !injector_why(d->injector) && !kernel_why_off(k);
	const struct fit f = {0};
	uint64_t was = k->pages;

	outlets_flag(&k->outlets, d, may);
	k->pages = pages_anybody(k, &f) ? k->outlets.triggers : 0;
	return k->pages != was;
}

/* ---- the choice ---- */

/* All but whether it fits. */
static struct engine_facts room_facts(const struct kernel *k, uint32_t room)
{
	return (struct engine_facts){
		.wanted = room_row(&k->d->store, room)->wanted,
		.ports = room_ports(k, room),
		.pages = k->pages,
		.fast = k->dp.fast,
		.doubts = k->dp.works ? k->outlets.untold : 0,
	};
}

static void room_judge(struct kernel *k, uint32_t room, uint32_t most)
{
	struct crier_room *row = room_row(&k->d->store, room);
	struct engine_facts facts = room_facts(k, room);
	struct fit f = {0};
	uint32_t engine;

	if (row->wanted == CRIER_ENGINE_KERNEL || row->wanted == ROOM_WANTED_AUTO)
		facts.fits = room_fits(k, room, most, &f);
	if (row->wanted == ROOM_WANTED_AUTO && facts.doubts >> f.port & 1)
		facts.fits = false;
	/* The kernel engine keeps it until kernel_devmaps_changed(), with the pages of now. */
	if (f.pending && row->engine == CRIER_ENGINE_KERNEL)
		facts.fits = true;
	engine = engine_choose(&facts);
	if (engine == CRIER_ENGINE_KERNEL) {
		uint64_t word = kernel_word(f.page[0], f.page[1], f.port);

		if (row->kernel != word)
			tbl_store_release(&row->kernel, word);
	}
	if (row->engine != engine)
		tbl_store_release(&row->engine, engine);
}

void kernel_room(void *kernel, uint32_t room)
{
	room_judge(kernel, room, most_members(kernel, room));
}

void kernel_room_wanted(struct kernel *k, uint32_t room)
{
	room_judge(k, room, unit_slots(k));
}

/* All that may change without anybody's telling.  True: rooms may have other engines now. */
static bool kernel_look(struct kernel *k)
{
	bool changed = dp_look(&k->dp, k->d, loop_now_ns());

	changed |= injector_changed(k);
	changed |= outlets_look(&k->outlets, k->d);
	changed |= pages_look(k);
	return changed;
}

/* ---- in words ---- */

const char *kernel_why_not(struct kernel *k, uint32_t room, char *err, size_t size)
{
	char alone[KERNEL_WHY_LEN], pages[KERNEL_WHY_LEN];
	struct fit f = {.err = alone, .size = sizeof(alone)};

	if (kernel_look(k))
		rooms_judge(k);
	if (room_fits(k, room, unit_slots(k), &f) || f.pending)
		return NULL;
	f = (struct fit){.err = pages, .size = sizeof(pages)};
	if (pages_room(k, room, &f) || f.pending)
		return NULL;
	if (strcmp(alone, pages))
		snprintf(err, size, "%s; and %s", alone, pages);
	else
		snprintf(err, size, "%s", alone);
	return err;
}

/* Why a room that doesn't fit has frames, triggers, or both: what has its listeners decides. */
static void crier_dp_why(struct kernel *k, uint32_t room, char *text, size_t size)
{
	struct engine_facts facts = room_facts(k, room);
	uint64_t paged = engine_paged(&facts), fast = facts.ports & facts.fast;
	char some[OUTLETS_NAMES_LEN], others[OUTLETS_NAMES_LEN];
	struct fit f = {.err = text, .size = size};

	if (room_row(&k->d->store, room)->engine == CRIER_ENGINE_PAGE) {
		uint64_t rest = facts.ports & ~paged;

		outlets_named(k->d, paged, some);
		outlets_named(k->d, rest, others);
		snprintf(text, size, "triggers serve who is behind %s%s%s", some,
			 rest ? ", frames who is behind " : "", others);
	} else if (paged & facts.doubts) {
		snprintf(text, size,
			 "before Linux 6.3 it is not known whether broadcasts would get to %s",
			 outlets_named(k->d, paged & facts.doubts, some));
	} else if (fast && facts.wanted == ROOM_WANTED_AUTO) {
		snprintf(text, size, "frames get to %s without a copy",
			 outlets_named(k->d, fast, some));
	} else if (!facts.ports) {
		snprintf(text, size, "none of them has a way out");
	} else {
		pages_room(k, room, &f);
	}
}

/* Why a room that fits is crier-dp's.  Of an interface that is gone nothing can be told, either. */
static const char *fits_why(const struct kernel *k, uint32_t n, char *text, size_t size)
{
	const struct crier_port *port = &k->d->tables->ports[n];

	if (!(k->outlets.untold >> n & 1))
		return "one broadcast could serve it, and will once it is a bit smaller";
	if (tbl_load(&port->mac) >> 48 & 1)
		return "before Linux 6.3 it is not known whether a broadcast would arrive";
	snprintf(text, size, "its listeners' interface %.15s has no link", port->name);
	return text;
}

const char *kernel_room_why(struct kernel *k, uint32_t room, bool served, char *text, size_t size)
{
	const struct crier_room *row = room_row(&k->d->store, room);
	char alone[KERNEL_WHY_LEN] = "", rest[KERNEL_WHY_LEN] = "";
	struct fit f = {.err = alone, .size = sizeof(alone)};

	if (row->wanted == CRIER_ENGINE_NONE || row->wanted == CRIER_ENGINE_BYPASS)
		return "as asked";
	if (row->engine == CRIER_ENGINE_KERNEL)
		return "one broadcast serves it";
	if (room_fits(k, room, unit_slots(k), &f))
		return fits_why(k, f.port, text, size);
	if (served)
		crier_dp_why(k, room, rest, sizeof(rest));
	snprintf(text, size, strcmp(alone, rest) && rest[0] ? "%s; %s" : "%s", alone, rest);
	return text;
}

/* ---- all rooms ---- */

static bool rooms_step(struct task *task, struct budget *budget)
{
	struct kernel *k = (struct kernel *)task;

	while ((k->room = room_next(&k->d->store, k->room))) {
		kernel_room(k, k->room);
		budget->asked |= 7;
		if (budget_spent(budget))
			return true;
	}
	if (!k->again)
		return false;
	k->again = false;
	return true;
}

static void rooms_judge(struct kernel *k)
{
	if (k->room) {
		k->again = true;
		return;
	}
	loop_add(k->d->loop, &k->task);
}

void kernel_devmaps_changed(void *kernel)
{
	pages_look(kernel);
	rooms_judge(kernel);
}

void kernel_ports_changed(void *kernel)
{
	struct kernel *k = kernel;

	/* One that came need not take what the one before it by its name took. */
	outlets_look(&k->outlets, k->d);
	kernel_devmaps_changed(k);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct kernel *k = arg;
	uint64_t most = unit_slots(k);
	bool changed = kernel_look(k) || most != k->most;

	(void)fd;
	(void)what;
	k->most = most;
	if (changed)
		rooms_judge(k);
}

int kernel_open(struct crierd *d, struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->d = d;
	k->task.step = rooms_step;
	outlets_open(&k->outlets);
	dp_begin(&k->dp, d, loop_now_ns());
	kernel_look(k);
	k->look = event_new(loop_base(d->loop), -1, EV_PERSIST, on_look, k);
	if (!k->look || event_add(k->look, &look_each) < 0) {
		kernel_close(k);
		return -ENOMEM;
	}
	*out = k;
	return 0;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	loop_cancel(k->d->loop, &k->task);
	if (k->look)
		event_free(k->look);
	outlets_close(&k->outlets);
	free(k);
}
