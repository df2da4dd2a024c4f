/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A shared table (table.h) as a program declares it.  BPF only: load.c makes the maps, with the
 * sizes that crierd was told, so one entry is a placeholder.
 */
#ifndef CRIER_ARRAY_H
#define CRIER_ARRAY_H

#include "table.h"

#define ARRAY(map, element) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1); \
		__type(key, __u32); \
		__type(value, struct element); \
	} map SEC(".maps")

#endif
