/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <stdio.h>
#include <string.h>

#include "xdp/log.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"publish", publish_main, "send streams to rooms, and log what was sent"},
	{"sink", sink_main, "stand in for listeners, and judge every copy"},
	{"compare", compare_main, "is one WAV file the speech of another?"},
	{"list", list_main, "write a list of listeners"},
	{"pktgen", pktgen_main, "write the log of what the kernel's pktgen sent"},
	{"ssrc", ssrc_main, "print the SSRC that a room's stream has by default"},
};

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: crier-load COMMAND [OPTION...]\n\ncommands:\n");
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n'crier-load COMMAND --help' says more; see crier-load(1).\n");
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		usage(stderr);
		return LOAD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return LOAD_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("crier-load " CRIER_VERSION);
		return LOAD_OK;
	}
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	log_err("crier-load: no command '%s'", argv[1]);
	usage(stderr);
	return LOAD_USAGE;
}
