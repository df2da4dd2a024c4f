/* SPDX-License-Identifier: BSD-2-Clause */
#include "maps.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#define CAPTURE_BYTES (1 << 20)

static uint32_t one(const struct crier_config *c)
{
	(void)c;
	return 1;
}

static uint32_t n_pages4(const struct crier_config *c)
{
	return c->pages4;
}

static uint32_t n_pages6(const struct crier_config *c)
{
	return c->pages6;
}

static uint32_t n_pages(const struct crier_config *c)
{
	return c->pages4 + c->pages6;
}

static uint32_t n_index(const struct crier_config *c)
{
	return (c->index_words + CRIER_INDEX_WORDS - 1) / CRIER_INDEX_WORDS;
}

static uint32_t n_rooms(const struct crier_config *c)
{
	return c->max_rooms;
}

static uint32_t n_shards(const struct crier_config *c)
{
	return c->max_rooms * c->max_shards;
}

static uint32_t n_streams(const struct crier_config *c)
{
	return c->max_streams;
}

static uint32_t n_ingest(const struct crier_config *c)
{
	(void)c;
	return CRIER_INGEST_ENTRIES;
}

static uint32_t n_locals(const struct crier_config *c)
{
	return c->locals;
}

static uint32_t n_vias(const struct crier_config *c)
{
	return c->max_vias;
}

static uint32_t n_ports(const struct crier_config *c)
{
	(void)c;
	return CRIER_MAX_PORTS;
}

static uint32_t n_workers(const struct crier_config *c)
{
	return c->max_workers;
}

static uint32_t n_room_counters(const struct crier_config *c)
{
	return c->max_workers * c->max_rooms;
}

static uint32_t n_cpus(const struct crier_config *c)
{
	return c->cpus;
}

static uint32_t n_port_counters(const struct crier_config *c)
{
	return c->cpus * CRIER_MAX_PORTS;
}

static uint32_t n_stream_counters(const struct crier_config *c)
{
	return c->cpus * c->max_streams;
}

static uint32_t n_capture_ring(const struct crier_config *c)
{
	return c->max_workers * CRIER_CAPTURE_SLOTS;
}

static uint32_t n_kjobs(const struct crier_config *c)
{
	return c->cpus * CRIER_KJOBS;
}

static uint32_t n_devmaps(const struct crier_config *c)
{
	(void)c;
	return CRIER_MAX_PORTS * CRIER_KSIZES_N;
}

/* Two halves: a list, and the trees made of it, are written beside those in use. */
static uint32_t n_guard_list(const struct crier_config *c)
{
	return 2 * c->guard_prefixes;
}

static uint32_t n_guard_buckets(const struct crier_config *c)
{
	return guard_buckets_entries(c->guard_prefixes);
}

static uint32_t n_xsks(const struct crier_config *c)
{
	(void)c;
	return CRIER_MAX_PORTS * CRIER_MAX_QUEUES;
}

static uint32_t n_capture(const struct crier_config *c)
{
	(void)c;
	return CAPTURE_BYTES;
}

#define TABLE(table, value, count) \
	{ \
		.name = #table, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, \
		.value_size = sizeof(value), .flags = BPF_F_MMAPABLE, .mapped = true, \
		.field = offsetof(struct tables, table), .entries = count, \
	}

const struct map_spec map_specs[MAPS_N] = {
	TABLE(config, struct crier_config, one),
	TABLE(members4, struct crier_page4, n_pages4),
	TABLE(members6, struct crier_page6, n_pages6),
	TABLE(pages, struct crier_page, n_pages),
	TABLE(info, struct crier_info_page, n_pages),
	TABLE(seen, struct crier_seen_page, n_pages),
	TABLE(member_index, struct crier_index, n_index),
	TABLE(rooms, struct crier_room, n_rooms),
	TABLE(shards, struct crier_shard, n_shards),
	TABLE(streams, struct crier_stream, n_streams),
	TABLE(ingest, struct crier_ingest, n_ingest),
	TABLE(locals, struct crier_local, n_locals),
	TABLE(vias, struct crier_via, n_vias),
	TABLE(ports, struct crier_port, n_ports),
	TABLE(workers, struct crier_worker, n_workers),
	TABLE(worker_counters, struct crier_worker_counters, n_workers),
	TABLE(room_counters, struct crier_room_counters, n_room_counters),
	TABLE(xdp_counters, struct crier_xdp_counters, n_cpus),
	TABLE(stream_counters, struct crier_stream_counters, n_stream_counters),
	TABLE(capture_ring, struct crier_capture_rec, n_capture_ring),
	TABLE(kjobs, struct crier_kjob, n_kjobs),
	TABLE(kheld, struct crier_kheld, n_kjobs),
	TABLE(kxmit, struct crier_kxmit, n_cpus),
	TABLE(port_counters, struct crier_port_counters, n_port_counters),
	TABLE(kernel_counters, struct crier_room_counters, n_rooms),
	TABLE(triggers, struct crier_trigger_slot, n_workers),
	TABLE(guard, struct crier_guard, one),
	TABLE(guard_list, struct crier_guard_prefix, n_guard_list),
	TABLE(guard_buckets, struct crier_guard_bucket, n_guard_buckets),
	{.name = "xsks",
	 .type = BPF_MAP_TYPE_XSKMAP,
	 .key_size = 4,
	 .value_size = 4,
	 .entries = n_xsks},
	{.name = "capture", .type = BPF_MAP_TYPE_RINGBUF, .entries = n_capture},
	{.name = "devmaps",
	 .type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
	 .key_size = 4,
	 .value_size = 4,
	 .devmaps = true,
	 .entries = n_devmaps},
	/* ifindex -> port number */
	{.name = "port_numbers",
	 .type = BPF_MAP_TYPE_HASH,
	 .key_size = 4,
	 .value_size = 4,
	 .entries = n_ports},
};

