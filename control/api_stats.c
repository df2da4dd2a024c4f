/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/stats: all counters, a CPU, a worker and a room at a time. */
#include <event2/buffer.h>
#include <time.h>

#include "control/pieces.h"
#include "control/room.h"
#include "control/stats.h"

enum stats_part { STATS_CPUS, STATS_WORKERS, STATS_ROOMS };

struct stats_pieces {
	struct pieces pieces; /* first */
	enum stats_part part;
	uint32_t n; /* CPU, worker or room */
	bool any;
};

static void part_begin(struct stats_pieces *s, enum stats_part part, const char *open)
{
	s->part = part;
	s->n = 0;
	s->any = false;
	evbuffer_add_printf(s->pieces.data, "%s", open);
}

static void cpus_more(struct stats_pieces *s, const struct tables *t)
{
	bool first = false;

	if (s->n < t->config->cpus) {
		pieces_json(&s->pieces, stats_xdp_json(t, s->n++), &s->any);
		return;
	}
	evbuffer_add_printf(s->pieces.data, "],\"worker\":");
	pieces_json(&s->pieces, stats_worker_json(t, -1), &first);
	part_begin(s, STATS_WORKERS, ",\"workers\":[");
}

static void workers_more(struct stats_pieces *s, const struct crierd *d)
{
	while (s->n < d->tables->config->max_workers && !worker_is_known(d->tables, s->n))
		s->n++;
	if (s->n == d->tables->config->max_workers) {
		part_begin(s, STATS_ROOMS, "],\"rooms\":[");
		return;
	}
	pieces_json(&s->pieces,
		    json_pack("{s:I, s:b, s:o}", "slot", (json_int_t)s->n, "alive",
			      d->run_dir && worker_is_alive(d->run_dir, s->n), "counters",
			      stats_worker_json(d->tables, s->n)),
		    &s->any);
	s->n++;
}

static bool rooms_more(struct stats_pieces *s, const struct store *store)
{
	json_t *json;

	s->n = room_next(store, s->n);
	if (!s->n) {
		evbuffer_add_printf(s->pieces.data, "]}");
		return false;
	}
	json = json_pack("{s:s, s:I}", "name", room_row(store, s->n)->name, "listeners",
			 (json_int_t)room_members(store, s->n));
	if (json)
		json_object_update_new(json, stats_room_json(store, s->n));
	pieces_json(&s->pieces, json, &s->any);
	return true;
}

static bool stats_more(struct pieces *p)
{
	struct stats_pieces *s = (struct stats_pieces *)p;
	struct crierd *d = p->job.call.d;

	if (s->part == STATS_CPUS)
		cpus_more(s, d->tables);
	else if (s->part == STATS_WORKERS)
		workers_more(s, d);
	else
		return rooms_more(s, &d->store);
	return true;
}

void api_stats(struct call *call)
{
	struct stats_pieces *s = pieces_new(call, sizeof(*s));
	bool first = false;

	if (!s)
		return;
	evbuffer_add_printf(s->pieces.data,
			    "{\"time_ns\":%llu,\"xdp\":", (unsigned long long)loop_now_ns());
	pieces_json(&s->pieces, stats_xdp_json(call->d->tables, -1), &first);
	part_begin(s, STATS_CPUS, ",\"xdp_cpus\":[");
	pieces_start(&s->pieces, call, "application/json", stats_more);
}
