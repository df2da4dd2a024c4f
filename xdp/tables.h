/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared tables as a user-space program sees them: mapped memory and the
 * atomic accesses that table.h asks for.  See table.h for layouts and writers.
 *
 * Every pointer is owned by the struct tables; none outlives tables_close().
 */
#ifndef CRIER_TABLES_H
#define CRIER_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* How large the tables are made.  Zero fields take tables_size_default(). */
struct tables_size {
	uint32_t members4, members6; /* members of each family; rounded up to pages */
	uint32_t rooms, streams, vias;
	uint32_t workers, shards, locals, cpus;
	uint32_t guard_prefixes;
};

struct tables {
	struct crier_config *config;
	struct crier_page4 *members4;
	struct crier_page6 *members6; /* element 0 is page config->pages4 */
	struct crier_page *pages;
	struct crier_info_page *info;
	struct crier_seen_page *seen;
	struct crier_index *member_index;
	struct crier_room *rooms;
	struct crier_shard *shards;
	struct crier_stream *streams;
	struct crier_ingest *ingest;
	struct crier_local *locals;
	struct crier_via *vias;
	struct crier_port *ports;
	struct crier_worker *workers;
	struct crier_worker_counters *worker_counters;
	struct crier_room_counters *room_counters;
	struct crier_xdp_counters *xdp_counters;
	struct crier_stream_counters *stream_counters;
	struct crier_capture_rec *capture_ring;
	struct crier_kjob *kjobs;
	struct crier_kheld *kheld;
	struct crier_kxmit *kxmit;
	struct crier_port_counters *port_counters;
	struct crier_room_counters *kernel_counters;
	struct crier_trigger_slot *triggers;
	struct crier_guard *guard;
	struct crier_guard_prefix *guard_list;
	struct crier_guard_bucket *guard_buckets;
	void *priv; /* maps.c: descriptors and lengths */
};

#define TABLES_ERR_LEN 256

struct tables_size tables_size_default(void);

/*
 * In memory of this process alone: tests, benches, fuzzers.  0, -ENOMEM, or
 * -ERANGE for more than the layouts can number.
 * The config is filled in as crierd would, settings at their defaults.
 */
int tables_alloc(struct tables *t, const struct tables_size *size);

/*
 * The pinned tables under pin_dir, made by crierd.  0, or -errno with one line in
 * err that says what is wrong and what to do: -ENOENT no tables there (is crierd
 * running?), -EPROTO a foreign ABI, -EPERM/-EACCES no right to BPF.
 */
int tables_open(struct tables *t, const char *pin_dir, char err[TABLES_ERR_LEN]);

void tables_close(struct tables *t);

/* crierd, when new tables are complete: readers may believe them from here on. */
void tables_publish(struct tables *t);

/* Bytes of all the tables, as mapped. */
size_t tables_bytes(const struct tables *t);

/* Descriptor of a pinned map by name ("xsks"), owned by t; -ENOENT in tables_alloc'ed ones. */
int tables_map_fd(const struct tables *t, const char *name);

#define tbl_load(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define tbl_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define tbl_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define tbl_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* One writer: a plain addition, stored whole for readers elsewhere. */
#define tbl_count(p, n) tbl_store(p, *(p) + (n))

static inline bool page_is_v4(const struct tables *t, uint32_t page)
{
	return page < t->config->pages4;
}

static inline struct crier_page6 *page6_members(const struct tables *t, uint32_t page)
{
	return &t->members6[page - t->config->pages4];
}

static inline struct crier_shard *room_shard(const struct tables *t, uint32_t room, uint32_t shard)
{
	return &t->shards[(size_t)room * t->config->max_shards + shard];
}

static inline struct crier_room_counters *room_counters(const struct tables *t, uint32_t worker,
							uint32_t room)
{
	return &t->room_counters[(size_t)worker * t->config->max_rooms + room];
}

static inline uint64_t setting(const struct tables *t, enum crier_setting key)
{
	return tbl_load(&t->config->setting[key]);
}

#endif
