/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a copy costs the sink: it shares its machine with those it judges.  Each frame
 * is another listener's, as in a sweep; the kernel's own clock around the program
 * (BPF_ENABLE_STATS) leaves the system call out.
 */
#include <bpf/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "load.h"
#include "rtp.h"
#include "sink.h"

#define SIZE 112 /* 154 bytes of frame */
#define COPIES 1000000

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

static int bench(unsigned int listeners)
{
	struct sink_config c = {.slots = 1, .ring = 16384, .expect = {.ttl = -1, .dscp = -1}};
	struct roster r = {0};
	struct sink s;
	uint64_t ns[2], runs[2];
	char spec[64];
	int rc;

	snprintf(spec, sizeof(spec), "10.0.0.1/%u/5000", listeners);
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
		       listeners, (double)(ns[1] - ns[0]) / (double)(runs[1] - runs[0]));
	if (!rc && listeners == 100)
		rc = again(&s, &r);
	sink_close(&s);
	roster_free(&r);
	return rc;
}

int main(void)
{
	static const unsigned int listeners[] = {100, 10000, 1000000};
	size_t i;
	int fd;

	if (geteuid()) {
		puts("SKIP: loading BPF programs needs root");
		return 77;
	}
	fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (fd < 0) {
		perror("bpf_enable_stats");
		return 1;
	}
	for (i = 0; i < sizeof(listeners) / sizeof(*listeners); i++)
		if (bench(listeners[i]))
			return 1;
	close(fd);
	return 0;
}
