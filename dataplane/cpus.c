/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xdp/table.h"

static int refuse(char err[CPUS_ERR_LEN], const char *why)
{
	snprintf(err, CPUS_ERR_LEN, "%s", why);
	return -EINVAL;
}

/* A number at *s, which is moved behind it; -1: there is none, or none of a CPU. */
static int number_take(const char **s)
{
	char *end;
	unsigned long n;

	if (**s < '0' || **s > '9')
		return -1;
	errno = 0;
	n = strtoul(*s, &end, 10);
	if (errno || n >= CPU_SETSIZE)
		return -1;
	*s = end;
	return (int)n;
}

static int cpu_add(int number, int *cpu, uint32_t *n, char err[CPUS_ERR_LEN])
{
	for (uint32_t i = 0; i < *n; i++) {
		if (cpu[i] != number)
			continue;
		snprintf(err, CPUS_ERR_LEN, "CPU %d is named twice: each worker needs its own",
			 number);
		return -EINVAL;
	}
	if (*n == CRIER_MAX_WORKERS) {
		snprintf(err, CPUS_ERR_LEN, "more than %d CPUs: that is the most workers there are",
			 CRIER_MAX_WORKERS);
		return -EINVAL;
	}
	cpu[(*n)++] = number;
	return 0;
}

/* "N" or "N-M" at *s. */
static int range_take(const char **s, int *cpu, uint32_t *n, char err[CPUS_ERR_LEN])
{
	int from = number_take(s), to = from, rc = 0;

	if (from >= 0 && **s == '-') {
		++*s;
		to = number_take(s);
	}
	if (from < 0 || to < 0)
		return refuse(err, "want CPUs' numbers, as in 2,4-7");
	if (to < from)
		return refuse(err, "a range goes from the lower CPU to the higher");
	for (int i = from; i <= to && !rc; i++)
		rc = cpu_add(i, cpu, n, err);
	return rc;
}

int cpus_parse(const char *list, int *cpu, uint32_t *n, char err[CPUS_ERR_LEN])
{
	int rc;

	*n = 0;
	for (;;) {
		rc = range_take(&list, cpu, n, err);
		if (rc || !*list)
			return rc;
		if (*list++ != ',')
			return refuse(err, "want CPUs' numbers, as in 2,4-7");
	}
}

int cpus_check(const int *cpu, uint32_t n, char err[CPUS_ERR_LEN])
{
	for (uint32_t i = n; i--;) {
		cpu_set_t set;
		int rc;

		if (cpu[i] < 0)
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu[i], &set);
		if (!sched_setaffinity(0, sizeof(set), &set))
			continue;
		rc = -errno;
		snprintf(err, CPUS_ERR_LEN,
			 "can't run on CPU %d: %s; this machine has CPUs 0 to %ld", cpu[i],
			 strerror(-rc), sysconf(_SC_NPROCESSORS_CONF) - 1);
		return rc;
	}
	return 0;
}
