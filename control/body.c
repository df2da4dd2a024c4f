/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/lines.h"

/* Enough of what was given to recognize it, and nothing that a terminal would obey. */
#define QUOTE_MAX 60
struct quoted {
	char text[QUOTE_MAX + 4];
};

static struct quoted quote(const char *s, size_t len)
{
	struct quoted q;
	size_t n = len < QUOTE_MAX ? len : QUOTE_MAX;

	for (size_t i = 0; i < n; i++)
		q.text[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	strcpy(q.text + n, len > n ? "..." : "");
	return q;
}

__attribute__((format(printf, 2, 3))) static int wrong(char err[BODY_ERR_LEN], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, BODY_ERR_LEN, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

#define BODY_VALUES_MAX 12000

/*
 * Each value costs the parser an allocation, however short it is: 64 KB of "0,0,0,.." took
 * a turn of 4 ms.  Values are counted by what parts them, in strings too, at no cost.
 */
static bool too_many_values(const char *text, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{';
	return n > BODY_VALUES_MAX;
}

json_t *body_object(const char *text, size_t len, char err[BODY_ERR_LEN])
{
	json_error_t error;
	json_t *json;

	if (too_many_values(text, len)) {
		wrong(err, "more than %d values in one body: send listeners as text lines",
		      BODY_VALUES_MAX);
		return NULL;
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		struct quoted q = quote(error.text, strlen(error.text));

		wrong(err, "not JSON: line %d, column %d: %s", error.line, error.column, q.text);
	} else if (!json_is_object(json)) {
		wrong(err, "a JSON object is expected here, like {\"name\": ...}");
		json_decref(json);
		json = NULL;
	}
	return json;
}

int body_keys(const json_t *json, const char *const *keys, char err[BODY_ERR_LEN])
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)json, key, value) {
		size_t i = 0;

		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i]) {
			struct quoted q = quote(key, strlen(key));
			size_t at = 0;
			char known[160];

			for (i = 0; keys[i] && at < sizeof(known); i++)
				at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
						       i ? ", " : "", keys[i]);
			return wrong(err, "unknown key \"%s\"; known are %s", q.text, known);
		}
	}
	return 0;
}

/* ---- values ---- */

static int get_string(const json_t *json, const char *key, const char **out, char *err)
{
	const json_t *value = json_object_get(json, key);

	*out = json_string_value(value);
	if (value && !*out)
		return wrong(err, "\"%s\" must be a string", key);
	if (*out && strlen(*out) != json_string_length(value))
		return wrong(err, "\"%s\" has a zero byte in it", key);
	return 0;
}

/* 1 if it is there, 0 if not. */
static int get_u64(const json_t *json, const char *key, uint64_t least, uint64_t most,
		   uint64_t *out, char *err)
{
	const json_t *value = json_object_get(json, key);
	json_int_t n = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || n < 0 || (uint64_t)n < least || (uint64_t)n > most)
		return wrong(err, "\"%s\" must be a whole number from %" PRIu64 " to %" PRIu64, key,
			     least, most);
	*out = (uint64_t)n;
	return 1;
}

/* ---- streams ---- */

static int stream_from(const char *from, struct stream_spec *out, char *err)
{
	struct quoted q;
	int ret;

	if (!from)
		return wrong(err, "a stream needs \"from\": the publisher's address (or \"any\", "
				  "together with \"ssrc\")");
	if (strcmp(from, "any") == 0) {
		if (!(out->flags & CRIER_STREAM_SSRC))
			return wrong(err, "\"from\": \"any\" needs \"ssrc\": who may speak must be "
					  "told by something");
		return 0;
	}
	q = quote(from, strlen(from));
	ret = endpoint_parse_from(from, strlen(from), &out->from);
	if (ret)
		return wrong(err, "\"from\": \"%s\": %s", q.text, endpoint_strerror(ret));
	if (addr_is_unspecified(&out->from.addr))
		return wrong(err,
			     "\"from\": \"%s\" is nobody's address; to take any source, say "
			     "\"any\" and give \"ssrc\"",
			     q.text);
	if (addr_is_multicast(&out->from.addr) || addr_is_broadcast(&out->from.addr))
		return wrong(err, "\"from\": \"%s\" is no address that packets come from", q.text);
	out->flags |= CRIER_STREAM_FROM;
	if (out->from.port)
		out->flags |= CRIER_STREAM_FROM_PORT;
	return 0;
}

