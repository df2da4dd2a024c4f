/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The publisher, heard over loopback in a network namespace of its own and read by a
 * parser of its own: sequence, timestamps, markers, pace, reports, log.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <ogg/ogg.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "load.h"
#include "publish.h"

#define PORT 5004
#define HEARD_MAX 4096
#define SSRC 0xcafe0001U
#define CNAME "announcer@example"
#define MS 1000000ULL

struct heard {
	uint8_t data[1500];
	size_t len;
	uint64_t mono_ns, real_ns;
};

static struct heard heard[HEARD_MAX];
static size_t heard_n;
static char dir[] = "/tmp/crier-load-test.XXXXXX";
static char opus_path[64], log_path[64];

/* TOC bytes and what they last at 48 kHz (RFC 6716 section 3.1), by hand. */
static const struct {
	uint8_t toc[2];
	uint32_t samples;
	uint32_t len;
	int dtx;
} track[] = {
	{{0x78}, 960, 60, 0},				      /* hybrid, 20 ms */
	{{0x78}, 960, 61, 0},	      {{0x18}, 2880, 100, 0}, /* SILK, 60 ms */
	{{0x08}, 960, 2, 1},				      /* nobody speaks */
	{{0x08}, 960, 1, 1},	      {{0x08}, 960, 80, 0},   /* a talkspurt */
	{{0xe0}, 120, 30, 0},				      /* CELT, 2.5 ms */
	{{0xf1}, 960, 90, 0},				      /* CELT, 2 x 10 ms */
	{{0x03, 0x03}, 1440, 120, 0},			      /* 3 x 10 ms */
	{{0x78}, 960, 60, 0},	      {{0x78}, 960, 60, 0},   {{0x78}, 960, 60, 0},
};
#define TRACK (sizeof(track) / sizeof(*track))
#define ROUNDS 3 /* with --loop --count */

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static void body_fill(uint8_t *p, size_t i)
{
	size_t k;

	p[0] = track[i].toc[0];
	for (k = 1; k < track[i].len; k++)
		p[k] = (uint8_t)(i * 31 + k);
	if (track[i].len > 1 && (p[0] & 3) == 3)
		p[1] = track[i].toc[1];
}

static void ogg_flush(ogg_stream_state *s, FILE *out)
{
	ogg_page page;

	while (ogg_stream_flush(s, &page)) {
		fwrite(page.header, 1, (size_t)page.header_len, out);
		fwrite(page.body, 1, (size_t)page.body_len, out);
	}
}

static void file_make(void)
{
	uint8_t head[19] = "OpusHead\1\1", tags[16] = "OpusTags", body[256];
	ogg_packet op = {.packet = head, .bytes = sizeof(head), .b_o_s = 1};
	ogg_stream_state s;
	FILE *out = fopen(opus_path, "wb");
	size_t i;

	assert_non_null(out);
	assert_int_equal(ogg_stream_init(&s, 7), 0);
	ogg_stream_packetin(&s, &op);
	ogg_flush(&s, out);
	op = (ogg_packet){.packet = tags, .bytes = sizeof(tags), .packetno = 1};
	ogg_stream_packetin(&s, &op);
	ogg_flush(&s, out);
	for (i = 0; i < TRACK; i++) {
		body_fill(body, i);
		op = (ogg_packet){.packet = body,
				  .bytes = (long)track[i].len,
				  .e_o_s = i + 1 == TRACK,
				  .granulepos = (ogg_int64_t)(960 * i),
				  .packetno = (ogg_int64_t)(i + 2)};
		ogg_stream_packetin(&s, &op);
	}
	ogg_flush(&s, out);
	ogg_stream_clear(&s);
	assert_int_equal(fclose(out), 0);
}

static void *listen_run(void *arg)
{
	int fd = *(int *)arg;
	ssize_t n;

	while (heard_n < HEARD_MAX) {
		struct heard *h = &heard[heard_n];

		n = recv(fd, h->data, sizeof(h->data), 0);
		if (n < 0)
			break;
		h->mono_ns = now_ns();
		h->real_ns = clock_ns(CLOCK_REALTIME);
		h->len = (size_t)n;
		heard_n++;
	}
	return NULL;
}

