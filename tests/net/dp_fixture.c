/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dp_fixture: stands in for crierd where crier-dp is tested or measured alone.  Makes and
 * pins the tables, attaches the program, fills in one room by hand, says "ready", stamps
 * the heartbeat, and at SIGTERM prints the counters and flushes.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "xdp/addr.h"
#include "xdp/load.h"

struct options {
	const char *pin_dir, *in, *out, *local, *src4, *src6, *mac;
	const char *page; /* the injector's far end: the room goes by page triggers */
	bool kernel;	  /* the room's own packets are broadcast */
	uint32_t port, members4, members6;
	const char *set;
	unsigned vlan[2];  /* outer, inner id of IPv4 members' next hop; 0: none */
	unsigned vlan6[2]; /* of IPv6 members' */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "dp_fixture: %s: %s\n", what, why);
	exit(1);
}

static void mac_of(const char *ifname, uint8_t mac[6])
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		die(ifname, strerror(errno));
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static void local_add(struct tables *t, const char *text)
{
	struct crier_addr a;
	uint32_t mask = t->config->locals - 1, at;

	if (addr_parse(text, strlen(text), &a))
		die(text, "no address");
	for (at = local_hash(&a) & mask; t->locals[at].state; at = (at + 1) & mask)
		;
	t->locals[at].addr = a;
	tbl_store_release(&t->locals[at].state, 1);
}

static void port_make(struct fixture *f, struct loader *l, uint32_t number, const char *ifname)
{
	struct loader_attached attached;
	char err[LOADER_ERR_LEN];
	uint8_t mac[6];

	mac_of(ifname, mac);
	fixture_port(f, number, if_nametoindex(ifname), ifname, mac);
	if (loader_attach(l, ifname, number, LOADER_AUTO, &attached, err))
		die(ifname, err);
}

static void stream_make(struct tables *t, uint32_t port)
{
	t->streams[1] = (struct crier_stream){
		.room = 1,
		.generation = 1,
		.port = htons((uint16_t)port),
		.payload = CRIER_PAYLOAD_UDP,
		.state = 1,
	};
	tbl_store_release(&t->ingest[port / 64].stream[port % 64], 1);
}

static void via_tag(struct fixture *f, uint32_t via, const unsigned vlan[2])
{
	struct crier_via *v = &f->t->vias[via];

	/* two tags are 802.1ad around 802.1Q, as Linux stacks them */
	for (int i = 0; i < 2 && vlan[i]; i++) {
		v->vlan[i] = (uint16_t)(vlan[i] + 1);
		v->tpid[i] = htons(!i && vlan[1] ? 0x88a8 : 0x8100);
		if (f->t->ports[v->port].tags < (uint32_t)i + 1)
			f->t->ports[v->port].tags = (uint32_t)i + 1;
	}
}

