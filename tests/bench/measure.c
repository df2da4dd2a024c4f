/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void cpu_pin(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(thread, sizeof(set), &set))
		fprintf(stderr, "bench: can't pin to CPU %d\n", cpu);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double quantile(double *v, size_t n, double pct)
{
	size_t at = (size_t)((double)n * pct / 100);

	qsort(v, n, sizeof(*v), by_value);
	return v[at < n ? at : n - 1];
}

double median(double *v, size_t n)
{
	return quantile(v, n, 50);
}
