/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CRIER_LOAD_SINK_OPT_H
#define CRIER_LOAD_SINK_OPT_H

#include "neighbour.h"
#include "sink.h"

#define SINK_LOGS 64
#define SINK_PASSES 64

struct sink_options {
	struct roster roster;
	struct sink_config config;
	struct sink_ssrc *ssrc;
	const char *log[SINK_LOGS];
	size_t logs;
	struct crier_endpoint pass[SINK_PASSES];
	size_t passes;
	const char *dpdk; /* devargs; else interfaces */
	struct crier_addr router[NEIGHBOUR_ADDRS];
	uint32_t routers;
	int cpu;
	const char *ready_file, *windows, *report;
	uint64_t seconds_ns, idle_ns, linger_ns;
	bool json, progress;
};

/* 0, or an exit code with the reason logged.  Free in either case. */
int sink_parse(struct sink_options *o, int argc, char **argv);
void sink_options_free(struct sink_options *o);

#endif
