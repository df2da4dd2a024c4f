/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "maps.h"

static void defaults(void **state)
{
	struct tables t;

	(void)state;
	assert_int_equal(tables_alloc(&t, NULL), 0);
	assert_true(t.config->magic == CRIER_MAGIC);
	assert_int_equal(t.config->abi, CRIER_ABI);
	assert_int_equal(t.config->size, sizeof(*t.config));
	assert_true(config_sane(t.config));
	/* Number 0 is nobody's, so there is one more of each. */
	assert_int_equal(t.config->pages4, (1 << 20) / 256 + 1);
	assert_int_equal(t.config->pages6, (1 << 18) / 256);
	assert_int_equal(t.config->max_rooms, 4097);
	assert_int_equal(t.config->max_streams, 8193);
	assert_int_equal(t.config->max_vias, 65536);
	assert_int_equal(t.config->max_shards, 8);
	assert_int_equal(t.config->shards, 8);
	assert_int_equal(t.config->locals, 1024);
#define SETTING_IS(name, def, least, most, help) \
	assert_int_equal(setting(&t, CRIER_SET_##name), def); \
	assert_true((def) <= (most)); \
	assert_true((def) + 1 > (least));
	CRIER_SETTINGS(SETTING_IS)
	tables_close(&t);
	assert_null(t.config);
}

/* The budget is 64 bytes a listener with crierd's index, which takes 8. */
static void budget(void **state)
{
	struct tables_size size = tables_size_default();
	struct tables t;
	size_t bytes;

	(void)state;
	assert_int_equal(tables_alloc(&t, &size), 0);
	bytes = t.config->pages4 *
		(sizeof(struct crier_page4) + sizeof(struct crier_page) +
		 sizeof(struct crier_info_page) + sizeof(struct crier_seen_page));
	assert_true(bytes / size.members4 <= 40);
	assert_true(tables_bytes(&t) > bytes);
	tables_close(&t);
}

/* Every table is there to its last byte, and none overlaps another. */
static void last_bytes(void **state)
{
	const struct tables_size size = {.members4 = 257,
					 .members6 = 1,
					 .rooms = 1,
					 .streams = 1,
					 .vias = 1,
					 .workers = 2,
					 .shards = 2,
					 .locals = 17,
					 .cpus = 3};
	struct tables t;

	(void)state;
	assert_int_equal(tables_alloc(&t, &size), 0);
	assert_int_equal(t.config->pages4, 3);
	assert_int_equal(t.config->pages6, 1);
	assert_int_equal(t.config->locals, 32);
	struct crier_config c = *t.config;

	for (int i = 1; i < MAPS_N; i++) {
		unsigned char *mem;

		if (!map_specs[i].mapped)
			continue;
		memcpy(&mem, (char *)&t + map_specs[i].field, sizeof(mem));
		for (size_t n = 0; n < (size_t)map_specs[i].value_size * map_specs[i].entries(&c);
		     n++)
			assert_int_equal(mem[n], 0);
		memset(mem, 0xff, (size_t)map_specs[i].value_size * map_specs[i].entries(&c));
	}
	assert_memory_equal(t.config, &c, sizeof(c));
	assert_ptr_equal(page6_members(&t, 3), &t.members6[0]);
	assert_ptr_equal(room_shard(&t, 1, 1), &t.shards[3]);
	assert_ptr_equal(room_counters(&t, 1, 1), &t.room_counters[3]);
	assert_int_equal(tables_map_fd(&t, "xsks"), -ENOENT);
	assert_int_equal(tables_map_fd(&t, "no such"), -ENOENT);
	tables_close(&t);
}

static void sizes(void **state)
{
	static const struct {
		struct tables_size size;
		const char *word;
	} cases[] = {
		{{.members4 = (1U << 28) + 1}, "IPv4 listeners"},
		{{.members6 = (1U << 28) - 255}, "IPv6 listeners"},
		{{.rooms = 1U << 20}, "rooms"},
		{{.streams = ~0U}, "streams"},
		{{.vias = 65536}, "next hops"},
		{{.workers = CRIER_MAX_WORKERS + 1}, "workers"},
		{{.shards = CRIER_MAX_WORKERS + 1}, "shards"},
		{{.locals = ~0U}, "local addresses"},
		{{.cpus = ~0U}, "CPUs"},
	};
	const struct tables_size most = {.members4 = 1U << 28, .members6 = (1U << 28) - 256};
	struct crier_config largest;

	(void)state;
	assert_int_equal(config_init(&largest, &most, NULL), 0);
	assert_int_equal(largest.index_mask, (1U << 29) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char err[TABLES_ERR_LEN] = "";
		struct crier_config c;
		struct tables t;

		assert_int_equal(config_init(&c, &cases[i].size, err), -ERANGE);
		assert_non_null(strstr(err, cases[i].word));
		assert_int_equal(tables_alloc(&t, &cases[i].size), -ERANGE);
	}
}

/* A damaged config must not make a reader walk off its maps. */
static void sane(void **state)
{
	static const size_t fields[] = {
		offsetof(struct crier_config, pages4),
		offsetof(struct crier_config, pages6),
		offsetof(struct crier_config, max_rooms),
		offsetof(struct crier_config, max_streams),
		offsetof(struct crier_config, max_vias),
		offsetof(struct crier_config, max_shards),
		offsetof(struct crier_config, locals),
		offsetof(struct crier_config, cpus),
		offsetof(struct crier_config, max_workers),
		offsetof(struct crier_config, shards),
	};
	const uint32_t bad[] = {0, ~0U};
	char err[TABLES_ERR_LEN];
	struct crier_config good;

	(void)state;
	assert_int_equal(config_init(&good, NULL, err), 0);
	assert_true(config_sane(&good));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			struct crier_config c = good;

			memcpy((char *)&c + fields[i], &bad[k], 4);
			assert_false(config_sane(&c));
		}
	}
}

static void no_tables(void **state)
{
	static const struct {
		const char *dir;
		int err;
		const char *word;
	} cases[] = {
		{"/nonexistent/crier", -ENOENT, "is crierd running"},
		{"/etc/passwd", -ENOTDIR, "not a directory"},
		{"/", -EXDEV, "bpffs"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char err[TABLES_ERR_LEN] = "";
		struct tables t;

		assert_int_equal(tables_open(&t, cases[i].dir, err), cases[i].err);
		assert_non_null(strstr(err, cases[i].word));
		assert_null(t.config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(budget), cmocka_unit_test(last_bytes),
		cmocka_unit_test(sizes),    cmocka_unit_test(sane),   cmocka_unit_test(no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
