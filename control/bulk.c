/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bulk.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/body.h"
#include "control/crierd.h"
#include "control/lines.h"
#include "control/member.h"

#define AHEAD 8 /* members whose place in the index is fetched early */

struct bulk_counts {
	uint64_t added, existing, unreachable; /* BULK_ADD */
	uint64_t deleted, missing;	       /* BULK_REMOVE */
};

struct bulk {
	struct job job; /* first */
	enum bulk_op op;
	int added_code; /* HTTP's, of what was added */
	uint32_t room, generation;
	bool parsed;
	uint64_t line;
	struct endpoints list;
	struct bulk_counts counts;
};

/* ---- applying ---- */

static int apply_one(struct store *s, uint32_t room, enum bulk_op op,
		     const struct crier_endpoint *ep, struct bulk_counts *counts)
{
	int ret;

	if (op == BULK_REMOVE) {
		if (member_remove(s, room, ep) == 0)
			counts->deleted++;
		else
			counts->missing++;
		return 0;
	}
	ret = member_add(s, room, ep);
	if (ret == -EEXIST) {
		counts->existing++;
		return 0;
	}
	if (ret < 0)
		return ret;
	counts->added++;
	counts->unreachable += ret == 1;
	return 0;
}

/*
 * Applies endpoints from the front until the budget is spent.  1: more are left; 0: all
 * done; or what member_add() refused the last one taken with.
 */
static int apply(struct bulk *b, struct budget *budget)
{
	struct store *s = &b->job.call.d->store;
	const struct crier_endpoint *ep;

	while ((ep = endpoints_take(&b->list))) {
		const struct crier_endpoint *ahead = endpoints_peek(&b->list, AHEAD);
		int ret;

		if (ahead)
			member_prefetch(s, ahead);
		ret = apply_one(s, b->room, b->op, ep, &b->counts);
		if (ret < 0)
			return ret;
		if (budget_spent(budget))
			return 1;
	}
	return 0;
}

static uint64_t applied(const struct bulk *b)
{
	return b->op == BULK_ADD ? b->counts.added : b->counts.deleted;
}

static void reply_done(struct bulk *b)
{
	const struct bulk_counts *c = &b->counts;
	json_t *json;

	if (b->op == BULK_ADD)
		json = json_pack("{s:I, s:I, s:I}", "added", (json_int_t)c->added, "existing",
				 (json_int_t)c->existing, "unreachable",
				 (json_int_t)c->unreachable);
	else
		json = json_pack("{s:I, s:I}", "deleted", (json_int_t)c->deleted, "missing",
				 (json_int_t)c->missing);
	job_reply_json(&b->job, b->op == BULK_ADD ? b->added_code : 200, json);
}

static void reply_refused(struct bulk *b, int code, const char *text)
{
	job_reply_json(&b->job, code,
		       json_pack("{s:s, s:I}", "error", text, "applied", (json_int_t)applied(b)));
}

static bool step_apply(struct bulk *b, struct budget *budget)
{
	struct crierd *d = b->job.call.d;
	char err[BODY_ERR_LEN];
	int ret, code;

	if (d->store.rooms[b->room].phase != ROOM_LIVE ||
	    room_row(&d->store, b->room)->generation != b->generation) {
		reply_refused(b, 404, "the room was deleted meanwhile");
		return false;
	}
	ret = apply(b, budget);
	if (ret > 0)
		return true;
	if (ret == 0) {
		reply_done(b);
		return false;
	}
	code = api_listener_error(d, b->room, ret, err, sizeof(err));
	reply_refused(b, code, err);
	return false;
}

/* ---- reading ---- */

static void reply_bad_line(struct bulk *b, const char *why)
{
	char text[BODY_ERR_LEN + 40];

	snprintf(text, sizeof(text), "line %llu: %s", (unsigned long long)b->line, why);
	job_reply_json(&b->job, 400,
		       json_pack("{s:s, s:I, s:i}", "error", text, "line", (json_int_t)b->line,
				 "applied", 0));
}

/* 1: a line was taken; 0: the body has ended; -EINVAL, -ENOMEM. */
static int line_take(struct bulk *b, struct evbuffer *in, char err[BODY_ERR_LEN])
{
	struct crier_endpoint ep;
	size_t len;
	char *line;
	int ret = line_next(in, &line, &len);

	b->line++;
	if (ret == -E2BIG) {
		snprintf(err, BODY_ERR_LEN, "it is longer than %d bytes", LINE_MAX_BYTES);
		return -EINVAL;
	}
	if (ret <= 0)
		return ret;
	ret = body_line(line, len, &ep, err);
	free(line);
	if (ret > 0 && endpoints_add(&b->list, &ep) != 0)
		return -ENOMEM;
	return ret < 0 ? ret : 1;
}

static bool step_read(struct bulk *b, struct budget *budget)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(b->job.call.req);
	char err[BODY_ERR_LEN] = "";
	int ret;

	while ((ret = line_take(b, in, err)) > 0)
		if (budget_spent(budget))
			return true;
	if (ret == -ENOMEM) {
		reply_refused(b, 500, "out of memory");
		return false;
	}
	if (ret < 0) {
		reply_bad_line(b, err);
		return false;
	}
	b->parsed = true;
	return true;
}

static bool bulk_step(struct job *job, struct budget *budget)
{
	struct bulk *b = (struct bulk *)job;

	return b->parsed ? step_apply(b, budget) : step_read(b, budget);
}

static void bulk_end(struct job *job)
{
	struct bulk *b = (struct bulk *)job;

	endpoints_free(&b->list);
	free(b);
}

static const struct job_ops bulk_ops = {bulk_step, bulk_end};

static struct bulk *bulk_new(struct call *call, uint32_t room, enum bulk_op op)
{
	struct bulk *b = calloc(1, sizeof(*b));

	if (!b) {
		http_reply_error(call, 500, "out of memory");
		return NULL;
	}
	b->op = op;
	b->room = room;
	b->generation = room_row(&call->d->store, room)->generation;
	return b;
}

void bulk_call(struct call *call, uint32_t room, enum bulk_op op)
{
	struct bulk *b = bulk_new(call, room, op);

	if (!b)
		return;
	b->added_code = 200;
	job_start(&b->job, call, &bulk_ops);
}

void bulk_list(struct call *call, uint32_t room, enum bulk_op op, const struct crier_endpoint *ep,
	       size_t n)
{
	struct bulk *b = bulk_new(call, room, op);

	if (!b)
		return;
	for (size_t i = 0; i < n; i++) {
		if (endpoints_add(&b->list, &ep[i]) == 0)
			continue;
		endpoints_free(&b->list);
		free(b);
		http_reply_error(call, 500, "out of memory");
		return;
	}
	b->added_code = 201;
	b->parsed = true;
	job_start(&b->job, call, &bulk_ops);
}
