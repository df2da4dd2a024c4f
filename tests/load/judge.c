/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "promise.h"
#include "xdp/log.h"

struct samples {
	uint64_t *v;
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void reason(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	if (v->reasons == JUDGE_REASONS)
		return;
	va_start(ap, fmt);
	if (vasprintf(&v->reason[v->reasons], fmt, ap) >= 0)
		v->reasons++;
	va_end(ap);
}

bool judge_complete(const struct sink *s, const struct publog *log, size_t logs)
{
	struct promise *p = NULL;
	uint32_t slot;
	size_t i;
	bool all = logs > 0;

	for (i = 0; i < logs; i++)
		all &= log[i].ended;
	if (!all || promises_make(&p, s, log, logs))
		all = false;
	for (i = 0; all && i < s->roster->members; i++) {
		const struct tally_member *m = &s->roster->member[i];

		for (slot = 0; slot < s->slots && !(m->flags & TALLY_CHURNER); slot++) {
			const struct promise *due = &p[m->room * s->slots + slot];
			const struct tally_mark *mark = sink_mark(s, i, slot);

			all &= mark->copies >= due->pkts && mark->rtcp_copies >= due->reports;
		}
	}
	promises_free(p, s);
	return all;
}

static void offender_note(struct verdict *v, const struct offender *o)
{
	struct offender swap, in = *o;
	int i;

	for (i = 0; i < JUDGE_OFFENDERS; i++) {
		if (in.faults <= v->worst[i].faults)
			continue;
		swap = v->worst[i];
		v->worst[i] = in;
		in = swap;
	}
}

static uint64_t shortfall(uint64_t due, uint64_t copies)
{
	return due > copies ? due - copies : 0;
}

static void member_judge(struct verdict *v, const struct sink *s, const struct promise *promise,
			 size_t i)
{
	const struct tally_member *m = &s->roster->member[i];
	bool churner = m->flags & TALLY_CHURNER;
	struct offender o = {.member = i};
	uint32_t slot;

	v->churners += churner;
	v->listeners += !churner;
	v->room[m->room].listeners += !churner;
	for (slot = 0; slot < s->slots; slot++) {
		const struct promise *due = &promise[m->room * s->slots + slot];
		const struct tally_mark *mark = sink_mark(s, i, slot);
		uint64_t lost = shortfall(due->pkts, mark->copies);
		uint64_t rtcp_lost = shortfall(due->reports, mark->rtcp_copies);

		o.copies += mark->copies;
		o.faults += (uint64_t)mark->doubled + mark->reordered + mark->stale + mark->bad +
			    mark->misdirected;
		if (churner) {
			v->churner_copies += mark->copies;
			continue;
		}
		v->room[m->room].seen += mark->copies;
		v->seen += mark->copies;
		v->rtcp_seen += mark->rtcp_copies;
		if (!v->due_known)
			continue;
		v->due += due->pkts;
		v->room[m->room].due += due->pkts;
		v->room[m->room].lost += lost;
		v->lost += lost;
		v->rtcp_due += due->reports;
		v->rtcp_lost += rtcp_lost;
		o.due += due->pkts;
		o.faults += lost + rtcp_lost;
	}
	if (o.faults)
		offender_note(v, &o);
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct spread samples_spread(struct samples *s)
{
	struct spread r = {.n = s->n};

	if (!s->n)
		return r;
	qsort(s->v, s->n, sizeof(*s->v), u64_cmp);
	r.p50 = s->v[(s->n - 1) / 2];
	r.p99 = s->v[(s->n - 1) * 99 / 100];
	r.max = s->v[s->n - 1];
	return r;
}

/* The lower bound of a histogram's step, in the middle of it. */
static uint64_t hist_value(uint32_t i)
{
	uint32_t e = i >> TALLY_HIST_BITS, sub = i & ((1 << TALLY_HIST_BITS) - 1);

	if (!e)
		return i;
	return ((((uint64_t)1 << TALLY_HIST_BITS) + sub) << (e - 1)) +
	       (((uint64_t)1 << (e - 1)) >> 1);
}

static struct spread latency_sum(const struct sink *s)
{
	struct spread r = {0};
	uint64_t seen = 0, at;
	uint32_t cpu, i;

	for (cpu = 0; cpu < s->cpu_count; cpu++) {
		r.n += s->cpus[cpu].latency_n;
		if (s->cpus[cpu].latency_max_ns > r.max)
			r.max = s->cpus[cpu].latency_max_ns;
	}
	for (i = 0; i < TALLY_HIST && r.n; i++) {
		for (cpu = 0, at = 0; cpu < s->cpu_count; cpu++)
			at += s->cpus[cpu].latency[i];
		if (!at)
			continue;
		if (seen <= (r.n - 1) / 2 && seen + at > (r.n - 1) / 2)
			r.p50 = hist_value(i);
		if (seen <= (r.n - 1) * 99 / 100 && seen + at > (r.n - 1) * 99 / 100)
			r.p99 = hist_value(i);
		seen += at;
	}
	if (r.p50 > r.max)
		r.p50 = r.max;
	if (r.p99 > r.max)
		r.p99 = r.max;
	return r;
}

/* Copies whose packets the logs do not have, or have otherwise. */
static void flight_check(struct verdict *v, const char *room, const struct sink_stream *st,
			 const struct promise *p, uint32_t pos, const struct flight *f,
			 const struct publog_packet **sent)
{
	*sent = promise_find(p, pos);
	if (f->torn || (*sent && (*sent)->hash != f->hash)) {
		v->c[TALLY_corrupt] += f->copies;
		reason(v, "room %s stream %u packet %u: %" PRIu64 " copies are not what was sent",
		       room, st->slot, pos, f->copies);
	} else if (!*sent && v->due_known) {
		v->unsent += f->copies;
		reason(v,
		       "room %s stream %u: %" PRIu64 " copies of packet %u, which was never sent",
		       room, st->slot, f->copies, pos);
	}
}

struct times {
	struct samples first, last, spread;
};

static int times_alloc(struct times *t, size_t n)
{
	t->first.v = calloc(n + 1, sizeof(uint64_t));
	t->last.v = calloc(n + 1, sizeof(uint64_t));
	t->spread.v = calloc(n + 1, sizeof(uint64_t));
	return t->first.v && t->last.v && t->spread.v ? 0 : -ENOMEM;
}

static void times_free(struct times *t)
{
	free(t->first.v);
	free(t->last.v);
	free(t->spread.v);
}

static void times_add(struct times *t, const struct flight *f, const struct publog_packet *sent)
{
	if (f->copies > 1)
		t->spread.v[t->spread.n++] = f->last_ns - f->first_ns;
	if (!sent || !sent->ns) /* pktgen's log knows no times */
		return;
	t->first.v[t->first.n++] = f->first_ns > sent->ns ? f->first_ns - sent->ns : 0;
	t->last.v[t->last.n++] = f->last_ns > sent->ns ? f->last_ns - sent->ns : 0;
}

static void stream_judge(struct verdict *v, const struct sink *s, const struct promise *p,
			 uint32_t n, struct times *room, struct times *all)
{
	const struct sink_stream *st = &s->stream[n];
	const struct publog_packet *sent;
	size_t i, known = 0;

	v->room[st->room].packets += p->pkts;
	for (i = 0; i < st->flights; i++) {
		const struct flight *f = &st->flight[i];

		if (!f->copies)
			continue;
		known++;
		flight_check(v, s->roster->room[st->room], st, p, st->base + (uint32_t)i, f, &sent);
		times_add(room, f, sent);
		times_add(all, f, sent);
	}
	if (v->room[st->room].seen && known < p->pkts && !v->lost)
		v->unchecked += p->pkts - known;
}

/* What the sink has on record of each packet, room by room. */
static int flights_judge(struct verdict *v, const struct sink *s, const struct promise *promise)
{
	struct times all = {0}, room = {0};
	size_t most = 0;
	uint32_t r, slot, n;
	int rc = -ENOMEM;

	for (n = 0; n < s->stream_count; n++)
		most += s->stream[n].flights;
	if (times_alloc(&all, most) || times_alloc(&room, most))
		goto out;
	for (r = 0; r < s->roster->rooms; r++) {
		struct room_verdict *rv = &v->room[r];

		room.first.n = room.last.n = room.spread.n = 0;
		for (slot = 0; slot < s->slots; slot++) {
			n = r * s->slots + slot;
			stream_judge(v, s, &promise[n], n, &room, &all);
		}
		rv->first_copy = samples_spread(&room.first);
		rv->last_copy = samples_spread(&room.last);
		rv->spread = samples_spread(&room.spread);
	}
	v->first_copy = samples_spread(&all.first);
	v->last_copy = samples_spread(&all.last);
	v->spread = samples_spread(&all.spread);
	rc = 0;
out:
	times_free(&all);
	times_free(&room);
	return rc;
}

/* A report's content, on every CPU, against the log's. */
static void reports_judge(struct verdict *v, const struct sink *s, const struct promise *promise)
{
	uint32_t n, cpu;
	size_t i, j;

	for (n = 0; n < s->stream_count; n++) {
		for (i = 0; i < promise[n].parts; i++) {
			const struct publog_stream *ls = promise[n].part[i];

			for (j = 0; j < ls->reports; j++) {
				for (cpu = 0; cpu < s->cpu_count; cpu++) {
					const struct tally_report *r =
						&s->reports[((size_t)cpu * s->stream_count + n) *
								    TALLY_REPORTS +
							    tally_report_slot(ls->report[j].ntp)];

					if (r->ntp != ls->report[j].ntp ||
					    r->hash == ls->report[j].hash)
						continue;
					v->c[TALLY_corrupt] += r->copies;
					reason(v,
					       "room %s: %" PRIu64
					       " copies of a sender report are not what was sent",
					       ls->room, (uint64_t)r->copies);
				}
			}
		}
	}
}

static void windows_judge(struct verdict *v, const struct sink *s, const struct promise *promise,
			  const struct window *window, size_t windows)
{
	struct offender o;
	uint32_t slot;
	size_t i;

	v->windows = windows;
	for (i = 0; i < windows; i++) {
		const struct tally_member *m = &s->roster->member[window[i].member];

		o = (struct offender){.member = window[i].member};
		for (slot = 0; slot < s->slots; slot++) {
			const struct tally_mark *mark = sink_mark(s, window[i].member, slot);
			uint64_t due = promise_between(&promise[m->room * s->slots + slot],
						       window[i].from_ns, window[i].until_ns);
			/* Between a listener's first and last copy there must be no hole either. */
			uint64_t span = mark->copies ? (mark->window >> 32) - mark->first + 1 : 0;
			uint64_t lost = shortfall(due > span ? due : span, mark->copies);

			o.due += due;
			o.copies += mark->copies;
			o.faults += lost;
			v->window_lost += lost;
		}
		if (o.faults)
			offender_note(v, &o);
	}
}

uint64_t verdict_misdirected(const struct verdict *v)
{
	return v->c[TALLY_other_room] + v->c[TALLY_stranger] + v->c[TALLY_wrong_mac];
}

uint64_t verdict_unexpected(const struct verdict *v)
{
	return v->c[TALLY_alien] + v->unsent;
}

static void counters_judge(struct verdict *v)
{
#define TALLY_HELP(name, wrong, help) {wrong, help},
	static const struct {
		int wrong;
		const char *help;
	} counter[] = {TALLY_COUNTERS(TALLY_HELP)};
	uint32_t i;

	for (i = 0; i < TALLY_N; i++)
		if (counter[i].wrong && v->c[i])
			reason(v, "%" PRIu64 " %s", v->c[i], counter[i].help);
}

static void logs_judge(struct verdict *v, const struct sink *s, const struct publog *log,
		       size_t logs)
{
	size_t i, j;

	v->have_log = logs > 0;
	v->due_known = logs > 0;
	for (i = 0; i < logs; i++) {
		v->publish_failed += log[i].failed;
		if (!log[i].ended) {
			reason(v, "a publisher's log has no end: what was due is not known");
			v->due_known = false;
		}
		for (j = 0; j < log[i].streams; j++) {
			const struct publog_stream *ls = &log[i].stream[j];
			long n = promise_stream(s, ls);

			if (n < 0 && roster_room_find(s->roster, ls->room) >= 0)
				reason(v,
				       "room %s has a stream number %u: give the sink --streams "
				       "%u",
				       ls->room, ls->slot, ls->slot + 1);
			if (n >= 0 && s->stream[n].ssrc != ls->ssrc)
				reason(v,
				       "room %s: the publisher's SSRC is 0x%08x and the sink looks "
				       "for 0x%08x: give both the same --ssrc",
				       ls->room, ls->ssrc, s->stream[n].ssrc);
		}
	}
}

static void totals_judge(struct verdict *v)
{
	if (v->lost)
		reason(v, "%" PRIu64 " copies lost of %" PRIu64 " due", v->lost, v->due);
	if (v->rtcp_lost)
		reason(v, "%" PRIu64 " RTCP copies lost of %" PRIu64 " due", v->rtcp_lost,
		       v->rtcp_due);
	if (v->window_lost)
		reason(v, "%" PRIu64 " copies lost of those due between joining and leaving",
		       v->window_lost);
	if (v->unsent)
		reason(v, "%" PRIu64 " copies of packets that were never sent", v->unsent);
	if (v->publish_failed)
		reason(v, "%" PRIu64 " packets the publisher could not send", v->publish_failed);
	if (v->unchecked)
		reason(v,
		       "%" PRIu64 " packets were no longer on record when they were looked at: "
		       "raise --packets",
		       v->unchecked);
	if (v->due_known && !v->due && v->listeners)
		reason(v, "nothing was due: no packet was sent to these rooms");
	else if (!v->seen && !v->churner_copies)
		reason(v, "no copy came");
}

/* What the sink itself did not take in was lost by nobody else. */
static void load_judge(struct verdict *v, const struct sink_load *l)
{
	if (l && l->missed + l->no_buffer)
		reason(v,
		       "%" PRIu64
		       " frames that the sink's device had no room for: the sink is at fault",
		       (uint64_t)(l->missed + l->no_buffer));
}

static void clock_judge(struct verdict *v, const struct sink *s)
{
	uint64_t first = UINT64_MAX, last = 0;
	uint32_t cpu;

	for (cpu = 0; cpu < s->cpu_count; cpu++) {
		if (!s->cpus[cpu].first_ns)
			continue;
		if (s->cpus[cpu].first_ns < first)
			first = s->cpus[cpu].first_ns;
		if (s->cpus[cpu].last_ns > last)
			last = s->cpus[cpu].last_ns;
	}
	v->seconds = last > first ? (double)(last - first) / 1e9 : 0;
}

int judge(struct verdict *v, struct sink *s, const struct publog *log, size_t logs,
	  const struct window *window, size_t windows)
{
	struct promise *promise = NULL;
	uint32_t c;
	size_t i;
	int rc = sink_gather(s, true);

	memset(v, 0, sizeof(*v));
	v->room = calloc(s->roster->rooms + 1, sizeof(*v->room));
	if (rc || !v->room || promises_make(&promise, s, log, logs)) {
		rc = -ENOMEM;
		goto out;
	}
	for (c = 0; c < TALLY_N; c++)
		v->c[c] = sink_count(s, (enum tally_counter)c);
	logs_judge(v, s, log, logs);
	for (i = 0; i < s->roster->members; i++)
		member_judge(v, s, promise, i);
	windows_judge(v, s, promise, window, windows);
	rc = flights_judge(v, s, promise);
	reports_judge(v, s, promise);
	v->latency = latency_sum(s);
	clock_judge(v, s);
	totals_judge(v);
	counters_judge(v);
	load_judge(v, s->load);
out:
	if (rc)
		log_err("crier-load sink: out of memory");
	promises_free(promise, s);
	return rc;
}

void verdict_free(struct verdict *v)
{
	uint32_t i;

	for (i = 0; i < v->reasons; i++)
		free(v->reason[i]);
	free(v->room);
	memset(v, 0, sizeof(*v));
}
