/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink_opt.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "xdp/log.h"

enum {
	OPT_INTERFACE = 256,
	OPT_DPDK,
	OPT_CPU,
	OPT_ROUTER,
	OPT_LISTENERS,
	OPT_GENERATE,
	OPT_CHURNERS,
	OPT_CHURN_GENERATE,
	OPT_ROOM,
	OPT_SSRC,
	OPT_STREAMS,
	OPT_PACKETS,
	OPT_LOG,
	OPT_PKTGEN,
	OPT_SECONDS,
	OPT_IDLE,
	OPT_LINGER,
	OPT_FROM,
	OPT_FROM_PORT,
	OPT_TTL,
	OPT_DSCP,
	OPT_PASS,
	OPT_STAMPS,
	OPT_READY,
	OPT_WINDOWS,
	OPT_JSON,
	OPT_REPORT,
	OPT_PROGRESS,
};

static const struct option options[] = {
	{"interface", required_argument, NULL, OPT_INTERFACE},
	{"dpdk", required_argument, NULL, OPT_DPDK},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"router", required_argument, NULL, OPT_ROUTER},
	{"listeners", required_argument, NULL, OPT_LISTENERS},
	{"generate", required_argument, NULL, OPT_GENERATE},
	{"churners", required_argument, NULL, OPT_CHURNERS},
	{"generate-churners", required_argument, NULL, OPT_CHURN_GENERATE},
	{"room", required_argument, NULL, OPT_ROOM},
	{"ssrc", required_argument, NULL, OPT_SSRC},
	{"streams", required_argument, NULL, OPT_STREAMS},
	{"packets", required_argument, NULL, OPT_PACKETS},
	{"log", required_argument, NULL, OPT_LOG},
	{"pktgen", required_argument, NULL, OPT_PKTGEN},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"idle", required_argument, NULL, OPT_IDLE},
	{"linger", required_argument, NULL, OPT_LINGER},
	{"expect-from", required_argument, NULL, OPT_FROM},
	{"expect-port", required_argument, NULL, OPT_FROM_PORT},
	{"expect-ttl", required_argument, NULL, OPT_TTL},
	{"expect-dscp", required_argument, NULL, OPT_DSCP},
	{"pass", required_argument, NULL, OPT_PASS},
	{"stamps", required_argument, NULL, OPT_STAMPS},
	{"ready-file", required_argument, NULL, OPT_READY},
	{"windows", required_argument, NULL, OPT_WINDOWS},
	{"json", no_argument, NULL, OPT_JSON},
	{"report", required_argument, NULL, OPT_REPORT},
	{"progress", no_argument, NULL, OPT_PROGRESS},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char usage_text[] =
	"usage: crier-load sink (--interface IFACE[,mode=native|generic|auto] | --dpdk DEVARGS)\n"
	"       (--listeners FILE | --generate ADDR/COUNT/PORT[-LAST])... [OPTION...]\n"
	"\n"
	"where:\n"
	"  --interface IFACE    as an XDP program there; may be several\n"
	"  --dpdk DEVARGS       poll that DPDK device: a PCI address, or as in DPDK's --vdev\n"
	"  --cpu N              .. on this CPU\n"
	"  --router ADDR        .. answering ARP and ND for that address; may be several\n"
	"who listens (in the order of the options; --room holds for those after it):\n"
	"  --room NAME          the room of lines that name none (\"room\")\n"
	"  --listeners FILE     lines ADDR:PORT or ROOM ADDR:PORT; they stay\n"
	"  --generate SPEC      COUNT listeners from ADDR up\n"
	"  --churners FILE, --generate-churners SPEC\n"
	"                       who come and go: no copy is due, none may be wrong\n"
	"  --windows FILE       read at the end: ROOM ADDR:PORT FROM_NS UNTIL_NS, between\n"
	"                       which copies were due to that churner\n"
	"  --pass ADDR:PORT     its counted copies also go on to Linux (for a player)\n"
	"what is right:\n"
	"  --log FILE           the publisher's log, for what was due; may be several\n"
	"  --ssrc N             of --room's next stream, if the publisher has --ssrc\n"
	"  --pktgen NAME[/N]    the kernel's pktgen sends to room NAME, or round NAME1 to NAMEn;\n"
	"                       its log is 'crier-load pktgen's\n"
	"  --streams N          streams a room at most (1)\n"
	"  --expect-from ADDR[:PORT], --expect-port PORT, --expect-ttl N, --expect-dscp N\n"
	"when it ends (also on SIGINT, SIGTERM, and when all that was due was seen):\n"
	"  --seconds S          at the latest\n"
	"  --idle S             without a copy, once there was one or the log ended (2)\n"
	"  --linger S           after all was seen, lest there be more (0.3)\n"
	"and:\n"
	"  --json, --report FILE  the report as JSON on stdout, into a file\n"
	"  --progress           a line a second on stderr\n"
	"  --ready-file FILE    made once the program is attached\n"
	"  --stamps PIN         pin a map there in which 'publish --stamps' notes its packets\n"
	"  --packets N          packets a stream on record at a time (16384)\n";

