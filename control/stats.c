/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "control/room.h"

/* Worker w's row, or for the number after theirs the kernel engine's. */
static const struct crier_room_counters *row_of(const struct tables *t, uint32_t w, uint32_t room)
{
	return w < t->config->max_workers ? room_counters(t, w, room) : &t->kernel_counters[room];
}

struct room_stats stats_room(const struct store *s, uint32_t room)
{
	struct room_stats sum = {0};
	uint64_t late = 0;

	for (uint32_t w = 0; w <= s->t->config->max_workers; w++) {
		const struct crier_room_counters *c = row_of(s->t, w, room);

		if (tbl_load(&c->generation) != room_row(s, room)->generation)
			continue;
#define ROOM_STATS_ADD(name, help) sum.name += tbl_load(&c->name);
		ROOM_COUNTERS(ROOM_STATS_ADD)
#undef ROOM_STATS_ADD
		if (tbl_load(&c->late) > late)
			late = tbl_load(&c->late);
		if (tbl_load(&c->sweep_ns) > sum.sweep_ns)
			sum.sweep_ns = tbl_load(&c->sweep_ns);
		if (tbl_load(&c->sweep_max_ns) > sum.sweep_max_ns)
			sum.sweep_max_ns = tbl_load(&c->sweep_max_ns);
	}
	sum.late = late; /* a packet is late once, whatever number of workers was */
	return sum;
}

static void set(json_t *json, const char *key, uint64_t value)
{
	json_object_set_new_nocheck(json, key, json_integer((json_int_t)value));
}

json_t *stats_room_json(const struct store *s, uint32_t room)
{
	struct room_stats sum = stats_room(s, room);
	json_t *json = json_object();

#define ROOM_STATS_SET(name, help) set(json, #name, sum.name);
	ROOM_COUNTERS(ROOM_STATS_SET)
#undef ROOM_STATS_SET
	set(json, "sweep_us", sum.sweep_ns / 1000);
	set(json, "sweep_max_us", sum.sweep_max_ns / 1000);
	return json;
}

struct stream_stats stats_stream(const struct store *s, uint32_t stream)
{
	struct stream_stats sum = {0};

	for (uint32_t cpu = 0; cpu < s->t->config->cpus; cpu++) {
		const struct crier_stream_counters *c =
			&s->t->stream_counters[(size_t)cpu * s->t->config->max_streams + stream];

		sum.accepted += tbl_load(&c->accepted);
		sum.refused += tbl_load(&c->refused);
		sum.bytes += tbl_load(&c->bytes);
	}
	return sum;
}

uint64_t stats_xdp(const struct tables *t, uint32_t counter)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < t->config->cpus; cpu++)
		sum += tbl_load(&t->xdp_counters[cpu].c[counter]);
	return sum;
}

uint64_t stats_worker(const struct tables *t, uint32_t counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < t->config->max_workers; w++)
		sum += tbl_load(&t->worker_counters[w].c[counter]);
	return sum;
}

uint64_t stats_port_tx_full(const struct tables *t, uint32_t port)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < t->config->cpus; cpu++)
		sum += tbl_load(&t->port_counters[(size_t)cpu * CRIER_MAX_PORTS + port].tx_full);
	return sum;
}

json_t *stats_xdp_json(const struct tables *t, int64_t cpu)
{
	json_t *json = json_object();

#define XDP_SET(name, help) \
	set(json, #name, \
	    cpu < 0 ? stats_xdp(t, CRIER_XDP_##name) \
		    : tbl_load(&t->xdp_counters[cpu].c[CRIER_XDP_##name]));
	CRIER_XDP_COUNTERS(XDP_SET)
#undef XDP_SET
	return json;
}

json_t *stats_worker_json(const struct tables *t, int64_t worker)
{
	json_t *json = json_object();

#define WORKER_SET(name, help) \
	set(json, #name, \
	    worker < 0 ? stats_worker(t, CRIER_WORKER_##name) \
		       : tbl_load(&t->worker_counters[worker].c[CRIER_WORKER_##name]));
	CRIER_WORKER_COUNTERS(WORKER_SET)
#undef WORKER_SET
	return json;
}

bool worker_is_alive(const char *run_dir, uint32_t worker)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[256];
	bool held;
	int fd;

	snprintf(path, sizeof(path), "%s/worker.%u.lock", run_dir, worker);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

bool worker_is_known(const struct tables *t, uint32_t worker)
{
	return tbl_load(&t->workers[worker].started_ns) != 0;
}

bool any_worker_alive(const struct crierd *d)
{
	if (!d->run_dir)
		return false;
	for (uint32_t w = 0; w < d->tables->config->max_workers; w++)
		if (worker_is_known(d->tables, w) && worker_is_alive(d->run_dir, w))
			return true;
	return false;
}
