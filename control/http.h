/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd's HTTP server: sockets, routes, replies.
 *
 * A handler gets a call whose body is read in full, and answers it: at once by one of
 * the reply functions, or over many turns of the loop by a job.  Everything runs on the
 * event loop.  Errors are always {"error": "..."}.
 */
#ifndef CRIER_CONTROL_HTTP_H
#define CRIER_CONTROL_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/loop.h"

struct bufferevent;
struct crierd;
struct event;
struct event_base;
struct evbuffer;
struct evhttp_request;
struct http;

#define HTTP_BODY_MAX (64U << 20)
#define HTTP_BODY_SMALL (64U << 10)
#define HTTP_ARGS 2

enum http_method {
	HTTP_GET = 1,
	HTTP_POST = 2,
	HTTP_PUT = 4,
	HTTP_DELETE = 8,
};

struct call {
	struct crierd *d;
	struct evhttp_request *req;
	enum http_method method;
	const char *arg[HTTP_ARGS]; /* what stood for each '*' of the route, decoded */
	const char *query;	    /* after '?', or NULL */
};

struct route {
	enum http_method method;
	const char *path; /* segments, '*' stands for any one */
	void (*handle)(struct call *call);
	size_t body_max;   /* 0: no body is looked at */
	const char *query; /* names that may stand after '?', blanks between; NULL: ignored */
};

/* ---- replies ---- */

void http_reply_json(struct call *call, int code, json_t *json); /* takes the reference */
__attribute__((format(printf, 3, 4))) void http_reply_error(struct call *call, int code,
							    const char *fmt, ...);
void http_reply_text(struct call *call, int code, const char *type, const char *text);

/* A value of the query, decoded, its beginning if it is too long; false if it isn't there. */
bool http_query(const struct call *call, const char *key, char *value, size_t size);
/* A number; `otherwise` if it isn't there.  False: it is, but it's no number. */
bool http_query_u64(const struct call *call, const char *key, uint64_t otherwise, uint64_t *value);
/* "1" or "true". */
bool http_query_flag(const struct call *call, const char *key);

/* The body as one piece, and its length; valid until the reply. */
const char *http_body(struct call *call, size_t *len);
/* The content type is (or isn't given and may pass for) this one. */
bool http_body_is(const struct call *call, const char *type);

/* ---- jobs: calls that take many turns ---- */

struct job;
struct job_ops {
	/* A step of the work.  True: another, please.  Ends by one of the job_reply's. */
	bool (*step)(struct job *job, struct budget *budget);
	/* The call is over, or its client has gone: release everything of the job's. */
	void (*end)(struct job *job);
};

struct job {
	struct task task; /* first */
	struct call call; /* arg and query are not kept */
	const struct job_ops *ops;
	struct event *closed;
	bool streaming, blocked, ended;
};

/* Takes over the call; job is allocated by the caller as the first part of its own. */
void job_start(struct job *job, struct call *call, const struct job_ops *ops);
/* The answer; afterwards ops->end() has been called. */
void job_reply_json(struct job *job, int code, json_t *json);

/*
 * An answer in pieces.  After job_stream(), a step adds to job_buffer() and calls
 * job_flush(); steps stop while the client doesn't read.  job_stream_end() is the end.
 */
int job_stream(struct job *job, const char *type);
void job_flush(struct job *job, struct evbuffer *data);
void job_stream_end(struct job *job);

/* ---- the server ---- */

int http_open(struct crierd *d, const struct route *routes, struct http **out);
/*
 * Serves a Unix socket at path (made with mode 0660), or a TCP address "ADDR:PORT" to
 * those who know the token.  0 or -errno with a sentence in err: -EADDRINUSE a living
 * crierd has the socket.
 */
#define HTTP_ERR_LEN 256
int http_listen_unix(struct http *h, const char *path, char err[HTTP_ERR_LEN]);
int http_listen_tcp(struct http *h, const char *address, const char *token, char err[HTTP_ERR_LEN]);
/* Ends all calls and jobs, closes and removes the sockets. */
void http_close(struct http *h);

/* For evhttp_set_bevcb(): makes its own errors JSON too. */
struct bufferevent *http_own_connection(struct event_base *base, void *arg);

struct http_stats {
	uint64_t calls, refused; /* answered, and of these with 4xx or 5xx */
	uint32_t jobs;		 /* under way */
};
struct http_stats *http_stats(struct http *h);

#endif
