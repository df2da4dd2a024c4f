/* SPDX-License-Identifier: BSD-2-Clause */
#include "publish.h"

#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "xdp/log.h"

enum {
	OPT_TO = 256,
	OPT_FROM,
	OPT_OTHER,
	OPT_OPUS,
	OPT_LOOP,
	OPT_SIZE,
	OPT_RATE,
	OPT_COUNT,
	OPT_SECONDS,
	OPT_ROOM,
	OPT_ROOMS,
	OPT_STREAMS,
	OPT_PORT,
	OPT_PAYLOAD,
	OPT_SSRC,
	OPT_PT,
	OPT_SEQ,
	OPT_TS,
	OPT_SR,
	OPT_NO_RTCP,
	OPT_NO_BYE,
	OPT_CNAME,
	OPT_TOGETHER,
	OPT_ZERO,
	OPT_DTX,
	OPT_DSCP,
	OPT_TTL,
	OPT_INTERFACE,
	OPT_DPDK,
	OPT_TO_MAC,
	OPT_LISTENERS,
	OPT_GENERATE,
	OPT_LOG,
	OPT_STAMPS,
	OPT_QUIET,
	OPT_HELP,
	OPT_FAULT, /* the faults' follow */
};

#define FAULT_OPTION(name, option, help) \
	{option, required_argument, NULL, OPT_FAULT + FAULT_##name},
static const struct option options[] = {
	{"to", required_argument, NULL, OPT_TO},
	{"from", required_argument, NULL, OPT_FROM},
	{"other", required_argument, NULL, OPT_OTHER},
	{"opus", required_argument, NULL, OPT_OPUS},
	{"loop", no_argument, NULL, OPT_LOOP},
	{"size", required_argument, NULL, OPT_SIZE},
	{"rate", required_argument, NULL, OPT_RATE},
	{"count", required_argument, NULL, OPT_COUNT},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"room", required_argument, NULL, OPT_ROOM},
	{"rooms", required_argument, NULL, OPT_ROOMS},
	{"streams", required_argument, NULL, OPT_STREAMS},
	{"port", required_argument, NULL, OPT_PORT},
	{"payload", required_argument, NULL, OPT_PAYLOAD},
	{"ssrc", required_argument, NULL, OPT_SSRC},
	{"pt", required_argument, NULL, OPT_PT},
	{"seq", required_argument, NULL, OPT_SEQ},
	{"ts", required_argument, NULL, OPT_TS},
	{"sr", required_argument, NULL, OPT_SR},
	{"no-rtcp", no_argument, NULL, OPT_NO_RTCP},
	{"no-bye", no_argument, NULL, OPT_NO_BYE},
	{"cname", required_argument, NULL, OPT_CNAME},
	{"together", no_argument, NULL, OPT_TOGETHER},
	{"zero-checksum", no_argument, NULL, OPT_ZERO},
	{"send-dtx", no_argument, NULL, OPT_DTX},
	{"dscp", required_argument, NULL, OPT_DSCP},
	{"ttl", required_argument, NULL, OPT_TTL},
	{"interface", required_argument, NULL, OPT_INTERFACE},
	{"dpdk", required_argument, NULL, OPT_DPDK},
	{"to-mac", required_argument, NULL, OPT_TO_MAC},
	{"listeners", required_argument, NULL, OPT_LISTENERS},
	{"generate", required_argument, NULL, OPT_GENERATE},
	{"log", required_argument, NULL, OPT_LOG},
	{"stamps", required_argument, NULL, OPT_STAMPS},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, OPT_HELP},
	PUBLISH_FAULTS(FAULT_OPTION){NULL, 0, NULL, 0},
};

#define FAULT_HELP(name, option, help) "  --" option " N\t" help "\n"
static const char usage_text[] =
	"usage: crier-load publish --to ADDR:PORT (--opus FILE | --rate PPS) [OPTION...]\n"
	"\n"
	"what:\n"
	"  --opus FILE         an Ogg Opus file, in real time; --loop: again and again\n"
	"  --rate PPS          synthetic packets instead, so many a second and stream\n"
	"  --size BYTES        of UDP payload each (112: a frame of 154)\n"
	"  --count N           end after N packets a stream\n"
	"  --seconds S         end after S seconds\n"
	"  --payload rtp|udp   udp: no RTP header, no RTCP\n"
	"where:\n"
	"  --to ADDR:PORT      the node, and the first room's ingest port\n"
	"  --from ADDR[:PORT]  send from there\n"
	"  --room NAME         the room (\"room\")\n"
	"  --rooms N           rooms NAME1 .. NAMEn on ports PORT .. PORT+N-1\n"
	"  --port PORT         PORT, if --to has none\n"
	"  --streams N         streams a room, on its one port (1)\n"
	"  --interface IFACE   bind to this interface\n"
	"  --dpdk DEVARGS      over this DPDK device, without a network stack: a PCI address,\n"
	"                      or as in DPDK's --vdev; needs --from with a port, and:\n"
	"  --to-mac MAC        the node's, or that of a router before it\n"
	"  --listeners FILE, --generate ADDR/COUNT/PORT[-LAST]\n"
	"                      over DPDK: no --to; each packet to each of --room's listeners\n"
	"  --dscp N, --ttl N   of what is sent\n"
	"how:\n"
	"  --ssrc N            of the first stream, the next have N+1 .. (made of the name)\n"
	"  --pt N              payload type (111)\n"
	"  --seq N, --ts N     first RTP sequence number and timestamp (random)\n"
	"  --sr SECONDS        between sender reports (5); --no-rtcp, --no-bye\n"
	"  --cname NAME        in their SDES\n"
	"  --send-dtx          send Opus DTX frames too, rather than nothing\n"
	"  --together          all streams at one instant, not spread over the interval\n"
	"  --zero-checksum     without UDP checksums\n"
	"packets to be refused, one after each N good ones:\n" PUBLISH_FAULTS(
		FAULT_HELP) "  --other ADDR[:PORT]  whence --wrong-source comes\n"
			    "and:\n"
			    "  --log FILE          what was sent, for crier-load sink --log\n"
			    "  --stamps PIN        tell a sink on this machine when each packet "
			    "went out\n"
			    "  --quiet             no summary\n";

