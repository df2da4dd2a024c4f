// SPDX-License-Identifier: BSD-2-Clause
#include "rates.h"

#include <string.h>

#include "cli.h"

/* Members that got no copy, whatever the reason; see the room's counters in table.h. */
static const char *const room_drops[] = {"no_route", "no_neighbour",	"link_down",	 "mtu",
					 "tx_full",  "overload_copies", "stopped_copies"};

/* By name, since thousands of rooms are looked up at each step. */
static void index_rooms(struct rates *r)
{
	json_t *room;
	size_t i;

	json_decref(r->index);
	r->index = xalloc(json_object());
	json_array_foreach (json_object_get(r->before, "rooms"), i, room) {
		json_object_set(r->index, field_str(room, "name"), room);
	}
}

void rates_step(struct rates *r, json_t *stats)
{
	json_decref(r->before);
	r->before = r->now;
	r->now = stats;
	r->seconds = 0;
	index_rooms(r);
	if (r->before)
		r->seconds =
			(double)(field_int(r->now, "time_ns") - field_int(r->before, "time_ns")) /
			1e9;
	if (r->seconds < 0) /* another machine's clock: begin anew */
		r->seconds = 0;
}

void rates_free(struct rates *r)
{
	json_decref(r->before);
	json_decref(r->now);
	json_decref(r->index);
	*r = (struct rates){0};
}

static double rate(const struct rates *r, const json_t *before, const json_t *now,
		   const char *counter)
{
	int64_t a = field_int(before, counter), b = field_int(now, counter);

	if (r->seconds <= 0)
		return 0;
	return (double)(b >= a ? b - a : b) / r->seconds;
}

double rates_of(const struct rates *r, const char *section, const char *counter)
{
	return rate(r, json_object_get(r->before, section), json_object_get(r->now, section),
		    counter);
}

double rates_copies(const struct rates *r)
{
	return rates_of(r, "worker", "copies") + rates_of(r, "xdp", "kernel_copies") -
	       rates_of(r, "xdp", "kernel_tx_full");
}

static const json_t *room_before(const struct rates *r, const json_t *room)
{
	return json_object_get(r->index, field_str(room, "name"));
}

double rates_of_room(const struct rates *r, const json_t *room, const char *counter)
{
	return rate(r, room_before(r, room), room, counter);
}

double rates_of_room_drops(const struct rates *r, const json_t *room)
{
	const json_t *old = room_before(r, room);
	double sum = 0;

	for (size_t i = 0; i < sizeof(room_drops) / sizeof(*room_drops); i++)
		sum += rate(r, old, room, room_drops[i]);
	return sum;
}

bool counter_is_drop(const char *name)
{
	static const char *const others[] = {
		"rx_refused",	       "overload_copies", "stopped_copies",   "no_job_copies",
		"oversize_copies",     "rx_ring_full",	  "rx_fill_empty",    "rx_dropped",
		"tx_invalid",	       "capture_lost",	  "guard_blocked",    "guard_media",
		"guard_cap",	       "guard_checksum",  "guard_impossible", "kernel_dropped",
		"kernel_no_neighbour", "kernel_lost",	  "kernel_tx_full",   "guard_member_cap"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return strncmp(name, "drop_", 5) == 0;
}

static json_t *section_rates(const struct rates *r, const json_t *before, const json_t *now)
{
	json_t *out = xalloc(json_object()), *v;
	const char *key;

	json_object_foreach ((json_t *)now, key, v) {
		/* gauges and names are no counters */
		if (!json_is_integer(v) || !strcmp(key, "listeners") || !strcmp(key, "sweep_us") ||
		    !strcmp(key, "sweep_max_us") || !strcmp(key, "generation") ||
		    !strcmp(key, "id"))
			continue;
		json_object_set_new(out, key, json_real(rate(r, before, now, key)));
	}
	return out;
}

json_t *rates_object(const struct rates *r)
{
	json_t *out = xalloc(json_object()), *rooms = xalloc(json_array()), *room, *one;
	static const char *const sections[] = {"xdp", "worker"};
	size_t i;

	json_object_set_new(out, "seconds", json_real(r->seconds));
	for (i = 0; i < 2; i++)
		json_object_set_new(out, sections[i],
				    section_rates(r, json_object_get(r->before, sections[i]),
						  json_object_get(r->now, sections[i])));
	json_array_foreach (json_object_get(r->now, "rooms"), i, room) {
		one = section_rates(r, room_before(r, room), room);
		json_object_set_new(one, "name", json_string(field_str(room, "name")));
		json_array_append_new(rooms, one);
	}
	json_object_set_new(out, "rooms", rooms);
	return out;
}
