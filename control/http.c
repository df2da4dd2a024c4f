/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/crierd.h"
#include "xdp/addr.h"
#include "xdp/log.h"

#define LISTENERS 2
#define HEADERS_MAX 16384
#define IDLE_TIMEOUT_S 60
#define BACKLOG 256

#define ALL_METHODS \
	(EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
	 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

struct listener {
	struct http *http;
	struct evhttp *server;
	char *token; /* NULL: none is asked for */
	char *path;  /* of a Unix socket */
};

struct http {
	struct crierd *d;
	const struct route *routes;
	struct listener listener[LISTENERS];
	uint32_t listeners;
	struct http_stats stats;
};

/* ---- routes ---- */

static enum http_method method_of(struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return HTTP_GET;
	case EVHTTP_REQ_POST:
		return HTTP_POST;
	case EVHTTP_REQ_PUT:
		return HTTP_PUT;
	case EVHTTP_REQ_DELETE:
		return HTTP_DELETE;
	default:
		return 0;
	}
}

#define SEGMENTS 8
struct path {
	char *segment[SEGMENTS]; /* decoded; NULL after the last */
	uint32_t n;
};

static void path_free(struct path *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		free(p->segment[i]);
}

/* False: more segments than any route has, or no memory. */
static bool path_split(const char *s, struct path *p)
{
	p->n = 0;
	while (*s == '/') {
		size_t len = strcspn(++s, "/"), decoded;
		char *raw;

		if (p->n == SEGMENTS)
			return false;
		raw = strndup(s, len);
		if (!raw)
			return false;
		p->segment[p->n] = evhttp_uridecode(raw, 0, &decoded);
		free(raw);
		if (!p->segment[p->n])
			return false;
		/* A zero byte would cut the name short, and name something else. */
		if (strlen(p->segment[p->n++]) != decoded)
			return false;
		s += len;
	}
	return *s == '\0';
}

static bool route_matches(const struct route *r, const struct path *p, const char **arg)
{
	const char *s = r->path;
	uint32_t args = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		size_t len;

		if (*s++ != '/')
			return false;
		len = strcspn(s, "/");
		if (len == 1 && *s == '*')
			arg[args++] = p->segment[i];
		else if (strlen(p->segment[i]) != len || memcmp(p->segment[i], s, len) != 0)
			return false;
		s += len;
	}
	return *s == '\0';
}

static void methods_say(const struct http *h, const struct path *p, char *text, size_t size)
{
	static const struct {
		enum http_method method;
		const char *name;
	} names[] = {
		{HTTP_GET, "GET"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_DELETE, "DELETE"}};
	const char *arg[HTTP_ARGS];
	unsigned methods = 0;
	size_t at = 0;

	*text = '\0';
	for (const struct route *r = h->routes; r->path; r++)
		if (route_matches(r, p, arg))
			methods |= r->method;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (methods & names[i].method)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       names[i].name);
}

