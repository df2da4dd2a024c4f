/* SPDX-License-Identifier: BSD-2-Clause */
/* Rooms and their streams, over HTTP. */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/body.h"
#include "control/crierd.h"
#include "control/kernel.h"
#include "control/pieces.h"
#include "control/stats.h"

/* Two reasons, and more around them. */
#define SET_ERR_LEN (BODY_ERR_LEN + 2 * KERNEL_WHY_LEN)

uint32_t api_room_of(struct call *call)
{
	const char *name = call->arg[0];
	uint32_t room = room_find(&call->d->store, name, strlen(name));

	if (!room && room_name_valid(name, strlen(name)))
		http_reply_error(call, 404, "there is no room %s", name);
	else if (!room)
		http_reply_error(call, 404, "there is no such room, nor could it have this name");
	return room;
}

/* ---- making ---- */

int api_stream_make(struct crierd *d, uint32_t room, const struct stream_spec *spec,
		    uint32_t *stream, char *err, size_t size)
{
	const struct store *s = &d->store;
	uint32_t other;

	if (room_row(s, room)->payload == CRIER_PAYLOAD_UDP &&
	    spec->flags & (CRIER_STREAM_SSRC | CRIER_STREAM_PT)) {
		snprintf(err, size,
			 "room %s has payload \"udp\", so \"ssrc\" and \"pt\" mean "
			 "nothing there",
			 room_row(s, room)->name);
		return 400;
	}
	switch (stream_add(&d->store, room, spec, stream, &other)) {
	case 0:
		return 0;
	case -EADDRINUSE:
		if (other)
			snprintf(err, size, "port in use by room %s", room_row(s, other)->name);
		else
			snprintf(err, size, "port in use: %u is the media port", spec->port);
		return 409;
	case -EEXIST:
		snprintf(err, size, "room %s has this very stream on port %u",
			 room_row(s, room)->name, spec->port);
		return 409;
	case -EMLINK:
		snprintf(err, size, "port %u has %d streams, and no port takes more", spec->port,
			 CRIER_PORT_STREAMS);
		return 409;
	case -E2BIG:
		snprintf(err, size, "room %s has %d streams, and no room takes more",
			 room_row(s, room)->name, ROOM_STREAMS);
		return 409;
	case -ENOSPC:
		snprintf(err, size,
			 "the table of streams is full at %u; enlarge capacity.streams "
			 "(crierctl save, crierd --flush, start, crierctl restore)",
			 s->t->config->max_streams - 1);
		return 507;
	case -EAGAIN:
		snprintf(err, size,
			 "streams deleted a moment ago are still being cleared away; "
			 "try again in a second");
		return 503;
	default:
		snprintf(err, size, "out of memory");
		return 500;
	}
}

static int room_refusal(struct crierd *d, const char *name, int why, char *err, size_t size)
{
	switch (why) {
	case -EEXIST:
		snprintf(err, size, "room %s exists", name);
		return 409;
	case -EAGAIN:
		snprintf(err, size,
			 "rooms deleted a moment ago are still being cleared away; try "
			 "again in a second");
		return 503;
	case -ENOSPC:
		snprintf(err, size,
			 "the table of rooms is full at %u; enlarge capacity.rooms "
			 "(crierctl save, crierd --flush, start, crierctl restore)",
			 d->store.t->config->max_rooms - 1);
		return 507;
	default:
		snprintf(err, size, "a room's name is 1 to 63 characters A-Z a-z 0-9 . _ -");
		return 400;
	}
}

int api_room_make(struct crierd *d, const struct room_body *body, uint32_t *room, char *err,
		  size_t size)
{
	int ret = room_create(&d->store, &body->spec, room);

	if (ret)
		return room_refusal(d, body->name, ret, err, size);
	for (uint32_t i = 0; i < body->streams && !ret; i++) {
		uint32_t stream;

		ret = api_stream_make(d, *room, &body->stream[i], &stream, err, size);
	}
	if (ret)
		room_delete(&d->store, *room);
	return ret;
}

/* ---- telling ---- */

static json_t *stream_json(const struct store *s, uint32_t stream)
{
	struct stream_stats stats = stats_stream(s, stream);
	json_t *json = body_stream_json(&s->t->streams[stream]);

	if (json) {
		json_object_set_new(json, "accepted", json_integer((json_int_t)stats.accepted));
		json_object_set_new(json, "refused", json_integer((json_int_t)stats.refused));
	}
	return json;
}

