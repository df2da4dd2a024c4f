/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/bpf.h>

#include "pktgen.h"
#include "trial.h"

const char *const who[] = {"10.0.0.1:5000", "[fd00::1]:5000", "10.0.0.2:5000", "[fd00::2]:5001"};

struct crier_endpoint endpoint(const char *text)
{
	struct crier_endpoint ep;

	assert_int_equal(endpoint_parse(text, strlen(text), &ep), 0);
	return ep;
}

void roster_put(struct roster *r, const char *room, const char *text, uint16_t flags)
{
	char spec[64];

	if (*text == '[')
		snprintf(spec, sizeof(spec), "%.*s/1/%s", (int)(strchr(text, ']') - text - 1),
			 text + 1, strrchr(text, ':') + 1);
	else
		snprintf(spec, sizeof(spec), "%.*s/1/%s", (int)(strchr(text, ':') - text), text,
			 strchr(text, ':') + 1);
	assert_int_equal(roster_generate(r, spec, room, flags), 0);
}

void run_open(struct run *r)
{
	r->config.roster = &r->roster;
	if (!r->config.slots)
		r->config.slots = 1;
	r->config.ring = 256;
	if (!r->config.expect.ttl)
		r->config.expect.ttl = r->config.expect.dscp = -1;
	r->config.ssrc = r->ssrc;
	assert_int_equal(sink_open(&r->sink, &r->config), 0);
	r->config.in_memory = true;
	assert_int_equal(sink_open(&r->twin, &r->config), 0);
	r->spec.from = endpoint("192.0.2.1:4000");
	r->spec.ttl = 64;
	r->spec.dscp = 46;
}

void run_start(struct run *r)
{
	int i;

	for (i = 0; i < LISTENERS; i++)
		roster_put(&r->roster, i < B4 ? "a" : "b", who[i], 0);
	run_open(r);
}

struct publog_stream *log_stream(struct run *r, const char *room, uint32_t ssrc)
{
	struct publog_stream *s;
	size_t i;

	for (i = 0; i < r->log.streams; i++)
		if (!strcmp(r->log.stream[i].room, room))
			return &r->log.stream[i];
	r->log.stream = realloc(r->log.stream, (i + 1) * sizeof(*s));
	assert_non_null(r->log.stream);
	s = &r->log.stream[r->log.streams++];
	memset(s, 0, sizeof(*s));
	strcpy(s->room, room);
	s->ssrc = ssrc;
	r->log.ended = 1;
	return s;
}

void log_packet(struct publog_stream *s, uint32_t pos, uint64_t hash, uint64_t ns)
{
	s->pkt = realloc(s->pkt, (s->pkts + 1) * sizeof(*s->pkt));
	assert_non_null(s->pkt);
	s->pkt[s->pkts++] = (struct publog_packet){ns, hash, pos, 0};
}

void log_report(struct publog_stream *s, uint64_t ntp, uint64_t hash)
{
	s->report = realloc(s->report, (s->reports + 1) * sizeof(*s->report));
	assert_non_null(s->report);
	s->report[s->reports++] = (struct publog_report){0, ntp, hash};
}

/* A synthetic packet of a room, as the publisher would make it; logged if log. */
void packet_make(struct run *r, const char *room, uint64_t seq, bool log)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc(room, 0), .pt = 111, .pkts = seq};
	uint64_t ns = now_ns(), hash;

	r->len = SIZE;
	rtp_header(&rtp, r->payload, (uint32_t)seq * 960, 0);
	hash = wire_synth_fill(r->payload, r->len, RTP_HEADER, wire_room_key(room), 0, seq, ns);
	if (log)
		log_packet(log_stream(r, room, rtp.ssrc), WIRE_POS_BASE + (uint32_t)seq, hash, ns);
}

/* Room a's, logged; its time is not part of what was sent. */
void pktgen_make(struct run *r, uint32_t n)
{
	struct pktgen_head head = {htonl(PKTGEN_MAGIC), htonl(n), htonl(1700000000), htonl(n)};

	r->len = SIZE + n % 9;
	memset(r->payload, 0, r->len);
	memcpy(r->payload, &head, sizeof(head));
	log_packet(log_stream(r, "a", wire_ssrc("a", 0)), WIRE_POS_BASE + n, pktgen_hash(n, r->len),
		   0);
}

