/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The punt between a device and Linux: its two rings and its thread, a socket standing for
 * the TAP; and which packets a flood may not crowd out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/io/punt.h"
#include "dataplane/judge.h"
#include "fixture.h"

#define FRAME_MAX 1526
#define FRAMES 20000
#define AHEAD 200 /* frames under way: fewer than the socket holds */
#define SECOND_NS 1000000000ULL

static struct punt *open_pair(int *far)
{
	struct punt *p;
	int fd[2], rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(
		setsockopt(fd[0], SOL_SOCKET, SO_SNDBUFFORCE, &(int){8 << 20}, sizeof(int)), 0);
	/* a TAP is read and written without blocking */
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	p = punt_open(fd[0], FRAME_MAX, &rc);
	assert_non_null(p);
	*far = fd[1];
	return p;
}

static uint32_t frame_len(uint32_t n)
{
	return 60 + n * 7 % (FRAME_MAX - 59);
}

/* In order, whole, none twice. */
static void test_to_linux(void **state)
{
	uint8_t frame[FRAME_MAX] = {0}, got[FRAME_MAX + 1];
	int far;
	struct punt *p = open_pair(&far);

	(void)state;
	for (uint32_t n = 0, seen = 0; seen < FRAMES;) {
		memcpy(frame, &n, sizeof(n));
		if (n < FRAMES && n - seen < AHEAD && punt_give(p, frame, frame_len(n))) {
			n++;
			continue;
		}
		do {
			uint32_t mark;
			ssize_t len = recv(far, got, sizeof(got), 0);

			memcpy(&mark, got, sizeof(mark));
			assert_int_equal(len, frame_len(seen));
			assert_int_equal(mark, seen);
			seen++;
		} while (seen < n && recv(far, got, 1, MSG_DONTWAIT | MSG_PEEK) > 0);
	}
	assert_int_equal(punt_refused(p), 0);
	assert_false(punt_give(p, frame, FRAME_MAX + 1));
	punt_close(p);
	close(far);
}

static void test_from_linux(void **state)
{
	uint8_t frame[FRAME_MAX] = {0};
	uint32_t sent = 0, seen = 0;
	int far;
	struct punt *p = open_pair(&far);

	(void)state;
	while (seen < FRAMES) {
		const uint8_t *got;
		uint32_t len, mark;

		memcpy(frame, &sent, sizeof(sent));
		if (sent < FRAMES && send(far, frame, frame_len(sent), MSG_DONTWAIT) > 0)
			sent++;
		got = punt_next(p, &len);
		if (!got)
			continue;
		memcpy(&mark, got, sizeof(mark));
		assert_int_equal(len, frame_len(seen));
		assert_int_equal(mark, seen);
		punt_done(p);
		seen++;
	}
	punt_close(p);
	close(far);
}

/* What nobody takes at the other end is counted, and nothing hangs. */
static void test_refused(void **state)
{
	uint8_t frame[64] = {0};
	int far;
	struct punt *p = open_pair(&far);

	(void)state;
	close(far);
	for (int i = 0; i < 10; i++)
		assert_true(punt_give(p, frame, sizeof(frame)));
	while (punt_refused(p) < 10)
		usleep(1000);
	punt_close(p);
}

/*
 * ---- the cap ---------------------------------------------------------------------
 */
static uint32_t punted;
static bool linux_full;

static bool count_punt(struct port *p, const struct port_rx *rx)
{
	(void)p;
	(void)rx;
	if (linux_full)
		return false;
	punted++;
	return true;
}

static uint32_t offer_as(struct judge *j, enum crier_xdp_counter verdict,
			 enum crier_xdp_counter guard, bool icmp6, uint32_t n, uint64_t now)
{
	static const struct port_ops ops = {.punt = count_punt};
	struct port port = {.ops = &ops};
	struct steer_result r = {.l3 = 14, .family6 = icmp6, .guard = (uint8_t)guard};
	uint8_t packet[60] = {0};
	struct port_rx rx = {packet, sizeof(packet)};
	uint32_t before = punted;

	packet[14 + 6] = icmp6 ? 58 : 17;
	while (n--)
		judge_packet(j, &port, 1, &rx, verdict, &r, now);
	return punted - before;
}

static uint32_t offer(struct judge *j, enum crier_xdp_counter verdict, bool icmp6, uint32_t n,
		      uint64_t now)
{
	return offer_as(j, verdict, 0, icmp6, n, now);
}

