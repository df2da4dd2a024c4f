/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard's block and allow lists: changed one change at a time, each whole or not at
 * all, while packets are judged by them.
 *
 * A helper thread makes the new list in the half of guard_list that isn't in force, and
 * its trees in the part of guard_buckets that isn't; then the loop switches, list first, by
 * one store each.  A crierd that dies between the two leaves trees that are one change
 * behind, and the next one makes them anew.  The buckets that were in force are written again
 * only after grace, so changes wait in line.
 *
 * All calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_GUARD_H
#define CRIER_CONTROL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "control/guard_list.h"

struct crierd;
struct guard;

/* fresh: the tables were just made.  0 or -errno. */
int guard_open(struct crierd *d, bool fresh, struct guard **out);
/* After http_close(), before grace_close(): changes that are not in force yet are dropped. */
void guard_close(struct guard *g);

uint32_t guard_capacity(const struct guard *g);
/* Of the list in force. */
struct guard_counts guard_counts(const struct guard *g);
/* CRIER_GUARD_BLOCK or _ALLOW if this very prefix is on a list, else CRIER_GUARD_NONE. */
uint32_t guard_find(const struct guard *g, const struct crier_guard_prefix *p);
/* Is a change under way or in line, or a switch not over? */
bool guard_busy(const struct guard *g);

/* ---- changes ---- */

struct guard_change {
	enum guard_op op;
	uint32_t lists; /* GUARD_REPLACE: bits CRIER_GUARD_ALLOW, CRIER_GUARD_BLOCK */
	struct guard_line *line;
	uint32_t n, room;
	/* What became of it: an HTTP status, 200 if it is in force, else a sentence why not. */
	struct guard_counts counts;
	int code;
	char err[GUARD_ERR_LEN];
	uint64_t err_line; /* 0: no line's fault */
	/* Called once, then the change is freed.  NULL: nobody wants to know. */
	void (*done)(struct guard_change *change, void *arg);
	void *arg;
	struct guard_change *next; /* the guard's */
	uint64_t since_ns;
};

struct guard_change *guard_change_new(enum guard_op op, uint32_t lists);
void guard_change_free(struct guard_change *c);
/* A prefix with its value.  0; -ENOMEM; -E2BIG far more than there is room for. */
int guard_change_add(const struct guard *g, struct guard_change *c,
		     const struct crier_guard_prefix *p, uint64_t line);
/* Takes the change over.  done() comes from a later turn, or at once if there is no thread. */
void guard_submit(struct guard *g, struct guard_change *c);

/* ---- listing ---- */

/* A walk over the list in force, in order, that survives changes. */
struct guard_walk {
	struct crier_guard_prefix last; /* looked at */
	bool begun;
};

/*
 * The next prefixes into out, at most n, of one list or (CRIER_GUARD_NONE) both.  False: that
 * was all; true with none found: some thousand were looked at, ask again.
 */
bool guard_walk_next(const struct guard *g, struct guard_walk *w, uint32_t value,
		     struct crier_guard_prefix *out, uint32_t n, uint32_t *found);

#endif