static int usage_error(const char *what)
{
	log_err("crier-load sink: %s; --help says more", what);
	return LOAD_USAGE;
}

static int iface_add(struct sink_config *c, char *arg)
{
	struct sink_iface *i = &c->iface[c->ifaces];
	char *mode = strchr(arg, ',');

	if (c->ifaces == TALLY_IFACES)
		return usage_error("too many interfaces");
	if (mode) {
		*mode++ = '\0';
		if (!strcmp(mode, "mode=native"))
			i->mode = SINK_NATIVE;
		else if (!strcmp(mode, "mode=generic"))
			i->mode = SINK_GENERIC;
		else if (strcmp(mode, "mode=auto"))
			return usage_error("--interface IFACE,mode=native|generic|auto");
	}
	if (!*arg || strlen(arg) > 15)
		return usage_error("--interface: no such name can be");
	i->name = arg;
	c->ifaces++;
	return 0;
}

static int ssrc_add(struct sink_options *o, const char *room, const char *arg)
{
	struct sink_ssrc *more;
	uint64_t ssrc;
	uint32_t slot = 0;
	int number = roster_room(&o->roster, room);
	size_t i;

	if (number < 0 || arg_u64("ssrc", arg, 0, UINT32_MAX, &ssrc))
		return LOAD_USAGE;
	for (i = 0; i < o->config.ssrcs; i++)
		slot += o->ssrc[i].room == (uint32_t)number;
	more = reallocarray(o->ssrc, o->config.ssrcs + 1, sizeof(*more));
	if (!more)
		return LOAD_WRONG;
	more[o->config.ssrcs++] = (struct sink_ssrc){(uint32_t)number, slot, (uint32_t)ssrc};
	o->ssrc = more;
	return 0;
}

static int expect_from(struct tally_rules *r, const char *arg)
{
	struct crier_endpoint ep;
	int rc = endpoint_parse_from(arg, strlen(arg), &ep);

	if (rc) {
		log_err("crier-load sink: --expect-from '%s': %s", arg, endpoint_strerror(rc));
		return LOAD_USAGE;
	}
	memcpy(r->from, ep.addr.b, 16);
	r->check_from = 1;
	if (ep.port)
		r->from_port = ep.port;
	return 0;
}

static int pass_add(struct sink_options *o, const char *arg)
{
	int rc;

	if (o->passes == SINK_PASSES)
		return usage_error("too many --pass");
	rc = endpoint_parse(arg, strlen(arg), &o->pass[o->passes++]);
	if (rc) {
		log_err("crier-load sink: --pass '%s': %s", arg, endpoint_strerror(rc));
		return LOAD_USAGE;
	}
	return 0;
}

static int pktgen_option(struct sink_config *c, char *arg)
{
	char *rooms = strchr(arg, '/');
	uint64_t n = 1;

	if (rooms) {
		*rooms++ = '\0';
		if (arg_u64("pktgen", rooms, 1, 65535, &n))
			return LOAD_USAGE;
	}
	c->pktgen_room = arg;
	c->pktgen_rooms = (uint32_t)n;
	return 0;
}

static int router_add(struct sink_options *o, const char *arg)
{
	if (o->routers == NEIGHBOUR_ADDRS)
		return usage_error("too many --router");
	if (addr_parse(arg, strlen(arg), &o->router[o->routers++])) {
		log_err("crier-load sink: --router '%s': want an address", arg);
		return LOAD_USAGE;
	}
	return 0;
}

static int roster_option(struct sink_options *o, int opt, const char *room, const char *arg)
{
	uint16_t flags = opt == OPT_CHURNERS || opt == OPT_CHURN_GENERATE ? TALLY_CHURNER : 0;
	int rc;

	if (opt == OPT_LISTENERS || opt == OPT_CHURNERS)
		rc = roster_load(&o->roster, arg, room, flags);
	else
		rc = roster_generate(&o->roster, arg, room, flags);
	return rc ? LOAD_WRONG : 0;
}

