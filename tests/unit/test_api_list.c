/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of listeners and prefixes through the API, and who else is served meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

static void test_bulk(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	a = lines("/v1/rooms/a/listeners",
		  "# comment\n\n10.0.0.1:4000\n 10.0.0.2:4000 # two\r\n[2001:db8::1]:9\n"
		  "10.0.0.1:4000");
	assert_int_equal(a.code, 200);
	assert_string_equal(a.body, "{\"added\":3,\"existing\":1,\"unreachable\":0}");
	free(a.text);
	a = lines("/v1/rooms/a/listeners", "10.0.0.3:1\n10.0.0.4:1\nten:1\n10.0.0.5:1\n");
	assert_int_equal(a.code, 400);
	assert_non_null(strstr(a.body, "\"error\":\"line 3: "));
	assert_non_null(strstr(a.body, "\"line\":3,\"applied\":0"));
	free(a.text);
	a = call("GET", "/v1/rooms/a/listeners/count", "", "", 0);
	assert_non_null(strstr(a.body, "\"listeners\":3,"));
	free(a.text);
	a = lines("/v1/rooms/a/listeners/delete", "10.0.0.1:4000\n10.9.9.9:1\n");
	assert_string_equal(a.body, "{\"deleted\":1,\"missing\":1}");
	free(a.text);
	a = lines("/v1/rooms/a/listeners", "");
	assert_string_equal(a.body, "{\"added\":0,\"existing\":0,\"unreachable\":0}");
	free(a.text);
	server.world.via = 0;
	a = lines("/v1/rooms/a/listeners", "10.0.0.77:1\n");
	assert_string_equal(a.body, "{\"added\":1,\"existing\":0,\"unreachable\":1}");
	free(a.text);
}

static void test_guard_lists(void **state)
{
	static const char block[] = "/v1/guard/list?action=block",
			  allow[] = "/v1/guard/list?action=allow";
	char *text = malloc(64 * 6000), *at = text;

	(void)state;
	expect(lines(block, "# bad ones\n\n 10.0.0.0/8 # ten\r\n2001:db8::/32\n10.0.0.0/8"), 200,
	       "{\"added\":2,\"existing\":1,\"block\":2,\"allow\":0}");
	/* Refused whole, and the line is named. */
	expect(lines(block, "11.0.0.0/8\n12.0.0.0/7\n13.0.0.1/8\n"), 400,
	       "{\"error\":\"line 3: \\\"13.0.0.1/8\\\": bits are set");
	expect(lines(allow, "11.0.0.0/8\n2001:db8::/32\n10.0.0.0/8\n2001:db8::/32\n"), 409,
	       "{\"error\":\"line 2: 2001:db8::/32 is on the block list");
	expect(lines(allow, "10.0.0.0/8\n2001:db8::/32\n"), 409, "line 1: 10.0.0.0/8 is on");
	expect(call("GET", "/v1/guard/list", "", "", 0), 200,
	       "block 10.0.0.0/8\nblock 2001:db8::/32\n");
	expect(lines(allow, "10.2.0.0/16\n"), 200, "\"allow\":1");
	expect(put_lines(block, "10.0.0.0/8\n11.0.0.0/8\n"), 200,
	       "{\"added\":1,\"existing\":1,\"deleted\":1,\"block\":2,\"allow\":1}");
	expect(put_lines(allow, "11.0.0.0/8\n"), 409, "line 1: 11.0.0.0/8 is on the block list");
	expect(lines("/v1/guard/list/delete", "10.0.0.0/8\n10.9.0.0/16\n10.2.0.0/16"), 200,
	       "{\"deleted\":2,\"missing\":1,\"block\":1,\"allow\":0}");
	for (int i = 0; i < 1024; i++)
		at += sprintf(at, "10.0.%d.%d\n", i / 256, i % 256);
	expect(lines(allow, text), 507,
	       "there would be 1025 prefixes on both lists, and the tables hold 1024; enlarge "
	       "capacity.guard_prefixes");
	expect(put_lines(block, text), 200, "\"block\":1024");
	for (int i = 0; i < 12000; i++)
		at += sprintf(at, "10.0.0.0\n");
	expect(put_lines(block, text), 507, "far more prefixes than the 1024");
	expect(put_lines(block, ""), 200, "\"deleted\":1024,\"block\":0");
	memset(text, '1', 5000);
	text[5000] = '\0';
	expect(lines(block, text), 400, "line 1: it is longer than");
	free(text);
}

/* Changes that come at once are made one after the other, and none is lost. */
static void test_guard_changes_in_line(void **state)
{
	char path[] = "/v1/guard/list?action=block", body[32];
	int fd[24];

	(void)state;
	for (int i = 0; i < 24; i++) {
		int n = sprintf(body, "10.%d.0.0/16\n", i);

		fd[i] = dial();
		request(fd[i], "POST", path, "text/plain", (size_t)n);
		put(fd[i], body, (size_t)n);
	}
	for (int i = 0; i < 24; i++) {
		if (i % 8 == 7)
			close(fd[i]); /* it doesn't want to know */
		else
			expect(receive(fd[i]), 200, "{\"added\":1,\"existing\":0");
	}
	expect(lines(path, "10.0.0.0/16\n"), 200, "\"block\":24");
}

