/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How each table is made: shared by maps.c (sizes and memory), pin.c (kernel maps)
 * and load.c only.
 */
#ifndef CRIER_MAPS_H
#define CRIER_MAPS_H

#include <linux/bpf.h>

#include "tables.h"

/* A map that is pinned; `field` is the place of its pointer in struct tables. */
struct map_spec {
	const char *name;
	enum bpf_map_type type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t flags;
	bool mapped;  /* user space has it as memory */
	bool devmaps; /* its elements are devmaps */
	size_t field;
	uint32_t (*entries)(const struct crier_config *);
};

#define MAPS_N 33

/* "config" is first: the others' sizes stand in it. */
extern const struct map_spec map_specs[MAPS_N];

/* What stands behind struct tables. */
struct maps {
	int fd[MAPS_N];
	void *mem[MAPS_N];
	size_t bytes[MAPS_N];
};

struct maps *maps_new(void);

/* One line into err[TABLES_ERR_LEN], cut if need be. */
void err_say(char *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What the operator can do about it, to be said after strerror(); or "". */
const char *bpf_advice(int ret);

/* The length of a map's memory: whole pages, elements at a stride of 8. */
size_t map_bytes(const struct map_spec *s, const struct crier_config *c);

/* Sets the pointer in *t that belongs to map i. */
void tables_set(struct tables *t, int i, void *mem);

/* A config as crierd would write it for these sizes, but without magic.  -ERANGE: err. */
int config_init(struct crier_config *c, const struct tables_size *size, char err[TABLES_ERR_LEN]);

/* The sizes in a config are possible; guards against a damaged one. */
bool config_sane(const struct crier_config *c);

#define PIN_PATH_LEN 512

/* 0 or -ENAMETOOLONG. */
int pin_path(char path[PIN_PATH_LEN], const char *dir, const char *name);

/*
 * Is this descriptor a "bpf-map", "bpf-prog", "bpf-link"?  What the kernel tells about
 * one of them can be read as if it were another.
 */
bool bpf_fd_is(int fd, const char *kind);

/* 0 if dir is a directory on a bpffs. */
int pin_dir_check(const char *dir, char err[TABLES_ERR_LEN]);

/* A devmap that takes programs; its descriptor, or -errno. */
int devmap_create(uint32_t entries);

/* Makes all maps for a config, none pinned.  t->config gets a copy of it. */
int tables_create(struct tables *t, const struct crier_config *config, char err[TABLES_ERR_LEN]);

/* Pins all maps of tables_create(); on failure those that were pinned are unlinked. */
int tables_pin(struct tables *t, const char *pin_dir, char err[TABLES_ERR_LEN]);

/* Unlinks the pins of all tables, "config" last. */
void tables_unpin(const char *pin_dir);

/*
 * Looks at the pinned config before anything is believed.  -ENOENT none, -ENODATA
 * never published, -EPROTO foreign.
 */
int config_peek(const char *pin_dir, struct crier_config *out, char err[TABLES_ERR_LEN]);

/* Is the pinned config crier's, of whatever ABI, or the remains of one?  -errno if none. */
int config_is_ours(const char *pin_dir, char err[TABLES_ERR_LEN]);

/*
 * Takes the magic off a config that is ours, of whatever ABI: whoever still has these
 * tables mapped learns that nobody will ever write them again.
 */
void config_retire(const char *pin_dir);

#endif
