/* SPDX-License-Identifier: BSD-2-Clause */
/* What crier-load's subcommands share: exit codes, argument parsing, the clock. */
#ifndef CRIER_LOAD_H
#define CRIER_LOAD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { LOAD_OK = 0, LOAD_WRONG = 1, LOAD_USAGE = 2 };

#define NSEC_PER_SEC 1000000000ULL

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Set by SIGINT and SIGTERM once stop_on_signals() was called. */
extern volatile sig_atomic_t load_stop;
void stop_on_signals(void);

/*
 * Parse all of text within [least, most]; 0, or -1 having said on stderr which option
 * of which value is wrong.  Numbers may be hexadecimal with 0x.
 */
int arg_u64(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out);
int arg_seconds(const char *option, const char *text, uint64_t *out_ns);

int publish_main(int argc, char **argv);
int sink_main(int argc, char **argv);
int compare_main(int argc, char **argv);
int pktgen_main(int argc, char **argv);
int list_main(int argc, char **argv);
int ssrc_main(int argc, char **argv);

#endif
