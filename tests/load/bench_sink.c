/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a copy costs the sink: it shares its machine with those it judges.  Each frame
 * is another listener's, as in a sweep.  In the kernel its own clock around the program
 * (BPF_ENABLE_STATS) leaves the system call out; in memory only the judging is timed, of
 * bursts in buffers that are used again and again as a device's are.
 */
#include <bpf/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fan.h"
#include "frame.h"
#include "load.h"
#include "rtp.h"
#include "sink.h"

#define SIZE 112 /* 154 bytes of frame */
#define COPIES 1000000
#define BUFFERS 512 /* what a pool's cache hands out */
#define LEAP 611953 /* a prime */

static const unsigned int listeners[] = {100, 10000, 1000000};

static int stats(const struct sink *s, uint64_t *ns, uint64_t *runs)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int rc = bpf_obj_get_info_by_fd(sink_program(s), &info, &len);

	*ns = info.run_time_ns;
	*runs = info.run_cnt;
	return rc;
}

static int sweep(struct sink *s, const struct roster *r)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0)};
	struct frame_spec spec = {.ttl = 64};
	uint8_t payload[SIZE], frame[FRAME_MAX_BYTES];
	size_t i, len;

	endpoint_parse("192.0.2.1:4000", 14, &spec.from);
	for (i = 0; i < COPIES; i++) {
		if (i % r->members == 0) {
			rtp.pkts = i / r->members;
			rtp_header(&rtp, payload, 0, 0);
			wire_synth_fill(payload, SIZE, RTP_HEADER, wire_room_key("a"), 0, rtp.pkts,
					now_ns());
		}
		spec.to = roster_endpoint(&r->member[i % r->members]);
		len = frame_build(frame, &spec, payload, SIZE);
		if (sink_feed(s, frame, len, 1, NULL) < 0)
			return -1;
	}
	return 0;
}

/* The same frame over and over, in a warm cache: all but what only a fresh copy costs. */
static int again(struct sink *s, const struct roster *r)
{
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0), .pkts = 99999};
	struct frame_spec spec = {.ttl = 64};
	uint8_t payload[SIZE], frame[FRAME_MAX_BYTES];
	uint64_t ns;
	size_t len;

	endpoint_parse("192.0.2.1:4000", 14, &spec.from);
	spec.to = roster_endpoint(&r->member[0]);
	rtp_header(&rtp, payload, 0, 0);
	wire_synth_fill(payload, SIZE, RTP_HEADER, wire_room_key("a"), 0, rtp.pkts, now_ns());
	len = frame_build(frame, &spec, payload, SIZE);
	ns = clock_ns(CLOCK_THREAD_CPUTIME_ID); /* others may have the CPU in between */
	if (sink_feed(s, frame, len, COPIES, NULL) < 0)
		return -1;
	ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - ns;
	printf("{\"bench\":\"sink\",\"case\":\"one frame again, 154 bytes\",\"value\":%.1f,"
	       "\"unit\":\"ns/copy\"}\n",
	       (double)ns / COPIES);
	return 0;
}

/* All listeners `rounds` times, in the order given by step: nanoseconds a copy. */
static double memory_sweep(struct sink *s, const struct roster *r, uint64_t rounds, size_t step)
{
	static uint8_t buffer[BUFFERS][FRAME_MAX_BYTES];
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0)};
	struct frame_spec spec = {.ttl = 64};
	struct burst_frame f[BURST_MAX];
	uint32_t pass[BURST_MAX], n = 0, next = 0;
	uint8_t payload[SIZE];
	uint64_t ns = 0, start;
	struct fan fan;
	size_t i, at = 0;

	endpoint_parse("192.0.2.1:4000", 14, &spec.from);
	endpoint_parse("10.0.0.1:4000", 13, &spec.to);
	for (rtp.pkts = 0; rtp.pkts < rounds; rtp.pkts++) {
		rtp_header(&rtp, payload, 0, 0);
		wire_synth_fill(payload, SIZE, RTP_HEADER, wire_room_key("a"), 0, rtp.pkts,
				now_ns());
		fan_make(&fan, &spec, payload, SIZE);
		for (i = 0; i < r->members; i++, at = (at + step) % r->members) {
			f[n] = (struct burst_frame){buffer[next], fan.len};
			fan_write(&fan, buffer[next], &r->member[at]);
			next = (next + 1) % BUFFERS;
			if (++n < BURST_MAX)
				continue;
			start = now_ns();
			sink_memory_judge(s, f, n, start, pass);
			ns += now_ns() - start;
			n = 0;
		}
	}
	return (double)ns / (double)sink_count(s, TALLY_fresh);
}

