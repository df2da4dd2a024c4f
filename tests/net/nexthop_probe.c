/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd's next hops, ports and crier0 without the rest of it: asks and answers on
 * stdin and stdout, so that scripts can change the world in between.
 *
 *   nexthop-probe [--crier0 ADDRESS[,ADDRESS6]] IFACE...
 *
 *   via ADDR           the next hop for ADDR, or why there is none
 *   wait ADDR WORD     the same as soon as the answer contains WORD, 10 s at most
 *   local ADDR         is ADDR in the table of our own addresses?
 *   port IFACE         the port's line
 *   sweep ADDR...      frees all next hops but these addresses'
 *   changes            how often "routes have changed" was said
 *   stats, warnings, crowd N (resolves N addresses of 10.0.0.0/8, tells the time)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "control/crier0.h"
#include "control/grace.h"
#include "control/nexthop.h"
#include "control/ports.h"
#include "xdp/addr.h"
#include "xdp/load.h"
#include "xdp/log.h"

static struct tables tables;
static struct event_base *base;
static struct grace *grace;
static struct ports *ports;
static struct nexthop *nh;
static unsigned int changes;

/* No program is attached here: the probe needs no BPF. */
int loader_attach(struct loader *l, const char *ifname, uint32_t port, enum loader_mode mode,
		  struct loader_attached *out, char err[LOADER_ERR_LEN])
{
	(void)l;
	(void)ifname;
	(void)port;
	(void)err;
	out->mode = mode == LOADER_GENERIC ? CRIER_PORT_GENERIC : CRIER_PORT_NATIVE;
	return 0;
}

int loader_detach(struct loader *l, const char *ifname, char err[LOADER_ERR_LEN])
{
	(void)l;
	(void)ifname;
	(void)err;
	return 0;
}

int loader_vlan_hidden(const char *ifname, char note[LOADER_NOTE_LEN])
{
	(void)ifname;
	note[0] = '\0';
	return 0;
}

static bool parse(const char *s, struct crier_addr *out)
{
	return s && addr_parse(s, strlen(s), out) == 0;
}

static void via_line(const struct crier_addr *dst, char *line, size_t len)
{
	static const char *const states[] = {"free", "pending", "ready", "down"};
	char neighbour[ADDR_STRLEN], local[ADDR_STRLEN];
	uint16_t n = nexthop_resolve(nh, dst);
	const struct crier_via *v = &tables.vias[n];
	uint64_t hw = tbl_load_acquire(&v->hw);

	if (n == 0) {
		snprintf(line, len, "none: %s", nexthop_reason_text(nexthop_why(nh, dst)));
		return;
	}
	snprintf(line, len,
		 "n=%u port=%s vlan=%d,%d tpid=%04x,%04x neighbour=%s local=%s mtu=%u "
		 "mac=%02x:%02x:%02x:%02x:%02x:%02x state=%s",
		 n, tables.ports[v->port].name, v->vlan[0] - 1, v->vlan[1] - 1, ntohs(v->tpid[0]),
		 ntohs(v->tpid[1]), addr_format(neighbour, &v->neighbour),
		 addr_format(local, &v->local), v->mtu, (unsigned int)(hw & 0xff),
		 (unsigned int)(hw >> 8 & 0xff), (unsigned int)(hw >> 16 & 0xff),
		 (unsigned int)(hw >> 24 & 0xff), (unsigned int)(hw >> 32 & 0xff),
		 (unsigned int)(hw >> 40 & 0xff), states[hw >> 48 & 3]);
}

static void cmd_via(char *arg)
{
	struct crier_addr dst;
	char line[512] = "none: not an address";

	if (parse(arg, &dst))
		via_line(&dst, line, sizeof(line));
	printf("%s\n", line);
}

/* One wait at a time: stdin rests meanwhile. */
static struct {
	struct event *timer;
	struct bufferevent *in;
	struct crier_addr dst;
	char word[128];
	int tries;
} waiting;

