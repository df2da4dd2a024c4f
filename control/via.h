/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table "vias": found by what they are, made when new, freed after grace.
 */
#ifndef CRIER_VIA_H
#define CRIER_VIA_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp/tables.h"

struct grace;
struct neigh;
struct vias;

#define VIA_MAX 65536

/* crierd's own knowledge of a via. */
struct via_own {
	struct neigh *neigh;
	uint32_t ifindex; /* the kernel's interface: a VLAN device, or the port's; 0: gone */
	uint16_t next;	  /* of the same neighbour, 0 ends */
	bool live;
	bool touched; /* found or made since the last sweep */
};

/* Adopts what the table holds; these are live, and their struct via_own is to be filled in. */
int vias_open(struct tables *t, struct grace *grace, struct vias **out);
void vias_close(struct vias *v);

/*
 * The via that equals key in all but hw, or a new one, PENDING, if *made.  0: the
 * table is full.
 */
uint16_t vias_get(struct vias *v, const struct crier_via *key, bool *made);
uint16_t vias_find(const struct vias *v, const struct crier_via *key);

struct via_own *vias_own(struct vias *v, uint16_t n);
uint32_t vias_max(const struct vias *v); /* numbers are below it */
uint32_t vias_live(const struct vias *v);
uint32_t vias_free(const struct vias *v);

/*
 * Withdraws each live via that is neither used nor touched since the last sweep, calls
 * drop for it first, and forgets who was touched.
 */
void vias_sweep(struct vias *v, const uint64_t used[VIA_MAX / 64],
		void (*drop)(uint16_t n, void *arg), void *arg);

#endif
