/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line a message on stderr, with the priority prefix of sd-daemon(3) when stderr
 * is a service manager's.  Never on a packet's path.
 */
#ifndef CRIER_LOG_H
#define CRIER_LOG_H

#include <stdio.h>
#include <stdlib.h>

#define log_line(level, fmt, ...) \
	fprintf(stderr, "%s" fmt "\n", getenv("JOURNAL_STREAM") ? "<" level ">" : "", ##__VA_ARGS__)

#define log_err(fmt, ...) log_line("3", fmt, ##__VA_ARGS__)
#define log_warn(fmt, ...) log_line("4", fmt, ##__VA_ARGS__)
#define log_info(fmt, ...) log_line("6", fmt, ##__VA_ARGS__)

#endif
