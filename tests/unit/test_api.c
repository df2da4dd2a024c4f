/* SPDX-License-Identifier: BSD-2-Clause */
/* The API call by call, what it refuses unread, and its sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"

/* ---- a table of calls ---- */

#define ROOM_LONG "0123456789012345678901234567890123456789012345678901234567890123"

static const struct step {
	const char *name, *method, *path, *body;
	int code;
	const char *want; /* in the body */
} steps[] = {
	{"healthy", "GET", "/healthz", "", 200, "\"ok\""},
	{"status", "GET", "/v1/status", "", 200, "\"abi\":4"},
	{"no room yet", "GET", "/v1/rooms", "", 200, "{\"rooms\":[]}"},
	{"make", "POST", "/v1/rooms", ROOM_A, 201, "\"name\":\"a\""},
	{"nobody serves it", "GET", "/healthz", "", 503, "no crier-dp is running"},
	{"make again", "POST", "/v1/rooms", ROOM_A, 409, "room a exists"},
	{"show", "GET", "/v1/rooms/a", "", 200, "\"from\":\"192.0.2.1\""},
	{"show unknown", "GET", "/v1/rooms/nobody", "", 404, "no room nobody"},
	{"show bad name", "GET", "/v1/rooms/%20", "", 404, "error"},
	{"delete unknown", "DELETE", "/v1/rooms/nobody", "", 404, "error"},
	{"port in use", "POST", "/v1/rooms",
	 "{\"name\":\"b\",\"streams\":[{\"port\":5004,\"from\":\"192.0.2.1\"}]}", 409,
	 "port in use by room a"},
	{"and b is not there", "GET", "/v1/rooms/b", "", 404, "error"},
	{"media port", "POST", "/v1/rooms",
	 "{\"name\":\"b\",\"streams\":[{\"port\":3478,\"from\":\"192.0.2.1\"}]}", 409,
	 "media port"},
	{"no name", "POST", "/v1/rooms", "{}", 400, "name"},
	{"long name", "POST", "/v1/rooms",
	 "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}", 400,
	 "63"},
	{"bad name", "POST", "/v1/rooms", "{\"name\":\"a/b\"}", 400, "name"},
	{"zero in name", "POST", "/v1/rooms", "{\"name\":\"a\\u0000b\"}", 400, "not JSON"},
	{"wrong type", "POST", "/v1/rooms", "{\"name\":7}", 400, "must be a string"},
	{"wrong type of limit", "POST", "/v1/rooms", "{\"name\":\"x\",\"limit\":\"9\"}", 400,
	 "whole number"},
	{"unknown key", "POST", "/v1/rooms", "{\"name\":\"x\",\"colour\":1}", 400, "colour"},
	{"array", "POST", "/v1/rooms", "[]", 400, "object"},
	{"truncated", "POST", "/v1/rooms", "{\"name\":\"x", 400, "not JSON"},
	{"empty", "POST", "/v1/rooms", "", 400, "not JSON"},
	{"not UTF-8", "POST", "/v1/rooms", "{\"name\":\"\xff\"}", 400, "not JSON"},
	{"twice a key", "POST", "/v1/rooms", "{\"name\":\"x\",\"name\":\"y\"}", 400, "not JSON"},
	{"no from", "POST", "/v1/rooms", "{\"name\":\"x\",\"streams\":[{\"port\":1}]}", 400,
	 "from"},
	{"any without ssrc", "POST", "/v1/rooms",
	 "{\"name\":\"x\",\"streams\":[{\"port\":1,\"from\":\"any\"}]}", 400, "ssrc"},
	{"from 0.0.0.0", "POST", "/v1/rooms",
	 "{\"name\":\"x\",\"streams\":[{\"port\":1,\"from\":\"0.0.0.0\"}]}", 400, "any"},
	{"from multicast", "POST", "/v1/rooms",
	 "{\"name\":\"x\",\"streams\":[{\"port\":1,\"from\":\"224.0.0.1\"}]}", 400, "from"},
	{"port 0", "POST", "/v1/rooms",
	 "{\"name\":\"x\",\"streams\":[{\"port\":0,\"from\":\"192.0.2.1\"}]}", 400, "65535"},
	{"pt 128", "POST", "/v1/rooms/a/streams", "{\"port\":9,\"from\":\"192.0.2.1\",\"pt\":128}",
	 400, "127"},
	{"payload", "POST", "/v1/rooms", "{\"name\":\"x\",\"payload\":\"tcp\"}", 400, "rtp"},
	{"engine", "POST", "/v1/rooms", "{\"name\":\"x\",\"engine\":\"xdp\"}", 400, "kernel"},
	{"set engine", "PUT", "/v1/rooms/a", "{\"engine\":\"bypass\"}", 200,
	 "\"engine\":\"bypass\""},
	{"set engine back", "PUT", "/v1/rooms/a", "{\"engine\":\"auto\"}", 200,
	 "\"engine\":\"auto\""},
	{"set no engine", "PUT", "/v1/rooms/a", "{}", 400, "missing"},
	{"set another engine", "PUT", "/v1/rooms/a", "{\"engine\":\"xdp\"}", 400, "kernel"},
	{"set something else", "PUT", "/v1/rooms/a", "{\"limit\":1}", 400, "limit"},
	{"set of no room", "PUT", "/v1/rooms/none", "{\"engine\":\"auto\"}", 404, "none"},
	{"udp with ssrc", "POST", "/v1/rooms",
	 "{\"name\":\"x\",\"payload\":\"udp\",\"streams\":[{\"port\":1,\"from\":\"192.0.2.1\","
	 "\"ssrc\":1}]}",
	 400, "udp"},
	{"stream", "POST", "/v1/rooms/a/streams",
	 "{\"port\":5006,\"from\":\"[2001:db8::1]:7000\",\"ssrc\":4294967295,\"pt\":111}", 201,
	 "\"ssrc\":4294967295"},
	{"same stream", "POST", "/v1/rooms/a/streams",
	 "{\"port\":5006,\"from\":\"[2001:db8::1]:7000\",\"ssrc\":4294967295,\"pt\":111}", 409,
	 "5006"},
	{"stream of nobody", "POST", "/v1/rooms/nobody/streams", "{}", 404, "error"},
	{"query misspelt", "DELETE", "/v1/rooms/a/streams/5006?srrc=4294967295", "", 400, "ssrc"},
	{"query without a value", "DELETE", "/v1/rooms/a/streams/5006?ssrc", "", 400, "VALUE"},
	{"part of a query's name", "DELETE", "/v1/rooms/a/streams/5006?src=1", "", 400, "ssrc"},
	{"one name too many", "GET", "/v1/rooms/a/listeners?limit=1&form=json", "", 400,
	 "format limit"},
	{"query ignored", "GET", "/v1/settings?cache=no", "", 200, "dscp"},
	{"stream gone", "DELETE", "/v1/rooms/a/streams/5006?ssrc=4294967295", "", 200,
	 "\"deleted\":1"},
	{"stream gone before", "DELETE", "/v1/rooms/a/streams/5006", "", 404, "5006"},
	{"stream by word", "DELETE", "/v1/rooms/a/streams/x", "", 400, "streams"},
	{"join", "POST", "/v1/rooms/a/listeners", "{\"listener\":\"10.0.0.1:4000\"}", 201,
	 "\"added\":1"},
	{"join again", "POST", "/v1/rooms/a/listeners", "{\"listener\":\"10.0.0.1:4000\"}", 409,
	 "already"},
	{"join mapped", "POST", "/v1/rooms/a/listeners",
	 "{\"listener\":\"[::ffff:10.0.0.1]:4000\"}", 409, "already"},
	{"join many", "POST", "/v1/rooms/a/listeners",
	 "{\"listeners\":[\"10.0.0.1:4000\",\"[2001:db8::5]:4000\"]}", 201,
	 "{\"added\":1,\"existing\":1,\"unreachable\":0}"},
	{"join port 0", "POST", "/v1/rooms/a/listeners", "{\"listener\":\"10.0.0.1:0\"}", 400,
	 "port"},
	{"join 0.0.0.0", "POST", "/v1/rooms/a/listeners", "{\"listener\":\"0.0.0.0:1\"}", 400,
	 "0.0.0.0"},
	{"join multicast", "POST", "/v1/rooms/a/listeners", "{\"listener\":\"239.1.1.1:9\"}", 400,
	 "multicast"},
	{"join broadcast", "POST", "/v1/rooms/a/listeners", "{\"listener\":\"255.255.255.255:9\"}",
	 400, "broadcast"},
	{"join nothing", "POST", "/v1/rooms/a/listeners", "{}", 400, "listener"},
	{"join number", "POST", "/v1/rooms/a/listeners", "{\"listener\":1}", 400, "string"},
	{"join one bad", "POST", "/v1/rooms/a/listeners",
	 "{\"listeners\":[\"10.0.0.9:1\",\"nonsense\"]}", 400, "nonsense"},
	{"and none of them", "GET", "/v1/rooms/a/listeners/count", "", 200, "\"listeners\":2"},
	{"join nowhere", "POST", "/v1/rooms/nobody/listeners", "{\"listener\":\"10.0.0.1:1\"}", 404,
	 "nobody"},
	{"list", "GET", "/v1/rooms/a/listeners", "", 200, "[2001:db8::5]:4000\n"},
	{"list json", "GET", "/v1/rooms/a/listeners?format=json", "", 200,
	 "{\"listeners\":[\"10.0.0.1:4000\",\"[2001:db8::5]:4000\"]}"},
	{"list one", "GET", "/v1/rooms/a/listeners?format=json&limit=1", "", 200,
	 "{\"listeners\":[\"10.0.0.1:4000\"]}"},
	{"list as what", "GET", "/v1/rooms/a/listeners?format=xml", "", 400, "text or json"},
	{"list bad limit", "GET", "/v1/rooms/a/listeners?limit=x", "", 400, "limit"},
	{"leave", "DELETE", "/v1/rooms/a/listeners/%5B2001:db8::5%5D:4000", "", 200,
	 "\"deleted\":1"},
	{"leave again", "DELETE", "/v1/rooms/a/listeners/[2001:db8::5]:4000", "", 404, "error"},
	{"leave nonsense", "DELETE", "/v1/rooms/a/listeners/x", "", 400, "error"},
	{"leave by body", "POST", "/v1/rooms/a/listeners/delete",
	 "{\"listeners\":[\"10.0.0.1:4000\",\"10.0.0.2:4000\"]}", 200,
	 "{\"deleted\":1,\"missing\":1}"},
	{"leave by body, gone", "POST", "/v1/rooms/a/listeners/delete",
	 "{\"listener\":\"10.0.0.1:4000\"}", 404, "not in room"},
	{"settings", "GET", "/v1/settings", "", 200, "\"key\":\"dscp\""},
	{"setting", "GET", "/v1/settings/ttl", "", 200, "\"value\":64"},
	{"set", "PUT", "/v1/settings/ttl", "{\"value\":9}", 200, "\"value\":9"},
	{"set too high", "PUT", "/v1/settings/ttl", "{\"value\":256}", 400, "255"},
	{"set too low", "PUT", "/v1/settings/ttl", "{\"value\":0}", 400, "1"},
	{"set negative", "PUT", "/v1/settings/ttl", "{\"value\":-1}", 400, "number"},
	{"set word", "PUT", "/v1/settings/ttl", "{\"value\":\"9\"}", 400, "number"},
	{"set nothing", "PUT", "/v1/settings/ttl", "{}", 400, "missing"},
	{"set unknown", "PUT", "/v1/settings/colour", "{\"value\":1}", 404, "settings"},
	{"wrong method", "PUT", "/v1/rooms", "{}", 405, "GET, POST"},
	{"strange method", "PATCH", "/v1/rooms/a", "{}", 405, "GET, PUT, DELETE"},
	{"nowhere", "GET", "/v2", "", 404, "error"},
	{"nowhere deep", "GET", "/v1/rooms/a/b/c/d/e/f/g/h/i/j/k", "", 404, "error"},
	{"capture of nobody", "GET", "/v1/capture?room=nobody", "", 404, "error"},
	{"capture of a room whose name is too long", "GET",
	 "/v1/capture?count=1&room=" ROOM_LONG ROOM_LONG ROOM_LONG, "", 404, "error"},
	{"capture of more than there are numbers", "GET",
	 "/v1/capture?count=100000000000000000000000000000000000", "", 400, "error"},
	{"zero byte in a name", "DELETE", "/v1/rooms/a%00b", "", 404, "error"},
	{"guard", "GET", "/v1/guard", "", 200,
	 "{\"mode\":\"enforce\",\"block\":0,\"allow\":0,\"capacity\":1024,\"changed_s\":0}"},
	{"block", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/8\",\"action\":\"block\"}", 200,
	 "{\"added\":1,\"existing\":0,\"block\":1,\"allow\":0}"},
	{"block again", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/8\",\"action\":\"block\"}",
	 200, "\"added\":0,\"existing\":1"},
	{"allow what is blocked", "POST", "/v1/guard",
	 "{\"prefix\":\"10.0.0.0/8\",\"action\":\"allow\"}", 409,
	 "10.0.0.0/8 is on the block list and cannot be on both"},
	{"allow a part of it", "POST", "/v1/guard",
	 "{\"prefix\":\"10.1.0.7\",\"action\":\"allow\"}", 200, "\"block\":1,\"allow\":1"},
	{"block IPv6", "POST", "/v1/guard", "{\"prefix\":\"2001:DB8:0::/48\",\"action\":\"block\"}",
	 200, "\"added\":1"},
	{"host bits", "POST", "/v1/guard", "{\"prefix\":\"10.1.2.3/20\",\"action\":\"block\"}", 400,
	 "bits are set beyond its length: 10.1.0.0/20 is the prefix"},
	{"host bits of IPv6", "POST", "/v1/guard",
	 "{\"prefix\":\"2001:db8::1/127\",\"action\":\"block\"}", 400, "2001:db8::/127"},
	{"length", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/33\",\"action\":\"block\"}", 400,
	 "0 to 32"},
	{"length of IPv6", "POST", "/v1/guard", "{\"prefix\":\"::/129\",\"action\":\"block\"}", 400,
	 "0 to 128"},
	{"no length", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/\",\"action\":\"block\"}", 400,
	 "0 to 32"},
	{"length with a zero before", "POST", "/v1/guard",
	 "{\"prefix\":\"10.0.0.0/08\",\"action\":\"block\"}", 400, "0 to 32"},
	{"two lengths", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/8/8\",\"action\":\"block\"}",
	 400, "0 to 32"},
	{"mapped prefix", "POST", "/v1/guard",
	 "{\"prefix\":\"::ffff:10.0.0.0/104\",\"action\":\"block\"}", 400,
	 "write an IPv4 prefix as"},
	{"no prefix", "POST", "/v1/guard", "{\"prefix\":\"town\",\"action\":\"block\"}", 400,
	 "town"},
	{"no action", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/8\"}", 400, "action"},
	{"another action", "POST", "/v1/guard", "{\"prefix\":\"10.0.0.0/8\",\"action\":\"drop\"}",
	 400, "allow"},
	{"guard list", "GET", "/v1/guard/list", "", 200,
	 "block 10.0.0.0/8\nallow 10.1.0.7/32\nblock 2001:db8::/48\n"},
	{"guard list of one", "GET", "/v1/guard/list?action=allow&format=json", "", 200,
	 "{\"prefixes\":[{\"prefix\":\"10.1.0.7/32\",\"action\":\"allow\"}]}"},
	{"guard list as what", "GET", "/v1/guard/list?format=xml", "", 400, "text or json"},
	{"guard list of what", "GET", "/v1/guard/list?action=drop", "", 400, "action=block"},
	{"guard lines without action", "POST", "/v1/guard/list", "", 400, "action=block"},
	{"guard lines as JSON", "POST", "/v1/guard/list?action=block", "{}", 415, "text/plain"},
	{"guard delete", "DELETE", "/v1/guard/list/10.0.0.0%2F8", "", 200,
	 "{\"deleted\":1,\"missing\":0,\"block\":1,\"allow\":1}"},
	{"guard delete again", "DELETE", "/v1/guard/list/10.0.0.0%2F8", "", 404, "neither list"},
	{"guard delete nonsense", "DELETE", "/v1/guard/list/x", "", 400, "ADDRESS/LENGTH"},
	{"guard clear one", "DELETE", "/v1/guard/list?action=allow", "", 200,
	 "\"deleted\":1,\"block\":1,\"allow\":0"},
	{"guard clear", "DELETE", "/v1/guard/list", "", 200, "\"block\":0,\"allow\":0"},
	{"status tells of the guard", "GET", "/v1/status", "", 200,
	 "\"guard\":{\"mode\":\"enforce\",\"block\":0"},
	{"metrics of the guard", "GET", "/metrics", "", 200,
	 "crier_guard_prefixes{list=\"block\"} 0"},
	{"still there", "GET", "/v1/rooms/a", "", 200, "\"name\":\"a\""},
	{"metrics", "GET", "/metrics", "", 200, "crier_room_listeners{room=\"a\"} 0"},
	{"stats", "GET", "/v1/stats", "", 200, "\"rooms\":[{\"name\":\"a\",\"listeners\":0"},
	{"delete", "DELETE", "/v1/rooms/a", "", 200, "{\"deleted\":\"a\"}"},
	{"deleted", "DELETE", "/v1/rooms/a", "", 404, "error"},
	{"make anew", "POST", "/v1/rooms", ROOM_A, 201, "\"listeners\":0"},
};

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *s = &steps[i];
		struct answer a =
			call(s->method, s->path, "application/json", s->body, strlen(s->body));

		if (a.code != s->code || !strstr(a.body, s->want))
			fail_msg("%s: wanted %d and \"%s\", got %s", s->name, s->code, s->want,
				 a.text);
		if (a.code >= 400 && !strstr(a.body, "\"error\":\""))
			fail_msg("%s: no JSON error: %s", s->name, a.text);
		free(a.text);
	}
}

