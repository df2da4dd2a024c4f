/* SPDX-License-Identifier: BSD-2-Clause */
/* POST /v1/reload: other XDP programs in the place of those at work. */
#include <stdlib.h>

#include "control/api.h"
#include "control/crierd.h"
#include "control/devmaps.h"
#include "control/errand.h"
#include "control/kernel.h"
#include "xdp/load.h"
#include "xdp/log.h"

struct reload {
	struct errand errand; /* first */
	struct crierd *d;
	struct loader_reload *programs;
	struct reload_job *job; /* NULL: nobody waits for the answer any more */
	uint64_t start_ns;
	int ret;
	char err[LOADER_ERR_LEN];
};

struct reload_job {
	struct job job; /* first */
	struct reload *reload;
};

json_t *api_programs_json(const struct crierd *d)
{
	const struct loader_programs *p = d->loader ? loader_programs(d->loader) : NULL;
	json_t *list = json_array();

	for (uint32_t i = 0; p && i < p->n; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:I}", "name", p->program[i].name,
						"id", (json_int_t)p->program[i].id,
						"verifier_steps", (json_int_t)p->program[i].insns,
						"verify_us", (json_int_t)p->program[i].verify_us));
	return json_pack("{s:s, s:I, s:o}", "from", p && *p->from ? p->from : "built-in", "load_us",
			 (json_int_t)(p ? p->load_us : 0), "list", list);
}

static void on_work(struct errand *errand)
{
	struct reload *r = (struct reload *)errand;

	r->ret = loader_reload_work(r->programs, r->err);
}

static void answer(struct reload *r)
{
	struct job *job = &r->job->job;
	json_t *json;

	r->job->reload = NULL;
	if (r->ret) {
		job_reply_json(job, 409,
			       json_pack("{s:o}", "error",
					 json_sprintf("%s; the programs at work stay", r->err)));
		return;
	}
	json = api_programs_json(r->d);
	json_object_set_new(json, "took_us",
			    json_integer((json_int_t)((loop_now_ns() - r->start_ns) / 1000)));
	job_reply_json(job, 200, json);
}

/* The kernel takes now what it had refused. */
static void egress_came(struct crierd *d)
{
	devmaps_ports_changed(d->devmaps);
	kernel_ports_changed(d->kernel);
}

static void on_done(struct errand *errand)
{
	struct reload *r = (struct reload *)errand;
	bool had_egress = !loader_egress(r->d->loader);

	loader_reload_end(r->programs);
	r->d->reloading = false;
	if (errand->worked && !had_egress && !loader_egress(r->d->loader))
		egress_came(r->d);
	if (errand->worked && !r->ret) {
		const char *from = loader_programs(r->d->loader)->from;

		log_info("crierd: reloaded the XDP programs (%s)", *from ? from : "built-in");
	} else if (errand->worked) {
		log_err("crierd: no reload: %s; the programs at work stay", r->err);
	}
	if (r->job)
		answer(r);
	free(r);
}

static bool on_step(struct job *job, struct budget *budget)
{
	(void)job;
	(void)budget;
	return false; /* the errand answers */
}

/* A client that leaves early doesn't undo what it asked for. */
static void on_end(struct job *job)
{
	struct reload_job *j = (struct reload_job *)job;

	if (j->reload)
		j->reload->job = NULL;
	free(j);
}

void api_reload(struct call *call)
{
	static const struct job_ops ops = {on_step, on_end};
	struct crierd *d = call->d;
	struct reload_job *job;
	struct reload *r;

	if (!d->loader || d->reloading) {
		http_reply_error(call, 409,
				 d->loader ? "a reload is under way: wait for its end"
					   : "no program is loaded");
		return;
	}
	job = calloc(1, sizeof(*job));
	r = calloc(1, sizeof(*r));
	if (r)
		r->programs = loader_reload_new(
			d->loader, http_query_flag(call, "built_in") ? NULL : d->bpf_dir);
	if (!job || !r || !r->programs) {
		free(job);
		free(r);
		http_reply_error(call, 500, "out of memory");
		return;
	}
	r->errand = (struct errand){.work = on_work, .done = on_done};
	r->d = d;
	r->job = job;
	r->start_ns = loop_now_ns();
	d->reloading = true;
	job_start(&job->job, call, &ops);
	job->reload = r;
	errands_submit(d->errands, &r->errand);
}