static void on_wait(int fd, short what, void *arg)
{
	static const struct timeval soon = {.tv_usec = 20000};
	char line[512];

	(void)fd;
	(void)what;
	(void)arg;
	via_line(&waiting.dst, line, sizeof(line));
	if (strstr(line, waiting.word) == NULL && waiting.tries++ < 500) {
		event_add(waiting.timer, &soon);
		return;
	}
	printf("%s\n", line);
	waiting.word[0] = '\0';
	bufferevent_trigger(waiting.in, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
}

static void cmd_wait(char *arg)
{
	char *word = strchr(arg, ' ');

	if (word)
		*word++ = '\0';
	if (word == NULL || !parse(arg, &waiting.dst)) {
		printf("none: not an address\n");
		return;
	}
	snprintf(waiting.word, sizeof(waiting.word), "%s", word);
	waiting.tries = 0;
	event_active(waiting.timer, EV_TIMEOUT, 0);
}

static void cmd_local(char *arg)
{
	struct crier_addr a;

	if (!parse(arg, &a)) {
		printf("not an address\n");
		return;
	}
	for (uint32_t i = 0; i < CRIER_LOCAL_PROBES; i++) {
		const struct crier_local *e =
			&tables.locals[(local_hash(&a) + i) & (tables.config->locals - 1)];

		if (tbl_load_acquire(&e->state) == 0)
			break;
		if (e->state == 1 && addr_equal(&e->addr, &a)) {
			printf("yes\n");
			return;
		}
	}
	printf("no\n");
}

static void cmd_port(char *arg)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		const struct crier_port *p = &tables.ports[n];
		struct port_notes notes;

		if (strcmp(p->name, arg) != 0)
			continue;
		ports_notes(ports, n, &notes);
		printf("port=%u ifindex=%u link=%s mtu=%u rx_queues=%u notes=%s\n", n, p->ifindex,
		       p->mac >> 48 & 1 ? "up" : "down", p->mtu, p->rx_queues,
		       notes.count ? notes.text[0] : "");
		return;
	}
	printf("none\n");
}

static void cmd_sweep(char *arg)
{
	static uint64_t used[1024];
	struct crier_addr a;

	/* The first forgets who was asked for, the second decides. */
	memset(used, 0xff, sizeof(used));
	nexthop_sweep(nh, used);
	memset(used, 0, sizeof(used));
	for (char *s = strtok(arg, " "); s; s = strtok(NULL, " ")) {
		uint16_t n = parse(s, &a) ? nexthop_resolve(nh, &a) : 0;

		used[n / 64] |= 1ULL << n % 64;
	}
	nexthop_sweep(nh, used);
	printf("swept\n");
}

static void cmd_stats(char *arg)
{
	struct nexthop_stats s;

	(void)arg;
	nexthop_stats(nh, &s);
	printf("vias=%u ready=%u pending=%u down=%u routes4=%u routes6=%u neighbours=%u "
	       "resyncs=%" PRIu64 " overruns=%" PRIu64 " solicits=%" PRIu64 " full=%" PRIu64 "\n",
	       s.total, s.ready, s.pending, s.down, s.routes4, s.routes6, s.neighbours, s.resyncs,
	       s.overruns, s.solicits, s.refused[NEXTHOP_full]);
}

static void each_warning(const char *text, void *arg)
{
	(void)arg;
	printf("%s; ", text);
}

static void cmd_warnings(char *arg)
{
	(void)arg;
	nexthop_warnings(nh, each_warning, NULL);
	printf("\n");
}

static void cmd_changes(char *arg)
{
	(void)arg;
	printf("%u\n", changes);
}

