/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of CPUs on the command line: as in 2,4-7. */
#ifndef CRIER_CPUS_H
#define CRIER_CPUS_H

#include <stdint.h>

#define CPUS_ERR_LEN 256

/*
 * In the order of the list, into cpu[CRIER_MAX_WORKERS], their number into *n.  0, or
 * -EINVAL and why in err: not such a list, one twice, too many.
 */
int cpus_parse(const char *list, int *cpu, uint32_t *n, char err[CPUS_ERR_LEN]);

/*
 * May the calling thread run on each?  It is left on the first.  A CPU of -1 is any.
 * 0, or -errno and why in err.
 */
int cpus_check(const int *cpu, uint32_t n, char err[CPUS_ERR_LEN]);

#endif
