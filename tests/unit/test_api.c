/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP API through a real server on a Unix socket, over tables in plain memory: a
 * thread runs crierd's loop, the test is its client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/api.h"
#include "control/capture.h"
#include "control/stream.h"
#include "world.h"

static struct server {
	struct world world;
	struct http *http;
	pthread_t thread;
	int stop;
	char dir[64], path[96], tcp[32];
} server;

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_stop(((struct server *)arg)->world.d.loop);
}

static void *server_main(void *arg)
{
	struct server *s = arg;
	struct event *stop = event_new(loop_base(s->world.d.loop), s->stop, EV_READ, on_stop, s);

	event_add(stop, NULL);
	loop_run(s->world.d.loop);
	event_free(stop);
	return NULL;
}

static int setup(void **state)
{
	struct tables_size size = world_size(8 * 256, 4 * 256);
	char err[HTTP_ERR_LEN];
	struct capture *capture;

	(void)state;
	memset(&server, 0, sizeof(server));
	world_tables(&server.world, &size);
	world_open(&server.world, true);
	strcpy(server.dir, "/tmp/crier-api.XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	server.world.d.run_dir = server.dir;
	snprintf(server.path, sizeof(server.path), "%s/sock", server.dir);
	assert_int_equal(http_open(&server.world.d, api_routes, &server.http), 0);
	assert_int_equal(http_listen_unix(server.http, server.path, err), 0);
	assert_int_equal(capture_open(&server.world.d, -1, &capture), 0);
	server.stop = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&server.thread, NULL, server_main, &server), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	eventfd_write(server.stop, 1);
	pthread_join(server.thread, NULL);
	close(server.stop);
	http_close(server.http);
	capture_close(server.world.d.capture);
	world_check(&server.world);
	world_close(&server.world);
	world_free(&server.world);
	rmdir(server.dir);
	return 0;
}

/* ---- the client ---- */

struct answer {
	int code;
	char *text; /* headers and body */
	char *body;
	size_t len;
};

static int dial(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, server.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void put(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server has refused already: its answer is to be read */
		p += n;
		len -= (size_t)n;
	}
}

/* The chunks of a chunked body, joined in place. */
static void dechunk(struct answer *a)
{
	char *from = a->body, *to = a->body;

	if (!strstr(a->text, "Transfer-Encoding: chunked\r\n") || from > a->text + a->len)
		return;
	for (;;) {
		size_t n = strtoul(from, &from, 16);

		from += 2;
		if (!n)
			break;
		memmove(to, from, n);
		to += n;
		from += n + 2;
	}
	*to = '\0';
}

static struct answer receive(int fd)
{
	struct answer a = {.text = malloc(65536)};
	size_t cap = 65536;
	ssize_t n;

	while ((n = recv(fd, a.text + a.len, cap - a.len - 1, 0)) > 0) {
		a.len += (size_t)n;
		if (cap - a.len < 4096)
			a.text = realloc(a.text, cap *= 2);
	}
	close(fd);
	a.text[a.len] = '\0';
	a.code = a.len > 12 ? atoi(a.text + 9) : 0;
	a.body = strstr(a.text, "\r\n\r\n");
	a.body = a.body ? a.body + 4 : a.text + a.len;
	dechunk(&a);
	return a;
}

static void request(int fd, const char *method, const char *path, const char *type, size_t len)
{
	char head[1024];
	int n = snprintf(head, sizeof(head),
			 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 method, path, type, len);

	put(fd, head, (size_t)n);
}

static struct answer call(const char *method, const char *path, const char *type, const char *body,
			  size_t len)
{
	int fd = dial();

	request(fd, method, path, type, len);
	put(fd, body, len);
	return receive(fd);
}

static int code_of(const char *method, const char *path, const char *body)
{
	struct answer a = call(method, path, "application/json", body, strlen(body));

	free(a.text);
	return a.code;
}

static json_t *json_of(const char *method, const char *path, const char *body)
{
	struct answer a = call(method, path, "application/json", body, strlen(body));
	json_t *json = json_loads(a.body, 0, NULL);

	if (!json)
		fail_msg("%s %s: no JSON: %s", method, path, a.text);
	free(a.text);
	return json;
}

static json_int_t number(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

static struct answer lines(const char *path, const char *text)
{
	return call("POST", path, "text/plain", text, strlen(text));
}

/* ---- a table of calls ---- */

#define ROOM_A "{\"name\":\"a\",\"streams\":[{\"port\":5004,\"from\":\"192.0.2.1\"}]}"

#define ROOM_LONG "0123456789012345678901234567890123456789012345678901234567890123"

static const struct step {
	const char *name, *method, *path, *body;
	int code;
	const char *want; /* in the body */
} steps[] = {
	{"healthy", "GET", "/healthz", "", 200, "\"ok\""},
	{"status", "GET", "/v1/status", "", 200, "\"abi\":2"},
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

/* ---- lists ---- */

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

static void expect(struct answer a, int code, const char *want)
{
	if (a.code != code || !strstr(a.body, want))
		fail_msg("wanted %d and \"%s\", got %s", code, want, a.text);
	free(a.text);
}

static struct answer put_lines(const char *path, const char *text)
{
	return call("PUT", path, "text/plain", text, strlen(text));
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

static char *list_of(uint32_t n, size_t *len)
{
	char *text = malloc(n * 24 + 1);

	*len = 0;
	for (uint32_t i = 0; i < n; i++)
		*len += (size_t)sprintf(text + *len, "10.%u.%u.%u:4000\n", i >> 16 & 255,
					i >> 8 & 255, i & 255);
	return text;
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

/* ---- save and restore ---- */

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

/* ---- capture ---- */

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
#define api_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		api_test(test_calls),
		api_test(test_large_bodies),
		api_test(test_content_type),
		api_test(test_bulk),
		api_test(test_guard_lists),
		api_test(test_guard_changes_in_line),
		api_test(test_long_line),
		api_test(test_json_list),
		api_test(test_full),
		api_test(test_others_are_served_meanwhile),
		api_test(test_client_leaves),
		api_test(test_room_dies_under_a_list),
		api_test(test_save_and_restore),
		api_test(test_save_guard),
		api_test(test_restore_refuses),
		api_test(test_streams_of_a_room),
		api_test(test_restore_of_too_many_rooms),
		api_test(test_capture),
		api_test(test_capture_counts_what_it_lost),
		api_test(test_capture_ends_with_its_client),
		api_test(test_socket_is_ours),
		api_test(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
