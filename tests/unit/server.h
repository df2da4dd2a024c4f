/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP API through a real server on a Unix socket, over tables in plain memory: a thread runs
 * crierd's loop, the test is its client.
 */
#ifndef CRIER_TESTS_SERVER_H
#define CRIER_TESTS_SERVER_H

#include <jansson.h>
#include <pthread.h>

#include "control/api.h"
#include "world.h"

/* One a process, between setup and teardown; its world is the loop's while that runs. */
extern struct server {
	struct world world;
	struct http *http;
	pthread_t thread;
	int stop;
	char dir[64], path[96], tcp[32];
} server;

int server_setup(void **state);
int server_teardown(void **state);

#define server_test(f) cmocka_unit_test_setup_teardown(f, server_setup, server_teardown)

/* text is to be freed. */
struct answer {
	int code;
	char *text; /* headers and body */
	char *body;
	size_t len;
};

/* A call in pieces: a connection, the head of a request, its body, the answer and the end. */
int dial(void);
void request(int fd, const char *method, const char *path, const char *type, size_t len);
void put(int fd, const void *data, size_t len);
struct answer receive(int fd);

struct answer call(const char *method, const char *path, const char *type, const char *body,
		   size_t len);
struct answer lines(const char *path, const char *text);     /* POST text/plain */
struct answer put_lines(const char *path, const char *text); /* PUT text/plain */
int code_of(const char *method, const char *path, const char *body);
json_t *json_of(const char *method, const char *path, const char *body);
json_int_t number(const json_t *json, const char *key);

/* The answer is that, with `want` in its body; it is freed. */
void expect(struct answer a, int code, const char *want);

/* n listeners, one a line; to be freed. */
char *list_of(uint32_t n, size_t *len);

#define ROOM_A "{\"name\":\"a\",\"streams\":[{\"port\":5004,\"from\":\"192.0.2.1\"}]}"

#endif
