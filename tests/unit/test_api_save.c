/* SPDX-License-Identifier: BSD-2-Clause */
/* Save and restore through the API: what comes back is what was there, or nothing changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

static void test_save_and_restore(void **state)
{
	struct answer saved, a;
	size_t len;
	char *text = list_of(1500, &len);

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	assert_int_equal(code_of("POST", "/v1/rooms", "{\"name\":\"empty\",\"limit\":7}"), 201);
	a = call("POST", "/v1/rooms/a/listeners", "text/plain", text, len);
	free(a.text);
	free(text);
	a = lines("/v1/rooms/a/listeners", "[2001:db8::7]:7\n");
	free(a.text);
	assert_int_equal(code_of("PUT", "/v1/settings/ttl", "{\"value\":9}"), 200);
	saved = call("GET", "/v1/save", "", "", 0);
	assert_int_equal(saved.code, 200);
	assert_int_equal(code_of("PUT", "/v1/settings/ttl", "{\"value\":10}"), 200);

	a = lines("/v1/restore", saved.body);
	assert_int_equal(a.code, 409);
	assert_non_null(strstr(a.body, "merge"));
	free(a.text);
	a = lines("/v1/restore?merge=1", saved.body);
	assert_int_equal(a.code, 200);
	assert_non_null(strstr(a.body, "\"listeners\":0"));
	free(a.text);
	assert_int_equal(code_of("DELETE", "/v1/rooms/a", ""), 200);
	assert_int_equal(code_of("DELETE", "/v1/rooms/empty", ""), 200);
	do { /* until the deleted room's pages are free */
		a = lines("/v1/restore?merge=1", saved.body);
		len = (size_t)a.code;
		free(a.text);
	} while (len == 503);
	assert_int_equal(len, 200);
	a = call("GET", "/v1/rooms/a/listeners/count", "", "", 0);
	assert_non_null(strstr(a.body, "\"listeners\":1501,\"listeners4\":1500"));
	free(a.text);
	a = call("GET", "/v1/settings/ttl", "", "", 0);
	assert_non_null(strstr(a.body, "\"value\":9,"));
	free(a.text);
	a = call("GET", "/v1/rooms/empty", "", "", 0);
	assert_non_null(strstr(a.body, "\"limit\":7"));
	free(a.text);
	free(saved.text);
}

/* A restore puts the saved lists in place of others, a merge adds to them. */
static void test_save_guard(void **state)
{
	static const char block[] = "/v1/guard/list?action=block",
			  allow[] = "/v1/guard/list?action=allow";
	struct answer saved, empty = call("GET", "/v1/save", "", "", 0);
	char *text = malloc(24 * 700), *at = text;

	(void)state;
	for (int i = 0; i < 700; i++)
		at += sprintf(at, "10.%d.%d.0/24\n", i / 256, i % 256);
	expect(lines(block, text), 200, "\"added\":700");
	expect(lines(allow, "2001:db8::/32\n"), 200, "\"added\":1");
	saved = call("GET", "/v1/save", "", "", 0);
	expect(put_lines(block, "11.0.0.0/8\n"), 200, "\"block\":1,\"allow\":1");
	expect(lines("/v1/restore?merge=1", saved.body), 200, "\"prefixes\":701,");
	expect(call("GET", "/v1/guard", "", "", 0), 200, "\"block\":701,\"allow\":1");
	expect(lines("/v1/restore", saved.body), 200, "\"prefixes\":701,");
	expect(call("GET", "/v1/guard", "", "", 0), 200, "\"block\":700,\"allow\":1");
	expect(put_lines(allow, "10.0.9.0/24\n"), 409, "block list");
	expect(call("DELETE", "/v1/guard/list/10.0.9.0%2F24", "", "", 0), 200, "\"deleted\":1");
	expect(put_lines(allow, "10.0.9.0/24\n"), 200, "\"allow\":1");
	expect(lines("/v1/restore?merge=1", saved.body), 409,
	       "10.0.9.0/24 is on the allow list and cannot be on both");
	expect(lines("/v1/restore", empty.body), 200, "\"prefixes\":0,");
	expect(call("GET", "/v1/guard", "", "", 0), 200, "\"block\":0,\"allow\":0");
	free(saved.text);
	free(empty.text);
	free(text);
}

#define SAVED(lines) \
	"{\"crier\":\"save\",\"abi\":1}\n{\"room\":{\"name\":\"z\"}}\n" lines "\n{\"end\":true}\n"

