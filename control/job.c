/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "control/crierd.h"
#include "control/http.h"

#define OUTPUT_MOST (256U << 10) /* bytes that wait for a client before a job pauses */

static void job_detach(struct job *job)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(job->call.req);

	loop_cancel(job->call.d->loop, &job->task);
	if (job->closed)
		event_free(job->closed);
	job->closed = NULL;
	if (conn)
		evhttp_connection_set_closecb(conn, NULL, NULL);
	job->ended = true;
	if (job->call.d->http)
		http_stats(job->call.d->http)->jobs--;
}

/* The connection is going down.  A request that it has let go of already is ours to free. */
static void on_connection_close(struct evhttp_connection *conn, void *arg)
{
	struct job *job = arg;
	struct evhttp_request *req = job->call.req;
	bool orphan = !evhttp_request_get_connection(req);

	(void)conn;
	job_detach(job);
	job->ops->end(job);
	if (orphan)
		evhttp_request_free(req);
}

/*
 * evhttp doesn't read while a call is being answered, so it wouldn't notice that its
 * client has gone.  A Unix client that has only shut down its sending side still wants
 * the answer; with TCP the two can't be told apart.
 */
static void on_client_close(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;
	struct evhttp_connection *conn = evhttp_request_get_connection(job->call.req);
	struct pollfd p = {.fd = fd};
	int family = 0;
	socklen_t len = sizeof(family);

	(void)what;
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	if (family == AF_UNIX && poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR)))
		return;
	if (conn)
		evhttp_connection_free(conn);
}

static bool job_step(struct task *task, struct budget *budget)
{
	struct job *job = (struct job *)task;

	return job->ops->step(job, budget);
}

void job_start(struct job *job, struct call *call, const struct job_ops *ops)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(call->req);
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(conn));

	*job = (struct job){.task.step = job_step, .call = *call, .ops = ops};
	job->call.arg[0] = job->call.arg[1] = NULL;
	job->call.query = NULL;
	if (call->d->http)
		http_stats(call->d->http)->jobs++;
	evhttp_connection_set_closecb(conn, on_connection_close, job);
	job->closed = event_new(loop_base(call->d->loop), fd, EV_CLOSED, on_client_close, job);
	if (job->closed)
		event_add(job->closed, NULL);
	loop_add(call->d->loop, &job->task);
}

void job_reply_json(struct job *job, int code, json_t *json)
{
	struct call call = job->call;

	job_detach(job);
	job->ops->end(job);
	http_reply_json(&call, code, json);
}

int job_stream(struct job *job, const char *type)
{
	struct evhttp_request *req = job->call.req;

	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
	evhttp_send_reply_start(req, 200, "OK");
	job->streaming = true;
	return 0;
}

/* All that was given is sent: go on. */
static void on_drained(struct evhttp_connection *conn, void *arg)
{
	struct job *job = arg;

	(void)conn;
	job->blocked = false;
	if (!job->ended)
		loop_add(job->call.d->loop, &job->task);
}

void job_flush(struct job *job, struct evbuffer *data)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(job->call.req);
	struct evbuffer *out;

	if (!conn || !evbuffer_get_length(data))
		return;
	evhttp_send_reply_chunk_with_cb(job->call.req, data, on_drained, job);
	out = bufferevent_get_output(evhttp_connection_get_bufferevent(conn));
	job->blocked = evbuffer_get_length(out) > OUTPUT_MOST;
}

void job_stream_end(struct job *job)
{
	struct evhttp_request *req = job->call.req;

	job_detach(job);
	job->ops->end(job);
	evhttp_send_reply_end(req);
}
