/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-load list and ssrc: what scripts must tell crierctl. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "roster.h"
#include "xdp/log.h"

static const char list_usage[] =
	"usage: crier-load list [--room NAME] --generate ADDR/COUNT/PORT[-LAST]...\n"
	"                       [--rooms] [--out FILE]\n"
	"\n"
	"Writes the listeners that 'crier-load sink --generate' would stand in for, one\n"
	"ADDR:PORT a line, for 'crierctl listener add ROOM --file'.\n"
	"  --rooms      put each one's room before it (for 'crier-load sink --listeners')\n"
	"  --out FILE   not to stdout\n";

static int list_write(const struct roster *r, const char *path, int with_rooms)
{
	FILE *out = path ? fopen(path, "w") : stdout;
	int rc = !out || roster_write(r, out, with_rooms);

	if (out && out != stdout && fclose(out))
		rc = 1;
	if (rc)
		log_err("crier-load list: %s: %s", path ? path : "stdout", strerror(errno));
	return rc ? LOAD_WRONG : LOAD_OK;
}

int list_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"room", required_argument, NULL, 'r'}, {"generate", required_argument, NULL, 'g'},
		{"rooms", no_argument, NULL, 'R'},	{"out", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},	{NULL, 0, NULL, 0},
	};
	const char *room = "room", *path = NULL;
	struct roster roster = {0};
	int opt, rc = LOAD_OK, with_rooms = 0;

	while (rc == LOAD_OK && (opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(list_usage, stdout);
			goto out;
		}
		if (opt == 'r')
			room = optarg;
		else if (opt == 'o')
			path = optarg;
		else if (opt == 'R')
			with_rooms = 1;
		else if (opt == 'g')
			rc = roster_generate(&roster, optarg, room, 0) ? LOAD_WRONG : LOAD_OK;
		else
			rc = LOAD_USAGE;
	}
	if (rc == LOAD_OK && (optind < argc || !roster.members)) {
		log_err("crier-load list: --generate is missing; --help says more");
		rc = LOAD_USAGE;
	}
	if (rc == LOAD_OK)
		rc = list_write(&roster, path, with_rooms);
out:
	roster_free(&roster);
	return rc;
}

int ssrc_main(int argc, char **argv)
{
	uint64_t slot = 0;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		puts("usage: crier-load ssrc ROOM [SLOT]\n\n"
		     "Prints the SSRC of stream SLOT (0) of ROOM as publish and sink have it.");
		return LOAD_OK;
	}
	if (argc < 2 || argc > 3) {
		log_err("usage: crier-load ssrc ROOM [SLOT]");
		return LOAD_USAGE;
	}
	if (argc == 3 && arg_u64("slot", argv[2], 0, 7, &slot))
		return LOAD_USAGE;
	printf("%u\n", wire_ssrc(argv[1], (uint32_t)slot));
	return LOAD_OK;
}