json_t *api_room_spec_json(const struct store *s, uint32_t room)
{
	const struct crier_room *row = room_row(s, room);
	json_t *streams = json_array();

	for (uint32_t i = 0; i < s->rooms[room].streams; i++)
		json_array_append_new(streams,
				      body_stream_json(&s->t->streams[s->rooms[room].stream[i]]));
	return json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", row->name, "payload",
			 body_payload_name(row->payload), "engine", body_engine_name(row->wanted),
			 "limit", (json_int_t)row->limit, "streams", streams);
}

/* Why it has the engine that it has, or none. */
static void room_why(struct crierd *d, uint32_t room, bool served, char *why, size_t size)
{
	const struct crier_room *row = room_row(&d->store, room);
	bool waits = !served && row->engine != CRIER_ENGINE_NONE;
	bool asked = row->wanted == CRIER_ENGINE_NONE || row->wanted == CRIER_ENGINE_BYPASS;
	char text[2 * KERNEL_WHY_LEN] = "";
	const char *engine =
		d->kernel ? kernel_room_why(d->kernel, room, served, text, sizeof(text)) : "";

	if (waits)
		snprintf(why, size, "no crier-dp is running%s%s", asked || !*engine ? "" : ", and ",
			 asked ? "" : engine);
	else
		snprintf(why, size, "%s", engine);
}

static json_t *room_json(struct crierd *d, uint32_t room, bool alive)
{
	const struct store *s = &d->store;
	const struct crier_room *row = room_row(s, room);
	json_t *streams = json_array();

	for (uint32_t i = 0; i < s->rooms[room].streams; i++)
		json_array_append_new(streams, stream_json(s, s->rooms[room].stream[i]));
	bool served = alive || row->engine == CRIER_ENGINE_KERNEL;
	const char *serving = body_engine_name(served ? row->engine : CRIER_ENGINE_NONE);
	char why[3 * KERNEL_WHY_LEN];

	room_why(d, room, served, why, sizeof(why));

	return json_pack(
		"{s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"name", row->name, "id", (json_int_t)room, "generation",
		(json_int_t)row->generation, "payload", body_payload_name(row->payload), "engine",
		body_engine_name(row->wanted), "serving", serving, "why", why, "listeners",
		(json_int_t)room_members(s, room), "listeners4", (json_int_t)row->members4,
		"listeners6", (json_int_t)row->members6, "unreachable",
		(json_int_t)s->rooms[room].unreachable, "limit", (json_int_t)row->limit,
		"created_s", (json_int_t)row->created_s, "streams", streams, "stats",
		stats_room_json(s, room));
}

struct rooms_pieces {
	struct pieces pieces; /* first */
	uint32_t room;
	bool alive, any;
};

static bool rooms_more(struct pieces *p)
{
	struct rooms_pieces *r = (struct rooms_pieces *)p;
	struct crierd *d = p->job.call.d;

	r->room = room_next(&d->store, r->room);
	if (r->room)
		pieces_json(p, room_json(d, r->room, r->alive), &r->any);
	else
		evbuffer_add(p->data, "]}", 2);
	return r->room;
}

void api_rooms_list(struct call *call)
{
	struct rooms_pieces *r = pieces_new(call, sizeof(*r));

	if (!r)
		return;
	r->alive = any_worker_alive(call->d);
	evbuffer_add_printf(r->pieces.data, "{\"rooms\":[");
	pieces_start(&r->pieces, call, "application/json", rooms_more);
}

void api_room_show(struct call *call)
{
	uint32_t room = api_room_of(call);

	if (room)
		http_reply_json(call, 200, room_json(call->d, room, any_worker_alive(call->d)));
}

/* ---- changing ---- */

/* Where no room can have the engine, one that must is not made. */
static bool kernel_refuses(const struct crierd *d, const struct room_body *body,
			   char err[BODY_ERR_LEN])
{
	const char *why = d->kernel ? kernel_why_off(d->kernel) : NULL;

	if (body->spec.wanted != CRIER_ENGINE_KERNEL || !why)
		return false;
	snprintf(err, BODY_ERR_LEN, "no kernel engine here: %s", why);
	return true;
}

