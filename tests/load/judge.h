/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run was worth: the sink's tables against the publishers' logs and the roster.
 * What was due is theirs to say; no counter of crier's is ever asked.
 */
#ifndef CRIER_LOAD_JUDGE_H
#define CRIER_LOAD_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "publog.h"
#include "sink.h"

/* Nanoseconds; n = 0: not known. */
struct spread {
	uint64_t n, p50, p99, max;
};

struct room_verdict {
	uint64_t listeners; /* who stay: copies are due to them */
	uint64_t packets, due, seen, lost;
	struct spread first_copy, last_copy, spread;
};

/* A listener for whom something is wrong. */
struct offender {
	size_t member;
	uint64_t faults, due, copies, rtcp_due;
};

/* A listener who came or left in mid-run: what was sent meanwhile is due. */
struct window {
	size_t member;
	uint64_t from_ns, until_ns;
};

#define JUDGE_OFFENDERS 5
#define JUDGE_REASONS 24

struct verdict {
	bool have_log, due_known;
	uint64_t listeners, churners;
	uint64_t c[TALLY_N];
	uint64_t due, seen, lost; /* RTP, or payload=udp */
	uint64_t rtcp_due, rtcp_seen, rtcp_lost;
	uint64_t churner_copies;
	uint64_t windows, window_lost;
	uint64_t unsent;    /* copies of packets that were never sent */
	uint64_t unchecked; /* packets whose content or times were no longer on record */
	uint64_t publish_failed;
	struct spread latency, first_copy, last_copy, spread;
	double seconds;
	struct room_verdict *room;
	struct offender worst[JUDGE_OFFENDERS];
	char *reason[JUDGE_REASONS];
	uint32_t reasons;
};

/* Gathers all that is left; 0 or -errno.  The verdict stands even without logs. */
int judge(struct verdict *v, struct sink *s, const struct publog *log, size_t logs,
	  const struct window *window, size_t windows);
void verdict_free(struct verdict *v);

/* Has every listener who stays all that the (ended) logs promise? */
bool judge_complete(const struct sink *s, const struct publog *log, size_t logs);

/* Lines "ROOM ADDR:PORT FROM_NS UNTIL_NS"; 0 or -errno, logged. */
int windows_load(const struct roster *r, const char *path, struct window **out, size_t *count);

void report_text(const struct verdict *v, const struct sink *s, FILE *out);
int report_json(const struct verdict *v, const struct sink *s, FILE *out);

uint64_t verdict_misdirected(const struct verdict *v);
uint64_t verdict_unexpected(const struct verdict *v);

#endif
