/* SPDX-License-Identifier: BSD-2-Clause */
/* The guard's mode and lists, over HTTP. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/body.h"
#include "control/crierd.h"
#include "control/guard.h"
#include "control/lines.h"
#include "control/pieces.h"

#define LIST_BATCH 256
#define JSON_FIELDS 40 /* of {"prefix":"","action":"block"}, and a comma */

/* ---- showing ---- */

static const char *mode_name(const struct tables *t)
{
	static const char *const names[] = {"off", "count", "enforce"};

	return names[setting(t, CRIER_SET_guard_mode) % 3];
}

json_t *api_guard_json(const struct crierd *d)
{
	struct guard_counts c = guard_counts(d->guard);

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "mode", mode_name(d->tables), "block",
			 (json_int_t)c.block, "allow", (json_int_t)c.allow, "capacity",
			 (json_int_t)guard_capacity(d->guard), "changed_s",
			 (json_int_t)tbl_load(&d->tables->guard->changed_s));
}

void api_guard_show(struct call *call)
{
	http_reply_json(call, 200, api_guard_json(call->d));
}

/* ---- changing ---- */

struct guard_job {
	struct job job;		     /* first */
	struct guard_change *change; /* ours until it is submitted, then to be let go */
	uint32_t value;		     /* of the lines */
	uint64_t line;
	bool submitted;
};

static void reply_counts(struct job *job, const struct guard_change *c)
{
	const struct guard_counts *n = &c->counts;
	json_t *json = json_object();

	if (c->op != GUARD_DELETE) {
		json_object_set_new(json, "added", json_integer((json_int_t)n->added));
		json_object_set_new(json, "existing", json_integer((json_int_t)n->existing));
	}
	if (c->op != GUARD_ADD)
		json_object_set_new(json, "deleted", json_integer((json_int_t)n->deleted));
	if (c->op == GUARD_DELETE)
		json_object_set_new(json, "missing", json_integer((json_int_t)n->missing));
	json_object_set_new(json, "block", json_integer(n->block));
	json_object_set_new(json, "allow", json_integer(n->allow));
	job_reply_json(job, 200, json);
}

static void reply_refused(struct job *job, int code, uint64_t line, const char *err)
{
	char text[BODY_ERR_LEN + 40];

	if (!line) {
		job_reply_json(job, code, json_pack("{s:s}", "error", err));
		return;
	}
	snprintf(text, sizeof(text), "line %llu: %s", (unsigned long long)line, err);
	job_reply_json(job, code, json_pack("{s:s, s:I}", "error", text, "line", (json_int_t)line));
}

/* Is it one prefix of a call's own that was to go, and isn't there? */
static bool is_missing(const struct guard_job *g, const struct guard_change *c)
{
	return c->op == GUARD_DELETE && g->value == CRIER_GUARD_NONE && c->counts.missing;
}

static void on_done(struct guard_change *c, void *arg)
{
	struct guard_job *g = arg;

	g->change = NULL;
	if (c->code == 200 && is_missing(g, c))
		reply_refused(&g->job, 404, 0, "this prefix is on neither list");
	else if (c->code == 200)
		reply_counts(&g->job, c);
	else
		reply_refused(&g->job, c->code, c->err_line, c->err);
}

/* 1: a line was taken; 0: the body has ended; or the HTTP status of a refusal. */
static int line_take(struct guard_job *g, struct evbuffer *in, char err[BODY_ERR_LEN])
{
	struct crier_guard_prefix p;
	size_t len;
	char *line;
	int ret = line_next(in, &line, &len);

	g->line++;
	if (ret == -E2BIG)
		snprintf(err, BODY_ERR_LEN, "it is longer than %d bytes", LINE_MAX_BYTES);
	if (ret <= 0)
		return ret == 0 ? 0 : ret == -E2BIG ? 400 : 500;
	ret = body_prefix_line(line, len, &p, err);
	free(line);
	if (ret <= 0)
		return ret == 0 ? 1 : 400;
	p.value = (uint8_t)g->value;
	ret = guard_change_add(g->job.call.d->guard, g->change, &p, g->line);
	if (ret == -E2BIG)
		snprintf(err, BODY_ERR_LEN,
			 "far more prefixes than the %u that the tables hold; enlarge "
			 "capacity.guard_prefixes (crierctl save, crierd --flush, start, crierctl "
			 "restore)",
			 guard_capacity(g->job.call.d->guard));
	return ret == 0 ? 1 : ret == -E2BIG ? 507 : 500;
}

static bool guard_step(struct job *job, struct budget *budget)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(job->call.req);
	struct guard_job *g = (struct guard_job *)job;
	char err[BODY_ERR_LEN] = "out of memory";
	int ret = 0;

	while (g->value && (ret = line_take(g, in, err)) == 1)
		if (budget_spent(budget))
			return true;
	if (ret > 1) {
		reply_refused(job, ret, ret == 400 ? g->line : 0, err);
		return false;
	}
	g->submitted = true;
	guard_submit(job->call.d->guard, g->change);
	return false;
}

/* A client that leaves early doesn't undo what it asked for. */
static void guard_end(struct job *job)
{
	struct guard_job *g = (struct guard_job *)job;

	if (g->change && g->submitted)
		g->change->done = NULL;
	else
		guard_change_free(g->change);
	free(g);
}

