/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-load pktgen: the log that the kernel's packet generator doesn't write. */
#include "pktgen.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "xdp/log.h"

static const char usage[] =
	"usage: crier-load pktgen --count N [--room NAME] [--rooms N] [--size BYTES] [--log FILE]\n"
	"\n"
	"Writes the log of N packets that one device of the kernel's pktgen has sent to NAME's\n"
	"port, or round the successive ports of NAME1 to NAMEn, for 'crier-load sink --pktgen'.\n"
	"Times of sending are not known to it: the packets carry them.\n"
	"  --count N     packets in all, as pktgen says it sent\n"
	"  --size BYTES  of UDP payload (112)\n"
	"  --log FILE    not to stdout\n";

struct sent {
	const char *room, *path;
	uint64_t count, rooms, size;
};

static void log_write(const struct sent *s, FILE *out)
{
	char name[64];
	uint64_t n;
	uint32_t r;

	fputs("crier-load-log 1\n", out);
	for (r = 0; r < s->rooms; r++) {
		pktgen_room(name, s->room, (uint32_t)s->rooms, r);
		fprintf(out, "stream %u %s 0 %x udp pktgen\n", r, name, wire_ssrc(name, 0));
	}
	for (n = 1; n <= s->count; n++)
		fprintf(out, "pkt 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 %" PRIu64 " %016llx\n",
			n % s->rooms, WIRE_POS_BASE + n / s->rooms, n, s->size,
			(unsigned long long)pktgen_hash((uint32_t)n, s->size));
	fprintf(out, "end %" PRIu64 " %" PRIu64 " 0 0 0\n", now_ns(), s->count);
}

static int parse(struct sent *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'c'},
		{"room", required_argument, NULL, 'r'},
		{"rooms", required_argument, NULL, 'R'},
		{"size", required_argument, NULL, 's'},
		{"log", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt, rc = 0;

	while (!rc && (opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(usage, stdout);
			return -1;
		}
		if (opt == 'r')
			s->room = optarg;
		else if (opt == 'l')
			s->path = optarg;
		else if (opt == 'c')
			rc = arg_u64("count", optarg, 1, UINT32_MAX, &s->count);
		else if (opt == 'R')
			rc = arg_u64("rooms", optarg, 1, 65535, &s->rooms);
		else if (opt == 's')
			rc = arg_u64("size", optarg, sizeof(struct pktgen_head), 2048, &s->size);
		else
			rc = LOAD_USAGE;
	}
	if (!rc && (optind < argc || !s->count)) {
		log_err("crier-load pktgen: --count is missing; --help says more");
		rc = LOAD_USAGE;
	}
	return rc ? LOAD_USAGE : 0;
}

int pktgen_main(int argc, char **argv)
{
	struct sent s = {.room = "room", .rooms = 1, .size = 112};
	int rc = parse(&s, argc, argv);
	FILE *out = stdout;

	if (rc)
		return rc < 0 ? LOAD_OK : rc;
	if (s.path)
		out = fopen(s.path, "w");
	if (out)
		log_write(&s, out);
	if (!out || ferror(out) || (out == stdout ? fflush(out) : fclose(out))) {
		log_err("crier-load pktgen: %s: %s", s.path ? s.path : "stdout", strerror(errno));
		return LOAD_WRONG;
	}
	return LOAD_OK;
}
