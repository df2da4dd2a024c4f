/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/capture.h"

struct server server;

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

int server_setup(void **state)
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

int server_teardown(void **state)
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

int dial(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, server.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

void put(int fd, const void *data, size_t len)
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

struct answer receive(int fd)
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

void request(int fd, const char *method, const char *path, const char *type, size_t len)
{
	char head[1024];
	int n = snprintf(head, sizeof(head),
			 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 method, path, type, len);

	put(fd, head, (size_t)n);
}

struct answer call(const char *method, const char *path, const char *type, const char *body,
		   size_t len)
{
	int fd = dial();

	request(fd, method, path, type, len);
	put(fd, body, len);
	return receive(fd);
}

int code_of(const char *method, const char *path, const char *body)
{
	struct answer a = call(method, path, "application/json", body, strlen(body));

	free(a.text);
	return a.code;
}

json_t *json_of(const char *method, const char *path, const char *body)
{
	struct answer a = call(method, path, "application/json", body, strlen(body));
	json_t *json = json_loads(a.body, 0, NULL);

	if (!json)
		fail_msg("%s %s: no JSON: %s", method, path, a.text);
	free(a.text);
	return json;
}

json_int_t number(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

struct answer lines(const char *path, const char *text)
{
	return call("POST", path, "text/plain", text, strlen(text));
}

void expect(struct answer a, int code, const char *want)
{
	if (a.code != code || !strstr(a.body, want))
		fail_msg("wanted %d and \"%s\", got %s", code, want, a.text);
	free(a.text);
}

struct answer put_lines(const char *path, const char *text)
{
	return call("PUT", path, "text/plain", text, strlen(text));
}

char *list_of(uint32_t n, size_t *len)
{
	char *text = malloc(n * 24 + 1);

	*len = 0;
	for (uint32_t i = 0; i < n; i++)
		*len += (size_t)sprintf(text + *len, "10.%u.%u.%u:4000\n", i >> 16 & 255,
					i >> 8 & 255, i & 255);
	return text;
}
