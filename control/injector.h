/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The injector: a veth pair into whose near end crier-dp (--port page:NAME) puts triggers, one
 * for each unit of a large room's listeners.  The program on its far end broadcasts them and
 * drops all else.
 *
 *     crier-dp ── NAME ═ veth ═ NAMEx (crier_trigger) ── devmaps ──> the ports' interfaces
 *
 * Made by rtnetlink and marked with an alias that names the pin directory; left alone if it is
 * right already, so that copying outlives crierd.  Neither end has an address.  Whoever removes
 * it, or takes its name, is found out by injector_look().
 *
 * All calls come from the event loop's thread.  Making the pair waits for the kernel, 6 to 16 ms
 * as measured: the first time injector_look() does, and then it is an errand.
 */
#ifndef CRIER_CONTROL_INJECTOR_H
#define CRIER_CONTROL_INJECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "xdp/table.h"

struct errands;
struct injector;
struct loader;

#define INJECTOR_NAME "crier-page"
#define INJECTOR_NAME_LEN (CRIER_IFNAME_LEN - 1) /* the far end's has one letter more */
#define INJECTOR_ERR_LEN 512

/* Can an interface have this name, and the far end the longer one? */
static inline bool injector_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < INJECTOR_NAME_LEN && !strpbrk(name, "/ \t\n,:%") && strcmp(name, ".") &&
	       strcmp(name, "..");
}

/* Nothing is made yet.  name NULL: none is wanted, and an earlier one is removed.  0 or -ENOMEM. */
int injector_open(const char *name, const char *pin_dir, struct loader *loader,
		  struct errands *errands, struct injector **out);

/* The pair and its program stay.  After errands_close(). */
void injector_close(struct injector *i);

/*
 * Makes the pair unless off says why it would be of no use; looks whether it is as it was made,
 * and mends it if not; tries again now and then what failed.  True: whether it works has changed
 * since the last look.
 */
bool injector_look(struct injector *i, const char *off, uint64_t now_ns);

/* NULL: it works; or a sentence that says why it doesn't. */
const char *injector_why(const struct injector *i);

/* It should work, and doesn't. */
bool injector_fails(const struct injector *i);

/* "" if none is wanted. */
const char *injector_name(const struct injector *i);

/* Removes every pair that a crierd of this pin directory made.  0 or -errno. */
int injector_remove(const char *pin_dir);

#endif