int body_stream(const json_t *json, struct stream_spec *out, char err[BODY_ERR_LEN])
{
	static const char *const keys[] = {"port", "from", "ssrc", "pt", NULL};
	const char *from;
	uint64_t n;
	int ret;

	memset(out, 0, sizeof(*out));
	if (!json_is_object(json))
		return wrong(err, "a stream is an object: {\"port\": UDPPORT, \"from\": ADDRESS}");
	if (body_keys(json, keys, err) || get_string(json, "from", &from, err))
		return -EINVAL;
	ret = get_u64(json, "port", 1, 65535, &n, err);
	if (ret < 1)
		return ret ? ret : wrong(err, "a stream needs \"port\", the UDP port it comes to");
	out->port = (uint16_t)n;
	ret = get_u64(json, "ssrc", 0, UINT32_MAX, &n, err);
	if (ret < 0)
		return ret;
	if (ret) {
		out->ssrc = (uint32_t)n;
		out->flags |= CRIER_STREAM_SSRC;
	}
	ret = get_u64(json, "pt", 0, 127, &n, err);
	if (ret < 0)
		return ret;
	if (ret) {
		out->pt = (uint8_t)n;
		out->flags |= CRIER_STREAM_PT;
	}
	return stream_from(from, out, err);
}

/* With payload=udp there is no RTP header to look at. */
static int stream_fits_payload(const struct stream_spec *spec, uint32_t payload, char *err)
{
	if (payload == CRIER_PAYLOAD_UDP && spec->flags & (CRIER_STREAM_SSRC | CRIER_STREAM_PT))
		return wrong(err, "payload \"udp\" has no RTP header: \"ssrc\" and \"pt\" mean "
				  "nothing there");
	return 0;
}

json_t *body_stream_json(const struct crier_stream *row)
{
	struct stream_spec spec;
	char from[ENDPOINT_STRLEN] = "any";
	json_t *json;

	stream_spec_of(row, &spec);
	if (spec.flags & CRIER_STREAM_FROM_PORT)
		endpoint_format(from, &spec.from);
	else if (spec.flags & CRIER_STREAM_FROM)
		addr_format(from, &spec.from.addr);
	json = json_pack("{s:i, s:s}", "port", (int)spec.port, "from", from);
	if (json && spec.flags & CRIER_STREAM_SSRC)
		json_object_set_new(json, "ssrc", json_integer(spec.ssrc));
	if (json && spec.flags & CRIER_STREAM_PT)
		json_object_set_new(json, "pt", json_integer(spec.pt));
	return json;
}

/* ---- rooms ---- */

static const char *const payload_names[] = {"rtp", "udp"};
static const char *const engine_names[] = {"none", "bypass", "kernel", "page"};

const char *body_payload_name(uint32_t payload)
{
	return payload <= CRIER_PAYLOAD_UDP ? payload_names[payload] : "?";
}

const char *body_engine_name(uint32_t wanted)
{
	if (wanted == ROOM_WANTED_AUTO)
		return "auto";
	return wanted <= CRIER_ENGINE_PAGE ? engine_names[wanted] : "?";
}

static int room_engine(const char *name, uint32_t *wanted, char *err)
{
	if (!name || strcmp(name, "auto") == 0)
		*wanted = ROOM_WANTED_AUTO;
	else if (strcmp(name, "bypass") == 0)
		*wanted = CRIER_ENGINE_BYPASS;
	else if (strcmp(name, "none") == 0)
		*wanted = CRIER_ENGINE_NONE;
	else if (strcmp(name, "kernel") == 0)
		*wanted = CRIER_ENGINE_KERNEL;
	else
		return wrong(err, "\"engine\" must be \"auto\", \"bypass\", \"kernel\" or "
				  "\"none\"");
	return 0;
}

static int room_payload(const char *name, enum crier_payload *payload, char *err)
{
	if (!name || strcmp(name, "rtp") == 0)
		*payload = CRIER_PAYLOAD_RTP;
	else if (strcmp(name, "udp") == 0)
		*payload = CRIER_PAYLOAD_UDP;
	else
		return wrong(err, "\"payload\" must be \"rtp\" or \"udp\"");
	return 0;
}

static int room_streams(const json_t *json, struct room_body *out, char *err)
{
	const json_t *streams = json_object_get(json, "streams");

	if (!streams)
		return 0;
	if (!json_is_array(streams) || json_array_size(streams) > BODY_STREAMS)
		return wrong(err, "\"streams\" must be an array of at most %d streams",
			     BODY_STREAMS);
	for (size_t i = 0; i < json_array_size(streams); i++) {
		struct stream_spec *spec = &out->stream[out->streams++];

		if (body_stream(json_array_get(streams, i), spec, err) ||
		    stream_fits_payload(spec, out->spec.payload, err))
			return -EINVAL;
	}
	return 0;
}

