/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge on trial: every fault that it must know is fed to it frame by frame, through
 * BPF_PROG_TEST_RUN and to the same rules in memory, and nothing else may be found.  Both
 * must tell the same (run_judge()).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/bpf.h>

#include "trial.h"

#define SKIP 77
#define TALLY_WRONG(name, wrong, help) wrong,
static const int is_wrong[] = {TALLY_COUNTERS(TALLY_WRONG)};
#define TALLY_STR(name, wrong, help) #name,
static const char *const counter_name[] = {TALLY_COUNTERS(TALLY_STR)};

static void check_u64(const char *test, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: %s is %llu, not %llu", test, what, (unsigned long long)got,
			 (unsigned long long)want);
}

static void verdict_check(const struct run *r, const struct fault_case *f)
{
	const struct verdict *v = &r->v;
	bool right = !f->lost && !f->rtcp_lost && !f->unsent;
	uint64_t want;
	uint32_t c;
	size_t i;

	for (c = 0; c < TALLY_N; c++) {
		if (!is_wrong[c])
			continue;
		for (want = 0, i = 0; i < 3; i++)
			if (f->want[i].n && f->want[i].counter == c)
				want = f->want[i].n;
		check_u64(f->name, counter_name[c], v->c[c], want);
		right &= !want;
	}
	check_u64(f->name, "lost", v->lost, f->lost);
	check_u64(f->name, "rtcp_lost", v->rtcp_lost, f->rtcp_lost);
	check_u64(f->name, "unsent", v->unsent, f->unsent);
	check_u64(f->name, "misdirected", verdict_misdirected(v), f->misdirected);
	check_u64(f->name, "verdict", !v->reasons, right);
	if (right) {
		check_u64(f->name, "seen", v->seen, v->due);
		assert_true(v->due > 0);
		assert_true(judge_complete(&r->sink, &r->log, 1));
		assert_true(judge_complete(&r->twin, &r->log, 1));
	}
}

static void test_faults(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < fault_count; i++) {
		const struct fault_case *f = &faults[i];
		struct run *r = run_new();

		if (f->opus) {
			r->ssrc[0] = (struct sink_ssrc){0, 0, SSRC_OPUS};
			r->config.ssrcs = 1;
		}
		if (f->pktgen) {
			r->config.pktgen_room = "a";
			r->config.pktgen_rooms = 1;
		}
		run_start(r);
		f->send(r);
		run_judge(r, 1, NULL, 0);
		verdict_check(r, f);
		run_end(r);
	}
}

static void test_expectations(void **state)
{
	static const struct {
		const char *name;
		const char *from;
		uint8_t ttl, dscp;
		enum tally_counter counter;
	} cases[] = {
		{"right", "192.0.2.1:4000", 64, 46, TALLY_N},
		{"port", "192.0.2.1:4001", 64, 46, TALLY_wrong_source},
		{"address", "192.0.2.2:4000", 64, 46, TALLY_wrong_source},
		{"ttl", "192.0.2.1:4000", 63, 46, TALLY_wrong_ttl},
		{"dscp", "192.0.2.1:4000", 64, 0, TALLY_wrong_dscp},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct crier_endpoint from = endpoint("192.0.2.1:4000");
		struct run *r = run_new();
		uint32_t c;

		memcpy(r->config.expect.from, from.addr.b, 16);
		r->config.expect.check_from = 1;
		r->config.expect.from_port = from.port;
		r->config.expect.ttl = 64;
		r->config.expect.dscp = 46;
		run_start(r);
		r->spec.from = endpoint(cases[i].from);
		r->spec.ttl = cases[i].ttl;
		r->spec.dscp = cases[i].dscp;
		packet_make(r, "a", 0, true);
		send_to(r, A4);
		run_judge(r, 1, NULL, 0);
		for (c = 0; c < TALLY_N; c++)
			if (is_wrong[c])
				check_u64(cases[i].name, counter_name[c], r->v.c[c],
					  c == cases[i].counter);
		check_u64(cases[i].name, "lost", r->v.lost, 1); /* A6's */
		run_end(r);
	}
}

