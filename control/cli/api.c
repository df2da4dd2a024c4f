// SPDX-License-Identifier: BSD-2-Clause
#include "api.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"

#define ANSWER_MAX ((size_t)256 << 20) /* an answer that is kept in memory */
#define REFUSAL_MAX ((size_t)64 << 10)

struct buffer {
	char *data;
	size_t len, room;
};

struct api {
	CURL *curl;
	CURLM *multi;
	struct curl_slist *headers;
	const char *socket;
	const char *url;
	const char *token;
	long timeout_ms;

	/* of the call under way, and of the last one */
	struct buffer answer;
	size_t answer_max;
	api_sink sink;
	void *sink_arg;
	bool sink_ended;
	long status;
	json_t *refusal;
	char error[1024];
};

static void api_fail(struct api *api, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void api_fail(struct api *api, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(api->error, sizeof(api->error), fmt, ap);
	va_end(ap);
}

struct api *api_open(const char *socket, const char *url, const char *token)
{
	struct api *api = xalloc(calloc(1, sizeof(*api)));

	curl_global_init(CURL_GLOBAL_ALL);
	api->curl = xalloc(curl_easy_init());
	api->multi = xalloc(curl_multi_init());
	api->socket = socket;
	api->url = url;
	api->token = token;
	api->timeout_ms = 60000;
	return api;
}

void api_close(struct api *api)
{
	if (!api)
		return;
	curl_easy_cleanup(api->curl);
	curl_multi_cleanup(api->multi);
	curl_slist_free_all(api->headers);
	json_decref(api->refusal);
	free(api->answer.data);
	free(api);
	curl_global_cleanup();
}

void api_timeout(struct api *api, long ms)
{
	api->timeout_ms = ms;
}

const char *api_error(const struct api *api)
{
	return api->error;
}

long api_status(const struct api *api)
{
	return api->status;
}

const json_t *api_error_object(const struct api *api)
{
	return api->refusal;
}

static void put_escaped(FILE *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			fputc(c, out);
		else
			fprintf(out, "%%%02X", c);
	}
}

char *api_path(const char *fmt, ...)
{
	char *path = NULL;
	size_t len = 0;
	FILE *out = xalloc(open_memstream(&path, &len));
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (fmt[0] == '%' && fmt[1] == 's') {
			put_escaped(out, va_arg(ap, const char *));
			fmt++;
		} else {
			fputc(*fmt, out);
		}
	}
	va_end(ap);
	if (fclose(out) != 0)
		xalloc(NULL);
	return path;
}

static bool status_good(long status)
{
	return status >= 200 && status < 300;
}

static int buffer_add(struct buffer *b, const char *data, size_t len, size_t max)
{
	if (len > max - b->len)
		return -1;
	if (b->len + len + 1 > b->room) {
		/* Doubled, so that a large answer is not copied once a piece. */
		b->room = 2 * (b->len + len) + 4096;
		b->data = xalloc(realloc(b->data, b->room));
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

/* libcurl's write callback: anything but the full size ends the transfer. */
static size_t take_answer(char *data, size_t size, size_t n, void *arg)
{
	struct api *api = arg;
	size_t len = size * n;

	curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &api->status);
	if (api->sink && status_good(api->status)) {
		if (api->sink(api->sink_arg, data, len) != 0) {
			api->sink_ended = true;
			return 0;
		}
		return len;
	}
	if (buffer_add(&api->answer, data, len,
		       status_good(api->status) ? api->answer_max : REFUSAL_MAX))
		return 0;
	return len;
}

/* What connect() itself says of the socket: libcurl keeps the reason to itself. */
static int socket_errno(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, err = 0;

	if (strlen(path) >= sizeof(sun.sun_path))
		return ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		err = errno;
	close(fd);
	return err;
}

static void explain_connect(struct api *api)
{
	int err;

	if (api->url) {
		api_fail(api,
			 "cannot connect to %s: is crierd running there, and does it listen on "
			 "TCP (api: tcp: in its config)?",
			 api->url);
		return;
	}
	err = socket_errno(api->socket);
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		api_fail(api,
			 "crierd is not running (nobody listens at %s): start it, or name its "
			 "socket with --socket",
			 api->socket);
		break;
	case EACCES:
	case EPERM:
		api_fail(api,
			 "no permission to use %s: run as root, or as a member of the socket's "
			 "group",
			 api->socket);
		break;
	default:
		api_fail(api, "cannot connect to crierd at %s: %s", api->socket,
			 err ? strerror(err) : "it does not take the connection");
	}
}

static void explain_curl(struct api *api, CURLcode code)
{
	const char *where = api->url ? api->url : api->socket;

	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		explain_connect(api);
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		api_fail(api, "%s is no address of a crierd: write http://HOST:PORT", where);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		api_fail(api, "crierd at %s does not answer", where);
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		api_fail(api, "crierd at %s broke off: see its log", where);
		break;
	case CURLE_WRITE_ERROR:
		api_fail(api, "crierd at %s sent more than an answer may have", where);
		break;
	default:
		api_fail(api, "call to crierd at %s failed: %s", where, curl_easy_strerror(code));
	}
}

