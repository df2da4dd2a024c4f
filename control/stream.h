/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: who may speak into a room, and on which UDP port. */
#ifndef CRIER_CONTROL_STREAM_H
#define CRIER_CONTROL_STREAM_H

#include "control/store.h"

/* Streams of one room: what a save's line of a room can tell. */
#define ROOM_STREAMS 64

struct stream_spec {
	uint16_t port;		    /* UDP, host order */
	uint32_t flags;		    /* enum crier_stream_flags */
	struct crier_endpoint from; /* as flags say */
	uint32_t ssrc;		    /* host order */
	uint8_t pt;
};

/*
 * Links a stream into its port's chain.  0; -EADDRINUSE another room has the port
 * (*other is it, 0: it is the media port); -EEXIST the same stream is there;
 * -EMLINK the port has CRIER_PORT_STREAMS; -E2BIG the room has ROOM_STREAMS; -ENOSPC
 * the table is full; -EAGAIN full until grace; -ENOMEM.
 */
int stream_add(struct store *s, uint32_t room, const struct stream_spec *spec, uint32_t *stream,
	       uint32_t *other);

/* Unlinks one; its number is free after grace. */
void stream_remove(struct store *s, uint32_t room, uint32_t stream);

/* Removes the room's streams on a port, or the one with this SSRC.  How many. */
uint32_t stream_remove_port(struct store *s, uint32_t room, uint16_t port, const uint32_t *ssrc);

/* The room that has a port, 0: none. */
uint32_t stream_port_room(const struct store *s, uint16_t port);

/* How a stream was asked for, from its row. */
void stream_spec_of(const struct crier_stream *row, struct stream_spec *spec);

/*
 * For store_open(): keeps a stream that a former crierd left, and links it if it isn't;
 * may it be linked?
 */
bool stream_may_link(const struct store *s, uint32_t stream);
int stream_adopt(struct store *s, uint32_t stream, bool linked);

#endif