static void test_cap(void **state)
{
	struct tables t;
	struct fixture f;
	struct stats stats;
	struct judge j;
	uint64_t now = SECOND_NS;
	uint32_t got;

	(void)state;
	fixture_make(&f, &t, CRIER_PAGE_SLOTS, 0);
	stats_init(&stats, &t, 0);
	judge_init(&j, &t, &stats, NULL);
	tbl_store(&t.config->setting[CRIER_SET_punt_pps], 1000);
	/* a tenth of a second's at once, and of those a half is kept for others */
	got = offer(&j, CRIER_XDP_pass_other, false, 5000, now);
	assert_in_range(got, 45, 55);
	assert_int_equal(stats.c[CRIER_WORKER_punt_cap], 5000 - got);
	assert_int_equal(stats.c[CRIER_WORKER_punted], got);
	/* a quarter for listeners; strangers at the media port have none of it */
	assert_int_equal(offer_as(&j, CRIER_XDP_pass_media, CRIER_XDP_guard_punt, false, 10, now),
			 0);
	assert_in_range(
		offer_as(&j, CRIER_XDP_pass_media, CRIER_XDP_guard_member, false, 1000, now), 20,
		30);
	/* and the last for ARP and ND */
	assert_int_equal(offer(&j, CRIER_XDP_pass_not_ip, false, 10, now), 10);
	assert_int_equal(offer(&j, CRIER_XDP_pass_other, true, 10, now), 10);
	assert_int_equal(offer(&j, CRIER_XDP_pass_other, false, 10, now), 0);
	/* and 1,000 a second from then on, whoever offers how much more */
	got = 0;
	for (int i = 0; i < 1000; i++)
		got += offer(&j, CRIER_XDP_pass_other, false, 10, now += SECOND_NS / 1000);
	assert_in_range(got, 950, 1000);
	/* each was counted by its verdict, as XDP would have */
	got = 0;
	for (uint32_t cpu = 0; cpu < t.config->cpus; cpu++)
		got += (uint32_t)t.xdp_counters[cpu].c[CRIER_XDP_pass_other];
	assert_int_equal(got, 5000 + 10 + 10 + 10000);
	tbl_store(&t.config->setting[CRIER_SET_punt_pps], 0);
	assert_int_equal(offer(&j, CRIER_XDP_pass_not_ip, false, 10, now += SECOND_NS), 0);
	/* what is refused is never Linux's */
	tbl_store(&t.config->setting[CRIER_SET_punt_pps], 1000);
	assert_int_equal(offer(&j, CRIER_XDP_drop_source, false, 10, now += SECOND_NS), 0);
	assert_int_equal(offer(&j, CRIER_XDP_accepted, false, 10, now), 0);
	tables_close(&t);
}

struct world {
	struct tables t;
	struct fixture f;
	struct stats stats;
	struct judge j;
};

static void world_make(struct world *w, uint64_t pps)
{
	fixture_make(&w->f, &w->t, CRIER_PAGE_SLOTS, 0);
	stats_init(&w->stats, &w->t, 0);
	judge_init(&w->j, &w->t, &w->stats, NULL);
	tbl_store(&w->t.config->setting[CRIER_SET_punt_pps], pps);
}

/* Neighbour talk takes the last one, and no more than that. */
static void test_last_token(void **state)
{
	uint64_t now = SECOND_NS;
	struct world w;

	(void)state;
	world_make(&w, 1000);
	assert_int_equal(offer(&w.j, CRIER_XDP_pass_not_ip, false, 5000, now), 104);
	assert_int_equal(offer(&w.j, CRIER_XDP_pass_not_ip, false, 5000, now), 0);
	assert_int_equal(w.stats.c[CRIER_WORKER_punt_cap], 5000 - 104 + 5000);
	tables_close(&w.t);
}

/* Packets that come closer together than tokens do not keep those from coming. */
static void test_drip(void **state)
{
	uint64_t now = SECOND_NS;
	uint32_t got = 0;
	struct world w;

	(void)state;
	world_make(&w, 1000);
	offer(&w.j, CRIER_XDP_pass_not_ip, false, 5000, now);
	for (int i = 0; i < 10000; i++)
		got += offer(&w.j, CRIER_XDP_pass_not_ip, false, 1, now += SECOND_NS / 10000);
	assert_in_range(got, 999, 1000);
	/* After 2^54 ns, whatever that times 1024 a second is in 64 bits. */
	tbl_store(&w.t.config->setting[CRIER_SET_punt_pps], 1024);
	assert_int_equal(
		offer(&w.j, CRIER_XDP_pass_not_ip, false, 5000, w.j.filled_ns + (1ULL << 54)), 106);
	tables_close(&w.t);
}

/* What Linux has no room for is not told as punted. */
static void test_linux_full(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, 1000);
	linux_full = true;
	assert_int_equal(offer(&w.j, CRIER_XDP_pass_not_ip, false, 10, SECOND_NS), 0);
	linux_full = false;
	assert_int_equal(w.stats.c[CRIER_WORKER_punt_full], 10);
	assert_int_equal(w.stats.c[CRIER_WORKER_punted], 0);
	tables_close(&w.t);
}

/* An IPv6 header that ends before it says what comes next is no neighbour's talk. */
static void test_short_header(void **state)
{
	static const struct port_ops ops = {.punt = count_punt};
	const struct steer_result r = {.l3 = 14, .family6 = 1};
	struct port port = {.ops = &ops};
	uint8_t packet[60] = {[14 + 6] = 58};
	struct port_rx rx = {packet, 14 + 6};
	uint32_t before = punted;
	struct world w;

	(void)state;
	world_make(&w, 1000);
	for (int i = 0; i < 5000; i++)
		judge_packet(&w.j, &port, 1, &rx, CRIER_XDP_pass_other, &r, SECOND_NS);
	assert_int_equal(punted - before, 54);
	tables_close(&w.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_linux),   cmocka_unit_test(test_from_linux),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_cap),
		cmocka_unit_test(test_last_token), cmocka_unit_test(test_drip),
		cmocka_unit_test(test_linux_full), cmocka_unit_test(test_short_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