int body_room(const json_t *json, struct room_body *out, char err[BODY_ERR_LEN])
{
	static const char *const keys[] = {"name", "payload", "engine", "limit", "streams", NULL};
	const char *name, *payload, *engine;
	uint64_t limit = 0;

	memset(out, 0, sizeof(*out));
	if (!json_is_object(json))
		return wrong(err, "a room is an object: {\"name\": ...}");
	if (body_keys(json, keys, err) || get_string(json, "name", &name, err) ||
	    get_string(json, "payload", &payload, err) ||
	    get_string(json, "engine", &engine, err) ||
	    get_u64(json, "limit", 0, UINT32_MAX, &limit, err) < 0)
		return -EINVAL;
	if (!name || !room_name_valid(name, strlen(name)))
		return wrong(err, "a room needs a \"name\" of 1 to %d characters A-Z a-z 0-9 . _ -",
			     CRIER_NAME_LEN - 1);
	strcpy(out->name, name);
	out->spec = (struct room_spec){.name = out->name, .limit = (uint32_t)limit};
	if (room_payload(payload, &out->spec.payload, err) ||
	    room_engine(engine, &out->spec.wanted, err))
		return -EINVAL;
	return room_streams(json, out, err);
}

int body_engine(const json_t *json, uint32_t *wanted, char err[BODY_ERR_LEN])
{
	static const char *const keys[] = {"engine", NULL};
	const char *engine;

	if (body_keys(json, keys, err) || get_string(json, "engine", &engine, err))
		return -EINVAL;
	return engine ? room_engine(engine, wanted, err) : wrong(err, "\"engine\" is missing");
}

int body_value(const json_t *json, uint64_t *out, char err[BODY_ERR_LEN])
{
	static const char *const keys[] = {"value", NULL};
	int ret;

	if (body_keys(json, keys, err))
		return -EINVAL;
	ret = get_u64(json, "value", 0, INT64_MAX, out, err);
	if (ret == 0)
		return wrong(err, "\"value\" is missing");
	return ret < 0 ? ret : 0;
}

/* ---- listeners ---- */

static int endpoint_wrong(const char *s, size_t len, int why, char *err)
{
	struct quoted q = quote(s, len);

	return wrong(err, "\"%s\": %s", q.text, endpoint_strerror(why));
}

int body_endpoints(const json_t *array, struct crier_endpoint *ep, char err[BODY_ERR_LEN])
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *value = json_array_get(array, i);
		int ret;

		if (!json_is_string(value))
			return wrong(err, "listener %zu is no string; \"ADDRESS:PORT\" is expected",
				     i + 1);
		ret = member_parse(json_string_value(value), json_string_length(value), &ep[i]);
		if (ret)
			return endpoint_wrong(json_string_value(value), json_string_length(value),
					      ret, err);
	}
	return 0;
}

int body_listeners(const json_t *json, struct crier_endpoint **ep, size_t *n, bool *single,
		   char err[BODY_ERR_LEN])
{
	static const char *const keys[] = {"listener", "listeners", NULL};
	json_t *one = json_object_get(json, "listener"),
	       *array = json_object_get(json, "listeners");
	int ret;

	*ep = NULL;
	if (body_keys(json, keys, err))
		return -EINVAL;
	if (!one == !array)
		return wrong(err, "either \"listener\" or \"listeners\" is expected");
	if (array && !json_is_array(array))
		return wrong(err, "\"listeners\" must be an array of \"ADDRESS:PORT\"");
	*single = one;
	array = one ? json_pack("[O]", one) : json_incref(array);
	*n = json_array_size(array);
	*ep = calloc(*n + 1, sizeof(**ep));
	ret = array && *ep ? body_endpoints(array, *ep, err) : wrong(err, "out of memory");
	json_decref(array);
	if (ret) {
		free(*ep);
		*ep = NULL;
	}
	return ret;
}

int body_line(const char *line, size_t len, struct crier_endpoint *ep, char err[BODY_ERR_LEN])
{
	int ret;

	if (!line_trim(&line, &len))
		return 0;
	ret = member_parse(line, len, ep);
	return ret ? endpoint_wrong(line, len, ret, err) : 1;
}

int body_prefix(const json_t *json, struct crier_guard_prefix *out, char err[BODY_ERR_LEN])
{
	static const char *const keys[] = {"prefix", "action", NULL};
	const char *prefix, *action;

	if (body_keys(json, keys, err) || get_string(json, "prefix", &prefix, err) ||
	    get_string(json, "action", &action, err))
		return -EINVAL;
	if (!prefix || !action || !guard_value_find(action))
		return wrong(err, "{\"prefix\": \"ADDRESS/LENGTH\", \"action\": \"block\" or "
				  "\"allow\"} is expected");
	if (guard_prefix_parse(prefix, strlen(prefix), out, err) != 0)
		return -EINVAL;
	out->value = (uint8_t)guard_value_find(action);
	return 0;
}

int body_prefix_line(const char *line, size_t len, struct crier_guard_prefix *out,
		     char err[BODY_ERR_LEN])
{
	if (!line_trim(&line, &len))
		return 0;
	return guard_prefix_parse(line, len, out, err) == 0 ? 1 : -EINVAL;
}
