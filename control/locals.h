/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table "locals": our own addresses, for XDP to tell what is meant for us.
 *
 * Used in passes: locals_begin, locals_keep for each address there is, locals_end.
 */
#ifndef CRIER_LOCALS_H
#define CRIER_LOCALS_H

#include <stdint.h>

#include "xdp/tables.h"

struct grace;
struct locals;

int locals_open(struct tables *t, struct grace *grace, struct locals **out);
/* After grace_close(). */
void locals_close(struct locals *l);

void locals_begin(struct locals *l);
void locals_keep(struct locals *l, const struct crier_addr *addr, uint32_t ifindex);
/* Those not kept are gone.  How many of those kept found no place. */
uint32_t locals_end(struct locals *l);

#endif
