/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies of the API: the first byte says which route they go to.  Any bytes are either
 * taken, and then keep the rules, or refused with a sentence.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define need(what) \
	do { \
		if (!(what)) \
			abort(); \
	} while (0)

static void stream_check(const struct stream_spec *s)
{
	need(s->port);
	need(s->flags & (CRIER_STREAM_FROM | CRIER_STREAM_SSRC));
	need(s->pt < 128);
	need(!addr_is_multicast(&s->from.addr) && !addr_is_broadcast(&s->from.addr));
}

static void try_room(const json_t *json, char *err)
{
	static struct room_body body;

	if (body_room(json, &body, err) != 0) {
		need(*err);
		return;
	}
	need(room_name_valid(body.name, strlen(body.name)));
	for (uint32_t i = 0; i < body.streams; i++)
		stream_check(&body.stream[i]);
}

static void try_stream(const json_t *json, char *err)
{
	struct stream_spec spec;

	if (body_stream(json, &spec, err) == 0)
		stream_check(&spec);
	else
		need(*err);
}

static void try_listeners(const json_t *json, char *err)
{
	struct crier_endpoint *ep;
	bool single;
	size_t n;

	if (body_listeners(json, &ep, &n, &single, err) != 0) {
		need(*err);
		return;
	}
	for (size_t i = 0; i < n; i++)
		need(ep[i].port && endpoint_check_member(&ep[i]) == 0);
	free(ep);
}

static void try_value(const json_t *json, char *err)
{
	uint64_t value;

	need(body_value(json, &value, err) == 0 || *err);
}

/* What is taken is in its one form: it can be written, and read as the same again. */
static void prefix_check(const struct crier_guard_prefix *p)
{
	char text[PREFIX_STRLEN], err[BODY_ERR_LEN];
	struct crier_guard_prefix again;

	need(p->len <= (p->family6 ? 128 : 32));
	for (unsigned int bit = p->len + (p->family6 ? 0 : 96); bit < 128; bit++)
		need(!(p->addr.b[bit / 8] & 0x80 >> bit % 8));
	guard_prefix_format(text, p);
	need(guard_prefix_parse(text, strlen(text), &again, err) == 0);
	need(addr_equal(&again.addr, &p->addr) && again.len == p->len &&
	     again.family6 == p->family6);
}

static void try_prefix(const json_t *json, char *err)
{
	struct crier_guard_prefix p;

	if (body_prefix(json, &p, err) != 0) {
		need(*err);
		return;
	}
	need(p.value == CRIER_GUARD_BLOCK || p.value == CRIER_GUARD_ALLOW);
	prefix_check(&p);
}

static void try_prefix_line(const char *text, size_t len)
{
	char err[BODY_ERR_LEN] = "";
	struct crier_guard_prefix p;
	int ret = body_prefix_line(text, len, &p, err);

	need(ret >= 0 || *err);
	if (ret > 0)
		prefix_check(&p);
}

static void try_lines(const char *text, size_t size)
{
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t len = end ? (size_t)(end - text) : size;
		char err[BODY_ERR_LEN] = "";
		struct crier_endpoint ep;
		int ret = body_line(text, len, &ep, err);

		need(ret >= 0 || *err);
		need(ret <= 0 || endpoint_check_member(&ep) == 0);
		try_prefix_line(text, len);
		text += len + !!end;
		size -= len + !!end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const routes[])(const json_t *, char *) = {try_room, try_stream,
								 try_listeners, try_value};
	char err[BODY_ERR_LEN] = "";
	json_t *json;
	char which;

	if (!size)
		return 0;
	which = (char)*data;
	if (which == 't') {
		try_lines((const char *)data + 1, size - 1);
		return 0;
	}
	json = body_object((const char *)data + 1, size - 1, err);
	if (json && which == 'g')
		try_prefix(json, err);
	else if (json)
		routes[which & 3](json, err);
	else
		need(*err);
	json_decref(json);
	return 0;
}