/* step: 1 in the list's order, as a sweep comes; else a stride that no prefetcher sees. */
static int bench_memory(unsigned int count, size_t step)
{
	struct sink_config c = {
		.in_memory = true, .slots = 1, .ring = 16384, .expect = {.ttl = -1, .dscp = -1}};
	struct roster r = {0};
	uint64_t rounds = COPIES / count * 4;
	struct sink s;
	char spec[64];
	double ns;
	int rc;

	snprintf(spec, sizeof(spec), "10.0.0.1/%u/5000", count);
	c.roster = &r;
	rc = roster_generate(&r, spec, "a", 0);
	if (!rc)
		rc = sink_open(&s, &c);
	if (rc)
		return rc;
	ns = memory_sweep(&s, &r, rounds, step);
	printf("{\"bench\":\"sink-memory\",\"case\":\"%u listeners%s, 154 bytes\",\"value\":%.1f,"
	       "\"unit\":\"ns/copy\"}\n",
	       count, step == 1 ? "" : " in leaps", ns);
	/* What is left of the last burst was not judged. */
	rc = sink_count(&s, TALLY_fresh) / BURST_MAX != rounds * count / BURST_MAX;
	if (rc)
		fprintf(stderr, "bench_sink: not all copies were found right\n");
	sink_close(&s);
	roster_free(&r);
	return rc;
}

static int bench_kernel(unsigned int count)
{
	struct sink_config c = {.slots = 1, .ring = 16384, .expect = {.ttl = -1, .dscp = -1}};
	struct roster r = {0};
	struct sink s;
	uint64_t ns[2], runs[2];
	char spec[64];
	int rc;

	snprintf(spec, sizeof(spec), "10.0.0.1/%u/5000", count);
	c.roster = &r;
	rc = roster_generate(&r, spec, "a", 0);
	if (!rc)
		rc = sink_open(&s, &c);
	if (rc)
		return rc;
	rc = stats(&s, &ns[0], &runs[0]);
	if (!rc)
		rc = sweep(&s, &r);
	if (!rc)
		rc = stats(&s, &ns[1], &runs[1]);
	if (!rc)
		printf("{\"bench\":\"sink\",\"case\":\"%u listeners, 154 bytes\",\"value\":%.1f,"
		       "\"unit\":\"ns/copy\"}\n",
		       count, (double)(ns[1] - ns[0]) / (double)(runs[1] - runs[0]));
	if (!rc && count == 100)
		rc = again(&s, &r);
	sink_close(&s);
	roster_free(&r);
	return rc;
}

static int bench_all_kernel(void)
{
	int rc = 0, fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	size_t i;

	if (fd < 0) {
		perror("bpf_enable_stats");
		return 1;
	}
	for (i = 0; !rc && i < sizeof(listeners) / sizeof(*listeners); i++)
		rc = bench_kernel(listeners[i]);
	close(fd);
	return rc;
}

static int bench_all_memory(void)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < sizeof(listeners) / sizeof(*listeners); i++)
		rc = bench_memory(listeners[i], 1);
	return rc ? rc : bench_memory(1000000, LEAP);
}

/* bench_sink [memory]: both sides, or the one that needs no root. */
int main(int argc, char **argv)
{
	bool memory_only = argc > 1 && !strcmp(argv[1], "memory");

	if (!memory_only && geteuid()) {
		puts("SKIP: loading BPF programs needs root");
		return 77;
	}
	if (!memory_only && bench_all_kernel())
		return 1;
	return bench_all_memory() ? 1 : 0;
}
