/* SPDX-License-Identifier: BSD-2-Clause */
/* What all benches measure with. */
#ifndef CRIER_BENCH_MEASURE_H
#define CRIER_BENCH_MEASURE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/out.h"

uint64_t clock_ns(void);

/* Says so and ends the bench. */
_Noreturn void die(const char *what);

/* Warns if it can't: figures of a thread that wanders are still figures. */
void cpu_pin(pthread_t thread, int cpu);

/* Of n numbers, which it sorts; pct of 100 for a quantile. */
double median(double *v, size_t n);
double quantile(double *v, size_t n, double pct);

/*
 * The store ceiling's frame: its bytes from registers, as wide as copies are stored, then
 * where it is.
 */
static inline void store_frame(struct out_frame *f, uint32_t len, uint64_t stamp)
{
	typedef uint64_t block __attribute__((vector_size(16), may_alias, aligned(2)));
	block v = {stamp, stamp};
	uint32_t at = 0;

	for (; at + 16 <= len; at += 16)
		*(block *)(f->buf + at) = v;
	*(block *)(f->buf + len - 16) = v;
	f->start = 0;
	f->len = len;
}

#endif
