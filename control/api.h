/* SPDX-License-Identifier: BSD-2-Clause */
/* crierd's HTTP API: what each route does.  The table of routes is in api.c. */
#ifndef CRIER_CONTROL_API_H
#define CRIER_CONTROL_API_H

#include "control/http.h"
#include "control/room.h"
#include "control/stream.h"

extern const struct route api_routes[];

/* The room that the call's path names, or 0 after a 404. */
uint32_t api_room_of(struct call *call);

/* The JSON object in the call's body, or NULL with a sentence in err. */
json_t *api_body(struct call *call, char *err);

/*
 * Makes a room with its streams, or nothing.  0, or the HTTP status of the refusal with
 * a sentence in err.  Used by POST /v1/rooms, restore and the configuration alike.
 */
struct room_body;
int api_room_make(struct crierd *d, const struct room_body *body, uint32_t *room, char *err,
		  size_t size);
/* The same for a stream, and for a listener that was refused (a member_add() error). */
int api_stream_make(struct crierd *d, uint32_t room, const struct stream_spec *spec,
		    uint32_t *stream, char *err, size_t size);
int api_listener_error(struct crierd *d, uint32_t room, int why, char *err, size_t size);

/* Mode and lists, for status too. */
json_t *api_guard_json(const struct crierd *d);

/* For status. */
json_t *api_features_json(const struct crierd *d);

/* The XDP programs at work, for status too. */
json_t *api_programs_json(const struct crierd *d);

/* For save: a room as POST /v1/rooms would take it. */
json_t *api_room_spec_json(const struct store *s, uint32_t room);

void api_rooms_list(struct call *call);
void api_rooms_add(struct call *call);
void api_room_show(struct call *call);
void api_room_set(struct call *call);
void api_room_delete(struct call *call);
void api_streams_add(struct call *call);
void api_streams_delete(struct call *call);

void api_listeners_list(struct call *call);
void api_listeners_count(struct call *call);
void api_listeners_add(struct call *call);
void api_listeners_remove(struct call *call);
void api_listener_delete(struct call *call);

void api_settings_list(struct call *call);
void api_setting_show(struct call *call);
void api_setting_put(struct call *call);

void api_guard_show(struct call *call);
void api_guard_put(struct call *call);
void api_guard_list(struct call *call);
void api_guard_add(struct call *call);
void api_guard_replace(struct call *call);
void api_guard_remove(struct call *call);
void api_guard_clear(struct call *call);
void api_guard_delete(struct call *call);

/*
 * What a save's lines mean.  It goes up when an older crierd would misread them, and a restore
 * refuses what is above its own.  Tables' ABI is another matter: a save is how rooms get from
 * one to the next.
 */
#define API_SAVE_FORMAT 1

void api_save(struct call *call);
void api_restore(struct call *call);
void api_capture(struct call *call);
void api_reload(struct call *call);

#endif
