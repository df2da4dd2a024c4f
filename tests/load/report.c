/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include <errno.h>
#include <inttypes.h>

#include "xdp/addr.h"

#define EVENTS_SHOWN 3
#define ROOMS_SHOWN 16 /* in text; JSON has all */

#define TALLY_NAME(name, wrong, help) {#name, wrong},
static const struct {
	const char *name;
	int wrong;
} counter[] = {TALLY_COUNTERS(TALLY_NAME)};

static const char *member_name(const struct sink *s, size_t member, char buf[160])
{
	const struct tally_member *m = &s->roster->member[member];
	struct crier_endpoint ep = roster_endpoint(m);
	char text[ENDPOINT_STRLEN];

	snprintf(buf, 160, "%s %s", s->roster->room[m->room], endpoint_format(text, &ep));
	return buf;
}

static double rate(const struct verdict *v)
{
	return v->seconds > 0 ? (double)v->c[TALLY_fresh] / v->seconds : 0;
}

static void spread_text(FILE *out, const char *name, const struct spread *s)
{
	if (s->n)
		fprintf(out, "%-22s p50 %.1f  p99 %.1f  max %.1f us\n", name, (double)s->p50 / 1e3,
			(double)s->p99 / 1e3, (double)s->max / 1e3);
}

static void event_text(FILE *out, const struct sink *s, uint32_t c, const struct tally_event *e)
{
	struct crier_endpoint from = {.port = e->sport}, to = {.port = e->dport};
	char a[ENDPOINT_STRLEN], b[ENDPOINT_STRLEN], who[160];

	__builtin_memcpy(from.addr.b, e->saddr, 16);
	__builtin_memcpy(to.addr.b, e->daddr, 16);
	fprintf(out, "  %s: %s -> %s, %u bytes, packet %u", counter[c].name,
		endpoint_format(a, &from), endpoint_format(b, &to), e->len, e->pos);
	if (e->stream >= 0)
		fprintf(out, " of room %s", s->roster->room[s->stream[e->stream].room]);
	if (e->member >= 0)
		fprintf(out, ", listener %s", member_name(s, (size_t)e->member, who));
	fprintf(out, ", at %" PRIu64 "\n", (uint64_t)e->ns);
}

static void events_text(const struct sink *s, FILE *out)
{
	uint32_t c, i;

	for (c = 0; c < TALLY_N; c++)
		for (i = 0; i < s->event_counts[c] && i < EVENTS_SHOWN; i++)
			event_text(out, s, c, &s->events[c * TALLY_EVENTS + i]);
}