void api_rooms_add(struct call *call)
{
	char err[BODY_ERR_LEN];
	struct room_body *body = malloc(sizeof(*body));
	uint32_t room;
	size_t len;
	const char *text = http_body(call, &len);
	json_t *json = body_object(text, len, err);
	int code = 400;

	if (body && json && body_room(json, body, err) == 0)
		code = kernel_refuses(call->d, body, err)
			       ? 409
			       : api_room_make(call->d, body, &room, err, sizeof(err));
	json_decref(json);
	free(body);
	if (code)
		http_reply_error(call, code, "%s", err);
	else
		http_reply_json(call, 201, room_json(call->d, room, any_worker_alive(call->d)));
}

/* One store: what comes after it is the other engine's.  0 or the HTTP status. */
static int engine_set(struct crierd *d, uint32_t room, uint32_t wanted, char err[SET_ERR_LEN])
{
	struct crier_room *row = room_row(&d->store, room);
	char why[2 * KERNEL_WHY_LEN];

	if (wanted == CRIER_ENGINE_KERNEL && d->kernel &&
	    kernel_why_not(d->kernel, room, why, sizeof(why))) {
		snprintf(err, SET_ERR_LEN, "room %s cannot have the kernel engine: %s", row->name,
			 why);
		return 409;
	}
	row->wanted = wanted;
	if (d->kernel)
		kernel_room_wanted(d->kernel, room);
	else
		tbl_store(&row->engine,
			  wanted == CRIER_ENGINE_NONE ? CRIER_ENGINE_NONE : CRIER_ENGINE_BYPASS);
	return 0;
}

void api_room_set(struct call *call)
{
	uint32_t room = api_room_of(call), wanted;
	char err[SET_ERR_LEN];
	int code = 400;
	json_t *json;

	if (!room)
		return;
	json = api_body(call, err);
	if (json && body_engine(json, &wanted, err) == 0)
		code = engine_set(call->d, room, wanted, err);
	json_decref(json);
	if (code)
		http_reply_error(call, code, "%s", err);
	else
		http_reply_json(call, 200, room_json(call->d, room, any_worker_alive(call->d)));
}

void api_room_delete(struct call *call)
{
	uint32_t room = api_room_of(call);
	json_t *done;

	if (!room)
		return;
	done = json_pack("{s:s}", "deleted", room_row(&call->d->store, room)->name);
	if (room_delete(&call->d->store, room) != 0) {
		json_decref(done);
		http_reply_error(call, 500, "out of memory; the room is still there");
		return;
	}
	http_reply_json(call, 200, done);
}

void api_streams_add(struct call *call)
{
	uint32_t room = api_room_of(call), stream;
	char err[BODY_ERR_LEN];
	struct stream_spec spec;
	int code = 400;
	json_t *json;

	if (!room)
		return;
	json = api_body(call, err);
	if (json && body_stream(json, &spec, err) == 0)
		code = api_stream_make(call->d, room, &spec, &stream, err, sizeof(err));
	json_decref(json);
	if (code)
		http_reply_error(call, code, "%s", err);
	else
		http_reply_json(call, 201, stream_json(&call->d->store, stream));
}

void api_streams_delete(struct call *call)
{
	uint32_t room = api_room_of(call), ssrc, n;
	uint64_t wanted;
	char *end;
	unsigned long port;

	if (!room)
		return;
	port = strtoul(call->arg[1], &end, 10);
	if (*call->arg[1] < '0' || *call->arg[1] > '9' || *end || !port || port > 65535 ||
	    !http_query_u64(call, "ssrc", UINT64_MAX, &wanted) ||
	    (wanted > UINT32_MAX && wanted != UINT64_MAX)) {
		http_reply_error(call, 400,
				 "streams are named /streams/UDPPORT or "
				 "/streams/UDPPORT?ssrc=NUMBER");
		return;
	}
	ssrc = (uint32_t)wanted;
	n = stream_remove_port(&call->d->store, room, (uint16_t)port,
			       wanted == UINT64_MAX ? NULL : &ssrc);
	if (n)
		http_reply_json(call, 200, json_pack("{s:I}", "deleted", (json_int_t)n));
	else
		http_reply_error(call, 404, "room %s has no such stream on port %lu", call->arg[0],
				 port);
}
