/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evhttp answers some requests itself, before any handler: a body that is too large, a
 * header that isn't one.  Its page of HTML is replaced here by the JSON that all other
 * errors are, in the connection's output before anything of it is sent.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/http.h"

#define PAGE_MAX 2048
#define PAGE_END "</HTML>\n"

static const char *sentence(int code)
{
	switch (code) {
	case 400:
		return "this is no HTTP request that can be understood";
	case 413:
		return "this body is larger than the 64 MB that a request may have; send it in "
		       "parts";
	case 417:
		return "this expectation cannot be met";
	case 501:
		return "there is no such method";
	default:
		return "this request cannot be served";
	}
}

static void replace(struct evbuffer *out, const char *page)
{
	int code = atoi(page + strlen("HTTP/1.1 "));
	const char *text = sentence(code);
	char status[64] = "";

	snprintf(status, sizeof(status), "%.*s", (int)strcspn(page, "\r\n"), page);
	evbuffer_drain(out, evbuffer_get_length(out));
	evbuffer_add_printf(out,
			    "%s\r\nContent-Type: application/json\r\nConnection: close\r\n"
			    "Content-Length: %zu\r\n\r\n{\"error\":\"%s\"}",
			    status, strlen(text) + strlen("{\"error\":\"\"}"), text);
}

/* Nothing of ours is text/html, so what is comes from evhttp. */
static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	size_t len = evbuffer_get_length(out), end = strlen(PAGE_END);
	char page[PAGE_MAX + 1];

	(void)arg;
	if (!info->n_added || len > PAGE_MAX || len < end)
		return;
	evbuffer_copyout(out, page, len);
	page[len] = '\0';
	if (strncmp(page, "HTTP/1.", 7) == 0 && strcmp(page + len - end, PAGE_END) == 0 &&
	    strstr(page, "Content-Type: text/html"))
		replace(out, page);
}

struct bufferevent *http_own_connection(struct event_base *base, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

	if (bev)
		evbuffer_add_cb(bufferevent_get_output(bev), on_output, arg);
	return bev;
}
