/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/capture.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/api.h"
#include "control/pcapng.h"
#include "control/stats.h"
#include "xdp/log.h"

#define POLL_US 2000
#define BATCH 64	    /* records of one source a turn */
#define WAITING_MAX 4194304 /* bytes that wait for a slow client before packets are left out */
#define INTERFACES 128	    /* told apart in one file */

struct client {
	struct job job; /* first */
	struct capture *capture;
	struct client *next, **link;
	uint64_t wants; /* CRIER_CAPTURE_* and the room, as in config.capture */
	uint64_t left, lost;
	struct evbuffer *data;
	uint32_t ifindex[INTERFACES];
	uint32_t interfaces;
	bool full;
};

struct capture {
	struct crierd *d;
	struct ring_buffer *ring;
	struct event *poll;
	struct client *clients;
	uint32_t clients_n, taken;
	uint64_t clock_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t next[CRIER_MAX_WORKERS];
	uint64_t lost;
	uint64_t ring_drops; /* as counted by XDP when last looked at */
};

/* ---- what is wanted ---- */

/* One room if all clients agree on it, else all; each client picks its own. */
static void wants_publish(struct capture *c)
{
	uint64_t bits = 0, room = 0;

	for (struct client *i = c->clients; i; i = i->next) {
		bits |= i->wants & 0xffffffff;
		room = i == c->clients || room == i->wants >> 32 ? i->wants >> 32 : 0;
	}
	tbl_store(&c->d->tables->config->capture, bits ? bits | room << 32 : 0);
}

static bool client_wants(const struct client *i, const struct crier_capture_rec *rec)
{
	uint32_t only = (uint32_t)(i->wants >> 32);

	if (only && only != rec->room)
		return false;
	if (rec->verdict == CRIER_CAPTURE_COPY)
		return i->wants & CRIER_CAPTURE_COPIES;
	if (rec->verdict == CRIER_XDP_accepted || rec->verdict == CRIER_XDP_accepted_rtcp)
		return i->wants & CRIER_CAPTURE_INPUT;
	return i->wants & CRIER_CAPTURE_DROPS;
}

/* ---- writing ---- */

static const char *verdict_name(uint32_t verdict)
{
	static const char *const names[] = {
#define VERDICT_NAME(name, help) #name,
		CRIER_XDP_COUNTERS(VERDICT_NAME)
#undef VERDICT_NAME
	};

	if (verdict == CRIER_CAPTURE_COPY)
		return "copy";
	return verdict < CRIER_XDP_N ? names[verdict] : "?";
}

/* Its number in this client's file, describing it when it is met first. */
static uint32_t interface_number(struct client *i, uint32_t ifindex)
{
	char name[IF_NAMESIZE];
	uint32_t n;

	for (n = 0; n < i->interfaces; n++)
		if (i->ifindex[n] == ifindex)
			return n;
	if (n == INTERFACES)
		return 0;
	if (!if_indextoname(ifindex, name))
		snprintf(name, sizeof(name), "if%u", ifindex);
	i->ifindex[i->interfaces++] = ifindex;
	pcapng_interface(i->data, name, CRIER_CAPTURE_SNAP);
	return n;
}

static void comment_of(const struct capture *c, const struct crier_capture_rec *rec, char *text,
		       size_t size)
{
	const struct crier_config *config = c->d->tables->config;
	const char *room = rec->room && rec->room < config->max_rooms
				   ? c->d->tables->rooms[rec->room].name
				   : "";

	snprintf(text, size, "%s%s%.*s", verdict_name(rec->verdict), *room ? " room " : "",
		 CRIER_NAME_LEN, room);
}

static void client_write(struct client *i, const struct crier_capture_rec *rec)
{
	char comment[128];
	struct pcapng_packet p = {
		.time_ns = rec->time_ns + i->capture->clock_ns,
		.len = rec->len,
		.caplen = rec->caplen < CRIER_CAPTURE_SNAP ? rec->caplen : CRIER_CAPTURE_SNAP,
		.data = rec->data,
		.comment = comment,
		.dropped = i->lost,
	};

	comment_of(i->capture, rec, comment, sizeof(comment));
	p.interface = interface_number(i, rec->ifindex);
	pcapng_packet(i->data, &p);
	i->lost = 0;
	i->left--;
}

