/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POST /v1/restore: what GET /v1/save gave.  All lines are read and checked first; a
 * bad one leaves everything as it was.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/body.h"
#include "control/bulk.h"
#include "control/crierd.h"
#include "control/guard.h"
#include "control/member.h"
#include "control/settings.h"

#define LINE_LISTENERS 1000
#define LINE_PREFIXES 1000

struct run { /* listeners of one room, in a row */
	char room[CRIER_NAME_LEN];
	uint64_t n;
	struct run *next;
};

/* A room_body without the streams that it might have had: there may be many rooms. */
struct room_line {
	struct room_line *next;
	char name[CRIER_NAME_LEN];
	struct room_spec spec; /* its name is NULL */
	uint32_t streams;
	struct stream_spec stream[];
};

struct restore {
	struct job job; /* first */
	bool merge, header, ended, parsed, checked;
	struct guard_change *guard; /* NULL: the save has no lists, or they are in force */
	bool guarding;		    /* it is submitted, and to be let go */
	uint64_t line;
	struct room_line *rooms, **rooms_end, *check;
	uint32_t rooms_n;
	struct room_body body; /* the room at hand, read or applied */
	struct run *runs, **runs_end;
	struct endpoints list;
	bool has[CRIER_SET_N];
	uint64_t value[CRIER_SET_N];
	uint64_t rooms_made, listeners_made, settings_made, prefixes, prefixes_made;
	struct crier_endpoint ep[LINE_LISTENERS];
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct restore *r, int code,
							 const char *fmt, ...)
{
	char text[BODY_ERR_LEN + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	job_reply_json(&r->job, code,
		       json_pack("{s:s, s:I, s:I, s:I, s:I}", "error", text, "rooms",
				 (json_int_t)r->rooms_made, "listeners",
				 (json_int_t)r->listeners_made, "prefixes",
				 (json_int_t)r->prefixes_made, "settings",
				 (json_int_t)r->settings_made));
	return false;
}

/* ---- lines ---- */

static struct room_line *room_line_new(const struct room_body *b)
{
	struct room_line *l = malloc(sizeof(*l) + b->streams * sizeof(*l->stream));

	if (!l)
		return NULL;
	*l = (struct room_line){.spec = b->spec, .streams = b->streams};
	l->spec.name = NULL;
	memcpy(l->name, b->name, sizeof(l->name));
	memcpy(l->stream, b->stream, b->streams * sizeof(*l->stream));
	return l;
}

static void room_line_body(const struct room_line *l, struct room_body *b)
{
	memcpy(b->name, l->name, sizeof(b->name));
	b->spec = l->spec;
	b->spec.name = b->name;
	b->streams = l->streams;
	memcpy(b->stream, l->stream, l->streams * sizeof(*l->stream));
}

static int take_room(struct restore *r, const json_t *json, char *err)
{
	uint32_t most = r->job.call.d->store.t->config->max_rooms - 1;
	struct room_line *l;

	if (body_room(json, &r->body, err) != 0)
		return -EINVAL;
	if (++r->rooms_n > most) {
		snprintf(err, BODY_ERR_LEN,
			 "more rooms than the table's %u; enlarge capacity.rooms", most);
		return -EINVAL;
	}
	l = room_line_new(&r->body);
	if (!l)
		return -ENOMEM;
	*r->rooms_end = l;
	r->rooms_end = &l->next;
	return 0;
}

static int take_run(struct restore *r, const char *room, size_t n)
{
	struct run *run = n ? calloc(1, sizeof(*run)) : NULL;

	if (!n)
		return 0;
	if (!run)
		return -ENOMEM;
	strcpy(run->room, room);
	run->n = n;
	*r->runs_end = run;
	r->runs_end = &run->next;
	for (size_t i = 0; i < n; i++)
		if (endpoints_add(&r->list, &r->ep[i]) != 0)
			return -ENOMEM;
	return 0;
}

static int take_listeners(struct restore *r, const json_t *json, char *err)
{
	static const char *const keys[] = {"room", "add", NULL};
	const char *room = json_string_value(json_object_get(json, "room"));
	const json_t *add = json_object_get(json, "add");
	size_t n = json_array_size(add);

	if (body_keys(json, keys, err) != 0)
		return -EINVAL;
	if (!room || !room_name_valid(room, strlen(room)) || !json_is_array(add) ||
	    n > LINE_LISTENERS) {
		snprintf(err, BODY_ERR_LEN,
			 "\"listeners\" is {\"room\": NAME, \"add\": [at most %d "
			 "\"ADDRESS:PORT\"]}",
			 LINE_LISTENERS);
		return -EINVAL;
	}
	if (body_endpoints(add, r->ep, err) != 0)
		return -EINVAL;
	return take_run(r, room, n);
}

static int take_prefixes(struct restore *r, const json_t *add, uint32_t value, char *err)
{
	for (size_t i = 0; i < json_array_size(add); i++) {
		const json_t *text = json_array_get(add, i);
		struct crier_guard_prefix p;
		int ret;

		if (!json_is_string(text)) {
			snprintf(err, BODY_ERR_LEN, "prefix %zu is no string", i + 1);
			return -EINVAL;
		}
		ret = guard_prefix_parse(json_string_value(text), json_string_length(text), &p,
					 err);
		if (ret)
			return ret;
		p.value = (uint8_t)value;
		ret = guard_change_add(r->job.call.d->guard, r->guard, &p, r->line);
		if (ret == -E2BIG)
			snprintf(err, BODY_ERR_LEN,
				 "far more prefixes than the tables' %u; enlarge "
				 "capacity.guard_prefixes",
				 guard_capacity(r->job.call.d->guard));
		if (ret)
			return ret == -E2BIG ? -EINVAL : ret;
		r->prefixes++;
	}
	return 0;
}

/* The lists of the save take the place of those there are, or are added to them. */
static int take_guard(struct restore *r, const json_t *json, char *err)
{
	static const char *const keys[] = {"action", "add", NULL};
	const char *action = json_string_value(json_object_get(json, "action"));
	uint32_t value = action ? guard_value_find(action) : CRIER_GUARD_NONE;
	const json_t *add = json_object_get(json, "add");

	if (body_keys(json, keys, err) != 0)
		return -EINVAL;
	if (!value || !json_is_array(add) || json_array_size(add) > LINE_PREFIXES) {
		snprintf(err, BODY_ERR_LEN,
			 "\"guard\" is {\"action\": \"block\" or \"allow\", \"add\": [at most %d "
			 "\"ADDRESS/LENGTH\"]}",
			 LINE_PREFIXES);
		return -EINVAL;
	}
	if (!r->guard)
		r->guard = r->merge ? guard_change_new(GUARD_ADD, 0)
				    : guard_change_new(GUARD_REPLACE, GUARD_LISTS_BOTH);
	return r->guard ? take_prefixes(r, add, value, err) : -ENOMEM;
}

static int take_setting(struct restore *r, const json_t *json, char *err)
{
	static const char *const keys[] = {"key", "value", NULL};
	const char *name = json_string_value(json_object_get(json, "key"));
	const json_t *value = json_object_get(json, "value");
	int key = name ? setting_find(name) : -1;
	uint64_t v = (uint64_t)json_integer_value(value);

	if (body_keys(json, keys, err) != 0)
		return -EINVAL;
	if (key < 0 || !json_is_integer(value) || json_integer_value(value) < 0 ||
	    v < settings_info[key].least || v > settings_info[key].most) {
		snprintf(err, BODY_ERR_LEN,
			 "a setting is {\"key\": KEY, \"value\": NUMBER within "
			 "its bounds}; see GET /v1/settings");
		return -EINVAL;
	}
	r->has[key] = true;
	r->value[key] = v;
	return 0;
}

/* Saves without a number were made before there was one: they are of the first format. */
static int format_check(const json_t *format, char *err)
{
	json_int_t n = format ? json_integer_value(format) : 1;

	if (n >= 1 && n <= API_SAVE_FORMAT)
		return 0;
	if (n > API_SAVE_FORMAT)
		snprintf(err, BODY_ERR_LEN,
			 "the save is of format %" JSON_INTEGER_FORMAT " and this crierd reads "
			 "none above %d: restore it with a crierd as new as the one that saved it",
			 n, API_SAVE_FORMAT);
	else
		snprintf(err, BODY_ERR_LEN, "\"format\" is a number from 1 on");
	return -EINVAL;
}

static int take_header(struct restore *r, const json_t *json, char *err)
{
	const char *what = json_string_value(json_object_get(json, "crier"));

	if (!what || strcmp(what, "save") != 0) {
		snprintf(err, BODY_ERR_LEN,
			 "this is no crier save: its first line is "
			 "{\"crier\":\"save\",...}");
		return -EINVAL;
	}
	if (format_check(json_object_get(json, "format"), err) != 0)
		return -EINVAL;
	r->header = true;
	return 0;
}

static int take_json(struct restore *r, const json_t *json, char *err)
{
	const json_t *value;

	if (!r->header)
		return take_header(r, json, err);
	if (r->ended) {
		snprintf(err, BODY_ERR_LEN, "there is more after the line {\"end\":true}");
		return -EINVAL;
	}
	if ((value = json_object_get(json, "room")))
		return take_room(r, value, err);
	if ((value = json_object_get(json, "listeners")))
		return take_listeners(r, value, err);
	if ((value = json_object_get(json, "guard")))
		return take_guard(r, value, err);
	if ((value = json_object_get(json, "setting")))
		return take_setting(r, value, err);
	if (json_is_true(json_object_get(json, "end"))) {
		r->ended = true;
		return 0;
	}
	snprintf(err, BODY_ERR_LEN,
		 "neither \"room\", \"guard\", \"listeners\", \"setting\" nor \"end\"");
	return -EINVAL;
}

/* 1: go on; 0: the body has ended; -EINVAL, -ENOMEM. */
static int line_take(struct restore *r, struct evbuffer *in, char *err)
{
	size_t len = 0;
	char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	json_t *json;
	int ret;

	if (!line && evbuffer_get_length(in)) {
		if (evbuffer_get_length(in) <= HTTP_BODY_SMALL)
			evbuffer_add(in, "\n", 1); /* the last line may lack its end */
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	}
	if (!line && !evbuffer_get_length(in))
		return 0;
	r->line++;
	if (!line || len > HTTP_BODY_SMALL) {
		free(line);
		snprintf(err, BODY_ERR_LEN, "longer than any line of a save");
		return -EINVAL;
	}
	if (!len) {
		free(line);
		return 1;
	}
	json = body_object(line, len, err);
	free(line);
	ret = json ? take_json(r, json, err) : -EINVAL;
	json_decref(json);
	return ret ? ret : 1;
}

static bool step_read(struct restore *r, struct budget *budget)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r->job.call.req);
	char err[BODY_ERR_LEN] = "";
	int ret;

	while ((ret = line_take(r, in, err)) > 0) {
		budget->asked |= 15; /* a line may be 1,000 listeners */
		if (budget_spent(budget))
			return true;
	}
	if (ret == -ENOMEM)
		return refuse(r, 500, "out of memory; nothing was restored");
	if (ret < 0)
		return refuse(r, 400, "line %" PRIu64 ": %s; nothing was restored", r->line, err);
	if (!r->ended)
		return refuse(r, 400,
			      "the line {\"end\":true} is missing: is the save whole? "
			      "Nothing was restored");
	r->parsed = true;
	r->check = r->rooms;
	return true;
}