static void explain_refusal(struct api *api)
{
	const char *reason;

	api->refusal = json_loads(api->answer.data ? api->answer.data : "", 0, NULL);
	reason = field_str(api->refusal, "error");
	if (*reason)
		api_fail(api, "%s", reason);
	else if (api->status == 401 || api->status == 403)
		api_fail(api, "crierd refuses the token: set CRIER_TOKEN to the one in its config");
	else if (api->status == 413)
		api_fail(api, "the request is larger than crierd takes (64 MB): split it");
	else
		api_fail(api, "%s answered HTTP %ld without a reason: is that crierd?",
			 api->url ? api->url : api->socket, api->status);
}

/* Runs the prepared transfer; *stopped: stop_fd became readable. */
static CURLcode transfer(struct api *api, int stop_fd, bool *stopped)
{
	struct curl_waitfd wait = {.fd = stop_fd, .events = CURL_WAIT_POLLIN};
	CURLcode result = CURLE_OK;
	CURLMsg *msg;
	int running = 1, left;

	*stopped = false;
	curl_multi_add_handle(api->multi, api->curl);
	while (running && !*stopped) {
		curl_multi_perform(api->multi, &running);
		if (running)
			curl_multi_poll(api->multi, &wait, stop_fd >= 0, 1000, NULL);
		*stopped = stop_fd >= 0 && wait.revents;
	}
	while ((msg = curl_multi_info_read(api->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			result = msg->data.result;
	curl_multi_remove_handle(api->multi, api->curl);
	return result;
}

static void prepare(struct api *api, const char *method, const char *path)
{
	CURL *c = api->curl;
	char *url = NULL;

	curl_easy_reset(c);
	curl_slist_free_all(api->headers);
	api->headers = NULL;
	json_decref(api->refusal);
	api->refusal = NULL;
	free(api->answer.data);
	api->answer = (struct buffer){0};
	api->answer_max = ANSWER_MAX;
	api->sink = NULL;
	api->sink_ended = false;
	api->status = 0;
	api->error[0] = '\0';

	if (asprintf(&url, "%s%s", api->url ? api->url : "http://crierd", path) < 0)
		xalloc(NULL);
	curl_easy_setopt(c, CURLOPT_URL, url);
	free(url);
	if (!api->url)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, api->socket);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, api);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "crierctl/" CRIER_VERSION);
}

static void add_header(struct api *api, const char *prefix, const char *value)
{
	char *line = NULL;

	if (asprintf(&line, "%s%s", prefix, value) < 0)
		xalloc(NULL);
	api->headers = xalloc(curl_slist_append(api->headers, line));
	free(line);
}

static void add_body(struct api *api, const char *type, const char *body, size_t len)
{
	if (api->token)
		add_header(api, "Authorization: Bearer ", api->token);
	if (body) {
		add_header(api, "Content-Type: ", type);
		curl_easy_setopt(api->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(api->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	}
	curl_easy_setopt(api->curl, CURLOPT_HTTPHEADER, api->headers);
}

/* 0, or -1 with the reason. */
static int finish(struct api *api, CURLcode code)
{
	curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &api->status);
	/* A refusal may come while the body is still being sent: it tells more. */
	if (api->status && !status_good(api->status)) {
		explain_refusal(api);
		return -1;
	}
	if (code != CURLE_OK) {
		explain_curl(api, code);
		return -1;
	}
	return 0;
}

json_t *api_send(struct api *api, const char *method, const char *path, const char *type,
		 const char *body, size_t len)
{
	json_error_t err;
	json_t *object;
	bool stopped;

	prepare(api, method, path);
	add_body(api, type, body, len);
	curl_easy_setopt(api->curl, CURLOPT_TIMEOUT_MS, api->timeout_ms);
	if (finish(api, transfer(api, -1, &stopped)))
		return NULL;
	object = json_loadb(api->answer.data ? api->answer.data : "", api->answer.len, 0, &err);
	if (!json_is_object(object)) {
		api_fail(api, "%s answered what is no JSON object (%s): is that crierd?",
			 api->url ? api->url : api->socket,
			 object ? "a JSON value of another type" : err.text);
		json_decref(object);
		return NULL;
	}
	return object;
}

json_t *api_call(struct api *api, const char *method, const char *path, const json_t *body)
{
	char *text = body ? xalloc(json_dumps(body, JSON_COMPACT)) : NULL;
	json_t *answer =
		api_send(api, method, path, "application/json", text, text ? strlen(text) : 0);

	free(text);
	return answer;
}

enum api_end api_stream(struct api *api, const char *path, int stop_fd, api_sink sink, void *arg)
{
	CURLcode code;
	bool stopped;

	prepare(api, "GET", path);
	add_body(api, NULL, NULL, 0);
	api->sink = sink;
	api->sink_arg = arg;
	code = transfer(api, stop_fd, &stopped);
	if (stopped || api->sink_ended)
		return API_STOPPED;
	return finish(api, code) ? API_FAILED : API_DONE;
}