/* Run the publisher to its end and hear all of it; returns its exit code. */
static int publish_heard(char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct timeval patience = {1, 0};
	int rc, argc, big = 8 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
	pthread_t thread;

	for (argc = 0; argv[argc]; argc++)
		;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	heard_n = 0;
	load_stop = 0;
	optind = 0;
	assert_int_equal(pthread_create(&thread, NULL, listen_run, &fd), 0);
	rc = publish_main(argc, argv);
	pthread_join(thread, NULL);
	close(fd);
	return rc;
}

static int is_rtcp(const struct heard *h)
{
	return h->data[1] >= 192 && h->data[1] <= 223;
}

struct spoken {
	uint32_t pkts, octets;
	uint32_t first_ts, last_ts;
	uint32_t reports, byes;
	uint64_t first_ntp;
	uint32_t first_sr_ts;
};

static void rtp_check(struct spoken *s, const struct heard *h, size_t i, uint32_t samples)
{
	uint8_t body[256];
	const struct heard *first = &heard[0];
	int marker = i == 0 ? s->pkts == 0 : track[i - 1].dtx;
	uint64_t due;

	assert_int_equal(h->data[0], 0x80);
	assert_int_equal(h->data[1] & 0x7f, 111);
	assert_int_equal(h->data[1] >> 7, marker);
	assert_int_equal(get16(h->data + 2), (65530 + s->pkts) & 0xffff);
	assert_int_equal(get32(h->data + 4), 0xfffffff0U + samples);
	assert_int_equal(get32(h->data + 8), SSRC);
	body_fill(body, i);
	assert_int_equal(h->len, 12 + track[i].len);
	assert_memory_equal(h->data + 12, body, track[i].len);
	/* Late is the machine's affair; early, or drifting, would be ours. */
	due = first->mono_ns + (uint64_t)samples * 1000000 / 48;
	assert_true(h->mono_ns + 50 * MS > due);
	s->pkts++;
	s->octets += track[i].len;
	s->last_ts = 0xfffffff0U + samples;
}

static void report_check(struct spoken *s, const struct heard *h)
{
	const uint8_t *p = h->data, *end = p + h->len;
	uint64_t ntp = (uint64_t)get32(p + 8) << 32 | get32(p + 12);
	uint64_t wall = (h->real_ns / NSEC_PER_SEC + 2208988800ULL) << 32;
	uint32_t ts = get32(p + 16), ntp_samples;
	int cname = 0, bye = 0;

	assert_int_equal(p[0], 0x80);
	assert_int_equal(p[1], 200);
	assert_int_equal(get16(p + 2), 6);
	assert_int_equal(get32(p + 4), SSRC);
	assert_true(ntp < wall + (2ULL << 32) && ntp + (60ULL << 32) > wall);
	assert_int_equal(get32(p + 20), s->pkts);
	assert_int_equal(get32(p + 24), s->octets);
	if (!s->reports) {
		s->first_ntp = ntp;
		s->first_sr_ts = ts;
	}
	/* Both clocks of the report tell the same time. */
	ntp_samples = (uint32_t)(((ntp - s->first_ntp) * 48000) >> 32);
	assert_in_range(ts - s->first_sr_ts - ntp_samples + 2, 0, 4);
	/* And it is not before the packets that went out. */
	assert_true((int32_t)(ts - s->last_ts) >= 0);
	for (p += 28; p < end; p += 4 * (get16(p + 2) + 1)) {
		assert_true(p + 4 <= end && p + 4 * (get16(p + 2) + 1) <= end);
		assert_int_equal(get32(p + 4), SSRC);
		if (p[1] == 202) {
			assert_int_equal(p[0], 0x81);
			assert_int_equal(p[8], 1);
			assert_int_equal(p[9], strlen(CNAME));
			assert_memory_equal(p + 10, CNAME, strlen(CNAME));
			assert_int_equal(p[10 + strlen(CNAME)], 0);
			cname++;
		} else {
			assert_int_equal(p[1], 203);
			assert_int_equal(p[0], 0x81);
			bye++;
		}
	}
	assert_ptr_equal(p, end);
	assert_int_equal(cname, 1);
	s->reports++;
	s->byes += (uint32_t)bye;
}