/* Real audio says nothing of itself. */
void opus_make(struct run *r, const char *room, uint32_t seq, bool log)
{
	struct rtp_sender rtp = {.ssrc = SSRC_OPUS, .pt = 111, .first_seq = (uint16_t)seq};
	size_t i;

	r->len = RTP_HEADER + 60;
	rtp_header(&rtp, r->payload, seq * 960, 0);
	for (i = RTP_HEADER; i < r->len; i++)
		r->payload[i] = (uint8_t)(seq * 7 + i);
	if (log)
		log_packet(log_stream(r, room, SSRC_OPUS), WIRE_POS_BASE + seq,
			   wire_hash(r->payload, r->len), now_ns());
}

void report_make(struct run *r, const char *room, uint64_t mono_ns, bool log)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc(room, 0), .cname = "test"};
	uint64_t ntp;

	r->len = rtcp_report(&rtp, r->payload, mono_ns, 0, &ntp);
	if (log)
		log_report(log_stream(r, room, rtp.ssrc), ntp, wire_hash(r->payload, r->len));
}

int frame_to(struct run *r, const struct crier_endpoint *to)
{
	uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = r->spec;
	size_t len;
	int verdict;

	spec.to = *to;
	if (!addr_is_v4(&to->addr) && addr_is_v4(&spec.from.addr))
		spec.from = endpoint("[fd00::ff]:4000");
	len = frame_build(frame, &spec, r->payload, r->len);
	verdict = sink_feed(&r->sink, frame, len, 1, NULL);
	assert_int_equal(sink_feed(&r->twin, frame, len, 1, NULL), verdict);
	return verdict;
}

void send_to(struct run *r, int listener)
{
	struct crier_endpoint to = endpoint(who[listener]);

	assert_int_equal(frame_to(r, &to), XDP_DROP);
}

/* Both rooms' packets [first, first + n), to all of their listeners. */
void send_round(struct run *r, uint64_t first, uint64_t n)
{
	uint64_t seq;

	for (seq = first; seq < first + n; seq++) {
		packet_make(r, "a", seq, true);
		send_to(r, A4);
		send_to(r, A6);
		packet_make(r, "b", seq, true);
		send_to(r, B4);
		send_to(r, B6);
	}
}

/* Two clocks cannot agree: without them, all that a report says. */
static void times_remove(json_t *o)
{
	static const char *const times[] = {"latency_us", "first_copy_us", "last_copy_us",
					    "spread_us",  "copies_per_s",  "seconds",
					    "ns"};
	size_t i;
	json_t *each;

	for (i = 0; i < sizeof(times) / sizeof(*times); i++)
		json_object_del(o, times[i]);
	json_array_foreach (json_object_get(o, "rooms"), i, each)
		times_remove(each);
	json_array_foreach (json_object_get(o, "first"), i, each)
		times_remove(each);
}

static json_t *report_of(const struct verdict *v, const struct sink *s)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *o;

	assert_non_null(f);
	assert_int_equal(report_json(v, s, f), 0);
	fclose(f);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	free(text);
	times_remove(o);
	return o;
}

void run_judge(struct run *r, size_t logs, const struct window *w, size_t windows)
{
	json_t *kernel, *memory;

	verdict_free(&r->v);
	verdict_free(&r->twin_v);
	assert_int_equal(judge(&r->v, &r->sink, &r->log, logs, w, windows), 0);
	assert_int_equal(judge(&r->twin_v, &r->twin, &r->log, logs, w, windows), 0);
	kernel = report_of(&r->v, &r->sink);
	memory = report_of(&r->twin_v, &r->twin);
	if (!json_equal(kernel, memory))
		fail_msg("in the kernel: %s\nin memory: %s", json_dumps(kernel, 0),
			 json_dumps(memory, 0));
	json_decref(kernel);
	json_decref(memory);
}

void run_end(struct run *r)
{
	verdict_free(&r->v);
	verdict_free(&r->twin_v);
	publog_free(&r->log);
	sink_close(&r->sink);
	sink_close(&r->twin);
	roster_free(&r->roster);
	free(r);
}

struct run *run_new(void)
{
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	return r;
}
