/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What clients send, checked: JSON bodies and text lines become specs.  Pure functions
 * on their arguments; each error is one sentence that says what is wrong.
 */
#ifndef CRIER_CONTROL_BODY_H
#define CRIER_CONTROL_BODY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/guard_list.h"
#include "control/room.h"
#include "control/stream.h"
#include "xdp/addr.h"

#define BODY_ERR_LEN GUARD_ERR_LEN
#define BODY_STREAMS ROOM_STREAMS

struct room_body {
	char name[CRIER_NAME_LEN];
	struct room_spec spec; /* its name points to the above */
	struct stream_spec stream[BODY_STREAMS];
	uint32_t streams;
};

/* A JSON object, or NULL with err. */
json_t *body_object(const char *text, size_t len, char err[BODY_ERR_LEN]);

/* -EINVAL with err if something is missing, unknown or of another type or range. */
int body_room(const json_t *json, struct room_body *out, char err[BODY_ERR_LEN]);
int body_stream(const json_t *json, struct stream_spec *out, char err[BODY_ERR_LEN]);
int body_engine(const json_t *json, uint32_t *wanted, char err[BODY_ERR_LEN]);
int body_value(const json_t *json, uint64_t *out, char err[BODY_ERR_LEN]);

/*
 * {"listener": "A:P"} or {"listeners": [...]}.  *ep is allocated, *n entries; *single
 * tells which form it was.
 */
int body_listeners(const json_t *json, struct crier_endpoint **ep, size_t *n, bool *single,
		   char err[BODY_ERR_LEN]);
int body_endpoints(const json_t *array, struct crier_endpoint *ep, char err[BODY_ERR_LEN]);

/*
 * One line of a bulk list.  1: an endpoint; 0: nothing, or a comment; -EINVAL with err.
 */
int body_line(const char *line, size_t len, struct crier_endpoint *ep, char err[BODY_ERR_LEN]);

/* {"prefix": "10.0.0.0/8", "action": "block"}; and one line of a list, as above, without value. */
int body_prefix(const json_t *json, struct crier_guard_prefix *out, char err[BODY_ERR_LEN]);
int body_prefix_line(const char *line, size_t len, struct crier_guard_prefix *out,
		     char err[BODY_ERR_LEN]);

/* "auto", "bypass", ... and "rtp", "udp". */
const char *body_engine_name(uint32_t wanted);
const char *body_payload_name(uint32_t payload);
/* How a stream is written; the caller's reference. */
json_t *body_stream_json(const struct crier_stream *row);

/* Only these keys (NULL-terminated), or -EINVAL. */
int body_keys(const json_t *json, const char *const *keys, char err[BODY_ERR_LEN]);

#endif
