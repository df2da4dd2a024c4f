/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of crier-load that need no kernel: lists, logs, recordings. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "align.h"
#include "opusfile.h"
#include "publog.h"
#include "roster.h"
#include "wav.h"

static char path[] = "/tmp/crier-load-parts.XXXXXX";

static void file_write(const void *data, size_t len, const char *mode)
{
	FILE *f = fopen(path, mode);

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void text_write(const char *text)
{
	file_write(text, strlen(text), "w");
}

static void test_generate(void **state)
{
	static const struct {
		const char *spec;
		size_t members; /* 0: refused */
		const char *last;
	} cases[] = {
		{"10.0.0.1/3/5000", 3, "10.0.0.3:5000"},
		{"10.0.0.254/4/5000", 4, "10.0.1.1:5000"},
		{"10.0.0.1/5/5000-5001", 5, "10.0.0.3:5000"},
		{"fd00::ffff/2/1", 2, "[fd00::1:0]:1"},
		{"10.0.0.1/1/65535", 1, "10.0.0.1:65535"},
		{"10.0.0.1/1/65536", 0, NULL},
		{"10.0.0.1/1/0", 0, NULL},
		{"10.0.0.1/1/5001-5000", 0, NULL},
		{"10.0.0.1/0/5000", 0, NULL},
		{"10.0.0.1/1", 0, NULL},
		{"10.0.0.1", 0, NULL},
		{"10.0.0/1/5000", 0, NULL},
		{"10.0.0.1/1/5000x", 0, NULL},
		{"10.0.0.1/1/5000-", 0, NULL},
		{"224.0.0.1/1/5000", 0, NULL},
		{"223.255.255.255/2/5000", 0, NULL},
		{"", 0, NULL},
	};
	char text[ENDPOINT_STRLEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct roster r = {0};
		int rc = roster_generate(&r, cases[i].spec, "a", 0);

		if (!rc != !!cases[i].members || (!rc && r.members != cases[i].members))
			fail_msg("%s: %d, %zu", cases[i].spec, rc, r.members);
		if (!rc) {
			struct crier_endpoint ep = roster_endpoint(&r.member[r.members - 1]);

			assert_string_equal(endpoint_format(text, &ep), cases[i].last);
		}
		roster_free(&r);
	}
}

static void test_list(void **state)
{
	static const struct {
		const char *text;
		size_t members, rooms; /* 0: refused */
	} cases[] = {
		{"10.0.0.1:5000\n", 1, 1},
		{"# all\n\n  10.0.0.1:5000  # one\r\nb 10.0.0.1:5000\nb [fd00::1]:7", 3, 2},
		{"10.0.0.1:5000\n10.0.0.1\n", 0, 0},
		{"10.0.0.1:5000\nb 10.0.0.1:0\n", 0, 0},
		{"[::1]:5\n", 0, 0},
		{"\x80\xff\n", 0, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct roster r = {0};
		int rc;

		text_write(cases[i].text);
		rc = roster_load(&r, path, "a", 0);
		if (!rc != !!cases[i].members ||
		    (!rc && (r.members != cases[i].members || r.rooms != cases[i].rooms)))
			fail_msg("list %zu: %d, %zu in %u", i, rc, r.members, r.rooms);
		roster_free(&r);
	}
}

/* Dense blocks, scattered ones, few addresses with many ports: all must be found places. */
static void test_index(void **state)
{
	static const char *const specs[] = {"10.0.0.0/200000/5000", "10.9.0.1/60000/1024-61023",
					    "fd00::/100000/5000-5003"};
	struct roster r = {0};
	uint64_t *words;
	uint32_t count;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(roster_generate(&r, specs[i], i ? "b" : "a", 0), 0);
	assert_int_equal(roster_index(&r, &words, &count), 0);
	assert_true(count >= r.members);
	free(words);
	assert_int_equal(roster_generate(&r, "10.0.3.7/1/5000", "b", 0), 0);
	assert_int_equal(roster_index(&r, &words, &count), 0); /* another room: another listener */
	free(words);
	assert_int_equal(roster_generate(&r, "10.0.3.7/1/5000", "a", 0), 0);
	assert_true(roster_index(&r, &words, &count) < 0);
	roster_free(&r);
}

#define LOG_HEAD "crier-load-log 1\nstream 0 a 0 000000ff rtp 10.0.0.1:5000\n"

static void test_log(void **state)
{
	static const char *const bad[] = {
		"crier-load-log 2\n",
		"hello\n",
		LOG_HEAD "pkt 1 1 65536 0 0 ff 100 00\n",
		LOG_HEAD "pkt 1 0 65536 0 0 ff 100\n",
		LOG_HEAD "pkt\n",
		LOG_HEAD "pkt \n",
		LOG_HEAD "rtcp 1 2 00 52 00\n",
		LOG_HEAD "stream 2 b 0 00 rtp x\n",
		LOG_HEAD "what 1\n",
	};
	static const char rest[] = "37 8 1920 ff 112 cd\nrtcp 21 0 1f 52 ef\nend 30 2 1 0 0\n";
	struct publog log = {0};
	size_t i;

	(void)state;
	unlink(path);
	assert_int_equal(publog_read(&log, path), 0); /* not there yet */
	text_write(LOG_HEAD "pkt 10 0 65536 7 960 ff 112 00000000000000ab\npkt 20 0 655");
	assert_int_equal(publog_read(&log, path), 0);
	assert_int_equal(log.stream[0].pkts, 1);
	assert_int_equal(log.stream[0].pkt[0].hash, 0xab);
	file_write(rest, sizeof(rest) - 1, "a");
	assert_int_equal(publog_read(&log, path), 0);
	assert_int_equal(log.stream[0].pkts, 2);
	assert_int_equal(log.stream[0].pkt[1].pos, 65537);
	assert_int_equal(log.stream[0].report[0].ntp, 0x1f);
	assert_true(log.ended);
	publog_free(&log);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		text_write(bad[i]);
		if (!publog_read(&log, path))
			fail_msg("log %zu was taken", i);
		publog_free(&log);
	}
}

/* ---- recordings ------------------------------------------------------------------- */

#define RATE 16000
#define LENGTH (4 * RATE)

/* Something that is like nothing else but itself: noise, its loudness changing. */
static float *sound(unsigned int seed)
{
	float *v = calloc(LENGTH, sizeof(*v));
	size_t i;

	assert_non_null(v);
	for (i = 1; i < LENGTH; i++) {
		seed = seed * 1664525 + 1013904223;
		v[i] = 0.9F * v[i - 1] +
		       ((float)(seed >> 16) / 65536 - 0.5F) * (i / 1600 % 5 ? 0.1F : 0.01F);
	}
	return v;
}

static void test_align(void **state)
{
	struct alignment al;
	float *a = sound(1), *b = sound(1), *c = sound(2);
	size_t i;

	(void)state;
	assert_int_equal(align(&al, a, LENGTH, b, LENGTH, RATE), 0);
	assert_int_equal(al.offset, 0);
	assert_true(al.correlation > 0.9999 && al.gap == 0);
	assert_int_equal(align(&al, a, LENGTH, b + 12345, LENGTH - 12345, RATE), 0);
	assert_int_equal(al.offset, -12345);
	assert_int_equal(al.overlap, LENGTH - 12345);
	assert_true(al.correlation > 0.999);
	assert_int_equal(align(&al, a + 777, LENGTH - 777, b, LENGTH, RATE), 0);
	assert_int_equal(al.offset, 777);
	assert_int_equal(align(&al, a, LENGTH, c, LENGTH, RATE), 0);
	assert_true(al.correlation < 0.2);
	for (i = 20000; i < 20000 + RATE / 5; i++)
		b[i] = 0;
	assert_int_equal(align(&al, a, LENGTH, b, LENGTH, RATE), 0);
	assert_true(al.correlation > 0.9); /* which is why there is a gap */
	assert_in_range(al.gap, RATE / 10, RATE / 4);
	memset(c, 0, LENGTH * sizeof(*c));
	assert_int_equal(align(&al, a, LENGTH, c, LENGTH, RATE), 0);
	assert_true(al.correlation == 0);
	assert_int_equal(align(&al, a, LENGTH, c, 0, RATE), 0);
	assert_int_equal(al.overlap, 0);
	free(a);
	free(b);
	free(c);
}

static size_t wav_make(uint8_t *p, uint16_t channels, uint16_t bits, uint32_t data, size_t frames)
{
	static const uint8_t head[] = "RIFF\0\0\0\0WAVELIST\3\0\0\0abc\0fmt \20\0\0\0\1\0";
	size_t at = sizeof(head) - 1, i;
	uint32_t rate = 48000;

	memcpy(p, head, at);
	memcpy(p + at, &channels, 2);
	memcpy(p + at + 2, &rate, 4);
	memset(p + at + 6, 0, 6);
	memcpy(p + at + 12, &bits, 2);
	memcpy(p + at + 14, "data", 4);
	memcpy(p + at + 18, &data, 4);
	at += 22;
	for (i = 0; i < frames * channels; i++, at += 2) {
		int16_t v = (int16_t)(16384 * sin((double)(i / channels) * 0.05));

		memcpy(p + at, &v, 2);
	}
	return at;
}

static void test_wav(void **state)
{
	static const struct {
		uint16_t channels, bits;
		uint32_t data;
		size_t cut, n; /* n 0: refused */
	} cases[] = {
		{1, 16, 2000, 0, 1000},	      {2, 16, 4000, 0, 1000}, {1, 16, 0, 0, 1000},
		{1, 16, 0xffffffff, 0, 1000}, {2, 16, 4000, 1, 999},  {1, 8, 2000, 0, 0},
		{3, 16, 2000, 0, 0},	      {0, 16, 2000, 0, 0},    {1, 16, 2000, 2005, 0},
		{1, 16, 2000, 2040, 0},
	};
	uint8_t p[8192];
	struct wav w;
	size_t i, len;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		len = wav_make(p, cases[i].channels, cases[i].bits, cases[i].data, 1000);
		file_write(p, len - cases[i].cut, "w");
		rc = wav_read(&w, path);
		if (!rc != !!cases[i].n || (!rc && w.n != cases[i].n))
			fail_msg("wav %zu: %d, %zu samples", i, rc, w.n);
		wav_free(&w);
	}
	len = wav_make(p, 1, 16, 2000, 1000);
	file_write(p, len, "w");
	assert_int_equal(wav_read(&w, path), 0);
	assert_int_equal(wav_resample(&w, 16000), 0);
	assert_in_range(w.n, 330, 334);
	for (i = 20; i + 20 < w.n; i++)
		assert_true(fabs(w.v[i] - 0.5 * sin((double)i * 0.15)) < 0.01);
	wav_free(&w);
}

static void test_toc(void **state)
{
	static const struct {
		uint8_t data[2];
		size_t len;
		uint32_t samples;
	} cases[] = {
		{{0x00}, 1, 480},      {{0x08}, 1, 960},       {{0x10}, 1, 1920},
		{{0x18}, 1, 2880},     {{0x60}, 1, 480},       {{0x68}, 1, 960},
		{{0x80}, 1, 120},      {{0xf8}, 1, 960},       {{0x09}, 1, 1920},
		{{0x0a}, 1, 1920},     {{0x0b, 6}, 2, 5760},   {{0x0b, 7}, 2, 0},
		{{0x0b, 0}, 2, 0},     {{0x0b}, 1, 0},	       {{0}, 0, 0},
		{{0x83, 48}, 2, 5760}, {{0x83, 0xc1}, 2, 120},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(opus_samples(cases[i].data, cases[i].len), cases[i].samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate), cmocka_unit_test(test_list),
		cmocka_unit_test(test_index),	 cmocka_unit_test(test_log),
		cmocka_unit_test(test_align),	 cmocka_unit_test(test_wav),
		cmocka_unit_test(test_toc),
	};
	int rc, fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