static void cmd_crowd(char *arg)
{
	uint32_t n = (uint32_t)strtoul(arg, NULL, 10), found = 0;
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (uint32_t i = 1; i <= n; i++) {
		struct crier_addr dst = addr_from4(htonl(0x0a000000 + i));

		found += nexthop_resolve(nh, &dst) != 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("found=%u ms=%ld\n", found,
	       (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}

static void command(char *line)
{
	static const struct {
		const char *name;
		void (*run)(char *arg);
	} commands[] = {
		{"via", cmd_via},	    {"wait", cmd_wait},	      {"local", cmd_local},
		{"port", cmd_port},	    {"sweep", cmd_sweep},     {"stats", cmd_stats},
		{"warnings", cmd_warnings}, {"changes", cmd_changes}, {"crowd", cmd_crowd},
	};
	char none[] = "", *arg = strchr(line, ' ');

	if (arg)
		*arg++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(line, commands[i].name) == 0) {
			commands[i].run(arg ? arg : none);
			return;
		}
	}
	printf("what is %s?\n", line);
}

static void on_line(struct bufferevent *in, void *arg)
{
	char *line;

	(void)arg;
	while (!waiting.word[0] &&
	       (line = evbuffer_readln(bufferevent_get_input(in), NULL, EVBUFFER_EOL_LF))) {
		command(line);
		free(line);
	}
}

static void on_end(struct bufferevent *in, short what, void *arg)
{
	(void)in;
	(void)what;
	(void)arg;
	event_base_loopbreak(base);
}

static void on_changed(void *arg)
{
	(void)arg;
	changes++;
}

static void crier0_start(char *spec)
{
	char err[CRIER0_ERR_LEN], *address6 = strchr(spec, ',');
	struct crier0 c;
	int port;

	if (address6)
		*address6++ = '\0';
	if (crier0_parse(&c, spec, address6, err) || crier0_up(&c, err)) {
		log_err("%s", err);
		exit(1);
	}
	port = ports_add(ports, CRIER0_ENGINE, PORT_AUTO, CRIER_PORT_LOCAL, err);
	if (port < 0) {
		log_err("%s", err);
		exit(1);
	}
	if (c.has4)
		ports_add_local(ports, &c.engine4, c.host_ifindex);
	if (c.has6)
		ports_add_local(ports, &c.engine6, c.host_ifindex);
	nexthop_set_local(nh, (uint32_t)port, c.has4 ? &c.engine4 : NULL, c.has4 ? &c.host4 : NULL,
			  c.has6 ? &c.engine6 : NULL, c.has6 ? &c.host6 : NULL);
}

int main(int argc, char **argv)
{
	struct tables_size size = tables_size_default();
	char err[PORTS_ERR_LEN];
	int i = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	size.members4 = size.members6 = 256;
	base = event_base_new();
	if (base == NULL || tables_alloc(&tables, &size) ||
	    grace_open(&tables, base, &(struct grace_ops){0}, &grace) ||
	    ports_open(&tables, grace, base, NULL, &ports) ||
	    nexthop_open(&tables, grace, base, &nh))
		return 1;
	nexthop_on_change(nh, on_changed, NULL);
	ports_on_change(ports, nexthop_ports_changed, nh);
	if (argc > 2 && strcmp(argv[1], "--crier0") == 0) {
		crier0_start(argv[2]);
		i = 3;
	}
	for (; i < argc; i++) {
		if (ports_add(ports, argv[i], PORT_AUTO, 0, err) < 0) {
			log_err("%s", err);
			return 1;
		}
	}
	waiting.timer = event_new(base, -1, 0, on_wait, NULL);
	waiting.in = bufferevent_socket_new(base, STDIN_FILENO, 0);
	bufferevent_setcb(waiting.in, on_line, NULL, on_end, NULL);
	bufferevent_enable(waiting.in, EV_READ);
	event_base_dispatch(base);
	bufferevent_free(waiting.in);
	event_free(waiting.timer);
	grace_close(grace);
	nexthop_close(nh);
	ports_close(ports);
	event_base_free(base);
	tables_close(&tables);
	return 0;
}