/* ---- bodies that are too much ---- */

static void test_large_bodies(void **state)
{
	size_t len = 100U << 20;
	char *body = malloc(len);
	struct answer a;

	(void)state;
	memset(body, 'x', len);
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	a = call("POST", "/v1/rooms/a/listeners", "text/plain", body, len);
	assert_int_equal(a.code, 413);
	assert_non_null(strstr(a.body, "{\"error\":"));
	free(a.text);
	a = call("POST", "/v1/rooms", "application/json", body, 65537);
	assert_int_equal(a.code, 413);
	assert_non_null(strstr(a.body, "64 KB"));
	free(a.text);
	a = call("POST", "/v1/rooms/a/listeners", "application/json", body, 65537);
	assert_int_equal(a.code, 413);
	free(a.text);
	memset(body, ',', 60000); /* as many values as would take a turn too long */
	a = call("POST", "/v1/rooms", "application/json", body, 60000);
	assert_int_equal(a.code, 400);
	assert_non_null(strstr(a.body, "values in one body"));
	free(a.text);
	memset(body, '[', 10000); /* deeply nested */
	a = call("POST", "/v1/rooms", "application/json", body, 10000);
	assert_int_equal(a.code, 400);
	assert_non_null(strstr(a.body, "not JSON"));
	free(a.text);
	free(body);
}

