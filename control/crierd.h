/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What crierd is made of, for the handlers of its API.  Filled in by main; a test
 * leaves what it doesn't have at NULL.
 */
#ifndef CRIER_CONTROL_CRIERD_H
#define CRIER_CONTROL_CRIERD_H

#include <stdbool.h>
#include <stdint.h>

#include "control/store.h"

struct capture;
struct devmaps;
struct errands;
struct grace;
struct guard;
struct http;
struct injector;
struct kernel;
struct loader;
struct nexthop;
struct notify;
struct ports;
struct scan;

#define CRIERD_WARNINGS 16

struct crierd {
	struct loop *loop;
	struct tables *tables;
	struct grace *grace;
	struct store store;
	struct guard *guard;
	struct scan *scan;
	struct nexthop *nexthop;
	struct ports *ports;
	struct loader *loader;
	struct errands *errands;
	struct devmaps *devmaps;
	struct notify *notify;
	struct capture *capture;
	struct injector *injector;
	struct kernel *kernel;
	struct http *http;
	const char *run_dir, *pin_dir, *bpf_dir;
	uint32_t listeners4, listeners6; /* capacity as configured */
	uint64_t started_ns;
	bool serving;	/* ready to admit: the first grace is over */
	bool reloading; /* see reload.c */
	/* Standing warnings from the start, for status. */
	char *warning[CRIERD_WARNINGS];
	uint32_t warnings;
};

/* Logs a warning and keeps it for status. */
__attribute__((format(printf, 2, 3))) void crierd_warn(struct crierd *d, const char *fmt, ...);

#endif
