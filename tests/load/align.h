/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where in one recording the other begins, and how alike they are from there on.
 * Pure functions of their arguments.
 */
#ifndef CRIER_LOAD_ALIGN_H
#define CRIER_LOAD_ALIGN_H

#include <stddef.h>
#include <stdint.h>

struct alignment {
	long offset;	    /* a[i] is b[i + offset] */
	size_t overlap;	    /* samples that both have */
	double correlation; /* over these, -1..1; 0 if either is silent */
	size_t gap;	    /* longest stretch where a speaks and b does not */
};

/* 0, or -ENOMEM.  Both at the same rate; neither is changed but for its mean. */
int align(struct alignment *out, float *a, size_t na, float *b, size_t nb, uint32_t rate);

#endif