static void test_content_type(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	a = call("POST", "/v1/rooms/a/listeners", "image/png", "x", 1);
	assert_int_equal(a.code, 415);
	free(a.text);
	a = call("POST", "/v1/rooms/a/listeners", "text/plain; charset=utf-8", "10.0.0.1:1", 10);
	assert_int_equal(a.code, 200);
	free(a.text);
}

/* ---- sockets ---- */

static void test_socket_is_ours(void **state)
{
	char err[HTTP_ERR_LEN], file[128];
	struct stat st;
	struct http *h;
	FILE *f;

	(void)state;
	assert_int_equal(stat(server.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(http_open(&server.world.d, api_routes, &h), 0);
	assert_int_equal(http_listen_unix(h, server.path, err), -EADDRINUSE);
	assert_non_null(strstr(err, "another crierd"));
	snprintf(file, sizeof(file), "%s/file", server.dir);
	f = fopen(file, "w");
	fclose(f);
	assert_int_equal(http_listen_unix(h, file, err), -EEXIST);
	unlink(file);
	assert_int_equal(http_listen_tcp(h, "127.0.0.1:7", "", err), -EINVAL);
	http_close(h);
	server.world.d.http = server.http;
}

static void test_promtool(void **state)
{
	struct answer a;
	char path[160], command[256];
	FILE *f;

	(void)state;
	if (system("command -v promtool > /dev/null") != 0) {
		print_message("SKIP: promtool is not installed (package prometheus)\n");
		skip();
	}
	assert_int_equal(code_of("POST", "/v1/rooms", ROOM_A), 201);
	a = call("GET", "/metrics", "", "", 0);
	snprintf(path, sizeof(path), "%s/metrics", server.dir);
	f = fopen(path, "w");
	fputs(a.body, f);
	fclose(f);
	snprintf(command, sizeof(command), "promtool check metrics < %s", path);
	assert_int_equal(system(command), 0);
	unlink(path);
	free(a.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(test_calls),	server_test(test_large_bodies),
		server_test(test_content_type), server_test(test_socket_is_ours),
		server_test(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