/* A line that never ends is refused at its beginning, not after all of it was copied. */
static void test_long_line(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len);
	struct answer a;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	memset(text, '1', len);
	memcpy(text, "10.0.0.1:4000\n", 14);
	a = call("POST", "/v1/rooms/a/listeners", "text/plain", text, len);
	assert_int_equal(a.code, 400);
	assert_non_null(strstr(a.body, "line 2: it is longer than"));
	free(a.text);
	memset(text, ' ', 4096);
	memcpy(text, "#", 1);
	memcpy(text + 4095, "\n10.0.0.1:4000", 14);
	a = call("POST", "/v1/rooms/a/listeners", "text/plain", text, 4096 + 13);
	assert_string_equal(a.body, "{\"added\":1,\"existing\":0,\"unreachable\":0}");
	free(a.text);
	free(text);
}

/* A JSON array is applied in steps as lines are, and answers as it always did. */
static void test_json_list(void **state)
{
	static const char one[] = "{\"listeners\":[\"[2001:db8::1]:1\"]}";
	char *text = malloc(65536), *at = text;
	struct answer a;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	at += sprintf(at, "{\"listeners\":[\"10.0.0.1:1\"");
	for (int i = 0; i < 3000; i++)
		at += sprintf(at, ",\"10.0.%d.%d:1\"", i / 256, i % 256);
	strcpy(at, "]}");
	a = call("POST", "/v1/rooms/a/listeners", "application/json", text, strlen(text));
	assert_int_equal(a.code, 507);
	assert_non_null(strstr(a.body, "capacity.listeners"));
	assert_non_null(strstr(a.body, "\"applied\":2048"));
	free(a.text);
	a = call("POST", "/v1/rooms/a/listeners/delete", "application/json", text, strlen(text));
	assert_int_equal(a.code, 200);
	assert_string_equal(a.body, "{\"deleted\":2048,\"missing\":953}");
	free(a.text);
	free(text);
	a = call("POST", "/v1/rooms/a/listeners", "application/json", one, strlen(one));
	assert_int_equal(a.code, 201);
	assert_string_equal(a.body, "{\"added\":1,\"existing\":0,\"unreachable\":0}");
	free(a.text);
}

static void test_full(void **state)
{
	size_t len;
	char *text = list_of(3000, &len);
	struct answer a;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	a = call("POST", "/v1/rooms/a/listeners", "text/plain", text, len);
	assert_int_equal(a.code, 507);
	assert_non_null(strstr(a.body, "capacity.listeners"));
	assert_non_null(strstr(a.body, "\"applied\":2048"));
	free(a.text);
	free(text);
	assert_int_equal(code_of("DELETE", "/v1/rooms/a", ""), 200);
	assert_int_equal(code_of("POST", "/v1/rooms", "{\"name\":\"b\",\"limit\":1}"), 201);
	a = lines("/v1/rooms/b/listeners", "10.0.0.1:1\n10.0.0.2:1\n");
	assert_true(a.code == 507 || a.code == 503); /* 503: a's pages are on their way */
	free(a.text);
}

/* Others are served while a long list is read and applied. */
static void test_others_are_served_meanwhile(void **state)
{
	uint32_t n = 400000;
	size_t len;
	char *text = list_of(n, &len);
	struct answer a;
	int fd, served = 0;
	struct pollfd p;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	fd = dial();
	request(fd, "POST", "/v1/rooms/a/listeners/delete", "text/plain", len);
	put(fd, text, len);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	while (poll(&p, 1, 0) == 0) {
		assert_int_equal(code_of("GET", "/v1/settings", ""), 200);
		served++;
	}
	assert_true(served > 3);
	a = receive(fd);
	assert_string_equal(a.body, "{\"deleted\":0,\"missing\":400000}");
	free(a.text);
	free(text);
}

/* A client that leaves while its list is read takes its work with it: nobody is added. */
/* A look from another thread at what only the loop's writes; any value it had will do. */
__attribute__((no_sanitize("thread"))) static unsigned int jobs_now(void)
{
	return http_stats(server.http)->jobs;
}

static void test_client_leaves(void **state)
{
	size_t len = 0, size = 40U << 20;
	char *text = malloc(size);
	json_t *json;
	int fd;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	len += (size_t)sprintf(text, "10.0.0.1:4000\n10.0.0.2:4000\n");
	while (len < size - 16)
		len += (size_t)sprintf(text + len, "# nobody\n");
	fd = dial();
	request(fd, "POST", "/v1/rooms/a/listeners", "text/plain", len);
	put(fd, text, len);
	close(fd);
	free(text);
	for (int i = 0; i < 5000 && jobs_now(); i++) {
		assert_int_equal(code_of("GET", "/v1/settings", ""), 200);
		usleep(1000);
	}
	assert_int_equal(jobs_now(), 0);
	json = json_of("GET", "/v1/rooms/a", "");
	assert_int_equal(number(json, "listeners"), 0);
	json_decref(json);
}

static void test_room_dies_under_a_list(void **state)
{
	uint32_t n = 500000;
	size_t len;
	char *text = list_of(n, &len);
	struct answer a;
	int fd;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	fd = dial();
	request(fd, "POST", "/v1/rooms/a/listeners/delete", "text/plain", len);
	put(fd, text, len);
	assert_int_equal(code_of("DELETE", "/v1/rooms/a", ""), 200);
	a = receive(fd);
	assert_true(a.code == 404 || a.code == 200);
	free(a.text);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(test_bulk),
		server_test(test_guard_lists),
		server_test(test_guard_changes_in_line),
		server_test(test_long_line),
		server_test(test_json_list),
		server_test(test_full),
		server_test(test_others_are_served_meanwhile),
		server_test(test_client_leaves),
		server_test(test_room_dies_under_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