static int number_option(struct sink_options *o, int opt, const char *name, const char *arg)
{
	struct tally_rules *r = &o->config.expect;
	uint64_t n = 0;

	switch (opt) {
	case OPT_STREAMS:
		if (arg_u64(name, arg, 1, 8, &n))
			return LOAD_USAGE;
		o->config.slots = (uint32_t)n;
		return 0;
	case OPT_PACKETS:
		if (arg_u64(name, arg, 64, 1 << 24, &n))
			return LOAD_USAGE;
		for (o->config.ring = 64; o->config.ring < n; o->config.ring *= 2)
			;
		return 0;
	case OPT_CPU:
		if (arg_u64(name, arg, 0, CPU_SETSIZE - 1, &n))
			return LOAD_USAGE;
		o->cpu = (int)n;
		return 0;
	case OPT_FROM_PORT:
		if (arg_u64(name, arg, 1, 65535, &n))
			return LOAD_USAGE;
		r->from_port = htons((uint16_t)n);
		return 0;
	case OPT_TTL:
		if (arg_u64(name, arg, 1, 255, &n))
			return LOAD_USAGE;
		r->ttl = (int16_t)n;
		return 0;
	case OPT_DSCP:
		if (arg_u64(name, arg, 0, 63, &n))
			return LOAD_USAGE;
		r->dscp = (int16_t)n;
		return 0;
	case OPT_SECONDS:
		return arg_seconds(name, arg, &o->seconds_ns) ? LOAD_USAGE : 0;
	case OPT_IDLE:
		return arg_seconds(name, arg, &o->idle_ns) ? LOAD_USAGE : 0;
	case OPT_LINGER:
		return arg_seconds(name, arg, &o->linger_ns) ? LOAD_USAGE : 0;
	}
	return LOAD_USAGE;
}

static int parse_one(struct sink_options *o, int opt, const char *name, char *arg,
		     const char **room)
{
	switch (opt) {
	case OPT_INTERFACE:
		return iface_add(&o->config, arg);
	case OPT_DPDK:
		o->dpdk = arg;
		return 0;
	case OPT_ROUTER:
		return router_add(o, arg);
	case OPT_ROOM:
		*room = arg;
		return 0;
	case OPT_LISTENERS:
	case OPT_GENERATE:
	case OPT_CHURNERS:
	case OPT_CHURN_GENERATE:
		return roster_option(o, opt, *room, arg);
	case OPT_SSRC:
		return ssrc_add(o, *room, arg);
	case OPT_LOG:
		if (o->logs == SINK_LOGS)
			return usage_error("too many --log");
		o->log[o->logs++] = arg;
		return 0;
	case OPT_PKTGEN:
		return pktgen_option(&o->config, arg);
	case OPT_FROM:
		return expect_from(&o->config.expect, arg);
	case OPT_PASS:
		return pass_add(o, arg);
	case OPT_STAMPS:
		o->config.stamps_pin = arg;
		return 0;
	case OPT_READY:
		o->ready_file = arg;
		return 0;
	case OPT_WINDOWS:
		o->windows = arg;
		return 0;
	case OPT_REPORT:
		o->report = arg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_PROGRESS:
		o->progress = true;
		return 0;
	}
	return number_option(o, opt, name, arg);
}

static int passes_apply(struct sink_options *o)
{
	char text[ENDPOINT_STRLEN];
	size_t i, j;

	for (i = 0; i < o->passes; i++) {
		bool found = false;

		for (j = 0; j < o->roster.members; j++) {
			struct crier_endpoint ep = roster_endpoint(&o->roster.member[j]);

			if (endpoint_equal(&ep, &o->pass[i])) {
				o->roster.member[j].flags |= TALLY_PASS;
				found = true;
			}
		}
		if (!found) {
			log_err("crier-load sink: --pass %s is no listener's",
				endpoint_format(text, &o->pass[i]));
			return LOAD_USAGE;
		}
	}
	return 0;
}

static int where_check(const struct sink_options *o)
{
	if (!o->config.ifaces == !o->dpdk)
		return usage_error("one of --interface and --dpdk is needed");
	if (!o->dpdk && (o->routers || o->cpu >= 0))
		return usage_error("--router and --cpu are for --dpdk: Linux answers and schedules "
				   "at an interface");
	if (o->dpdk && o->passes)
		return usage_error("--pass: behind --dpdk there is no Linux to pass anything to");
	return 0;
}

int sink_parse(struct sink_options *o, int argc, char **argv)
{
	const char *room = "room";
	int opt, at, rc;

	memset(o, 0, sizeof(*o));
	o->config.slots = 1;
	o->config.ring = 16384;
	o->cpu = -1;
	o->config.expect.ttl = o->config.expect.dscp = -1;
	o->linger_ns = 3 * NSEC_PER_SEC / 10;
	o->idle_ns = 2 * NSEC_PER_SEC;
	while ((opt = getopt_long(argc, argv, "h", options, &at)) != -1) {
		if (opt == 'h') {
			fputs(usage_text, stdout);
			exit(LOAD_OK);
		}
		if (opt == '?')
			return LOAD_USAGE;
		rc = parse_one(o, opt, options[at].name, optarg, &room);
		if (rc)
			return rc;
	}
	if (optind < argc)
		return usage_error("it takes options only");
	rc = where_check(o);
	if (rc)
		return rc;
	if (!o->roster.members)
		return usage_error("nobody listens: give --listeners or --generate");
	o->config.roster = &o->roster;
	o->config.in_memory = o->dpdk != NULL;
	o->config.ssrc = o->ssrc;
	return passes_apply(o);
}

void sink_options_free(struct sink_options *o)
{
	roster_free(&o->roster);
	free(o->ssrc);
}