static void test_station(void **state)
{
	struct run *r = run_new();
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 9};

	(void)state;
	if (unshare(CLONE_NEWNET) ||
	    system("ip link add t0 address 02:00:00:00:00:09 type veth peer name t1")) {
		print_message("SKIP: no network namespace with a veth pair\n");
		free(r);
		skip();
	}
	r->config.iface[0].name = "t0";
	r->config.ifaces = 1;
	run_start(r);
	memcpy(r->spec.dst_mac, mac, 6);
	packet_make(r, "a", 0, true);
	send_to(r, A4);
	send_to(r, A6);
	r->spec.dst_mac[5] = 8;
	send_to(r, A6);
	run_judge(r, 1, NULL, 0);
	check_u64("station", "wrong_mac", r->v.c[TALLY_wrong_mac], 1);
	check_u64("station", "misdirected", verdict_misdirected(&r->v), 1);
	check_u64("station", "lost", r->v.lost, 0);
	assert_int_equal(r->v.reasons, 1);
	run_end(r);
}

static void test_stamps(void **state)
{
	struct run *r = run_new();
	struct tally_stamp stamp = {0};
	uint32_t slot = tally_stamp_slot(htonl(SSRC_OPUS), 100);
	int i;

	(void)state;
	r->ssrc[0] = (struct sink_ssrc){0, 0, SSRC_OPUS};
	r->config.ssrcs = 1;
	run_start(r);
	opus_make(r, "a", 100, true);
	stamp.ns = now_ns() - 5000000;
	stamp.hash = wire_hash(r->payload, r->len);
	stamp.ssrc = htonl(SSRC_OPUS);
	stamp.seq = 100;
	sink_stamp_set(&r->sink, slot, &stamp);
	sink_stamp_set(&r->twin, slot, &stamp);
	send_to(r, A4);
	r->payload[30] ^= 1;
	for (i = 0; i < 2; i++)
		send_to(r, A6); /* the first to come may be the corrupt one: the stamp knows */
	run_judge(r, 1, NULL, 0);
	check_u64("stamps", "corrupt", r->v.c[TALLY_corrupt], 2);
	check_u64("stamps", "latency", r->v.latency.n, 1);
	check_u64("stamps", "latency in memory", r->twin_v.latency.n, 1);
	assert_true(r->twin_v.latency.max >= 5000000);
	assert_true(r->v.latency.max >= 5000000);
	assert_true(r->v.latency.p50 > 4800000 && r->v.latency.p50 <= r->v.latency.max);
	run_end(r);
}

static void test_churners(void **state)
{
	struct run *r = run_new();
	struct window w[2] = {{.member = 1}, {.member = 2}};
	struct publog_stream *s;
	uint64_t seq;

	(void)state;
	roster_put(&r->roster, "a", who[A4], 0);
	roster_put(&r->roster, "a", who[A6], TALLY_CHURNER);
	roster_put(&r->roster, "a", who[B4], TALLY_CHURNER);
	run_open(r);
	for (seq = 0; seq < 100; seq++) {
		packet_make(r, "a", seq, true);
		send_to(r, A4);
		if (seq >= 20 && seq < 60)
			send_to(r, A6);
		if (seq >= 20 && seq < 60 && seq != 41)
			send_to(r, B4);
	}
	s = log_stream(r, "a", 0);
	w[0].from_ns = s->pkt[22].ns;
	w[0].until_ns = s->pkt[57].ns;
	w[1] = (struct window){2, w[0].from_ns, w[0].until_ns};
	run_judge(r, 1, w, 1);
	check_u64("churners", "verdict", r->v.reasons, 0);
	check_u64("churners", "churner_copies", r->v.churner_copies, 79);
	run_judge(r, 1, w, 2);
	check_u64("churners", "window_lost", r->v.window_lost, 1);
	assert_true(r->v.reasons > 0);
	send_to(r, B4); /* packet 99, late: a churner may have it, but only once */
	send_to(r, B4);
	run_judge(r, 1, w, 1);
	check_u64("churners", "doubled", r->v.c[TALLY_doubled], 1);
	run_end(r);
}

static void test_logs(void **state)
{
	struct run *r = run_new();

	(void)state;
	run_start(r);
	send_round(r, 0, 3);
	r->log.ended = 0;
	run_judge(r, 1, NULL, 0);
	assert_int_equal(r->v.reasons, 1);
	assert_false(r->v.due_known);
	assert_false(judge_complete(&r->sink, &r->log, 1));
	r->log.ended = 1;
	r->log.stream[0].ssrc++;
	run_judge(r, 1, NULL, 0);
	assert_non_null(strstr(r->v.reason[0], "SSRC"));
	r->log.stream[0].ssrc--;
	r->log.failed = 1;
	run_judge(r, 1, NULL, 0);
	assert_int_equal(r->v.reasons, 1);
	run_judge(r, 0, NULL, 0);
	assert_false(r->v.due_known);
	assert_int_equal(r->v.reasons, 0);
	run_end(r);
}

