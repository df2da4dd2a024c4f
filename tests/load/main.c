/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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
	{"ssrc", ssrc_main, "print the SSRC that a room's stream has by default"},
};

volatile sig_atomic_t load_stop;

static void stop(int sig)
{
	(void)sig;
	load_stop = 1;
}

void stop_on_signals(void)
{
	struct sigaction sa = {.sa_handler = stop};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

int arg_u64(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || *out < least || *out > most) {
		log_err("crier-load: --%s '%s': want a number from %llu to %llu", option, text,
			(unsigned long long)least, (unsigned long long)most);
		return -1;
	}
	return 0;
}

int arg_seconds(const char *option, const char *text, uint64_t *out_ns)
{
	char *end;
	double s;

	errno = 0;
	s = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(s) || s < 0 || s > 1e6) {
		log_err("crier-load: --%s '%s': want seconds, 0 to 1000000", option, text);
		return -1;
	}
	*out_ns = (uint64_t)(s * 1e9 + 0.5);
	return 0;
}

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
