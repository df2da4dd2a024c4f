/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/pieces.h"

#include <event2/buffer.h>
#include <stdlib.h>

#define FLUSH_BYTES 32768

static bool pieces_step(struct job *job, struct budget *budget)
{
	struct pieces *p = (struct pieces *)job;

	while (!job->blocked) {
		if (!p->more(p)) {
			job_flush(job, p->data);
			job_stream_end(job);
			return false;
		}
		if (evbuffer_get_length(p->data) > FLUSH_BYTES)
			job_flush(job, p->data);
		budget->asked |= 15; /* a piece is some microseconds: look at the clock each time */
		if (budget_spent(budget))
			return true;
	}
	return false;
}

static void pieces_end(struct job *job)
{
	struct pieces *p = (struct pieces *)job;

	evbuffer_free(p->data);
	free(p);
}

void *pieces_new(struct call *call, size_t size)
{
	struct pieces *p = calloc(1, size);

	if (p)
		p->data = evbuffer_new();
	if (p && p->data)
		return p;
	free(p);
	http_reply_error(call, 500, "out of memory");
	return NULL;
}

void pieces_start(struct pieces *p, struct call *call, const char *type,
		  bool (*more)(struct pieces *p))
{
	static const struct job_ops ops = {pieces_step, pieces_end};

	p->more = more;
	job_start(&p->job, call, &ops);
	job_stream(&p->job, type);
}

void pieces_json(struct pieces *p, json_t *json, bool *any)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (text)
		evbuffer_add_printf(p->data, "%s%s", *any ? "," : "", text);
	*any |= text != NULL;
	free(text);
	json_decref(json);
}
