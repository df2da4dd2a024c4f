/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET /metrics: the Prometheus text format, a family of samples at a time.  Names end
 * in their base unit and counters in _total, as `promtool check metrics` wants them.
 */
#include <event2/buffer.h>
#include <inttypes.h>

#include "control/capture.h"
#include "control/grace.h"
#include "control/kernel.h"
#include "control/guard.h"
#include "control/nexthop.h"
#include "control/pieces.h"
#include "control/room.h"
#include "control/settings.h"
#include "control/stats.h"

#define ROOMS_A_PIECE 64

struct metrics {
	struct pieces pieces; /* first */
	uint32_t family;
	uint32_t room; /* next of a room family */
	bool begun;
};

static void head(struct evbuffer *out, const char *name, const char *type, const char *help)
{
	evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct evbuffer *out, const char *name, const char *help, double value)
{
	head(out, name, "gauge", help);
	evbuffer_add_printf(out, "%s %.17g\n", name, value);
}

static void counter(struct evbuffer *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", help);
	evbuffer_add_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* ---- the node ---- */

static void node_gauges(struct evbuffer *out, struct crierd *d)
{
	const struct store *s = &d->store;
	const struct crier_config *c = d->tables->config;

	head(out, "crier_build_info", "gauge", "What runs here; always 1");
	evbuffer_add_printf(out, "crier_build_info{version=\"%s\",abi=\"%u\"} 1\n", CRIER_VERSION,
			    c->abi);
	gauge(out, "crier_start_time_seconds", "When crierd was started, monotonic clock",
	      (double)d->started_ns / 1e9);
	gauge(out, "crier_rooms", "Rooms", s->rooms_n);
	gauge(out, "crier_streams", "Streams", s->streams_n);
	head(out, "crier_listeners", "gauge", "Listeners in all rooms");
	evbuffer_add_printf(out,
			    "crier_listeners{family=\"4\"} %" PRIu64
			    "\ncrier_listeners{family=\"6\"} %" PRIu64 "\n",
			    s->members4, s->members6);
	head(out, "crier_listeners_capacity", "gauge", "Listeners that the tables hold at most");
	evbuffer_add_printf(
		out,
		"crier_listeners_capacity{family=\"4\"} %u\ncrier_listeners_capacity{family=\"6\"} "
		"%u\n",
		d->listeners4, d->listeners6);
	gauge(out, "crier_listeners_unreachable", "Listeners without a route",
	      (double)s->unreachable);
	gauge(out, "crier_tables_bytes", "Memory of the shared tables",
	      (double)tables_bytes(d->tables));
	gauge(out, "crier_index_bytes", "Memory of crierd's index of them",
	      (double)(store_bytes(s) + index_bytes(&s->members)));
}

static void loop_gauges(struct evbuffer *out, struct crierd *d)
{
	const struct loop_stats *loop = loop_stats(d->loop);

	counter(out, "crier_loop_turns_total", "Turns of crierd's event loop", loop->turns);
	gauge(out, "crier_loop_turn_max_seconds",
	      "CPU time of the longest turn of crierd's event loop",
	      (double)loop->turn_max_ns / 1e9);
	head(out, "crier_loop_turn_seconds_total", "counter",
	     "CPU time of all turns of crierd's event loop");
	evbuffer_add_printf(out, "crier_loop_turn_seconds_total %.9f\n",
			    (double)loop->turn_sum_ns / 1e9);
	counter(out, "crier_loop_turns_over_2ms_total", "Turns of more than 2 ms of CPU time",
		loop->over_2ms);
	gauge(out, "crier_grace_pending", "Pages, slots and numbers that wait to be reused",
	      (double)grace_pending(d->grace));
	gauge(out, "crier_grace_age_seconds", "How long the oldest of them have waited",
	      (double)grace_age_ns(d->grace) / 1e9);
	if (d->kernel)
		gauge(out, "crier_page_triggers", "1 if large rooms can be broadcast by triggers",
		      !kernel_why_no_triggers(d->kernel));
	if (d->capture) {
		gauge(out, "crier_capture_clients", "Clients that capture now",
		      capture_clients(d->capture));
		counter(out, "crier_capture_lost_total",
			"Packets that a capture asked for and that came too fast for it",
			capture_lost(d->capture));
	}
	if (d->http) {
		counter(out, "crier_api_calls_total", "Calls of the HTTP API",
			http_stats(d->http)->calls);
		counter(out, "crier_api_refused_total", "Of these, answered with 4xx or 5xx",
			http_stats(d->http)->refused);
	}
}

static void worker_gauges(struct evbuffer *out, struct crierd *d)
{
	head(out, "crier_worker_up", "gauge", "1 if the worker lives");
	for (uint32_t w = 0; w < d->tables->config->max_workers; w++)
		if (worker_is_known(d->tables, w))
			evbuffer_add_printf(out, "crier_worker_up{worker=\"%u\"} %d\n", w,
					    d->run_dir && worker_is_alive(d->run_dir, w));
}

static void via_gauges(struct evbuffer *out, struct crierd *d)
{
	struct nexthop_stats s;

	if (!d->nexthop)
		return;
	nexthop_stats(d->nexthop, &s);
	head(out, "crier_vias", "gauge", "Next hops by state");
	evbuffer_add_printf(out,
			    "crier_vias{state=\"ready\"} %u\ncrier_vias{state=\"pending\"} %u\n"
			    "crier_vias{state=\"down\"} %u\n",
			    s.ready, s.pending, s.down);
}

static void guard_gauges(struct evbuffer *out, struct crierd *d)
{
	struct guard_counts c = guard_counts(d->guard);

	head(out, "crier_guard_prefixes", "gauge", "Prefixes on the guard's lists");
	evbuffer_add_printf(out,
			    "crier_guard_prefixes{list=\"block\"} %u\n"
			    "crier_guard_prefixes{list=\"allow\"} %u\n",
			    c.block, c.allow);
	gauge(out, "crier_guard_prefixes_capacity", "Prefixes that both lists together may have",
	      guard_capacity(d->guard));
}

static void setting_gauges(struct evbuffer *out, struct crierd *d)
{
	head(out, "crier_setting", "gauge", "Settings in effect");
	for (uint32_t key = 0; key < CRIER_SET_N; key++)
		evbuffer_add_printf(out, "crier_setting{key=\"%s\"} %" PRIu64 "\n",
				    settings_info[key].name, (uint64_t)setting(d->tables, key));
}

/* ---- counters of XDP and of workers ---- */

static void xdp_counters(struct evbuffer *out, struct crierd *d)
{
#define XDP_METRIC(name, help) \
	counter(out, "crier_xdp_" #name "_total", "XDP: " help, \
		stats_xdp(d->tables, CRIER_XDP_##name));
	CRIER_XDP_COUNTERS(XDP_METRIC)
#undef XDP_METRIC
}

static void port_counters(struct evbuffer *out, struct crierd *d)
{
	head(out, "crier_port_tx_full_total", "counter",
	     "Interface: copies of the kernel engine that the device did not take");
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (d->tables->ports[n].name[0])
			evbuffer_add_printf(
				out, "crier_port_tx_full_total{interface=\"%.*s\"} %" PRIu64 "\n",
				CRIER_IFNAME_LEN, d->tables->ports[n].name,
				stats_port_tx_full(d->tables, n));
}

static void worker_counter(struct evbuffer *out, struct crierd *d, const char *name,
			   const char *help, uint32_t which)
{
	head(out, name, "counter", help);
	for (uint32_t w = 0; w < d->tables->config->max_workers; w++)
		if (worker_is_known(d->tables, w))
			evbuffer_add_printf(
				out, "%s{worker=\"%u\"} %" PRIu64 "\n", name, w,
				(uint64_t)tbl_load(&d->tables->worker_counters[w].c[which]));
}

static void worker_counters(struct evbuffer *out, struct crierd *d)
{
#define WORKER_METRIC(name, help) \
	worker_counter(out, d, "crier_worker_" #name "_total", "Worker: " help, \
		       CRIER_WORKER_##name);
	CRIER_WORKER_COUNTERS(WORKER_METRIC)
#undef WORKER_METRIC
}

static void (*const node_families[])(struct evbuffer *out, struct crierd *d) = {
	node_gauges,	loop_gauges,  worker_gauges, via_gauges,      guard_gauges,
	setting_gauges, xdp_counters, port_counters, worker_counters,
};
#define NODE_FAMILIES (sizeof(node_families) / sizeof(node_families[0]))

/* ---- rooms: each family over all rooms ---- */

static uint64_t room_listeners(const struct store *s, uint32_t room)
{
	return room_members(s, room);
}

static uint64_t room_unreachable(const struct store *s, uint32_t room)
{
	return s->rooms[room].unreachable;
}

static uint64_t room_engine(const struct store *s, uint32_t room)
{
	return room_row(s, room)->engine;
}

#define ROOM_VALUE(name, help) \
	static uint64_t room_##name(const struct store *s, uint32_t room) \
	{ \
		return stats_room(s, room).name; \
	}
ROOM_COUNTERS(ROOM_VALUE)
#undef ROOM_VALUE

static uint64_t room_sweep_max(const struct store *s, uint32_t room)
{
	return stats_room(s, room).sweep_max_ns;
}

static const struct room_family {
	const char *name, *type, *help;
	uint64_t (*value)(const struct store *s, uint32_t room);
	double unit;
} room_families[] = {
	{"crier_room_listeners", "gauge", "Listeners of the room", room_listeners, 1},
	{"crier_room_engine", "gauge",
	 "What is to make its copies: 0 nothing, 1 crier-dp's frames, 2 its own packet, 3 triggers",
	 room_engine, 1},
	{"crier_room_unreachable", "gauge", "Of these, without a route", room_unreachable, 1},
#define ROOM_FAMILY(name, help) \
	{"crier_room_" #name "_total", "counter", "Room: " help, room_##name, 1},
	ROOM_COUNTERS(ROOM_FAMILY)
#undef ROOM_FAMILY
		{"crier_room_sweep_max_seconds", "gauge",
		 "Longest sweep of the room, first to last copy", room_sweep_max, 1e-9},
};
#define ROOM_FAMILIES (sizeof(room_families) / sizeof(room_families[0]))

/* A room's name is [A-Za-z0-9._-]: it needs no escape in a label. */
static void room_samples(struct metrics *m, const struct room_family *f)
{
	const struct store *s = &m->pieces.job.call.d->store;

	if (!m->begun)
		head(m->pieces.data, f->name, f->type, f->help);
	m->begun = true;
	for (int i = 0; i < ROOMS_A_PIECE; i++) {
		m->room = room_next(s, m->room);
		if (!m->room) {
			m->begun = false;
			m->family++;
			return;
		}
		evbuffer_add_printf(m->pieces.data, "%s{room=\"%s\"} %.17g\n", f->name,
				    room_row(s, m->room)->name,
				    (double)f->value(s, m->room) * f->unit);
	}
}

static bool metrics_more(struct pieces *p)
{
	struct metrics *m = (struct metrics *)p;

	if (m->family < NODE_FAMILIES)
		node_families[m->family++](p->data, p->job.call.d);
	else if (m->family - NODE_FAMILIES < ROOM_FAMILIES)
		room_samples(m, &room_families[m->family - NODE_FAMILIES]);
	return m->family < NODE_FAMILIES + ROOM_FAMILIES;
}

void api_metrics(struct call *call)
{
	struct metrics *m = pieces_new(call, sizeof(*m));

	if (m)
		pieces_start(&m->pieces, call, "text/plain; version=0.0.4", metrics_more);
}