static int usage_error(const char *what)
{
	log_err("crier-load publish: %s; --help says more", what);
	return LOAD_USAGE;
}

static int parse_from(const char *option, const char *text, struct crier_endpoint *out, bool *have)
{
	int rc = endpoint_parse_from(text, strlen(text), out);

	if (rc) {
		log_err("crier-load publish: --%s '%s': %s", option, text, endpoint_strerror(rc));
		return LOAD_USAGE;
	}
	*have = true;
	return 0;
}

static int parse_mac(struct publish_options *o, const char *text)
{
	uint8_t *m = o->to_mac;
	int used = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1], &m[2], &m[3], &m[4],
		   &m[5], &used) != 6 ||
	    text[used] || m[0] & 1)
		return usage_error("--to-mac: want a station's address, 02:00:00:00:00:01");
	o->have_to_mac = true;
	return 0;
}

static int parse_payload(struct publish_options *o, const char *text)
{
	o->udp = !strcmp(text, "udp");
	if (!o->udp && strcmp(text, "rtp"))
		return usage_error("--payload is rtp or udp");
	return 0;
}

static int parse_one(struct publish_options *o, int opt, const char *name, const char *arg)
{
	uint64_t port = 0;

	switch (opt) {
	case OPT_TO:
		return parse_from(name, arg, &o->to, &o->have_to);
	case OPT_FROM:
		return parse_from(name, arg, &o->from, &o->have_from);
	case OPT_OTHER:
		return parse_from(name, arg, &o->other, &o->have_other);
	case OPT_PORT:
		if (arg_u64(name, arg, 1, 65535, &port))
			return LOAD_USAGE;
		o->to.port = htons((uint16_t)port);
		return 0;
	case OPT_TO_MAC:
		return parse_mac(o, arg);
	case OPT_LISTENERS:
		return roster_load(&o->roster, arg, o->room, 0) ? LOAD_WRONG : 0;
	case OPT_GENERATE:
		return roster_generate(&o->roster, arg, o->room, 0) ? LOAD_WRONG : 0;
	case OPT_PAYLOAD:
		return parse_payload(o, arg);
	case OPT_ROOM:
		o->room = arg;
		if (!*arg || strlen(arg) > 48 || strpbrk(arg, " \t\n"))
			return usage_error("--room: 1 to 48 characters without spaces");
		return 0;
	case OPT_ROOMS:
		o->numbered = true;
		return arg_u64(name, arg, 1, 10000, &o->rooms) ? LOAD_USAGE : 0;
	case OPT_CNAME:
		o->cname = arg;
		if (!*arg || strlen(arg) > RTP_CNAME_MAX)
			return usage_error("--cname: 1 to 200 bytes");
		return 0;
	case OPT_SECONDS:
		return arg_seconds(name, arg, &o->for_ns) ? LOAD_USAGE : 0;
	case OPT_SR:
		return arg_seconds(name, arg, &o->sr_ns) ? LOAD_USAGE : 0;
	case OPT_STREAMS:
		return arg_u64(name, arg, 1, 8, &o->streams) ? LOAD_USAGE : 0;
	case OPT_SIZE:
		return arg_u64(name, arg, 1, PUBLISH_PAYLOAD_MAX, &o->size) ? LOAD_USAGE : 0;
	case OPT_RATE:
		return arg_u64(name, arg, 1, 10000000, &o->rate) ? LOAD_USAGE : 0;
	case OPT_COUNT:
		return arg_u64(name, arg, 1, UINT32_MAX, &o->count) ? LOAD_USAGE : 0;
	case OPT_SSRC:
		o->have_ssrc = true;
		return arg_u64(name, arg, 0, UINT32_MAX, &o->ssrc) ? LOAD_USAGE : 0;
	case OPT_PT:
		return arg_u64(name, arg, 0, 127, &o->pt) ? LOAD_USAGE : 0;
	case OPT_SEQ:
		o->have_seq = true;
		return arg_u64(name, arg, 0, UINT16_MAX, &o->seq) ? LOAD_USAGE : 0;
	case OPT_TS:
		o->have_ts = true;
		return arg_u64(name, arg, 0, UINT32_MAX, &o->ts) ? LOAD_USAGE : 0;
	case OPT_DSCP:
		return arg_u64(name, arg, 0, 63, &o->dscp) ? LOAD_USAGE : 0;
	case OPT_TTL:
		return arg_u64(name, arg, 1, 255, &o->ttl) ? LOAD_USAGE : 0;
	}
	if (opt >= OPT_FAULT && opt < OPT_FAULT + FAULT_N)
		return arg_u64(name, arg, 1, UINT32_MAX, &o->fault_every[opt - OPT_FAULT])
			       ? LOAD_USAGE
			       : 0;
	return LOAD_USAGE;
}

