/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/crierd.h"
#include "control/http.h"

#define ERROR_MAX 1024

static const char *reason_of(int code)
{
	static const struct {
		int code;
		const char *reason;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
		{507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].code == code)
			return reasons[i].reason;
	return "Error";
}

static void header(struct call *call, const char *key, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(call->req), key, value);
}

void http_reply_text(struct call *call, int code, const char *type, const char *text)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(call->req);

	if (code >= 400 && call->d->http)
		http_stats(call->d->http)->refused++;
	header(call, "Content-Type", type);
	evbuffer_add(out, text, strlen(text));
	evhttp_send_reply(call->req, code, reason_of(code), NULL);
}

void http_reply_json(struct call *call, int code, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (text)
		http_reply_text(call, code, "application/json", text);
	else
		http_reply_text(call, 500, "application/json", "{\"error\":\"out of memory\"}");
	free(text);
}

void http_reply_error(struct call *call, int code, const char *fmt, ...)
{
	char text[ERROR_MAX];
	json_t *json;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json = json_pack("{s:s}", "error", text);
	if (!json) /* no UTF-8: somebody's bytes are quoted in it */
		json = json_pack("{s:s}", "error", "this has bytes that are not UTF-8");
	http_reply_json(call, code, json);
}

bool http_query(const struct call *call, const char *key, char *value, size_t size)
{
	struct evkeyvalq q;
	const char *found;

	if (!call->query || evhttp_parse_query_str(call->query, &q) != 0)
		return false;
	found = evhttp_find_header(&q, key);
	if (found)
		snprintf(value, size, "%s", found);
	evhttp_clear_headers(&q);
	return found;
}

bool http_query_u64(const struct call *call, const char *key, uint64_t otherwise, uint64_t *value)
{
	char text[32], *end;

	*value = otherwise;
	if (!http_query(call, key, text, sizeof(text)))
		return true;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

bool http_query_flag(const struct call *call, const char *key)
{
	char text[8];

	return http_query(call, key, text, sizeof(text)) &&
	       (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
}

const char *http_body(struct call *call, size_t *len)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(call->req);
	const unsigned char *body;

	*len = evbuffer_get_length(in);
	body = *len ? evbuffer_pullup(in, -1) : NULL;
	return body ? (const char *)body : "";
}

bool http_body_is(const struct call *call, const char *type)
{
	const char *given =
		evhttp_find_header(evhttp_request_get_input_headers(call->req), "Content-Type");
	size_t len = strlen(type);

	return given && strncasecmp(given, type, len) == 0 &&
	       (given[len] == '\0' || given[len] == ';' || given[len] == ' ');
}
