/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd's YAML file: crierd.yaml(5).
 *
 * config_load checks everything that can be checked without the kernel; what it returns
 * can be applied as it stands.  Each error is one sentence "FILE:LINE: what".
 */
#ifndef CRIER_CONFIG_H
#define CRIER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "ports.h"
#include "xdp/addr.h"
#include "xdp/table.h"

#define CONFIG_ERR_LEN 512
#define CONFIG_MEDIA_PORT 3478
#define CONFIG_NO_INJECTOR "none"
#define CONFIG_PATH "/etc/crier/crierd.yaml"

struct config_interface {
	char *name;
	enum port_want mode;
};

/* 0: not given. */
struct config_capacity {
	uint32_t listeners, listeners6, rooms, streams, workers, shards, guard_prefixes;
};

struct config_stream {
	uint16_t port;
	char *from;	/* as written: ADDR, ADDR:PORT, [v6]:port, "any" */
	uint32_t *ssrc; /* NULL: not given */
	uint8_t *pt;
};

/* As in POST /v1/rooms. */
enum config_engine {
	CONFIG_ENGINE_AUTO,
	CONFIG_ENGINE_BYPASS,
	CONFIG_ENGINE_KERNEL,
	CONFIG_ENGINE_NONE,
};

struct config_room {
	char *name;
	enum crier_payload payload;
	enum config_engine engine;
	uint32_t limit;
	struct config_stream *streams;
	uint32_t streams_count;
	char **listeners; /* as written, checked: "ADDR:PORT", "[v6]:port" */
	uint32_t listeners_count;
};

struct config_crier0 {
	bool enable;	    /* true if not given */
	bool *enable_given; /* as in the file; enable is what counts */
	char *address;	    /* CRIER0_ADDRESS if not given */
	char *address6;	    /* NULL if not given */
};

struct config_kernel {
	char *injector; /* INJECTOR_NAME if not given, CONFIG_NO_INJECTOR: none */
};

struct config_api {
	char *tcp; /* "ADDR:PORT", NULL: unix socket only */
	char *token_file;
};

/* A setting given in the file: NULL if not; by enum crier_setting. */
struct config_settings {
	uint64_t *value[64];
};

enum config_guard_mode {
	CONFIG_GUARD_UNSET, /* not given */
	CONFIG_GUARD_OFF,
	CONFIG_GUARD_COUNT,
	CONFIG_GUARD_ENFORCE,
};

struct config_guard {
	enum config_guard_mode mode;
	char **block; /* prefixes as written, checked */
	uint32_t block_count;
	char **allow;
	uint32_t allow_count;
};

struct config {
	char *node; /* the host's name if not given */
	uint16_t media_port;
	struct config_interface *interfaces;
	uint32_t interfaces_count;
	struct config_capacity capacity;
	struct config_settings settings;
	struct config_room *rooms;
	uint32_t rooms_count;
	struct config_crier0 crier0;
	struct config_kernel kernel;
	struct config_api api;
	struct config_guard guard;
};

/*
 * path NULL: CONFIG_PATH if there is such a file, else the defaults.  NULL with a
 * sentence in err if the file cannot be read or is wrong.
 */
struct config *config_load(const char *path, char err[CONFIG_ERR_LEN]);

/* The same from memory, name standing for the file in errors.  For tests. */
struct config *config_parse(const char *name, const uint8_t *text, size_t len,
			    char err[CONFIG_ERR_LEN]);
void config_free(struct config *c);

#endif