static void rooms_text(const struct verdict *v, const struct sink *s, FILE *out)
{
	uint32_t i;

	for (i = 0; s->roster->rooms > 1 && i < s->roster->rooms && i < ROOMS_SHOWN; i++) {
		const struct room_verdict *r = &v->room[i];

		fprintf(out,
			"room %-17s %" PRIu64 " listeners, %" PRIu64 " packets, %" PRIu64
			" copies of %" PRIu64 ", %" PRIu64 " lost, last copy p99 %.1f us\n",
			s->roster->room[i], r->listeners, r->packets, r->seen, r->due, r->lost,
			(double)r->last_copy.p99 / 1e3);
	}
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void load_text(const struct sink_load *l, FILE *out)
{
	if (!l)
		return;
	fprintf(out,
		"%-22s busy %.0f%%, %.0f%% of polls full, %.0f%% of frames without a rest, %" PRIu64
		" missed\n",
		"sink", 100 * share(l->busy_ns, l->span_ns), 100 * share(l->full_polls, l->polls),
		100 * share(l->pressed_frames, l->frames), (uint64_t)(l->missed + l->no_buffer));
	if (sink_was_limit(l))
		fprintf(out,
			"the sink was the limit: this run says nothing of the sender's speed\n");
}

void report_text(const struct verdict *v, const struct sink *s, FILE *out)
{
	char who[160];
	uint32_t i;

	fprintf(out, "%-22s %" PRIu64, "listeners", v->listeners);
	if (v->churners)
		fprintf(out, " who stay, %" PRIu64 " who come and go", v->churners);
	fprintf(out, "\n%-22s ", "copies due");
	if (v->due_known)
		fprintf(out, "%" PRIu64 "\n", v->due);
	else
		fprintf(out, "not known\n");
	fprintf(out, "%-22s %" PRIu64 "\n", "copies seen", v->seen);
	fprintf(out, "%-22s %" PRIu64 "\n", "lost", v->lost);
	fprintf(out, "%-22s %" PRIu64 "\n", "doubled", v->c[TALLY_doubled]);
	fprintf(out, "%-22s %" PRIu64 "\n", "reordered", v->c[TALLY_reordered]);
	fprintf(out, "%-22s %" PRIu64 "\n", "misdirected", verdict_misdirected(v));
	fprintf(out, "%-22s %" PRIu64 " IP, %" PRIu64 " UDP\n", "bad checksums",
		v->c[TALLY_bad_ip_checksum], v->c[TALLY_bad_udp_checksum]);
	fprintf(out, "%-22s %" PRIu64 "\n", "corrupt", v->c[TALLY_corrupt]);
	fprintf(out, "%-22s %" PRIu64 "\n", "unexpected", verdict_unexpected(v));
	fprintf(out, "%-22s %" PRIu64 " of %" PRIu64 " due\n", "RTCP copies", v->rtcp_seen,
		v->rtcp_due);
	spread_text(out, "latency", &v->latency);
	spread_text(out, "first copy after", &v->first_copy);
	spread_text(out, "last copy after", &v->last_copy);
	spread_text(out, "first to last copy", &v->spread);
	fprintf(out, "%-22s %.0f\n", "copies a second", rate(v));
	load_text(s->load, out);
	rooms_text(v, s, out);
	for (i = 0; i < JUDGE_OFFENDERS && v->worst[i].faults; i++)
		fprintf(out, "worst: %s: %" PRIu64 " faults, %" PRIu64 " copies of %" PRIu64 "\n",
			member_name(s, v->worst[i].member, who), v->worst[i].faults,
			v->worst[i].copies, v->worst[i].due);
	events_text(s, out);
	for (i = 0; i < v->reasons; i++)
		fprintf(out, "WRONG: %s\n", v->reason[i]);
	fprintf(out, "%s\n", v->reasons ? "wrong" : "all right");
}

static json_t *us(uint64_t ns)
{
	return json_real((double)ns / 1e3);
}

static json_t *spread_json(const struct spread *s)
{
	if (!s->n)
		return json_pack("{s:n, s:n, s:n}", "p50", "p99", "max");
	return json_pack("{s:o, s:o, s:o}", "p50", us(s->p50), "p99", us(s->p99), "max",
			 us(s->max));
}

static json_t *rooms_json(const struct verdict *v, const struct sink *s)
{
	json_t *all = json_array();
	uint32_t i;

	for (i = 0; i < s->roster->rooms; i++) {
		const struct room_verdict *r = &v->room[i];

		json_array_append_new(
			all,
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "room",
				  s->roster->room[i], "listeners", (json_int_t)r->listeners,
				  "packets", (json_int_t)r->packets, "copies_due",
				  (json_int_t)r->due, "copies_seen", (json_int_t)r->seen, "lost",
				  (json_int_t)r->lost, "first_copy_us", spread_json(&r->first_copy),
				  "last_copy_us", spread_json(&r->last_copy), "spread_us",
				  spread_json(&r->spread)));
	}
	return all;
}

static json_t *offenders_json(const struct verdict *v, const struct sink *s)
{
	json_t *all = json_array();
	char who[160];
	int i;

	for (i = 0; i < JUDGE_OFFENDERS && v->worst[i].faults; i++)
		json_array_append_new(all, json_pack("{s:s, s:I, s:I, s:I}", "listener",
						     member_name(s, v->worst[i].member, who),
						     "faults", (json_int_t)v->worst[i].faults,
						     "copies", (json_int_t)v->worst[i].copies,
						     "due", (json_int_t)v->worst[i].due));
	return all;
}

