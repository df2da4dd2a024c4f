/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BPF object: those that are built into this binary, or a file in their place.  Before the
 * kernel sees any of it, the object must have our programs and speak our tables' ABI.
 */
#ifndef CRIER_OBJECT_H
#define CRIER_OBJECT_H

#include "load.h"

struct bpf_object;

enum object_which {
	OBJECT_IN,   /* crier.bpf.o: what attaches to interfaces */
	OBJECT_OUT,  /* egress.bpf.o: the kernel engine's way out */
	OBJECT_XMIT, /* xmit.bpf.o: what sees the drops of devices */
};

/*
 * dir: where its file is, NULL: the built-in one.  `double_too`: the double of its program for
 * BPF_PROG_TEST_RUN takes that one's place.  0 or -errno with a sentence in err.
 */
int object_open(struct bpf_object **out, enum object_which which, const char *dir, bool double_too,
		char err[LOADER_ERR_LEN]);

/*
 * Gives it the tables, and what else `before` (or NULL) kept in maps of its own, and loads it.
 * Adds its programs to *p.  On failure the caller destroys it all the same.
 */
int object_load(struct bpf_object *obj, const struct tables *t, const struct bpf_object *before,
		struct loader_programs *p, char err[LOADER_ERR_LEN]);

/* Before it is loaded: without this program. */
void object_leave_out(struct bpf_object *obj, const char *name);

/* The descriptor of a loaded program, or -ENOENT. */
int object_prog_fd(const struct bpf_object *obj, const char *name);

#endif