/* ---- applying ---- */

static bool step_check(struct restore *r, struct budget *budget)
{
	const struct store *s = &r->job.call.d->store;

	for (; r->check; r->check = r->check->next) {
		const struct room_line *b = r->check;
		uint32_t room = room_find(s, b->name, strlen(b->name));

		if (room && !r->merge)
			return refuse(r, 409,
				      "room %s exists; nothing was restored (?merge=1 "
				      "adds to rooms that exist)",
				      b->name);
		if (room && room_row(s, room)->payload != b->spec.payload)
			return refuse(r, 409,
				      "room %s exists with another payload; nothing was "
				      "restored",
				      b->name);
		if (budget_spent(budget))
			return true;
	}
	r->checked = true;
	return true;
}

/* Streams that a room has already are no error when merging. */
static int merge_streams(struct crierd *d, uint32_t room, const struct room_body *b, char *err)
{
	for (uint32_t i = 0; i < b->streams; i++) {
		uint32_t stream, other;
		int ret = stream_add(&d->store, room, &b->stream[i], &stream, &other);

		if (ret && ret != -EEXIST)
			return api_stream_make(d, room, &b->stream[i], &stream, err, BODY_ERR_LEN);
	}
	return 0;
}

static int apply_room(struct restore *r, char *err)
{
	struct crierd *d = r->job.call.d;
	struct room_line *l = r->rooms;
	uint32_t room = room_find(&d->store, l->name, strlen(l->name));
	int code;

	room_line_body(l, &r->body);
	if (room && r->merge)
		code = merge_streams(d, room, &r->body, err);
	else
		code = api_room_make(d, &r->body, &room, err, BODY_ERR_LEN);
	if (code)
		return code;
	r->rooms = l->next;
	free(l);
	r->rooms_made++;
	return 0;
}

