/* SPDX-License-Identifier: BSD-2-Clause */
/* What the publishers' logs promise each of the sink's streams. */
#ifndef CRIER_LOAD_PROMISE_H
#define CRIER_LOAD_PROMISE_H

#include "publog.h"
#include "sink.h"

/* What the logs promise one of the sink's streams. */
struct promise {
	uint64_t pkts, reports;
	const struct publog_stream **part; /* one a log that has it */
	size_t parts;
};

/* The sink's stream for one of a log's; -1: its room has no listeners here. */
long promise_stream(const struct sink *s, const struct publog_stream *ls);

/* One a stream of the sink's, to be freed in either case; 0 or -ENOMEM. */
int promises_make(struct promise **out, const struct sink *s, const struct publog *log,
		  size_t logs);
void promises_free(struct promise *p, const struct sink *s);

/* The packet of that position; NULL: none was sent. */
const struct publog_packet *promise_find(const struct promise *p, uint32_t pos);

/* How many packets went out from then to then, both included. */
uint64_t promise_between(const struct promise *p, uint64_t from_ns, uint64_t until_ns);

#endif
