/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/save: rooms, the guard's lists, listeners and settings as JSON lines, for another crierd.
 */
#include <event2/buffer.h>
#include <inttypes.h>
#include <string.h>

#include "control/api.h"
#include "control/crierd.h"
#include "control/guard.h"
#include "control/member.h"
#include "control/pieces.h"
#include "control/settings.h"

#define SAVE_BATCH 500 /* listeners or prefixes a line */

enum save_part { SAVE_ROOMS, SAVE_PREFIXES, SAVE_LISTENERS, SAVE_SETTINGS };

struct save {
	struct pieces pieces; /* first */
	enum save_part part;
	uint32_t room;
	struct member_walk walk;
	struct guard_walk prefixes;
	bool any_prefixes; /* the lists have begun */
};

static void save_room(struct save *s, const struct store *store)
{
	bool any = false;

	s->room = room_next(store, s->room);
	if (!s->room) {
		s->part = SAVE_PREFIXES;
		return;
	}
	pieces_json(&s->pieces, json_pack("{s:o}", "room", api_room_spec_json(store, s->room)),
		    &any);
	evbuffer_add(s->pieces.data, "\n", 1);
}

static void save_list(struct save *s, const struct crier_guard_prefix *p, uint32_t n,
		      uint32_t value)
{
	char text[SAVE_BATCH * (PREFIX_STRLEN + 3)], *at = text;

	for (uint32_t i = 0; i < n; i++) {
		if (p[i].value != value)
			continue;
		if (at > text)
			*at++ = ',';
		*at++ = '"';
		at += strlen(guard_prefix_format(at, &p[i]));
		*at++ = '"';
	}
	if (at == text)
		return;
	evbuffer_add_printf(s->pieces.data, "{\"guard\":{\"action\":\"%s\",\"add\":[",
			    guard_value_name(value));
	evbuffer_add(s->pieces.data, text, (size_t)(at - text));
	evbuffer_add(s->pieces.data, "]}}\n", 4);
}

/*
 * Both lists in one walk: a prefix that goes from one to the other meanwhile is met once,
 * and not saved for both.  First two lines without prefixes: that a list is empty is to be
 * restored, too.
 */
static void save_prefixes(struct save *s, const struct guard *guard)
{
	struct crier_guard_prefix p[SAVE_BATCH];
	uint32_t n;
	bool more;

	if (!s->any_prefixes) {
		evbuffer_add_printf(s->pieces.data,
				    "{\"guard\":{\"action\":\"block\",\"add\":[]}}\n"
				    "{\"guard\":{\"action\":\"allow\",\"add\":[]}}\n");
		s->any_prefixes = true;
	}
	more = guard_walk_next(guard, &s->prefixes, CRIER_GUARD_NONE, p, SAVE_BATCH, &n);
	save_list(s, p, n, CRIER_GUARD_BLOCK);
	save_list(s, p, n, CRIER_GUARD_ALLOW);
	if (!more)
		s->part = SAVE_LISTENERS;
}

static void save_batch(struct save *s, const struct store *store, const struct crier_endpoint *ep,
		       uint32_t n)
{
	char text[SAVE_BATCH * (ENDPOINT_STRLEN + 4)], *at = text;

	for (uint32_t i = 0; i < n; i++) {
		if (i)
			*at++ = ',';
		*at++ = '"';
		at += strlen(endpoint_format(at, &ep[i]));
		*at++ = '"';
	}
	evbuffer_add_printf(s->pieces.data, "{\"listeners\":{\"room\":\"%s\",\"add\":[",
			    room_row(store, s->room)->name);
	evbuffer_add(s->pieces.data, text, (size_t)(at - text));
	evbuffer_add(s->pieces.data, "]}}\n", 4);
}

static void save_listeners(struct save *s, const struct store *store)
{
	struct crier_endpoint ep[SAVE_BATCH];
	uint32_t n;

	if (!s->room) {
		s->room = room_next(store, 0);
		s->walk = member_walk_start(store, s->room);
	}
	n = s->room ? member_walk_next(store, &s->walk, ep, SAVE_BATCH) : 0;
	if (n)
		save_batch(s, store, ep, n);
	if (n == SAVE_BATCH)
		return;
	s->room = s->room ? room_next(store, s->room) : 0;
	s->walk = member_walk_start(store, s->room);
	if (!s->room)
		s->part = SAVE_SETTINGS;
}

static void save_settings(struct save *s, const struct tables *t)
{
	for (uint32_t key = 0; key < CRIER_SET_N; key++)
		evbuffer_add_printf(s->pieces.data,
				    "{\"setting\":{\"key\":\"%s\",\"value\":%" PRIu64 "}}\n",
				    settings_info[key].name, (uint64_t)setting(t, key));
	evbuffer_add_printf(s->pieces.data, "{\"end\":true}\n");
}

static bool save_more(struct pieces *p)
{
	struct save *s = (struct save *)p;
	struct crierd *d = p->job.call.d;

	switch (s->part) {
	case SAVE_ROOMS:
		save_room(s, &d->store);
		return true;
	case SAVE_PREFIXES:
		save_prefixes(s, d->guard);
		return true;
	case SAVE_LISTENERS:
		save_listeners(s, &d->store);
		return true;
	default:
		save_settings(s, d->tables);
		return false;
	}
}

void api_save(struct call *call)
{
	struct save *s = pieces_new(call, sizeof(*s));

	if (!s)
		return;
	evbuffer_add_printf(s->pieces.data, "{\"crier\":\"save\",\"format\":%d,\"abi\":%u}\n",
			    API_SAVE_FORMAT, CRIER_ABI);
	pieces_start(&s->pieces, call, "text/plain", save_more);
}
