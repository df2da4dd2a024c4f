/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that refuses: bpf() calls fail as they are told to, all others are the kernel's own.
 * It stands where libbpf calls the kernel, in the C library's syscall(): linked into a test, or
 * as crier_refuse.so before a program of crier's (LD_PRELOAD).
 *
 * One thread may write refusals[], when no other makes a bpf() call.
 */
#ifndef CRIER_TEST_REFUSE_H
#define CRIER_TEST_REFUSE_H

#define REFUSALS 4

struct refusal {
	int cmd;       /* BPF_PROG_LOAD and so on */
	char name[64]; /* whom it is about: a map, a program, a tracepoint, a pin; "": any */
	int nth;       /* the first that fails, counted from 1; 0: none does */
	int n;	       /* so many fail from then on; 0: each one */
	int err;       /* as errno has it */
	int seen;      /* such calls so far */
};

extern struct refusal refusals[REFUSALS];

/*
 * As crier_refuse.so: the file that CRIER_REFUSE names says what fails, and is read at each
 * bpf() call: lines of "COMMAND NAME NTH N ERRNO", COMMAND one of map_create, map_update,
 * map_update_batch, prog_load, obj_pin, raw_tracepoint_open, link_create and link_update, NAME
 * "-" for any.  Where its text is that of before, calls are counted on.
 */

#endif
