/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who serves a room, by how many listeners it has and whether there is a crier-dp.  Mostly they
 * have no way out, so that no interface is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/devmaps.h"
#include "control/dp.h"
#include "control/engine.h"
#include "control/kernel.h"
#include "control/member.h"
#include "world.h"
#include "xdp/loader.h"

static struct world world;
static struct loader loader; /* which has the program: its descriptor is not -1 */
static char dir[] = "/tmp/crier-engine-XXXXXX";
static char lock[sizeof(dir) + 16];
static int dp;
static int devmaps; /* what is said of every port's */

int __wrap_devmaps_get(struct devmaps *m, uint32_t port);
int __wrap_devmaps_get(struct devmaps *m, uint32_t port)
{
	(void)m;
	(void)port;
	return devmaps;
}

/* A worker is alive whose lock is held. */
static void dp_start(void)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	dp = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(dp >= 0);
	assert_int_equal(fcntl(dp, F_OFD_SETLK, &all), 0);
	world.tables.workers[0].started_ns = 1;
}

static void kernel_up(void)
{
	assert_int_equal(kernel_open(&world.d, &world.d.kernel), 0);
	world.d.store.ops.changed = kernel_room;
	world.d.store.ops.changed_arg = world.d.kernel;
}

static int setup(void **state)
{
	struct tables_size size = world_size(16 * 256, 16 * 256);

	(void)state;
	world_tables(&world, &size);
	world_open(&world, true);
	world.via = 0;
	world.d.loader = &loader;
	world.d.run_dir = dir;
	dp = -1;
	devmaps = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kernel_close(world.d.kernel);
	world_close(&world);
	world_free(&world);
	if (dp >= 0)
		close(dp);
	unlink(lock);
	return 0;
}

static void come(uint32_t room, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct crier_endpoint ep = world_ep4(i);

		assert_int_equal(member_add(&world.d.store, room, &ep), 1);
	}
}

static void go(uint32_t room, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct crier_endpoint ep = world_ep4(i);

		assert_int_equal(member_remove(&world.d.store, room, &ep), 0);
	}
}

static uint32_t engine(uint32_t room)
{
	return room_row(&world.d.store, room)->engine;
}

/* Nobody else serves it: whoever fits is served. */
static void alone(void **state)
{
	uint32_t room;

	(void)state;
	kernel_up();
	room = world_room(&world, "alone");
	come(room, 0, 128);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	come(room, 128, 129);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
	go(room, 128, 129);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
}

/* Beside crier-dp a room that outgrew the engine comes back later, but when asked at once. */
static void beside(void **state)
{
	struct crier_room *row;
	uint32_t room;
	char err[256];

	(void)state;
	dp_start();
	kernel_up();
	room = world_room(&world, "beside");
	row = room_row(&world.d.store, room);
	come(room, 0, 128);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	come(room, 128, 129);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
	go(room, 120, 129);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
	assert_null(kernel_why_not(world.d.kernel, room, err, sizeof(err)));
	row->wanted = CRIER_ENGINE_KERNEL;
	kernel_room_wanted(world.d.kernel, room);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	come(room, 120, 129);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
	go(room, 113, 129);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
	go(room, 112, 113);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	row->wanted = CRIER_ENGINE_BYPASS;
	kernel_room_wanted(world.d.kernel, room);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
}