void err_say(char *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err, TABLES_ERR_LEN, fmt, args);
	va_end(args);
}

const char *bpf_advice(int ret)
{
	switch (ret) {
	case -ENOMEM:
	case -E2BIG:
		return "; free memory, or lower capacity.listeners or the other capacities";
	case -EMFILE:
	case -ENFILE:
		return "; raise the limit of open files (ulimit -n, LimitNOFILE= in systemd)";
	default:
		return "";
	}
}

struct maps *maps_new(void)
{
	struct maps *m = calloc(1, sizeof(*m));

	for (int i = 0; m && i < MAPS_N; i++)
		m->fd[i] = -1;
	return m;
}

size_t map_bytes(const struct map_spec *s, const struct crier_config *c)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)((s->value_size + 7) & ~7U) * s->entries(c);

	return (len + page - 1) & ~(page - 1);
}

void tables_set(struct tables *t, int i, void *mem)
{
	memcpy((char *)t + map_specs[i].field, &mem, sizeof(mem));
}

struct tables_size tables_size_default(void)
{
	int cpus = libbpf_num_possible_cpus();

	return (struct tables_size){
		.members4 = 1 << 20,
		.members6 = 1 << 18,
		.rooms = 4096,
		.streams = 8192,
		.vias = 65535,
		.workers = 8,
		.shards = 8,
		.locals = 1024,
		.guard_prefixes = 1024,
		.cpus = cpus > 0 ? (uint32_t)cpus : (uint32_t)sysconf(_SC_NPROCESSORS_CONF),
	};
}

/* At least one for each worker. */
static uint32_t shards_for(uint32_t workers, uint32_t least)
{
	while (least < workers && least < CRIER_MAX_WORKERS)
		least *= 2;
	return least;
}

static void size_fill(struct tables_size *s)
{
	struct tables_size d = tables_size_default();

	s->members4 = s->members4 ? s->members4 : d.members4;
	s->members6 = s->members6 ? s->members6 : d.members6;
	s->rooms = s->rooms ? s->rooms : d.rooms;
	s->streams = s->streams ? s->streams : d.streams;
	s->vias = s->vias ? s->vias : d.vias;
	s->workers = s->workers ? s->workers : d.workers;
	s->shards = s->shards ? s->shards : shards_for(s->workers, d.shards);
	s->locals = s->locals ? s->locals : d.locals;
	s->cpus = s->cpus ? s->cpus : d.cpus;
	s->guard_prefixes = s->guard_prefixes ? s->guard_prefixes : d.guard_prefixes;
}

/* The largest sizes that the layouts' fields hold. */
static int size_check(const struct tables_size *s, char err[TABLES_ERR_LEN])
{
	const struct {
		const char *name;
		uint32_t value, most;
	} limits[] = {
		{"IPv4 listeners", s->members4, 1U << 28},
		/* With both, a slot's number leaves three bits of a word of the index. */
		{"IPv6 listeners", s->members6, (1U << 28) - CRIER_PAGE_SLOTS},
		{"rooms", s->rooms, (1U << 20) - 2},
		{"streams", s->streams, 1U << 20},
		{"next hops", s->vias, 65535},
		{"workers", s->workers, CRIER_MAX_WORKERS},
		{"shards", s->shards, CRIER_MAX_WORKERS},
		{"local addresses", s->locals, 1U << 20},
		{"CPUs", s->cpus, 1U << 14},
		{"guard prefixes", s->guard_prefixes, 1U << 20},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (limits[i].value <= limits[i].most)
			continue;
		err_say(err, "%u %s are more than the tables can hold (%u)", limits[i].value,
			limits[i].name, limits[i].most);
		return -ERANGE;
	}
	return 0;
}