static json_t *events_json(const struct sink *s)
{
	json_t *all = json_array();
	char a[ENDPOINT_STRLEN], b[ENDPOINT_STRLEN], who[160];
	uint32_t c, i;

	for (c = 0; c < TALLY_N; c++) {
		for (i = 0; i < s->event_counts[c] && i < EVENTS_SHOWN; i++) {
			const struct tally_event *e = &s->events[c * TALLY_EVENTS + i];
			struct crier_endpoint from = {.port = e->sport}, to = {.port = e->dport};

			__builtin_memcpy(from.addr.b, e->saddr, 16);
			__builtin_memcpy(to.addr.b, e->daddr, 16);
			json_array_append_new(
				all,
				json_pack("{s:s, s:I, s:s, s:s, s:s*, s:I, s:s*}", "fault",
					  counter[c].name, "ns", (json_int_t)e->ns, "from",
					  endpoint_format(a, &from), "to", endpoint_format(b, &to),
					  "room",
					  e->stream >= 0
						  ? s->roster->room[s->stream[e->stream].room]
						  : NULL,
					  "packet", (json_int_t)e->pos, "listener",
					  e->member >= 0 ? member_name(s, (size_t)e->member, who)
							 : NULL));
		}
	}
	return all;
}

static void set_u64(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *due_or_null(const struct verdict *v, uint64_t n)
{
	return v->due_known ? json_integer((json_int_t)n) : json_null();
}

static json_t *load_json(const struct sink_load *l)
{
	if (!l)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:b}", "busy",
			 share(l->busy_ns, l->span_ns), "full_polls",
			 share(l->full_polls, l->polls), "pressed",
			 share(l->pressed_frames, l->frames), "polls", (json_int_t)l->polls,
			 "frames", (json_int_t)l->frames, "missed", (json_int_t)l->missed,
			 "no_buffer", (json_int_t)l->no_buffer, "limit", sink_was_limit(l));
}

int report_json(const struct verdict *v, const struct sink *s, FILE *out)
{
	json_t *o = json_object(), *why = json_array();
	uint32_t i;
	int rc;

	json_object_set_new(o, "ok", json_boolean(!v->reasons));
	set_u64(o, "listeners", v->listeners);
	set_u64(o, "churners", v->churners);
	json_object_set_new(o, "copies_due", due_or_null(v, v->due));
	set_u64(o, "copies_seen", v->seen);
	json_object_set_new(o, "lost", due_or_null(v, v->lost));
	set_u64(o, "misdirected", verdict_misdirected(v));
	set_u64(o, "bad_checksum", v->c[TALLY_bad_ip_checksum] + v->c[TALLY_bad_udp_checksum]);
	set_u64(o, "unexpected", verdict_unexpected(v));
	set_u64(o, "unsent", v->unsent);
	json_object_set_new(o, "rtcp_due", due_or_null(v, v->rtcp_due));
	set_u64(o, "rtcp_seen", v->rtcp_seen);
	json_object_set_new(o, "rtcp_lost", due_or_null(v, v->rtcp_lost));
	set_u64(o, "churner_copies", v->churner_copies);
	set_u64(o, "windows", v->windows);
	set_u64(o, "window_lost", v->window_lost);
	set_u64(o, "publish_failed", v->publish_failed);
	for (i = 0; i < TALLY_N; i++)
		set_u64(o, counter[i].name, v->c[i]);
	json_object_set_new(o, "latency_us", spread_json(&v->latency));
	json_object_set_new(o, "first_copy_us", spread_json(&v->first_copy));
	json_object_set_new(o, "last_copy_us", spread_json(&v->last_copy));
	json_object_set_new(o, "spread_us", spread_json(&v->spread));
	json_object_set_new(o, "copies_per_s", json_real(rate(v)));
	json_object_set_new(o, "seconds", json_real(v->seconds));
	json_object_set_new(o, "sink", load_json(s->load));
	json_object_set_new(o, "rooms", rooms_json(v, s));
	json_object_set_new(o, "worst", offenders_json(v, s));
	json_object_set_new(o, "first", events_json(s));
	for (i = 0; i < v->reasons; i++)
		json_array_append_new(why, json_string(v->reason[i]));
	json_object_set_new(o, "wrong", why);
	rc = json_dumpf(o, out, JSON_PRESERVE_ORDER | JSON_COMPACT | JSON_REAL_PRECISION(10));
	json_decref(o);
	if (rc || fputc('\n', out) == EOF || fflush(out))
		return -EIO;
	return 0;
}