/* ---- two CPUs, one listener ------------------------------------------------------- */

#define RACE 20000

struct race {
	struct run *run;
	pthread_barrier_t barrier;
	volatile uint64_t turn[2];
};

struct racer {
	struct race *race;
	uint8_t frame[FRAME_MAX_BYTES];
	int me;
};

static void *racer_run(void *arg)
{
	struct racer *me = arg;
	struct race *race = me->race;
	struct rtp_sender rtp = {.ssrc = wire_ssrc("a", 0)};
	uint8_t payload[SIZE];
	struct frame_spec spec = race->run->spec;
	cpu_set_t set;
	uint64_t seq;
	size_t len;

	CPU_ZERO(&set);
	CPU_SET(me->me, &set);
	sched_setaffinity(0, sizeof(set), &set);
	spec.to = endpoint(who[A4]);
	pthread_barrier_wait(&race->barrier);
	for (seq = 0; seq < RACE; seq++) {
		rtp.pkts = seq;
		rtp_header(&rtp, payload, 0, 0);
		wire_synth_fill(payload, SIZE, RTP_HEADER, wire_room_key("a"), 0, seq, 1);
		len = frame_build(me->frame, &spec, payload, SIZE);
		__atomic_store_n(&race->turn[me->me], seq + 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&race->turn[!me->me], __ATOMIC_SEQ_CST) < seq + 1)
			sched_yield();
		sink_feed(&race->run->sink, me->frame, len, 1, NULL);
	}
	return NULL;
}

/* Each packet twice, at the same time: one is fresh and one doubled, whoever comes first. */
static void test_race(void **state)
{
	struct run *r = run_new();
	struct race race = {.run = r};
	struct racer racer[2] = {{.race = &race, .me = 0}, {.race = &race, .me = 1}};
	const struct tally_mark *mark;
	pthread_t thread[2];
	int i;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("SKIP: one CPU only\n");
		free(r);
		skip();
	}
	roster_put(&r->roster, "a", who[A4], 0);
	run_open(r);
	pthread_barrier_init(&race.barrier, NULL, 2);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, racer_run, &racer[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	mark = sink_mark(&r->sink, 0, 0);
	check_u64("race", "copies", mark->copies, RACE);
	check_u64("race", "doubled", mark->doubled, RACE);
	check_u64("race", "fresh", sink_count(&r->sink, TALLY_fresh), RACE);
	check_u64("race", "doubled in all", sink_count(&r->sink, TALLY_doubled), RACE);
	check_u64("race", "contended", sink_count(&r->sink, TALLY_contended), 0);
	pthread_barrier_destroy(&race.barrier);
	run_end(r);
}

/* ---- a million --------------------------------------------------------------------- */

#define MANY 1000000

static void test_million(void **state)
{
	struct run *r = run_new();
	uint64_t start = now_ns();
	size_t i;

	(void)state;
	assert_int_equal(roster_generate(&r->roster, "10.0.0.1/500000/5000", "a", 0), 0);
	assert_int_equal(roster_generate(&r->roster, "11.0.0.0/500000/6000-6099", "a", 0), 0);
	run_open(r);
	packet_make(r, "a", 0, true);
	for (i = 0; i < MANY; i++) {
		struct crier_endpoint to = roster_endpoint(&r->roster.member[i]);

		if (i == 777777)
			continue;
		assert_int_equal(frame_to(r, &to), XDP_DROP);
		if (i == 888888)
			assert_int_equal(frame_to(r, &to), XDP_DROP);
	}
	run_judge(r, 1, NULL, 0);
	check_u64("million", "listeners", r->v.listeners, MANY);
	check_u64("million", "due", r->v.due, MANY);
	check_u64("million", "seen", r->v.seen, MANY - 1);
	check_u64("million", "lost", r->v.lost, 1);
	check_u64("million", "doubled", r->v.c[TALLY_doubled], 1);
	assert_true(r->v.worst[0].member == 777777 || r->v.worst[0].member == 888888);
	assert_int_equal(r->v.worst[1].faults, 1);
	assert_int_equal(r->v.worst[2].faults, 0);
	print_message("a million listeners in %.1f s\n", (double)(now_ns() - start) / 1e9);
	run_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),	cmocka_unit_test(test_expectations),
		cmocka_unit_test(test_stamps),	cmocka_unit_test(test_churners),
		cmocka_unit_test(test_logs),	cmocka_unit_test(test_race),
		cmocka_unit_test(test_million), cmocka_unit_test(test_station),
	};

	if (geteuid()) {
		printf("SKIP: loading BPF programs needs root\n");
		return SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
