/* SPDX-License-Identifier: BSD-2-Clause */
/* The sink in the kernel: its program, and its tables as maps that are memory here too. */
#include "sink_side.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sink.skel.h"
#include "xdp/log.h"

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level != LIBBPF_WARN || !getenv("CRIER_LOAD_DEBUG"))
		return 0;
	return vfprintf(stderr, fmt, args);
}

static void *map_memory(struct sink *s, const struct bpf_map *map, size_t *rc)
{
	size_t size = ((size_t)bpf_map__value_size(map) + 7) / 8 * 8;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size * bpf_map__max_entries(map) + page - 1) / page * page;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (p == MAP_FAILED) {
		*rc = (size_t)errno;
		return NULL;
	}
	s->mapping[s->mappings].p = p;
	s->mapping[s->mappings++].len = len;
	return p;
}

static void sizes_set(struct sink *s, const struct sink_sizes *size)
{
	bpf_map__set_max_entries(s->skel->maps.cpus, s->cpu_count);
	bpf_map__set_max_entries(s->skel->maps.members, size->members);
	bpf_map__set_max_entries(s->skel->maps.marks, size->marks);
	bpf_map__set_max_entries(s->skel->maps.streams, size->streams);
	bpf_map__set_max_entries(s->skel->maps.packets, size->packets);
	bpf_map__set_max_entries(s->skel->maps.reports, size->reports);
	bpf_map__set_max_entries(s->skel->maps.place, size->place);
	bpf_map__set_max_entries(s->skel->maps.stream_ids, size->stream_ids);
}

static int memory_map(struct sink *s)
{
	size_t err = 0;

	s->cpus = map_memory(s, s->skel->maps.cpus, &err);
	s->members = map_memory(s, s->skel->maps.members, &err);
	s->marks = map_memory(s, s->skel->maps.marks, &err);
	s->streams = map_memory(s, s->skel->maps.streams, &err);
	s->stream_ids = map_memory(s, s->skel->maps.stream_ids, &err);
	s->packets = map_memory(s, s->skel->maps.packets, &err);
	s->reports = map_memory(s, s->skel->maps.reports, &err);
	s->stamps = map_memory(s, s->skel->maps.stamps, &err);
	s->place = map_memory(s, s->skel->maps.place, &err);
	s->events = map_memory(s, s->skel->maps.events, &err);
	s->event_counts = map_memory(s, s->skel->maps.event_counts, &err);
	if (err)
		log_err("crier-load sink: cannot map the tables: %s", strerror((int)err));
	return -(int)err;
}

static int stamps_pin(struct sink *s, const char *pin)
{
	if (!pin)
		return 0;
	if (strlen(pin) >= sizeof(s->pin)) {
		log_err("crier-load sink: --stamps: the path is too long");
		return -ENAMETOOLONG;
	}
	if (bpf_map__pin(s->skel->maps.stamps, pin)) {
		int rc = -errno;

		log_err("crier-load sink: cannot pin the stamps at %s: %s (it must be a new name "
			"on "
			"a bpffs)",
			pin, strerror(errno));
		return rc;
	}
	strcpy(s->pin, pin);
	return 0;
}

static int program_load(struct sink *s)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	int rc;

	setrlimit(RLIMIT_MEMLOCK, &all); /* kernels before 5.11 count maps against it */
	rc = sink_bpf__load(s->skel);
	if (rc)
		log_err("crier-load sink: the kernel refuses the program: %s%s", strerror(-rc),
			rc == -EPERM ? " (root is needed)" : "");
	return rc;
}

int sink_xdp_open(struct sink *s, const struct sink_config *c, const struct sink_sizes *size,
		  const struct tally_rules *rules)
{
	int rc;

	libbpf_set_print(quiet);
	s->skel = sink_bpf__open();
	if (!s->skel) {
		rc = -errno;
		log_err("crier-load sink: cannot open the program: %s", strerror(errno));
		return rc;
	}
	*(struct tally_rules *)&s->skel->rodata->rules = *rules;
	sizes_set(s, size);
	rc = program_load(s);
	if (!rc)
		rc = memory_map(s);
	if (!rc)
		rc = stamps_pin(s, c->stamps_pin);
	return rc;
}

void sink_xdp_close(struct sink *s)
{
	uint32_t i;

	for (i = 0; i < s->links; i++)
		close(s->link_fd[i]);
	sink_bpf__destroy(s->skel);
}

static int link_make(int prog, int ifindex, enum sink_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd = -EINVAL;

	if (mode != SINK_GENERIC) {
		opts.flags = XDP_FLAGS_DRV_MODE;
		fd = bpf_link_create(prog, ifindex, BPF_XDP, &opts);
		if (fd >= 0 || mode == SINK_NATIVE || fd == -EBUSY || fd == -EEXIST)
			return fd;
	}
	opts.flags = XDP_FLAGS_SKB_MODE;
	return bpf_link_create(prog, ifindex, BPF_XDP, &opts);
}

int sink_attach(struct sink *s, const struct sink_config *c)
{
	int fd, prog = bpf_program__fd(s->skel->progs.sink);
	uint32_t i;

	for (i = 0; i < c->ifaces; i++) {
		const char *name = c->iface[i].name;
		unsigned int ifindex = if_nametoindex(name);

		if (!ifindex) {
			log_err("crier-load sink: no interface %s in this network namespace", name);
			return -ENODEV;
		}
		fd = link_make(prog, (int)ifindex, c->iface[i].mode);
		if (fd < 0) {
			log_err("crier-load sink: cannot attach to %s: %s%s", name, strerror(-fd),
				fd == -EBUSY || fd == -EEXIST ? " (it has an XDP program already: "
								"'ip link show' names it)"
							      : "");
			return fd;
		}
		s->link_fd[s->links++] = fd;
	}
	return 0;
}

int sink_xdp_feed(struct sink *s, const void *frame, size_t len, uint32_t repeat, uint32_t *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .repeat = (int)repeat);
	int rc = bpf_prog_test_run_opts(bpf_program__fd(s->skel->progs.sink), &opts);

	if (rc)
		return rc;
	if (ns)
		*ns = opts.duration;
	return (int)opts.retval;
}

int sink_program(const struct sink *s)
{
	return bpf_program__fd(s->skel->progs.sink);
}