static bool parse_flag(struct publish_options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_OPUS:
		o->opus = arg;
		break;
	case OPT_DPDK:
		o->dpdk = arg;
		break;
	case OPT_LOG:
		o->log = arg;
		break;
	case OPT_STAMPS:
		o->stamps = arg;
		break;
	case OPT_INTERFACE:
		o->interface = arg;
		break;
	case OPT_LOOP:
		o->loop = true;
		break;
	case OPT_NO_RTCP:
		o->no_rtcp = true;
		break;
	case OPT_NO_BYE:
		o->no_bye = true;
		break;
	case OPT_TOGETHER:
		o->together = true;
		break;
	case OPT_ZERO:
		o->zero_checksum = true;
		break;
	case OPT_DTX:
		o->send_dtx = true;
		break;
	case OPT_QUIET:
		o->quiet = true;
		break;
	default:
		return false;
	}
	return true;
}

static int check_dpdk(const struct publish_options *o)
{
	if (!o->dpdk && (o->have_to_mac || o->roster.members))
		return usage_error("--to-mac, --listeners and --generate are for --dpdk");
	if (!o->dpdk)
		return 0;
	if (!o->have_from || !o->from.port)
		return usage_error("--dpdk has no network stack: give --from ADDR:PORT");
	if (!o->have_to_mac)
		return usage_error("--dpdk has no network stack: give --to-mac");
	if (o->interface)
		return usage_error("--interface and --dpdk: one of them");
	if (o->fault_every[FAULT_FRAGMENT])
		return usage_error("--fragment is for sockets");
	return 0;
}

/* What the options mean together. */
static int check(const struct publish_options *o)
{
	size_t least = sizeof(struct wire_synth) + (o->udp ? 0 : RTP_HEADER);
	char text[96];
	int rc = check_dpdk(o);

	if (rc)
		return rc;
	if (!o->have_to)
		return usage_error("--to is missing");
	if (!o->to.port)
		return usage_error("--to has no port, nor is there a --port");
	if (ntohs(o->to.port) + o->rooms - 1 > 65535)
		return usage_error("so many rooms do not fit above that port");
	if (!o->opus == !o->rate)
		return usage_error("one of --opus and --rate is needed");
	if (o->opus && o->udp)
		return usage_error("an Opus file goes as RTP");
	if (o->rate && o->size < least) {
		snprintf(text, sizeof(text), "--size: a synthetic packet has at least %zu bytes",
			 least);
		return usage_error(text);
	}
	if (o->have_from && addr_is_v4(&o->from.addr) != addr_is_v4(&o->to.addr))
		return usage_error("--from and --to are of two families");
	if (o->have_other && addr_is_v4(&o->other.addr) != addr_is_v4(&o->to.addr))
		return usage_error("--other and --to are of two families");
	if (o->udp && (o->fault_every[FAULT_SSRC] || o->fault_every[FAULT_PT] ||
		       o->fault_every[FAULT_VERSION] || o->fault_every[FAULT_CSRC]))
		return usage_error("without RTP there is no wrong RTP");
	if (o->fault_every[FAULT_LENGTH] && !addr_is_v4(&o->to.addr))
		return usage_error("--bad-length is for IPv4");
	return 0;
}

int publish_parse(struct publish_options *o, int argc, char **argv)
{
	int opt, at, rc;

	*o = (struct publish_options){
		.rooms = 1,
		.streams = 1,
		.room = "room",
		.cname = "crier-load",
		.size = 112,
		.pt = 111,
		.dscp = UINT64_MAX,
		.sr_ns = 5 * NSEC_PER_SEC,
	};
	while ((opt = getopt_long(argc, argv, "h", options, &at)) != -1) {
		if (opt == 'h' || opt == OPT_HELP) {
			fputs(usage_text, stdout);
			exit(LOAD_OK);
		}
		if (opt == '?')
			return LOAD_USAGE;
		if (parse_flag(o, opt, optarg))
			continue;
		rc = parse_one(o, opt, options[at].name, optarg);
		if (rc)
			return rc;
	}
	if (optind < argc)
		return usage_error("it takes options only");
	if (o->roster.members && !o->have_to) {
		o->to = roster_endpoint(&o->roster.member[0]);
		o->have_to = true;
	}
	return check(o);
}

void publish_options_free(struct publish_options *o)
{
	roster_free(&o->roster);
}