static void record_take(struct capture *c, const struct crier_capture_rec *rec)
{
	for (struct client *i = c->clients; i; i = i->next) {
		if (!i->left || !client_wants(i, rec))
			continue;
		if (i->full) {
			i->lost++;
			c->lost++;
			continue;
		}
		client_write(i, rec);
	}
}

/* Nobody knows whose they would have been: each client that may have missed them is told. */
static void records_lost(struct capture *c, uint64_t n, uint64_t kinds)
{
	for (struct client *i = c->clients; i; i = i->next)
		if (i->wants & kinds)
			i->lost += n;
	c->lost += n;
}

/* ---- reading ---- */

/* A negative answer ends the round; the record is taken all the same. */
static int on_ring_record(void *arg, void *data, size_t len)
{
	struct capture *c = arg;

	if (len >= sizeof(struct crier_capture_rec))
		record_take(c, data);
	return ++c->taken < BATCH ? 0 : -EAGAIN;
}

static struct crier_capture_rec *worker_rec(const struct capture *c, uint32_t worker,
					    uint64_t serial)
{
	return &c->d->tables->capture_ring[(size_t)worker * CRIER_CAPTURE_SLOTS +
					   (serial - 1) % CRIER_CAPTURE_SLOTS];
}

/* True if the record of this serial was there and stayed whole while it was copied. */
static bool rec_copy(const struct crier_capture_rec *from, uint64_t serial,
		     struct crier_capture_rec *to)
{
	if (tbl_load_acquire(&from->serial) != serial)
		return false;
	memcpy(to, from, sizeof(*to));
	return __atomic_load_n(&from->serial, __ATOMIC_SEQ_CST) == serial &&
	       to->caplen <= CRIER_CAPTURE_SNAP;
}

static void worker_read(struct capture *c, uint32_t worker)
{
	struct crier_capture_rec rec;

	for (int n = 0; n < BATCH; n++) {
		uint64_t serial = c->next[worker];
		uint64_t there = tbl_load_acquire(&worker_rec(c, worker, serial)->serial);

		if (there < serial) /* not written yet, or just being overwritten */
			return;
		if (there > serial) { /* it has lapped us: go on with the oldest half */
			uint64_t skip = there - serial - CRIER_CAPTURE_SLOTS / 2;

			c->next[worker] += skip;
			records_lost(c, skip, CRIER_CAPTURE_COPIES);
			continue;
		}
		c->next[worker]++;
		if (rec_copy(worker_rec(c, worker, serial), serial, &rec))
			record_take(c, &rec);
		else
			records_lost(c, 1, CRIER_CAPTURE_COPIES);
	}
}

/* The ring buffer was full: XDP counts what it could not keep. */
static void ring_drops_take(struct capture *c)
{
	uint64_t drops = stats_xdp(c->d->tables, CRIER_XDP_drop_capture);

	if (drops > c->ring_drops)
		records_lost(c, drops - c->ring_drops,
			     CRIER_CAPTURE_INPUT | CRIER_CAPTURE_COPIES | CRIER_CAPTURE_DROPS);
	c->ring_drops = drops;
}

/* Begin after what is in the rings now. */
static void rings_skip(struct capture *c)
{
	const struct crier_config *config = c->d->tables->config;

	for (uint32_t w = 0; w < config->max_workers; w++) {
		c->next[w] = 1;
		for (uint32_t i = 1; i <= CRIER_CAPTURE_SLOTS; i++) {
			uint64_t serial = tbl_load(&worker_rec(c, w, i)->serial);

			if (serial >= c->next[w])
				c->next[w] = serial + 1;
		}
	}
	c->ring_drops = stats_xdp(c->d->tables, CRIER_XDP_drop_capture);
	if (c->ring)
		ring_buffer__consume(c->ring); /* no client yet: nobody takes it */
}

/* ---- clients ---- */

static void client_flush(struct client *i)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(i->job.call.req);
	struct evbuffer *out;

	job_flush(&i->job, i->data);
	if (!conn)
		return;
	out = bufferevent_get_output(evhttp_connection_get_bufferevent(conn));
	i->full = evbuffer_get_length(out) > WAITING_MAX;
}

static void poll_again(struct capture *c)
{
	struct timeval tv = {0, POLL_US};

	if (c->clients)
		event_add(c->poll, &tv);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;
	struct client *i, *next;

	(void)fd;
	(void)what;
	c->taken = 0;
	if (c->ring)
		ring_buffer__consume(c->ring);
	ring_drops_take(c);
	for (uint32_t w = 0; w < c->d->tables->config->max_workers; w++)
		worker_read(c, w);
	for (i = c->clients; i; i = next) {
		next = i->next;
		client_flush(i);
		if (!i->left)
			job_stream_end(&i->job);
	}
	poll_again(c);
}