static void log_check(const struct spoken *s)
{
	struct publog log = {0};
	size_t i, pkt = 0, report = 0;

	assert_int_equal(publog_read(&log, log_path), 0);
	assert_true(log.ended);
	assert_int_equal(log.streams, 1);
	assert_int_equal(log.stream[0].ssrc, SSRC);
	assert_string_equal(log.stream[0].room, "room");
	assert_int_equal(log.stream[0].pkts, s->pkts);
	assert_int_equal(log.stream[0].reports, s->reports);
	for (i = 0; i < heard_n; i++) {
		uint64_t hash = wire_hash(heard[i].data, heard[i].len);

		if (is_rtcp(&heard[i])) {
			assert_true(log.stream[0].report[report++].hash == hash);
			continue;
		}
		assert_true(log.stream[0].pkt[pkt].hash == hash);
		assert_int_equal(log.stream[0].pkt[pkt].len, heard[i].len);
		assert_int_equal(log.stream[0].pkt[pkt].pos, 65536 + 65530 + pkt);
		assert_true(log.stream[0].pkt[pkt].ns <= heard[i].mono_ns);
		pkt++;
	}
	publog_free(&log);
}

static void test_opus(void **state)
{
	char *argv[] = {"publish", "--to",	 "127.0.0.1", "--port",	    "5004",    "--opus",
			opus_path, "--loop",	 "--count",   "36",	    "--seq",   "65530",
			"--ts",	   "0xfffffff0", "--ssrc",    "0xcafe0001", "--cname", CNAME,
			"--sr",	   "0.1",	 "--log",     log_path,	    "--quiet", NULL};
	struct spoken s = {.first_ts = 0xfffffff0U};
	uint32_t samples = 0;
	size_t i, h = 0;

	(void)state;
	assert_int_equal(publish_heard(argv), 0);
	for (i = 0; i < ROUNDS * TRACK; samples += track[i++ % TRACK].samples) {
		if (track[i % TRACK].dtx)
			continue;
		while (h < heard_n && is_rtcp(&heard[h]))
			report_check(&s, &heard[h++]);
		assert_true(h < heard_n);
		rtp_check(&s, &heard[h++], i % TRACK, samples);
	}
	while (h < heard_n)
		report_check(&s, &heard[h++]);
	assert_int_equal(s.pkts, ROUNDS * (TRACK - 2));
	assert_true(s.reports >= 3);
	assert_int_equal(s.byes, 1);
	assert_int_equal(heard[heard_n - 1].data[1], 200);
	log_check(&s);
}

/* 10 s of 7 packets a second would drift by 10 samples if intervals were rounded. */
static void test_synthetic(void **state)
{
	char *argv[] = {
		"publish", "--to",	"127.0.0.1:5004", "--rate", "700",  "--seconds", "1",
		"--size",  "200",	"--streams",	  "2",	    "--ts", "0",	 "--seq",
		"0",	   "--no-rtcp", "--quiet",	  NULL};
	uint32_t n[2] = {0}, slot;
	size_t i;

	(void)state;
	assert_int_equal(publish_heard(argv), 0);
	assert_int_equal(heard_n, 1400);
	for (i = 0; i < heard_n; i++) {
		const uint8_t *p = heard[i].data;
		struct wire_synth w;
		uint8_t again[200];

		assert_int_equal(heard[i].len, 200);
		memcpy(&w, p + 12, sizeof(w));
		assert_true(w.magic == WIRE_MAGIC);
		slot = w.slot;
		assert_in_range(slot, 0, 1);
		assert_int_equal(get32(p + 8), wire_ssrc("room", slot));
		assert_int_equal(get16(p + 2), n[slot]);
		assert_int_equal(get32(p + 4), (uint64_t)n[slot] * 48000 / 700);
		assert_int_equal(w.seq, n[slot]);
		assert_int_equal(w.room, wire_room_key("room"));
		assert_true(w.sent_ns <= heard[i].mono_ns);
		memcpy(again, p, 12);
		wire_synth_fill(again, 200, 12, w.room, w.slot, w.seq, w.sent_ns);
		assert_memory_equal(again, p, 200);
		n[slot]++;
	}
}