/* A slice of the first run; 0, or the status of the refusal. */
static int apply_listeners(struct restore *r, char *err)
{
	struct crierd *d = r->job.call.d;
	struct run *run = r->runs;
	uint32_t room = room_find(&d->store, run->room, strlen(run->room));

	if (!room) {
		snprintf(err, BODY_ERR_LEN,
			 "listeners of room %s, which neither exists nor is in "
			 "the save",
			 run->room);
		return 409;
	}
	for (int i = 0; i < 64 && run->n; i++, run->n--) {
		int ret = member_add(&d->store, room, endpoints_take(&r->list));

		if (ret < 0 && ret != -EEXIST)
			return api_listener_error(d, room, ret, err, BODY_ERR_LEN);
		r->listeners_made += ret >= 0;
	}
	if (!run->n) {
		r->runs = run->next;
		free(run);
	}
	return 0;
}

static void on_guard(struct guard_change *c, void *arg)
{
	struct restore *r = arg;

	r->guard = NULL;
	r->guarding = false;
	if (c->code != 200 && c->err_line)
		refuse(r, c->code, "line %" PRIu64 ": %s; nothing was restored", c->err_line,
		       c->err);
	else if (c->code != 200)
		refuse(r, c->code, "%s; nothing was restored", c->err);
	if (c->code != 200)
		return;
	r->prefixes_made = r->prefixes;
	loop_add(r->job.call.d->loop, &r->job.task);
}

