/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ports.h"

#define PIN_DIR "/sys/fs/bpf/crier"
#define RUN_DIR "/run/crier"
#define BPF_DIR CRIER_LIBDIR "/crier"
#define LISTENERS_MAX (1U << 28)

static const char usage[] =
	"usage: crierd [OPTION]...\n"
	"The control daemon of crier: keeps rooms and listeners in shared BPF maps.\n"
	"\n"
	"  --config FILE          configuration (default /etc/crier/crierd.yaml, if it exists)\n"
	"  --interface IFACE[,mode=native|generic|auto|dpdk]\n"
	"                         take streams and send copies there; may be repeated\n"
	"  --pin-dir DIR          where maps are pinned (default " PIN_DIR ")\n"
	"  --run-dir DIR          locks and the socket (default " RUN_DIR ")\n"
	"  --bpf-dir DIR          where `crierctl reload` finds newer XDP programs\n"
	"                         (default " BPF_DIR ")\n"
	"  --socket PATH          of the API (default RUN-DIR/crier.sock)\n"
	"  --max-listeners N      IPv4 listeners to make room for (default 1048576)\n"
	"  --max-listeners6 N     IPv6 listeners (default 65536)\n"
	"  --flush                remove crier's programs and maps, and exit\n"
	"  --version, --help\n"
	"\n"
	"See crierd(8), crierd.yaml(5), crierctl(8).\n";

static int number(const char *name, const char *text, uint32_t *out)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !n || n > LISTENERS_MAX) {
		fprintf(stderr, "crierd: --%s is a number from 1 to %u, not \"%s\"\n", name,
			LISTENERS_MAX, text);
		return -1;
	}
	*out = (uint32_t)n;
	return 0;
}

static int interface(struct options *o, const char *text)
{
	char name[CRIER_IFNAME_LEN], err[PORTS_ERR_LEN];
	enum port_want want;

	if (ports_parse(text, name, &want, err) != 0) {
		fprintf(stderr, "crierd: --interface %s: %s\n", text, err);
		return -1;
	}
	if (o->interfaces == OPTIONS_INTERFACES) {
		fprintf(stderr, "crierd: at most %d interfaces\n", OPTIONS_INTERFACES);
		return -1;
	}
	o->interface[o->interfaces++] = text;
	return 0;
}

enum {
	OPT_CONFIG,
	OPT_INTERFACE,
	OPT_PIN_DIR,
	OPT_RUN_DIR,
	OPT_BPF_DIR,
	OPT_SOCKET,
	OPT_MAX,
	OPT_MAX6,
	OPT_FLUSH,
	OPT_VERSION,
	OPT_HELP
};

static const struct option names[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"interface", required_argument, NULL, OPT_INTERFACE},
	{"pin-dir", required_argument, NULL, OPT_PIN_DIR},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"bpf-dir", required_argument, NULL, OPT_BPF_DIR},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"max-listeners", required_argument, NULL, OPT_MAX},
	{"max-listeners6", required_argument, NULL, OPT_MAX6},
	{"flush", no_argument, NULL, OPT_FLUSH},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

/* 0, -1 for a wrong argument (said), 1 when there is nothing more to do. */
static int take(struct options *o, int c, char *arg)
{
	switch (c) {
	case OPT_CONFIG:
		o->config = arg;
		return 0;
	case OPT_INTERFACE:
		return interface(o, arg);
	case OPT_PIN_DIR:
		o->pin_dir = arg;
		return 0;
	case OPT_RUN_DIR:
		o->run_dir = arg;
		return 0;
	case OPT_BPF_DIR:
		o->bpf_dir = arg;
		return 0;
	case OPT_SOCKET:
		free(o->socket);
		o->socket = strdup(arg);
		return o->socket ? 0 : -1;
	case OPT_MAX:
		return number("max-listeners", arg, &o->listeners);
	case OPT_MAX6:
		return number("max-listeners6", arg, &o->listeners6);
	case OPT_FLUSH:
		o->flush = true;
		return 0;
	case OPT_VERSION:
		printf("crierd " CRIER_VERSION "\n");
		return 1;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	default:
		return -1;
	}
}

enum options_next options_parse(struct options *o, int argc, char **argv)
{
	int c, ret = 0;

	*o = (struct options){.pin_dir = PIN_DIR, .run_dir = RUN_DIR, .bpf_dir = BPF_DIR};
	while (!ret && (c = getopt_long(argc, argv, "", names, NULL)) != -1)
		ret = take(o, c, optarg);
	if (ret > 0)
		return OPTIONS_DONE;
	if (!ret && optind < argc) {
		fprintf(stderr, "crierd: what is \"%s\"?\n", argv[optind]);
		ret = -1;
	}
	if (!ret && !o->socket && asprintf(&o->socket, "%s/crier.sock", o->run_dir) < 0) {
		o->socket = NULL;
		ret = -1;
	}
	if (ret)
		fprintf(stderr, "crierd: see crierd --help\n");
	return ret ? OPTIONS_USAGE : OPTIONS_RUN;
}

void options_free(struct options *o)
{
	free(o->socket);
}