static void room_make(struct fixture *f, const struct options *o)
{
	uint8_t mac[6];

	if (sscanf(o->mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		die(o->mac, "no MAC address");
	fixture_via(f, 1, 2, mac, o->src4, 1500);
	via_tag(f, 1, o->vlan);
	fixture_room(f, 1, 1);
	fixture_fill4(f, 1, 0, o->members4, 100, 1);
	if (o->src6) {
		fixture_via(f, 2, 2, mac, o->src6, 1500);
		via_tag(f, 2, o->vlan6);
		fixture_fill6(f, 1, 0, o->members6, 2);
	}
	stream_make(f->t, o->port);
}

static void devmaps_make(struct tables *t, struct loader *l, const char *out)
{
	int ret = loader_devmaps(l, 2, if_nametoindex(out));

	if (ret)
		die("devmaps", strerror(-ret));
	t->kernel_counters[1].generation = t->rooms[1].generation;
}

/* All on its page leave by port 2. */
static void page_occupy(struct tables *t, uint32_t n, bool family6)
{
	struct crier_page *page = &t->pages[n];

	for (uint32_t i = 0; n && i < CRIER_PAGE_SLOTS; i++)
		if (family6 ? t->members6[n - t->config->pages4].member[i].word
			    : t->members4[n].member[i])
			page->occupied[i / 64] |= 1ULL << i % 64;
	memcpy(page->egress, page->occupied, sizeof(page->egress));
	page->egress_port = 2;
}

static void kernel_make(struct tables *t, struct loader *l, const char *out)
{
	const struct crier_shard *s = room_shard(t, 1, 0);

	devmaps_make(t, l, out);
	page_occupy(t, s->head4, false);
	page_occupy(t, s->head6, true);
	t->rooms[1].kernel = kernel_word(s->head4, s->head6, 2);
	tbl_store(&t->rooms[1].engine, CRIER_ENGINE_KERNEL);
}

/* The link ends with this process. */
static void page_make(struct tables *t, struct loader *l, const char *far, const char *out)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int ret;

	devmaps_make(t, l, out);
	ret = bpf_link_create(loader_trigger_fd(l), (int)if_nametoindex(far), BPF_XDP, &opts);
	if (ret < 0)
		die(far, strerror(-ret));
	tbl_store(&t->ports[2].flags, t->ports[2].flags | CRIER_PORT_BROADCASTS);
	tbl_store(&t->rooms[1].engine, CRIER_ENGINE_PAGE);
}

static void settings_make(struct tables *t, const char *set)
{
	static const char *const names[] = {
#define NAME(name, def, least, most, help) #name,
		CRIER_SETTINGS(NAME)
#undef NAME
	};
	char name[32];
	unsigned long value;

	for (; set && sscanf(set, "%31[a-z_]=%lu", name, &value) == 2; set = strchr(set, ',')) {
		for (int i = 0; i < CRIER_SET_N; i++)
			if (!strcmp(names[i], name))
				tbl_store(&t->config->setting[i], value);
		if (!strchr(set, ','))
			break;
		set++;
	}
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void counters_print(const struct tables *t)
{
	static const char *const names[] = {
#define NAME(name, help) #name,
		CRIER_WORKER_COUNTERS(NAME)
#undef NAME
	};
	static const char *const xdp_names[] = {
#define NAME(name, help) #name,
		CRIER_XDP_COUNTERS(NAME)
#undef NAME
	};
	const struct crier_room_counters *r = room_counters(t, 0, 1), *k = &t->kernel_counters[1];

	printf("{");
	for (int i = 0; i < CRIER_WORKER_N; i++)
		printf("\"%s\":%llu,", names[i], t->worker_counters[0].c[i]);
	for (int i = 0; i < CRIER_XDP_N; i++) {
		uint64_t sum = 0;

		for (uint32_t cpu = 0; cpu < t->config->cpus; cpu++)
			sum += t->xdp_counters[cpu].c[i];
		printf("\"xdp_%s\":%lu,", xdp_names[i], sum);
	}
	printf("\"room\":{\"pkts\":%llu,\"due\":%llu,\"copies\":%llu,\"no_route\":%llu,"
	       "\"no_neighbour\":%llu,\"link_down\":%llu,\"mtu\":%llu,\"tx_full\":%llu,"
	       "\"overload_pkts\":%llu,\"overload_copies\":%llu,\"sweep_ns\":%llu,"
	       "\"sweep_max_ns\":%llu,\"late\":%llu},\"kernel\":{\"due\":%llu,\"copies\":%llu,"
	       "\"tx_full\":%llu}}\n",
	       r->pkts, r->due, r->copies, r->no_route, r->no_neighbour, r->link_down, r->mtu,
	       r->tx_full, r->overload_pkts, r->overload_copies, r->sweep_ns, r->sweep_max_ns,
	       r->late, k->due, k->copies, k->tx_full);
	fflush(stdout);
}

static void options_parse(int argc, char **argv, struct options *o)
{
	enum {
		PIN = 1,
		IN,
		OUT,
		LOCAL,
		SRC4,
		SRC6,
		MAC,
		PORT,
		MEMBERS,
		MEMBERS6,
		SET,
		VLAN,
		VLAN6,
		PAGE,
		KERNEL,
	};
	static const struct option longs[] = {
		{"pin-dir", 1, NULL, PIN},     {"in", 1, NULL, IN},
		{"out", 1, NULL, OUT},	       {"local", 1, NULL, LOCAL},
		{"src", 1, NULL, SRC4},	       {"src6", 1, NULL, SRC6},
		{"mac", 1, NULL, MAC},	       {"port", 1, NULL, PORT},
		{"members", 1, NULL, MEMBERS}, {"members6", 1, NULL, MEMBERS6},
		{"set", 1, NULL, SET},	       {"vlan", 1, NULL, VLAN},
		{"vlan6", 1, NULL, VLAN6},     {"page", 1, NULL, PAGE},
		{"kernel", 0, NULL, KERNEL},   {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case PIN:
			o->pin_dir = optarg;
			break;
		case IN:
			o->in = optarg;
			break;
		case OUT:
			o->out = optarg;
			break;
		case LOCAL:
			o->local = optarg;
			break;
		case SRC4:
			o->src4 = optarg;
			break;
		case SRC6:
			o->src6 = optarg;
			break;
		case MAC:
			o->mac = optarg;
			break;
		case PORT:
			o->port = (uint32_t)atoi(optarg) & 0xffff;
			break;
		case MEMBERS:
			o->members4 = (uint32_t)atoi(optarg);
			break;
		case MEMBERS6:
			o->members6 = (uint32_t)atoi(optarg);
			break;
		case SET:
			o->set = optarg;
			break;
		case VLAN:
			sscanf(optarg, "%u,%u", &o->vlan[0], &o->vlan[1]);
			break;
		case VLAN6:
			sscanf(optarg, "%u,%u", &o->vlan6[0], &o->vlan6[1]);
			break;
		case PAGE:
			o->page = optarg;
			break;
		case KERNEL:
			o->kernel = true;
			break;
		default:
			exit(2);
		}
	}
	if (!o->pin_dir || !o->in || !o->out || !o->local || !o->src4 || !o->mac || !o->port)
		die("usage", "--pin-dir --in --out --local --src --mac --port are needed");
}

int main(int argc, char **argv)
{
	struct tables_size size = tables_size_default();
	struct options o = {.members4 = 1};
	const struct sigaction on_stop = {.sa_handler = on_signal};
	char err[LOADER_ERR_LEN];
	struct loader *loader;
	struct fixture f;
	struct tables t;

	options_parse(argc, argv, &o);
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	size.members4 = o.members4 + 512;
	size.members6 = o.members6 + 512;
	if (loader_open(&loader, o.pin_dir, &size, &t, err) < 0)
		die(o.pin_dir, err);
	t.config->media_port = htons(5004);
	settings_make(&t, o.set);
	fixture_over(&f, &t);
	port_make(&f, loader, 1, o.in);
	if (strcmp(o.in, o.out))
		port_make(&f, loader, 2, o.out);
	local_add(&t, o.local);
	room_make(&f, &o);
	if (o.page)
		page_make(&t, loader, o.page, o.out);
	if (o.kernel)
		kernel_make(&t, loader, o.out);
	tables_publish(&t);
	puts("ready");
	fflush(stdout);
	while (!stop) {
		tbl_store(&t.config->heartbeat_ns, clock_ns());
		usleep(200000);
	}
	counters_print(&t);
	loader_close(loader);
	if (loader_flush(o.pin_dir, err))
		die(o.pin_dir, err);
	return 0;
}
