/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/grace.h"
#include "control/room.h"
#include "xdp/log.h"

static uint32_t *port_head(const struct store *s, uint16_t port)
{
	return &s->t->ingest[port / 64].stream[port % 64];
}

uint32_t stream_port_room(const struct store *s, uint16_t port)
{
	uint32_t first = *port_head(s, port);

	return first ? s->t->streams[first].room : 0;
}

void stream_spec_of(const struct crier_stream *row, struct stream_spec *spec)
{
	*spec = (struct stream_spec){
		.port = ntohs(row->port),
		.flags = row->flags,
		.from = {.addr = row->from, .port = row->from_port},
		.ssrc = ntohl(row->ssrc),
		.pt = row->pt,
	};
}

static bool same_stream(const struct crier_stream *a, const struct crier_stream *b)
{
	return a->flags == b->flags && addr_equal(&a->from, &b->from) &&
	       a->from_port == b->from_port && a->ssrc == b->ssrc && a->pt == b->pt;
}

/* 0 if row may join the chain of its port. */
static int chain_check(const struct store *s, const struct crier_stream *row, uint32_t *other)
{
	uint32_t n = 0;

	*other = 0;
	if (row->port == s->t->config->media_port)
		return -EADDRINUSE;
	for (uint32_t i = *port_head(s, ntohs(row->port)); i; i = s->t->streams[i].next, n++) {
		if (s->t->streams[i].room != row->room) {
			*other = s->t->streams[i].room;
			return -EADDRINUSE;
		}
		if (same_stream(&s->t->streams[i], row))
			return -EEXIST;
	}
	return n < CRIER_PORT_STREAMS ? 0 : -EMLINK;
}

static struct crier_stream row_of(const struct store *s, uint32_t room,
				  const struct stream_spec *spec)
{
	struct crier_stream row = {
		.room = room,
		.generation = room_row(s, room)->generation,
		.flags = spec->flags,
		.port = htons(spec->port),
		.payload = (uint8_t)room_row(s, room)->payload,
		.state = 1,
	};

	if (spec->flags & CRIER_STREAM_FROM)
		row.from = spec->from.addr;
	if (spec->flags & CRIER_STREAM_FROM_PORT)
		row.from_port = spec->from.port;
	if (spec->flags & CRIER_STREAM_SSRC)
		row.ssrc = htonl(spec->ssrc);
	if (spec->flags & CRIER_STREAM_PT)
		row.pt = spec->pt;
	return row;
}

static int room_keep(struct store *s, uint32_t room, uint32_t stream)
{
	struct room *r = &s->rooms[room];
	uint32_t *list = realloc(r->stream, (r->streams + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	r->stream = list;
	list[r->streams++] = stream;
	s->streams_n++;
	return 0;
}

/* Nobody counts a stream that isn't linked: its counters have no other writer now. */
static void counters_clear(struct store *s, uint32_t stream)
{
	for (uint32_t cpu = 0; cpu < s->t->config->cpus; cpu++)
		memset(&s->t->stream_counters[(size_t)cpu * s->t->config->max_streams + stream], 0,
		       sizeof(struct crier_stream_counters));
}

static void chain_push(struct store *s, uint32_t stream)
{
	struct crier_stream *row = &s->t->streams[stream];
	uint32_t *head = port_head(s, ntohs(row->port));

	tbl_store(&row->next, *head);
	tbl_store_release(head, stream);
}

static void chain_drop(struct store *s, uint32_t stream)
{
	uint32_t *link = port_head(s, ntohs(s->t->streams[stream].port));

	while (*link && *link != stream)
		link = &s->t->streams[*link].next;
	if (*link)
		tbl_store_release(link, s->t->streams[stream].next);
}

int stream_add(struct store *s, uint32_t room, const struct stream_spec *spec, uint32_t *stream,
	       uint32_t *other)
{
	struct crier_stream row = row_of(s, room, spec);
	int err = chain_check(s, &row, other);
	uint32_t n;

	if (err)
		return err;
	if (s->rooms[room].streams >= ROOM_STREAMS)
		return -E2BIG;
	if (!s->free_streams.n)
		return s->streams_n + 1 < s->t->config->max_streams ? -EAGAIN : -ENOSPC;
	n = s->free_streams.number[s->free_streams.n - 1];
	err = room_keep(s, room, n);
	if (err)
		return err;
	s->free_streams.n--;
	counters_clear(s, n);
	/* Live last: a crierd that dies in mid-copy leaves no stream with half of its rules. */
	row.state = 0;
	s->t->streams[n] = row;
	tbl_store_release(&s->t->streams[n].state, 1);
	chain_push(s, n);
	*stream = n;
	return 0;
}

static void stream_free(void *arg, uint32_t stream)
{
	struct store *s = arg;

	s->free_streams.number[s->free_streams.n++] = stream;
}

static void room_forget(struct room *r, uint32_t stream)
{
	for (uint32_t i = 0; i < r->streams; i++) {
		if (r->stream[i] != stream)
			continue;
		memmove(r->stream + i, r->stream + i + 1,
			(r->streams - i - 1) * sizeof(*r->stream));
		r->streams--;
		return;
	}
}

/* state first: a crierd that dies here leaves no stream that the next one would link again. */
void stream_remove(struct store *s, uint32_t room, uint32_t stream)
{
	tbl_store_release(&s->t->streams[stream].state, 0);
	chain_drop(s, stream);
	room_forget(&s->rooms[room], stream);
	s->streams_n--;
	if (grace_defer_number(s->grace, stream_free, s, stream) != 0)
		log_err("crierd: no memory; stream %u stays taken until crierd is started again",
			stream);
}

uint32_t stream_remove_port(struct store *s, uint32_t room, uint16_t port, const uint32_t *ssrc)
{
	struct room *r = &s->rooms[room];
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->streams;) {
		const struct crier_stream *row = &s->t->streams[r->stream[i]];
		bool hit = row->port == htons(port);

		if (hit && ssrc)
			hit = row->flags & CRIER_STREAM_SSRC && row->ssrc == htonl(*ssrc);
		if (!hit) {
			i++;
			continue;
		}
		stream_remove(s, room, r->stream[i]);
		n++;
	}
	return n;
}

bool stream_may_link(const struct store *s, uint32_t stream)
{
	uint32_t other;

	return chain_check(s, &s->t->streams[stream], &other) == 0;
}

int stream_adopt(struct store *s, uint32_t stream, bool linked)
{
	struct crier_stream *row = &s->t->streams[stream];
	int err = room_keep(s, row->room, stream);

	if (!err && !linked)
		chain_push(s, stream);
	return err;
}
