/* SPDX-License-Identifier: BSD-2-Clause */
/* crierd's command line: crierd(8). */
#ifndef CRIER_CONTROL_OPTIONS_H
#define CRIER_CONTROL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_INTERFACES 63

struct options {
	const char *config; /* NULL: the default file, if there is one */
	const char *pin_dir, *run_dir, *bpf_dir;
	char *socket;
	const char *interface[OPTIONS_INTERFACES];
	uint32_t interfaces;
	uint32_t listeners, listeners6; /* 0: not given */
	bool flush;
};

enum options_next {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* --help or --version was all */
	OPTIONS_USAGE, /* said on stderr */
};

enum options_next options_parse(struct options *o, int argc, char **argv);
void options_free(struct options *o);

#endif
