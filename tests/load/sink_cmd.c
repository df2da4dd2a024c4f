/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-load sink: attach, wait for the end, judge. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge.h"
#include "load.h"
#include "poll.h"
#include "sink.h"
#include "sink_opt.h"
#include "xdp/log.h"

#define TURN_NS 50000000L
#define COMPLETE_NS 200000000ULL /* between two looks at every listener */

struct watch {
	const struct sink_options *opt;
	struct sink *sink;
	struct poller poller; /* for --dpdk */
	struct publog *log;
	uint64_t start_ns, now_ns;
	uint64_t copies, progress_copies; /* of all kinds, ever */
	uint64_t active_ns;		  /* last turn that saw a new one, or the logs' end */
	uint64_t looked_ns, complete_ns, progress_ns;
	bool ended; /* every log */
};

static int logs_read(struct watch *w)
{
	bool ended = w->opt->logs > 0;
	size_t i;
	int rc;

	for (i = 0; i < w->opt->logs; i++) {
		rc = publog_read(&w->log[i], w->opt->log[i]);
		if (rc)
			return rc;
		ended &= w->log[i].ended;
	}
	if (ended && !w->ended)
		w->active_ns = w->now_ns;
	w->ended = ended;
	return 0;
}

static void progress(struct watch *w)
{
	uint64_t fresh = sink_count(w->sink, TALLY_fresh);

	if (!w->opt->progress || w->now_ns < w->progress_ns + NSEC_PER_SEC)
		return;
	log_info("crier-load: %5.1f s, %" PRIu64 " copies, %.0f/s, %" PRIu64 " doubled, %" PRIu64
		 " misdirected, %" PRIu64 " corrupt",
		 (double)(w->now_ns - w->start_ns) / 1e9, fresh,
		 w->progress_ns ? (double)(fresh - w->progress_copies) * 1e9 /
					  (double)(w->now_ns - w->progress_ns)
				: 0.0,
		 sink_count(w->sink, TALLY_doubled),
		 sink_count(w->sink, TALLY_other_room) + sink_count(w->sink, TALLY_stranger),
		 sink_count(w->sink, TALLY_corrupt));
	w->progress_ns = w->now_ns;
	w->progress_copies = fresh;
}

static bool turn_ends(struct watch *w)
{
	const struct sink_options *o = w->opt;
	uint64_t copies =
		sink_count(w->sink, TALLY_copies) + sink_count(w->sink, TALLY_rtcp_copies);

	if (copies != w->copies) {
		w->copies = copies;
		w->active_ns = w->now_ns;
	}
	if (w->ended && !w->complete_ns && w->now_ns >= w->looked_ns + COMPLETE_NS) {
		w->looked_ns = w->now_ns;
		if (judge_complete(w->sink, w->log, o->logs))
			w->complete_ns = w->now_ns;
	}
	if (w->complete_ns && w->now_ns >= w->complete_ns + o->linger_ns)
		return true;
	if (o->seconds_ns && w->now_ns >= w->start_ns + o->seconds_ns)
		return true;
	/* While a publisher still writes its log, silence is nothing: DTX, a long interval. */
	if (o->logs && !w->ended)
		return false;
	return w->active_ns && w->now_ns >= w->active_ns + o->idle_ns;
}

static int watch_run(struct watch *w)
{
	const struct timespec turn = {0, TURN_NS};
	int rc;

	w->start_ns = now_ns();
	while (!load_stop) {
		nanosleep(&turn, NULL);
		w->now_ns = now_ns();
		rc = sink_gather(w->sink, false);
		if (!rc)
			rc = logs_read(w);
		if (rc)
			return rc;
		progress(w);
		if (turn_ends(w))
			break;
	}
	w->now_ns = now_ns();
	return logs_read(w);
}

static int ready_say(const struct sink_options *o)
{
	FILE *f;

	if (o->ready_file) {
		f = fopen(o->ready_file, "w");
		if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f)) {
			log_err("crier-load sink: %s: %s", o->ready_file, strerror(errno));
			return -EIO;
		}
	}
	log_info("crier-load: ready");
	return 0;
}

static int report(const struct verdict *v, const struct sink *s, const struct sink_options *o)
{
	FILE *f;
	int rc = 0;

	if (o->report) {
		f = fopen(o->report, "w");
		if (!f || report_json(v, s, f)) {
			log_err("crier-load sink: %s: %s", o->report, strerror(errno));
			rc = -EIO;
		}
		if (f && fclose(f))
			rc = -EIO;
	}
	if (!o->json)
		report_text(v, s, stdout);
	else if (report_json(v, s, stdout))
		rc = -EIO;
	return rc;
}

/* It watches from now on: on interfaces, or as a thread that polls the device. */
static int watch_start(struct watch *w)
{
	int rc;

	if (w->poller.dev)
		rc = poller_start(&w->poller);
	else
		rc = sink_attach(w->sink, &w->opt->config);
	return rc ? rc : ready_say(w->opt);
}

static int run(struct watch *w)
{
	const struct sink_options *o = w->opt;
	struct window *window = NULL;
	struct verdict v = {0};
	size_t windows = 0;
	int rc = watch_start(w);

	if (!rc)
		rc = watch_run(w);
	poller_stop(&w->poller);
	if (!rc && o->windows)
		rc = windows_load(&o->roster, o->windows, &window, &windows);
	if (!rc)
		rc = judge(&v, w->sink, w->log, o->logs, window, windows);
	if (!rc)
		rc = report(&v, w->sink, o);
	if (!rc && v.reasons) {
		if (o->json)
			log_err("crier-load sink: wrong: %s", v.reason[0]);
		rc = -1;
	}
	verdict_free(&v);
	free(window);
	return rc;
}

/* The device's address is the listeners' station: known before the rules are made. */
static int device_open(struct watch *w, struct sink_options *o)
{
	struct poller *p = &w->poller;
	const uint8_t *mac;
	int rc = dpdk_open(&p->dev, o->dpdk);

	if (rc)
		return rc;
	mac = dpdk_mac(p->dev);
	memcpy(&o->config.expect.mac[0], mac, 6);
	o->config.expect.ifaces = 1;
	memcpy(p->self.mac, mac, 6);
	memcpy(p->self.addr, o->router, sizeof(o->router));
	p->self.addrs = o->routers;
	p->cpu = o->cpu;
	p->sink = w->sink;
	log_info("crier-load: the listeners' station is %02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return 0;
}

int sink_main(int argc, char **argv)
{
	struct publog log[SINK_LOGS] = {0};
	struct sink_options o;
	struct sink s;
	struct watch w = {.opt = &o, .sink = &s, .log = log};
	size_t i;
	int rc = sink_parse(&o, argc, argv);

	if (rc)
		goto out;
	stop_on_signals();
	if (o.dpdk)
		rc = device_open(&w, &o);
	if (!rc)
		rc = sink_open(&s, &o.config);
	if (!rc) {
		rc = run(&w);
		sink_close(&s);
	}
	dpdk_close(w.poller.dev);
	if (rc)
		rc = LOAD_WRONG;
	for (i = 0; i < o.logs; i++)
		publog_free(&log[i]);
out:
	sink_options_free(&o);
	return rc;
}
