/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold in tests of several threads, where cmocka's assertions don't reach. */
#ifndef CRIER_TESTS_NEED_H
#define CRIER_TESTS_NEED_H

#include <stdio.h>
#include <stdlib.h>

#define need(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			abort(); \
		} \
	} while (0)

#endif