static uint32_t pages_for(uint32_t members)
{
	return (members + CRIER_PAGE_SLOTS - 1) / CRIER_PAGE_SLOTS;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = CRIER_LOCAL_PROBES;

	while (p < n)
		p *= 2;
	return p;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* Slot 0 is none. */
static void index_size(struct crier_config *c)
{
	uint32_t last = (c->pages4 + c->pages6) * CRIER_PAGE_SLOTS - 1;

	c->index_words = (uint32_t)index_words_for(last);
	c->index_mask = UINT32_MAX >> __builtin_clz(last);
}

int config_init(struct crier_config *c, const struct tables_size *size, char err[TABLES_ERR_LEN])
{
	static const uint64_t defaults[CRIER_SET_N] = {
#define SETTING_DEFAULT(name, def, least, most, help) [CRIER_SET_##name] = def,
		CRIER_SETTINGS(SETTING_DEFAULT)
#undef SETTING_DEFAULT
	};
	struct tables_size s = {0};
	int ret;

	if (size)
		s = *size;
	size_fill(&s);
	ret = size_check(&s, err);
	if (ret)
		return ret;

	memset(c, 0, sizeof(*c));
	c->abi = CRIER_ABI;
	c->size = sizeof(*c);
	/* Numbers begin at 1, so there is one more of each than can be used.  v6 pages
	 * follow the v4 ones and are never 0. */
	c->pages4 = pages_for(s.members4) + 1;
	c->pages6 = pages_for(s.members6);
	index_size(c);
	c->max_rooms = s.rooms + 1;
	c->max_streams = s.streams + 1;
	c->max_vias = s.vias + 1;
	c->max_shards = s.shards;
	c->locals = power_of_two(s.locals);
	c->cpus = s.cpus;
	c->shards = s.shards;
	c->max_workers = s.workers;
	c->guard_prefixes = s.guard_prefixes;
	c->heartbeat_ns = clock_ns(CLOCK_MONOTONIC);
	c->created_s = clock_ns(CLOCK_REALTIME) / 1000000000ULL;
	memcpy(c->setting, defaults, sizeof(defaults));
	return 0;
}

bool config_sane(const struct crier_config *c)
{
	return c->pages4 > 1 && c->pages4 <= (1U << 20) + 1 && c->pages6 && c->pages6 < 1U << 20 &&
	       c->index_words == index_words_for((c->pages4 + c->pages6) * CRIER_PAGE_SLOTS - 1) &&
	       c->max_rooms > 1 && c->max_rooms < 1U << 20 && c->max_streams > 1 &&
	       c->max_streams <= (1U << 20) + 1 && c->max_vias > 1 && c->max_vias <= 65536 &&
	       c->max_shards && c->max_shards <= CRIER_MAX_WORKERS && c->locals &&
	       !(c->locals & (c->locals - 1)) && c->cpus && c->cpus <= 1U << 14 && c->max_workers &&
	       c->max_workers <= CRIER_MAX_WORKERS && c->shards && c->shards <= c->max_shards &&
	       c->guard_prefixes && c->guard_prefixes <= 1U << 20;
}

int tables_alloc(struct tables *t, const struct tables_size *size)
{
	char err[TABLES_ERR_LEN];
	struct crier_config config;
	struct maps *m;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = config_init(&config, size, err);
	if (ret)
		return ret;
	m = maps_new();
	if (!m)
		return -ENOMEM;
	t->priv = m;
	for (int i = 0; i < MAPS_N; i++) {
		void *mem;

		if (!map_specs[i].mapped)
			continue;
		m->bytes[i] = map_bytes(&map_specs[i], &config);
		mem = mmap(NULL, m->bytes[i], PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (mem == MAP_FAILED) {
			tables_close(t);
			return -ENOMEM;
		}
		m->mem[i] = mem;
		tables_set(t, i, mem);
	}
	*t->config = config;
	tables_publish(t);
	return 0;
}

void tables_publish(struct tables *t)
{
	tbl_store_release(&t->config->magic, CRIER_MAGIC);
}

void tables_close(struct tables *t)
{
	struct maps *m = t->priv;

	for (int i = 0; m && i < MAPS_N; i++) {
		if (m->mem[i])
			munmap(m->mem[i], m->bytes[i]);
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	}
	free(m);
	memset(t, 0, sizeof(*t));
}

size_t tables_bytes(const struct tables *t)
{
	const struct maps *m = t->priv;
	size_t sum = 0;

	for (int i = 0; i < MAPS_N; i++)
		sum += m->bytes[i];
	return sum;
}

int tables_map_fd(const struct tables *t, const char *name)
{
	const struct maps *m = t->priv;

	for (int i = 0; i < MAPS_N; i++)
		if (!strcmp(map_specs[i].name, name))
			return m->fd[i] >= 0 ? m->fd[i] : -ENOENT;
	return -ENOENT;
}