/* Lines of the body become prefixes of this value; CRIER_GUARD_NONE: the body isn't read. */
static void job_begin(struct call *call, struct guard_change *change, uint32_t value)
{
	static const struct job_ops ops = {guard_step, guard_end};
	struct guard_job *g = calloc(1, sizeof(*g));

	if (!change || !g) {
		guard_change_free(change);
		free(g);
		http_reply_error(call, 500, "out of memory");
		return;
	}
	change->done = on_done;
	change->arg = g;
	job_start(&g->job, call, &ops);
	g->change = change;
	g->value = value;
}

/* The list that ?action= names; 0 after a 400.  Left out, it is `otherwise`. */
static uint32_t action_of(struct call *call, uint32_t otherwise)
{
	char action[8] = "";
	uint32_t value;

	if (!http_query(call, "action", action, sizeof(action)) && otherwise)
		return otherwise;
	value = guard_value_find(action);
	if (!value)
		http_reply_error(call, 400, "say ?action=block or ?action=allow");
	return value;
}

static bool is_text(struct call *call)
{
	if (http_body_is(call, "text/plain"))
		return true;
	http_reply_error(call, 415, "say Content-Type: text/plain for lines of ADDRESS/LENGTH");
	return false;
}

void api_guard_add(struct call *call)
{
	uint32_t value = action_of(call, 0);

	if (value && is_text(call))
		job_begin(call, guard_change_new(GUARD_ADD, 0), value);
}

void api_guard_replace(struct call *call)
{
	uint32_t value = action_of(call, 0);

	if (value && is_text(call))
		job_begin(call, guard_change_new(GUARD_REPLACE, 1U << value), value);
}

void api_guard_remove(struct call *call)
{
	/* Lines need some value, which a deletion doesn't look at. */
	if (is_text(call))
		job_begin(call, guard_change_new(GUARD_DELETE, 0), CRIER_GUARD_BLOCK);
}

void api_guard_clear(struct call *call)
{
	uint32_t value = action_of(call, GUARD_LISTS_BOTH);

	if (value)
		job_begin(call,
			  guard_change_new(GUARD_REPLACE,
					   value == GUARD_LISTS_BOTH ? value : 1U << value),
			  CRIER_GUARD_NONE);
}

static void change_one(struct call *call, enum guard_op op, const struct crier_guard_prefix *p)
{
	struct guard_change *c = guard_change_new(op, 0);

	if (c && guard_change_add(call->d->guard, c, p, 0) != 0) {
		guard_change_free(c);
		c = NULL;
	}
	job_begin(call, c, CRIER_GUARD_NONE);
}

void api_guard_put(struct call *call)
{
	struct crier_guard_prefix p;
	char err[BODY_ERR_LEN];
	json_t *json;
	int ret = -1;

	json = api_body(call, err);
	if (json)
		ret = body_prefix(json, &p, err);
	json_decref(json);
	if (ret)
		http_reply_error(call, 400, "%s", err);
	else
		change_one(call, GUARD_ADD, &p);
}

void api_guard_delete(struct call *call)
{
	struct crier_guard_prefix p;
	char err[BODY_ERR_LEN];

	if (guard_prefix_parse(call->arg[0], strlen(call->arg[0]), &p, err) != 0)
		http_reply_error(call, 400, "%s", err);
	else
		change_one(call, GUARD_DELETE, &p);
}

/* ---- listing ---- */

struct guard_pieces {
	struct pieces pieces; /* first */
	struct guard_walk walk;
	uint32_t value;
	bool json, any;
};

static int format_one(struct guard_pieces *l, char *at, size_t size,
		      const struct crier_guard_prefix *p)
{
	const char *action = guard_value_name(p->value), *comma = l->any ? "," : "";
	char text[PREFIX_STRLEN];

	guard_prefix_format(text, p);
	if (l->json)
		return snprintf(at, size, "%s{\"prefix\":\"%s\",\"action\":\"%s\"}", comma, text,
				action);
	/* Of one list, it is a file that `crierctl guard` takes. */
	return l->value ? snprintf(at, size, "%s\n", text)
			: snprintf(at, size, "%s %s\n", action, text);
}

static bool list_more(struct pieces *p)
{
	struct guard_pieces *l = (struct guard_pieces *)p;
	struct crier_guard_prefix batch[LIST_BATCH];
	char text[LIST_BATCH * (PREFIX_STRLEN + JSON_FIELDS)], *at = text;
	uint32_t n;
	bool more =
		guard_walk_next(p->job.call.d->guard, &l->walk, l->value, batch, LIST_BATCH, &n);

	for (uint32_t i = 0; i < n; i++) {
		at += format_one(l, at, sizeof(text) - (size_t)(at - text), &batch[i]);
		l->any = true;
	}
	evbuffer_add(p->data, text, (size_t)(at - text));
	if (!more && l->json)
		evbuffer_add(p->data, "]}", 2);
	return more;
}

void api_guard_list(struct call *call)
{
	uint32_t value = action_of(call, GUARD_LISTS_BOTH);
	struct guard_pieces *l;
	char format[8] = "text";

	if (!value)
		return;
	http_query(call, "format", format, sizeof(format));
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0) {
		http_reply_error(call, 400, "format is text or json");
		return;
	}
	l = pieces_new(call, sizeof(*l));
	if (!l)
		return;
	l->value = value == GUARD_LISTS_BOTH ? CRIER_GUARD_NONE : value;
	l->json = strcmp(format, "json") == 0;
	if (l->json)
		evbuffer_add_printf(l->pieces.data, "{\"prefixes\":[");
	pieces_start(&l->pieces, call, l->json ? "application/json" : "text/plain", list_more);
}