static void clients_unlink(struct client *i)
{
	*i->link = i->next;
	if (i->next)
		i->next->link = i->link;
	i->capture->clients_n--;
	wants_publish(i->capture);
}

static void clients_link(struct capture *c, struct client *i)
{
	i->next = c->clients;
	i->link = &c->clients;
	if (i->next)
		i->next->link = &i->next;
	c->clients = i;
	c->clients_n++;
}

static bool client_step(struct job *job, struct budget *budget)
{
	(void)job;
	(void)budget;
	return false; /* on_poll does all */
}

static void client_end(struct job *job)
{
	struct client *i = (struct client *)job;

	clients_unlink(i);
	evbuffer_free(i->data);
	free(i);
}

static uint64_t clocks_differ(void)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (uint64_t)(real.tv_sec - mono.tv_sec) * 1000000000ULL +
	       (uint64_t)(real.tv_nsec - mono.tv_nsec);
}

static void client_start(struct capture *c, struct client *i, struct call *call)
{
	static const struct job_ops ops = {client_step, client_end};

	i->capture = c;
	if (!c->clients) {
		rings_skip(c);
		c->clock_ns = clocks_differ();
	}
	job_start(&i->job, call, &ops);
	clients_link(c, i);
	job_stream(&i->job, "application/x-pcapng");
	pcapng_section(i->data, "crierd " CRIER_VERSION);
	client_flush(i); /* a reader sees at once that it is on */
	wants_publish(c);
	poll_again(c);
}

static int wants_of(struct call *call, uint64_t *wants)
{
	char name[CRIER_NAME_LEN * 2];
	uint32_t room = 0;

	*wants = (http_query_flag(call, "input") ? CRIER_CAPTURE_INPUT : 0) |
		 (http_query_flag(call, "copies") ? CRIER_CAPTURE_COPIES : 0) |
		 (http_query_flag(call, "drops") ? CRIER_CAPTURE_DROPS : 0);
	if (!*wants)
		*wants = CRIER_CAPTURE_INPUT | CRIER_CAPTURE_COPIES | CRIER_CAPTURE_DROPS;
	if (http_query(call, "room", name, sizeof(name))) {
		room = room_find(&call->d->store, name, strlen(name));
		if (!room)
			return -ENOENT;
	}
	*wants |= (uint64_t)room << 32;
	return 0;
}

void api_capture(struct call *call)
{
	struct capture *c = call->d->capture;
	struct client *i;
	uint64_t wants, count;

	if (!c) {
		http_reply_error(call, 503, "this crierd cannot capture");
		return;
	}
	if (!http_query_u64(call, "count", 0, &count)) {
		http_reply_error(call, 400, "count must be a whole number");
		return;
	}
	if (wants_of(call, &wants) != 0) {
		http_reply_error(call, 404, "there is no such room to capture");
		return;
	}
	i = calloc(1, sizeof(*i));
	if (i)
		i->data = evbuffer_new();
	if (!i || !i->data) {
		free(i);
		http_reply_error(call, 500, "out of memory");
		return;
	}
	i->wants = wants;
	i->left = count ? count : UINT64_MAX;
	client_start(c, i, call);
}

/* ---- */

int capture_open(struct crierd *d, int ring_fd, struct capture **out)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->d = d;
	tbl_store(&d->tables->config->capture, 0);
	if (ring_fd >= 0)
		c->ring = ring_buffer__new(ring_fd, on_ring_record, c, NULL);
	if (ring_fd >= 0 && !c->ring)
		log_warn("crierd: cannot read the ring buffer \"capture\": %s; only copies can be "
			 "captured",
			 strerror(errno));
	c->poll = event_new(loop_base(d->loop), -1, 0, on_poll, c);
	if (!c->poll) {
		capture_close(c);
		return -ENOMEM;
	}
	d->capture = c;
	*out = c;
	return 0;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	tbl_store(&c->d->tables->config->capture, 0);
	if (c->poll)
		event_free(c->poll);
	if (c->ring)
		ring_buffer__free(c->ring);
	c->d->capture = NULL;
	free(c);
}

uint32_t capture_clients(const struct capture *c)
{
	return c->clients_n;
}

uint64_t capture_lost(const struct capture *c)
{
	return c->lost;
}
