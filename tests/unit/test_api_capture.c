/* SPDX-License-Identifier: BSD-2-Clause */
/* Capture through the API: packets as pcapng until the client leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

static void record(uint64_t serial, uint32_t room)
{
	struct crier_capture_rec *rec =
		&server.world.tables.capture_ring[(serial - 1) % CRIER_CAPTURE_SLOTS];

	rec->time_ns = serial;
	rec->ifindex = 1;
	rec->room = room;
	rec->verdict = CRIER_CAPTURE_COPY;
	rec->len = rec->caplen = 60;
	memset(rec->data, (int)serial, 60);
	tbl_store_release(&rec->serial, serial);
}

static uint64_t wanted(void)
{
	return tbl_load(&server.world.tables.config->capture);
}

static void await_wanted(bool on)
{
	for (int i = 0; i < 2000 && !wanted() == on; i++)
		usleep(1000);
	assert_int_equal(wanted() != 0, on);
}

static void test_capture(void **state)
{
	struct answer a;
	uint32_t blocks = 0, packets = 0;
	int fd = dial();

	(void)state;
	request(fd, "GET", "/v1/capture?copies=1&count=3", "", 0);
	await_wanted(true);
	assert_int_equal(wanted(), CRIER_CAPTURE_COPIES);
	for (uint64_t i = 1; i <= 5; i++)
		record(i, 0);
	a = receive(fd);
	assert_int_equal(a.code, 200);
	for (const char *p = a.body;; blocks++) {
		uint32_t type, len, last;

		memcpy(&type, p, 4);
		memcpy(&len, p + 4, 4);
		if (len < 12 || p + len > a.text + a.len)
			break;
		memcpy(&last, p + len - 4, 4);
		assert_int_equal(last, len);
		packets += type == 6;
		p += len;
		if (packets == 3)
			break;
	}
	assert_int_equal(packets, 3);
	free(a.text);
	await_wanted(false);
}

/* The ring laps a reader that is too slow: that is counted, and told in the file. */
static void test_capture_counts_what_it_lost(void **state)
{
	struct answer a;
	int fd = dial();

	(void)state;
	request(fd, "GET", "/v1/capture?copies=1&count=1", "", 0);
	await_wanted(true);
	for (uint64_t i = 2 * CRIER_CAPTURE_SLOTS; i > CRIER_CAPTURE_SLOTS; i--)
		record(i, 0); /* the slot that it waits for comes last */
	a = receive(fd);
	assert_int_equal(a.code, 200);
	free(a.text);
	await_wanted(false);
	a = call("GET", "/metrics", "", "", 0);
	assert_non_null(strstr(a.text, "\ncrier_capture_lost_total "));
	assert_null(strstr(a.text, "\ncrier_capture_lost_total 0\n"));
	free(a.text);
}

static void test_capture_ends_with_its_client(void **state)
{
	int one = dial(), two = dial();

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	request(one, "GET", "/v1/capture?input=1&room=a", "", 0);
	await_wanted(true);
	assert_int_equal(wanted(), CRIER_CAPTURE_INPUT | 1ULL << 32);
	request(two, "GET", "/v1/capture?drops=1", "", 0);
	for (int i = 0; i < 2000 && wanted() != (CRIER_CAPTURE_INPUT | CRIER_CAPTURE_DROPS); i++)
		usleep(1000);
	assert_int_equal(wanted(), CRIER_CAPTURE_INPUT | CRIER_CAPTURE_DROPS);
	close(one);
	for (int i = 0; i < 2000 && wanted() != CRIER_CAPTURE_DROPS; i++)
		usleep(1000);
	assert_int_equal(wanted(), CRIER_CAPTURE_DROPS);
	close(two);
	await_wanted(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(test_capture),
		server_test(test_capture_counts_what_it_lost),
		server_test(test_capture_ends_with_its_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
