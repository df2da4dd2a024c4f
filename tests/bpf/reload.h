/* SPDX-License-Identifier: BSD-2-Clause */
/* Reloads as crierd's, in one go, and what is at work after them; include after cmocka.h. */
#ifndef CRIER_TEST_RELOAD_H
#define CRIER_TEST_RELOAD_H

#include <string.h>

#include "load.h"

/* Programs from dir, NULL: the built-in ones.  As loader_reload_work(). */
static inline int reload_from(struct loader *l, const char *dir, char err[LOADER_ERR_LEN])
{
	struct loader_reload *r = loader_reload_new(l, dir);
	int ret;

	assert_non_null(r);
	err[0] = '\0';
	ret = loader_reload_work(r, err);
	loader_reload_end(r);
	return ret;
}

/* The kernel's number of a program that is at work; 0: it is not. */
static inline uint32_t program_at_work(const struct loader *l, const char *name)
{
	const struct loader_programs *p = loader_programs(l);

	for (uint32_t i = 0; i < p->n; i++)
		if (!strcmp(p->program[i].name, name))
			return p->program[i].id;
	return 0;
}

#endif