static void test_faults(void **state)
{
	char *argv[] = {"publish",
			"--to",
			"127.0.0.1:5004",
			"--rate",
			"1000",
			"--count",
			"20",
			"--from",
			"127.0.0.1:6000",
			"--payload",
			"rtp",
			"--no-rtcp",
			"--wrong-ssrc",
			"10",
			"--wrong-pt",
			"10",
			"--runt",
			"5",
			"--empty",
			"20",
			"--wrong-version",
			"20",
			"--csrc",
			"20",
			"--wrong-source",
			"20",
			"--fragment",
			"20",
			"--bad-length",
			"20",
			"--log",
			log_path,
			"--quiet",
			NULL};
	struct publog log = {0};
	uint32_t good = 0, ssrc = wire_ssrc("room", 0), other = 0;
	size_t i;

	(void)state;
	assert_int_equal(publish_heard(argv), 0);
	for (i = 0; i < heard_n; i++) {
		const uint8_t *p = heard[i].data;

		if (heard[i].len == 112 && p[0] == 0x80 && (p[1] & 0x7f) == 111 &&
		    get32(p + 8) == ssrc)
			good++;
		else
			other++;
	}
	/* The kernel drops the one of bad length; --wrong-source differs in its port only. */
	assert_int_equal(good, 20 + 1);
	assert_int_equal(other, 2 + 2 + 4 + 1 + 1 + 1 + 1);
	assert_int_equal(publog_read(&log, log_path), 0);
	assert_int_equal(log.stream[0].pkts, 20);
	assert_int_equal(log.bad, 2 + 2 + 4 + 1 + 1 + 1 + 1 + 1 + 1);
	publog_free(&log);
}

static void test_refusals(void **state)
{
	static char *const bad[][8] = {
		{"publish", NULL},
		{"publish", "--to", "127.0.0.1:5004", NULL},
		{"publish", "--to", "127.0.0.1", "--rate", "1", NULL},
		{"publish", "--to", "localhost:1", "--rate", "1", NULL},
		{"publish", "--to", "127.0.0.1:0", "--rate", "1", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "0", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1x", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "-1", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--size", "51", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--size", "9999", NULL},
		{"publish", "--to", "127.0.0.1:65535", "--rate", "1", "--rooms", "2", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--from", "[::1]:5", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--payload", "tcp", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--nonsense", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "stray", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--seconds", "nan", NULL},
	};
	static char *const failing[][8] = {
		{"publish", "--to", "127.0.0.1:5", "--opus", "/nonexistent", NULL},
		{"publish", "--to", "127.0.0.1:5", "--opus", "/dev/null", NULL},
		{"publish", "--to", "127.0.0.1:5", "--opus", "/bin/sh", NULL},
		{"publish", "--to", "127.0.0.1:5", "--opus", "/", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--from", "192.0.2.1", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--log", "/nonexistent/x", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--stamps", "/dev/null", NULL},
		{"publish", "--to", "127.0.0.1:5", "--rate", "1", "--interface", "nope0", NULL},
	};
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (argc = 0; bad[i][argc]; argc++)
			;
		optind = 0;
		if (publish_main(argc, (char **)bad[i]) != LOAD_USAGE)
			fail_msg("usage case %zu was taken", i);
	}
	for (i = 0; i < sizeof(failing) / sizeof(*failing); i++) {
		for (argc = 0; failing[i][argc]; argc++)
			;
		optind = 0;
		if (publish_main(argc, (char **)failing[i]) != LOAD_WRONG)
			fail_msg("failing case %zu was taken", i);
	}
}

static int namespace_enter(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, rc;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	rc = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opus),
		cmocka_unit_test(test_synthetic),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_refusals),
	};
	int rc;

	if (namespace_enter()) {
		printf("SKIP: a network namespace needs root\n");
		return 77;
	}
	if (!mkdtemp(dir))
		return 1;
	snprintf(opus_path, sizeof(opus_path), "%s/track.opus", dir);
	snprintf(log_path, sizeof(log_path), "%s/pub.log", dir);
	file_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(opus_path);
	unlink(log_path);
	rmdir(dir);
	return rc;
}