/* First of all, since the whole may be refused for it; goes on when it is in force. */
static bool step_guard(struct restore *r)
{
	r->guarding = true;
	r->guard->done = on_guard;
	r->guard->arg = r;
	guard_submit(r->job.call.d->guard, r->guard);
	return false;
}

static void apply_settings(struct restore *r)
{
	char err[BODY_ERR_LEN];

	for (uint32_t key = 0; key < CRIER_SET_N; key++)
		if (r->has[key])
			r->settings_made += setting_put(r->job.call.d->tables, key, r->value[key],
							err, sizeof(err)) == 0;
}

static bool step_apply(struct restore *r, struct budget *budget)
{
	char err[BODY_ERR_LEN] = "";
	int code = 0;

	while (!code && (r->rooms || r->runs)) {
		code = r->rooms ? apply_room(r, err) : apply_listeners(r, err);
		budget->asked |= 15;
		if (!code && budget_spent(budget))
			return true;
	}
	if (code)
		return refuse(r, code,
			      "%s; restored so far: %" PRIu64 " rooms, %" PRIu64 " listeners", err,
			      r->rooms_made, r->listeners_made);
	apply_settings(r);
	job_reply_json(&r->job, 200,
		       json_pack("{s:I, s:I, s:I, s:I}", "rooms", (json_int_t)r->rooms_made,
				 "listeners", (json_int_t)r->listeners_made, "prefixes",
				 (json_int_t)r->prefixes_made, "settings",
				 (json_int_t)r->settings_made));
	return false;
}

static bool restore_step(struct job *job, struct budget *budget)
{
	struct restore *r = (struct restore *)job;

	if (!r->parsed)
		return step_read(r, budget);
	if (!r->checked)
		return step_check(r, budget);
	return r->guard ? step_guard(r) : step_apply(r, budget);
}

static void restore_end(struct job *job)
{
	struct restore *r = (struct restore *)job;

	while (r->rooms) {
		struct room_line *l = r->rooms;

		r->rooms = l->next;
		free(l);
	}
	while (r->runs) {
		struct run *run = r->runs;

		r->runs = run->next;
		free(run);
	}
	if (r->guarding)
		r->guard->done = NULL;
	else
		guard_change_free(r->guard);
	endpoints_free(&r->list);
	free(r);
}

void api_restore(struct call *call)
{
	static const struct job_ops ops = {restore_step, restore_end};
	struct restore *r = calloc(1, sizeof(*r));

	if (!r) {
		http_reply_error(call, 500, "out of memory");
		return;
	}
	r->merge = http_query_flag(call, "merge");
	r->rooms_end = &r->rooms;
	r->runs_end = &r->runs;
	job_start(&r->job, call, &ops);
}
