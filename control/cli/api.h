/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection to crierd: HTTP on a unix socket, or on TCP with a bearer token.
 * After a call that failed, api_error() is one sentence that says why and what
 * to do; the calls print nothing.
 */
#ifndef CRIER_CLI_API_H
#define CRIER_CLI_API_H

#include <jansson.h>
#include <stddef.h>

struct api;

/* url NULL: the unix socket at `socket`.  token NULL: none. */
struct api *api_open(const char *socket, const char *url, const char *token);
void api_close(struct api *api);

/* How long an ordinary call may take, 60 s unless told. */
void api_timeout(struct api *api, long ms);

const char *api_error(const struct api *api);
long api_status(const struct api *api);		       /* of the last answer, 0: none came */
const json_t *api_error_object(const struct api *api); /* body of the last refusal, may be NULL */

/*
 * A path in which each %s (the only conversion) is percent-encoded.  The caller
 * frees it.
 */
char *api_path(const char *fmt, ...);

/*
 * A call whose answer is a JSON object: that object (the caller's to json_decref),
 * or NULL.  body may be NULL; a call with a body of type NULL sends JSON.
 */
json_t *api_call(struct api *api, const char *method, const char *path, const json_t *body);
json_t *api_send(struct api *api, const char *method, const char *path, const char *type,
		 const char *body, size_t len);

/* Takes a piece of the answer: 0 to go on, anything else ends the call as wished. */
typedef int (*api_sink)(void *arg, const char *data, size_t len);

enum api_end {
	API_FAILED = -1, /* see api_error() */
	API_DONE,	 /* the answer is whole */
	API_STOPPED,	 /* the sink or stop_fd ended it */
};

/* GET whose answer is taken piece by piece, until it ends or stop_fd (or -1) is readable. */
enum api_end api_stream(struct api *api, const char *path, int stop_fd, api_sink sink, void *arg);

#endif