static void test_restore_refuses(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{"", "end"},
		{"{\"x\":1}\n", "line 1"},
		{"{\"crier\":\"save\",\"abi\":1}\n", "end"},
		{"{\"crier\":\"save\",\"abi\":1}\n{\"room\":{\"name\":\"z\"}}\n", "end"},
		{"{\"crier\":\"save\",\"abi\":1}\n{\"what\":1}\n{\"end\":true}\n", "line 2"},
		{"{\"crier\":\"save\",\"abi\":1}\n{\"room\":{\"name\":\"z\"}}\n"
		 "{\"listeners\":{\"room\":\"z\",\"add\":[\"1.2.3.4:5\",\"x\"]}}\n{\"end\":true}\n",
		 "line 3"},
		{"{\"crier\":\"save\",\"abi\":1}\n{\"setting\":{\"key\":\"ttl\",\"value\":999}}\n"
		 "{\"end\":true}\n",
		 "line 2"},
		{"{\"crier\":\"save\",\"abi\":1}\n{\"end\":true}\n{\"end\":true}\n", "line 3"},
		{"{\"crier\":\"save\",\"format\":2,\"abi\":1}\n{\"end\":true}\n",
		 "line 1: the save is of format 2 and this crierd reads none above 1: restore it "
		 "with a crierd as new as the one that saved it; nothing was restored"},
		{"{\"crier\":\"save\",\"format\":0}\n{\"end\":true}\n", "a number from 1 on"},
		{"{\"crier\":\"save\",\"format\":\"1\"}\n{\"end\":true}\n", "a number from 1 on"},
		{SAVED("{\"guard\":{\"action\":\"drop\",\"add\":[]}}"), "line 3"},
		{SAVED("{\"guard\":{\"action\":\"block\",\"add\":[7]}}"), "prefix 1 is no string"},
		{SAVED("{\"guard\":{\"action\":\"block\",\"add\":[\"10.0.0.1/8\"]}}"),
		 "10.0.0.0/8"},
		{SAVED("{\"guard\":{\"action\":\"block\",\"add\":[\"10.0.0.0/8\"]}}\n"
		       "{\"guard\":{\"action\":\"allow\",\"add\":[\"10.0.0.0/8\"]}}"),
		 "line 4: 10.0.0.0/8 is given for both lists; nothing was restored"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct answer a = lines("/v1/restore", bad[i].text);

		if (a.code != 400 || !strstr(a.body, bad[i].want))
			fail_msg("%s: %s", bad[i].text, a.text);
		free(a.text);
	}
	assert_int_equal(code_of("GET", "/v1/rooms/z", ""), 404);
}

/* What a room has can be saved, and so restored: no more streams than a line may tell. */
static void test_streams_of_a_room(void **state)
{
	struct answer a;
	char body[64];

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	for (int i = 1; i < ROOM_STREAMS; i++) {
		sprintf(body, "{\"port\":%d,\"from\":\"10.0.0.1\"}", 20000 + i);
		assert_int_equal(code_of("POST", "/v1/rooms/a/streams", body), 201);
	}
	sprintf(body, "{\"port\":%d,\"from\":\"10.0.0.1\"}", 20000 + ROOM_STREAMS);
	assert_int_equal(code_of("POST", "/v1/rooms/a/streams", body), 409);
	a = call("GET", "/v1/save", "", "", 0);
	assert_int_equal(a.code, 200);
	assert_int_equal(code_of("DELETE", "/v1/rooms/a", ""), 200);
	for (int code = 503; code != 200;) { /* until the deleted streams are free */
		struct answer done = lines("/v1/restore?merge=1", a.body);

		code = done.code;
		assert_true(code == 200 || code == 503);
		free(done.text);
	}
	free(a.text);
	a = call("GET", "/v1/rooms/a", "", "", 0);
	assert_non_null(strstr(a.body, "\"port\":20063"));
	free(a.text);
}

/* A body that names rooms without end is refused before it takes all memory. */
static void test_restore_of_too_many_rooms(void **state)
{
	uint32_t n = server.world.tables.config->max_rooms;
	char *text = malloc(64 + n * 48), *at = text;
	struct answer a;

	(void)state;
	at += sprintf(at, "{\"crier\":\"save\",\"abi\":1}\n");
	for (uint32_t i = 0; i < n; i++)
		at += sprintf(at, "{\"room\":{\"name\":\"r%u\"}}\n", i);
	a = lines("/v1/restore", text);
	assert_int_equal(a.code, 400);
	assert_non_null(strstr(a.body, "capacity.rooms"));
	assert_non_null(strstr(a.body, "nothing was restored"));
	free(a.text);
	free(text);
	assert_int_equal(code_of("GET", "/v1/rooms/r0", ""), 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(test_save_and_restore),	     server_test(test_save_guard),
		server_test(test_restore_refuses),	     server_test(test_streams_of_a_room),
		server_test(test_restore_of_too_many_rooms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
