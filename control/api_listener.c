/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners, over HTTP. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/body.h"
#include "control/bulk.h"
#include "control/crierd.h"
#include "control/member.h"
#include "control/pieces.h"

#define LIST_BATCH 256

int api_listener_error(struct crierd *d, uint32_t room, int why, char *err, size_t size)
{
	const struct store *s = &d->store;
	const struct crier_room *row = room_row(s, room);
	unsigned long long n4 = s->members4, n6 = s->members6;

	switch (why) {
	case -EEXIST:
		snprintf(err, size, "this listener is in room %s already", row->name);
		return 409;
	case -EDQUOT:
		snprintf(err, size, "room %s has its limit of %u listeners", row->name, row->limit);
		return 507;
	case -ENOSPC:
		snprintf(err, size,
			 "full: %llu IPv4 and %llu IPv6 listeners are in, and the tables hold no "
			 "more of this family; enlarge capacity.listeners (IPv4) or "
			 "capacity.listeners6 (crierctl save, crierd --flush, start, crierctl "
			 "restore)",
			 n4, n6);
		return 507;
	case -EAGAIN:
		snprintf(err, size,
			 "room left by those who went a moment ago is still being "
			 "cleared; try again in a second");
		return 503;
	default:
		snprintf(err, size, "out of memory");
		return 500;
	}
}

/* ---- adding and removing ---- */

static void add_one(struct call *call, uint32_t room, const struct crier_endpoint *ep)
{
	char err[BODY_ERR_LEN];
	int ret = member_add(&call->d->store, room, ep), code;

	if (ret >= 0) {
		http_reply_json(call, 201,
				json_pack("{s:i, s:i, s:i}", "added", 1, "existing", 0,
					  "unreachable", ret));
		return;
	}
	code = api_listener_error(call->d, room, ret, err, sizeof(err));
	http_reply_json(call, code, json_pack("{s:s, s:i}", "error", err, "applied", 0));
}

static void remove_one(struct call *call, uint32_t room, const struct crier_endpoint *ep)
{
	if (member_remove(&call->d->store, room, ep) == 0)
		http_reply_json(call, 200, json_pack("{s:i, s:i}", "deleted", 1, "missing", 0));
	else
		http_reply_error(call, 404, "this listener is not in room %s",
				 room_row(&call->d->store, room)->name);
}

/* One at once; some thousand take longer than a turn of the loop may. */
static void apply_json(struct call *call, uint32_t room, enum bulk_op op,
		       const struct crier_endpoint *ep, size_t n, bool single)
{
	if (!single)
		bulk_list(call, room, op, ep, n);
	else if (op == BULK_ADD)
		add_one(call, room, ep);
	else
		remove_one(call, room, ep);
}

static void call_json(struct call *call, uint32_t room, enum bulk_op op)
{
	struct crier_endpoint *ep = NULL;
	char err[BODY_ERR_LEN];
	bool single = false;
	json_t *json;
	size_t n, len = evbuffer_get_length(evhttp_request_get_input_buffer(call->req));

	if (len > HTTP_BODY_SMALL) {
		http_reply_error(call, 413,
				 "a JSON body may have 64 KB here; send more listeners as text "
				 "lines (Content-Type: text/plain)");
		return;
	}
	json = api_body(call, err);
	if (json && body_listeners(json, &ep, &n, &single, err) == 0)
		apply_json(call, room, op, ep, n, single);
	else
		http_reply_error(call, 400, "%s", err);
	json_decref(json);
	free(ep);
}

static void change(struct call *call, enum bulk_op op)
{
	uint32_t room = api_room_of(call);

	if (!room)
		return;
	if (http_body_is(call, "text/plain"))
		bulk_call(call, room, op);
	else if (http_body_is(call, "application/json"))
		call_json(call, room, op);
	else
		http_reply_error(call, 415,
				 "say Content-Type: text/plain for lines of ADDRESS:PORT, or "
				 "application/json");
}

void api_listeners_add(struct call *call)
{
	change(call, BULK_ADD);
}

void api_listeners_remove(struct call *call)
{
	change(call, BULK_REMOVE);
}

void api_listener_delete(struct call *call)
{
	uint32_t room = api_room_of(call);
	const char *text = call->arg[1];
	struct crier_endpoint ep;
	int ret;

	if (!room)
		return;
	ret = endpoint_parse(text, strlen(text), &ep);
	if (ret)
		http_reply_error(call, 400, "a listener is ADDRESS:PORT or [ADDRESS6]:PORT: %s",
				 endpoint_strerror(ret));
	else
		remove_one(call, room, &ep);
}

/* ---- listing ---- */

struct list_pieces {
	struct pieces pieces; /* first */
	struct member_walk walk;
	bool json, any;
	uint64_t left;
};

/* Formatted on the stack: one evbuffer_add() for many listeners. */
static void list_add(struct list_pieces *l, const struct crier_endpoint *ep, uint32_t n)
{
	char text[LIST_BATCH * (ENDPOINT_STRLEN + 4)], *at = text;

	for (uint32_t i = 0; i < n; i++) {
		if (l->json && l->any)
			*at++ = ',';
		if (l->json)
			*at++ = '"';
		at += strlen(endpoint_format(at, &ep[i]));
		*at++ = l->json ? '"' : '\n';
		l->any = true;
	}
	evbuffer_add(l->pieces.data, text, (size_t)(at - text));
}

static bool list_more(struct pieces *p)
{
	struct list_pieces *l = (struct list_pieces *)p;
	struct crier_endpoint ep[LIST_BATCH];
	uint32_t most = l->left < LIST_BATCH ? (uint32_t)l->left : LIST_BATCH;
	uint32_t n = member_walk_next(&p->job.call.d->store, &l->walk, ep, most);

	list_add(l, ep, n);
	l->left -= n;
	if (n == most && l->left)
		return true;
	if (l->json)
		evbuffer_add(p->data, "]}", 2);
	return false;
}

void api_listeners_list(struct call *call)
{
	uint32_t room = api_room_of(call);
	char format[8] = "text";
	struct list_pieces *l;
	uint64_t limit;

	if (!room)
		return;
	http_query(call, "format", format, sizeof(format));
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0) {
		http_reply_error(call, 400, "format is text or json");
		return;
	}
	if (!http_query_u64(call, "limit", UINT64_MAX, &limit)) {
		http_reply_error(call, 400, "limit must be a whole number");
		return;
	}
	l = pieces_new(call, sizeof(*l));
	if (!l)
		return;
	l->walk = member_walk_start(&call->d->store, room);
	l->json = strcmp(format, "json") == 0;
	l->left = limit;
	if (l->json)
		evbuffer_add_printf(l->pieces.data, "{\"listeners\":[");
	pieces_start(&l->pieces, call, l->json ? "application/json" : "text/plain", list_more);
}

void api_listeners_count(struct call *call)
{
	uint32_t room = api_room_of(call);
	const struct crier_room *row;

	if (!room)
		return;
	row = room_row(&call->d->store, room);
	http_reply_json(call, 200,
			json_pack("{s:I, s:I, s:I}", "listeners",
				  (json_int_t)room_members(&call->d->store, room), "listeners4",
				  (json_int_t)row->members4, "listeners6",
				  (json_int_t)row->members6));
}
