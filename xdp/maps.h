/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How each table is made: shared by maps.c and load.c only.
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
	bool mapped; /* user space has it as memory */
	size_t field;
	uint32_t (*entries)(const struct crier_config *);
};

#define MAPS_N 22

extern const struct map_spec map_specs[MAPS_N];

/* A config as crierd would write it for these sizes, but without magic.  -EINVAL: err. */
int config_init(struct crier_config *c, const struct tables_size *size, char err[TABLES_ERR_LEN]);

/* The sizes in a config are possible; guards against a damaged one. */
bool config_sane(const struct crier_config *c);

/* Makes all maps for a config, none pinned.  t->config gets a copy of it. */
int tables_create(struct tables *t, const struct crier_config *config, char err[TABLES_ERR_LEN]);

/* Pins all maps of tables_create(); on failure those that were pinned are unlinked. */
int tables_pin(struct tables *t, const char *pin_dir, char err[TABLES_ERR_LEN]);

/* tables_open(), also of tables that were never published (-ENODATA if not allowed). */
int tables_open_any(struct tables *t, const char *pin_dir, bool unpublished,
		    char err[TABLES_ERR_LEN]);

/* 0 if dir is a directory on a bpffs. */
int pin_dir_check(const char *dir, char err[TABLES_ERR_LEN]);

#endif