static void choices(void **state)
{
	static const struct {
		const char *name;
		struct engine_facts facts;
		enum crier_engine want;
	} rows[] = {
#define AUTO ROOM_WANTED_AUTO
#define KERNEL CRIER_ENGINE_KERNEL
#define BYPASS CRIER_ENGINE_BYPASS
#define PAGE CRIER_ENGINE_PAGE
		/* wanted, fits, pages, fast */
		{"none stays none", {CRIER_ENGINE_NONE, true, true, true}, CRIER_ENGINE_NONE},
		{"bypass stays bypass", {BYPASS, true, true, false}, BYPASS},
		{"auto, small", {AUTO, true, false, false}, KERNEL},
		{"auto, small, all there is", {AUTO, true, true, true}, KERNEL},
		{"auto, large, nothing else", {AUTO, false, false, false}, BYPASS},
		{"auto, large, triggers", {AUTO, false, true, false}, PAGE},
		{"auto, large, fast devices", {AUTO, false, false, true}, BYPASS},
		{"auto, large, fast before triggers", {AUTO, false, true, true}, BYPASS},
		{"kernel, small", {KERNEL, true, true, true}, KERNEL},
		{"kernel, large, triggers", {KERNEL, false, true, false}, PAGE},
		{"kernel, large, triggers before fast", {KERNEL, false, true, true}, PAGE},
		{"kernel, large, nothing else", {KERNEL, false, false, true}, BYPASS},
#undef AUTO
#undef KERNEL
#undef BYPASS
#undef PAGE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (engine_choose(&rows[i].facts) != rows[i].want)
			fail_msg("%s: engine %d", rows[i].name, engine_choose(&rows[i].facts));
}

/* While its devmaps are made anew a room keeps the engine, and the pages that it names are its own.
 */
static void pending(void **state)
{
	struct crier_endpoint ep4 = world_ep4(1), ep6 = world_ep6(1);
	struct crier_room *row;
	uint32_t room;

	(void)state;
	world.via = 7;
	world.tables.vias[7] = (struct crier_via){.port = 3};
	world.tables.ports[3] =
		(struct crier_port){.ifindex = INT32_MAX, .mode = CRIER_PORT_NATIVE};
	kernel_up();
	room = world_room(&world, "pending");
	row = room_row(&world.d.store, room);
	assert_int_equal(member_add(&world.d.store, room, &ep4), 0);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	assert_true(kernel_page4(row->kernel) && !kernel_page6(row->kernel));
	devmaps = -EAGAIN;
	assert_int_equal(member_add(&world.d.store, room, &ep6), 0);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	assert_true(kernel_page4(row->kernel) && kernel_page6(row->kernel));
	assert_int_equal(member_remove(&world.d.store, room, &ep4), 0);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	assert_true(!kernel_page4(row->kernel) && kernel_page6(row->kernel));
	devmaps = -ENOMEM;
	kernel_room_wanted(world.d.kernel, room);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
}

/* What a crier-dp can do, and that an earlier one's words are not taken for it. */
static void dp_words(void **state)
{
	struct crier_worker *w = &world.tables.workers[0];
	struct dp known;

	(void)state;
	*w = (struct crier_worker){.turn_ns = 50, .port_mask = 6, .pages = 1, .fast_mask = 6};
	dp_begin(&known, &world.d, 100);
	assert_false(known.works || known.pages || known.fast);
	dp_start();
	assert_false(dp_look(&known, &world.d, 100));
	assert_false(known.works || known.pages || known.fast);
	w->turn_ns = 101;
	w->fast_mask = 2;
	assert_true(dp_look(&known, &world.d, 200));
	assert_true(known.works && known.pages && !known.fast);
	assert_false(dp_look(&known, &world.d, 200));
	w->fast_mask = 6;
	w->pages = 0;
	assert_true(dp_look(&known, &world.d, 300));
	assert_true(known.works && !known.pages && known.fast);
	/* crier0 is a veth everywhere, and no way to the listeners that matter here. */
	w->port_mask |= 8;
	assert_true(dp_look(&known, &world.d, 300));
	assert_false(known.fast);
	world.tables.ports[3].flags = CRIER_PORT_LOCAL;
	assert_true(dp_look(&known, &world.d, 300));
	assert_true(known.fast);
	close(dp);
	dp = -1;
	assert_true(dp_look(&known, &world.d, 300));
	assert_false(known.works || known.pages || known.fast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alone, setup, teardown),
		cmocka_unit_test_setup_teardown(beside, setup, teardown),
		cmocka_unit_test_setup_teardown(pending, setup, teardown),
		cmocka_unit_test_setup_teardown(dp_words, setup, teardown),
		cmocka_unit_test(choices),
	};
	int ret;

	if (!mkdtemp(dir))
		return 1;
	snprintf(lock, sizeof(lock), "%s/worker.0.lock", dir);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return ret;
}