static bool is_word_of(const char *words, const char *word)
{
	size_t len = strlen(word);
	const char *at = words;

	while (len && (at = strstr(at, word))) {
		if ((at == words || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

/* A name misspelt must not be taken for one left out: that may delete more than was meant. */
static bool query_is_known(struct call *call, const char *known)
{
	struct evkeyvalq q;
	const struct evkeyval *kv;

	if (!known || !call->query || !*call->query)
		return true;
	if (evhttp_parse_query_str(call->query, &q) != 0) {
		http_reply_error(call, 400, "what stands after \"?\" must be NAME=VALUE&...");
		return false;
	}
	for (kv = q.tqh_first; kv && is_word_of(known, kv->key); kv = kv->next.tqe_next)
		;
	evhttp_clear_headers(&q);
	if (!kv)
		return true;
	http_reply_error(call, 400, "after \"?\" this call takes %s", known);
	return false;
}

static void route_call(struct http *h, struct call *call, const struct path *p)
{
	size_t len = evbuffer_get_length(evhttp_request_get_input_buffer(call->req));
	char methods[64];

	for (const struct route *r = h->routes; r->path; r++) {
		if (r->method != call->method || !route_matches(r, p, call->arg))
			continue;
		if (len > r->body_max && r->body_max)
			http_reply_error(call, 413,
					 "this body is larger than the %zu KB allowed here",
					 r->body_max >> 10);
		else if (query_is_known(call, r->query))
			r->handle(call);
		return;
	}
	methods_say(h, p, methods, sizeof(methods));
	if (!*methods) {
		http_reply_error(call, 404, "there is nothing here; the API begins at /v1/status");
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(call->req), "Allow", methods);
	http_reply_error(call, 405, "this is done with %s", methods);
}

/* ---- calls ---- */

/* Takes as long whatever the first difference. */
static bool same_secret(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned char differ = la != lb;

	for (size_t i = 0; i < la; i++)
		differ |= (unsigned char)(a[i] ^ b[lb ? i % lb : 0]);
	return !differ;
}

static bool is_allowed(const struct listener *l, struct evhttp_request *req)
{
	const char *header;

	if (!l->token)
		return true;
	header = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
	return header && strncasecmp(header, "Bearer ", 7) == 0 &&
	       same_secret(header + 7, l->token);
}

static void on_call(struct evhttp_request *req, void *arg)
{
	struct listener *l = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	struct call call = {.d = l->http->d, .req = req, .method = method_of(req)};
	struct path p = {0};

	l->http->stats.calls++;
	if (!is_allowed(l, req)) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "WWW-Authenticate",
				  "Bearer");
		http_reply_error(&call, 401,
				 "this listener wants the header \"Authorization: "
				 "Bearer TOKEN\"");
		return;
	}
	call.query = uri ? evhttp_uri_get_query(uri) : NULL;
	if (path && path_split(path, &p))
		route_call(l->http, &call, &p);
	else
		http_reply_error(&call, 404, "there is nothing here; the API begins at /v1/status");
	path_free(&p);
}

/* ---- sockets ---- */

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(arg);
}

/* No descriptor for another client: the next try at once would fail too, and so for ever. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct timeval second = {1, 0};

	(void)arg;
	log_warn("crierd: cannot take another client of the API: %s", strerror(errno));
	if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, on_rested, listener,
			    &second) == 0)
		evconnlistener_disable(listener);
}

static int listener_add(struct http *h, int fd, const char *token, const char *path)
{
	struct listener *l = &h->listener[h->listeners];
	struct evhttp_bound_socket *bound;

	if (h->listeners == LISTENERS)
		return -EMFILE;
	*l = (struct listener){.http = h, .server = evhttp_new(loop_base(h->d->loop))};
	if (!l->server || (token && !(l->token = strdup(token))) ||
	    (path && !(l->path = strdup(path))))
		goto out;
	evhttp_set_bevcb(l->server, http_own_connection, NULL);
	evhttp_set_gencb(l->server, on_call, l);
	evhttp_set_allowed_methods(l->server, ALL_METHODS);
	evhttp_set_max_body_size(l->server, HTTP_BODY_MAX);
	evhttp_set_max_headers_size(l->server, HEADERS_MAX);
	evhttp_set_timeout(l->server, IDLE_TIMEOUT_S);
	evhttp_set_flags(l->server, EVHTTP_SERVER_LINGERING_CLOSE);
	bound = evhttp_accept_socket_with_handle(l->server, fd);
	if (!bound)
		goto out;
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_error);
	h->listeners++;
	return 0;
out:
	if (l->server)
		evhttp_free(l->server);
	free(l->token);
	free(l->path);
	return -ENOMEM;
}

/* A socket file whose crierd is dead may be taken over; one that answers may not. */
static int socket_is_alive(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int alive;

	if (fd < 0)
		return 0;
	alive = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN;
	close(fd);
	return alive;
}

static int unix_socket(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int err;

	if (fd < 0)
		return -errno;
	unlink(sa->sun_path);
	mask = umask(0117); /* from its first moment: 0660 */
	err = bind(fd, (const struct sockaddr *)sa, sizeof(*sa));
	umask(mask);
	if (err || listen(fd, BACKLOG) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int http_listen_unix(struct http *h, const char *path, char err[HTTP_ERR_LEN])
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, ret;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		snprintf(err, HTTP_ERR_LEN, "socket path %s is longer than %zu bytes", path,
			 sizeof(sa.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(sa.sun_path, path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		snprintf(err, HTTP_ERR_LEN, "%s exists and is no socket; choose another --socket",
			 path);
		return -EEXIST;
	}
	if (socket_is_alive(&sa)) {
		snprintf(err, HTTP_ERR_LEN,
			 "another crierd answers on %s; stop it, or choose another --socket", path);
		return -EADDRINUSE;
	}
	fd = unix_socket(&sa);
	ret = fd < 0 ? fd : listener_add(h, fd, NULL, path);
	if (ret)
		snprintf(err, HTTP_ERR_LEN, "cannot listen on %s: %s", path, strerror(-ret));
	if (ret && fd >= 0)
		close(fd);
	return ret;
}

static int tcp_socket(const struct crier_endpoint *ep)
{
	bool v4 = addr_is_v4(&ep->addr);
	struct sockaddr_in sa4 = {.sin_family = AF_INET, .sin_port = ep->port};
	struct sockaddr_in6 sa6 = {.sin6_family = AF_INET6, .sin6_port = ep->port};
	int one = 1, err;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	sa4.sin_addr.s_addr = addr_v4(&ep->addr);
	memcpy(&sa6.sin6_addr, &ep->addr, sizeof(sa6.sin6_addr));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	err = v4 ? bind(fd, (struct sockaddr *)&sa4, sizeof(sa4))
		 : bind(fd, (struct sockaddr *)&sa6, sizeof(sa6));
	if (err || listen(fd, BACKLOG) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int http_listen_tcp(struct http *h, const char *address, const char *token, char err[HTTP_ERR_LEN])
{
	struct crier_endpoint ep;
	int ret = endpoint_parse(address, strlen(address), &ep), fd;

	if (ret) {
		snprintf(err, HTTP_ERR_LEN, "API address %s: %s", address, endpoint_strerror(ret));
		return ret;
	}
	if (!token || !*token) {
		snprintf(err, HTTP_ERR_LEN, "the API on %s needs a token: set api.token_file",
			 address);
		return -EINVAL;
	}
	fd = tcp_socket(&ep);
	ret = fd < 0 ? fd : listener_add(h, fd, token, NULL);
	if (ret)
		snprintf(err, HTTP_ERR_LEN, "cannot listen on %s: %s", address, strerror(-ret));
	if (ret && fd >= 0)
		close(fd);
	return ret;
}

/* ---- the server ---- */

int http_open(struct crierd *d, const struct route *routes, struct http **out)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->d = d;
	h->routes = routes;
	d->http = h;
	*out = h;
	return 0;
}

struct http_stats *http_stats(struct http *h)
{
	return &h->stats;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; i < h->listeners; i++) {
		struct listener *l = &h->listener[i];

		evhttp_free(l->server);
		if (l->path)
			unlink(l->path);
		free(l->path);
		free(l->token);
	}
	h->d->http = NULL;
	free(h);
}
