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
#include <string.h>
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
static int dp;
static int devmaps; /* what is said of every port's */

/* Ports, bit = number, that take no redirected frames, or of which that is not known. */
static uint64_t closed, untold;
#define IFINDEX(port) (INT32_MAX - 64 + (port)) /* there is none */

/* One that works, for it has nothing to say. */
static uint64_t injector[1024];

int __wrap_netdev_takes_redirects(void *n, uint32_t ifindex);
int __wrap_netdev_takes_redirects(void *n, uint32_t ifindex)
{
	uint32_t port = ifindex - IFINDEX(0);

	(void)n;
	return untold >> port & 1 ? -1 : !(closed >> port & 1);
}

int __wrap_devmaps_get(struct devmaps *m, uint32_t port);
int __wrap_devmaps_get(struct devmaps *m, uint32_t port)
{
	(void)m;
	(void)port;
	return devmaps;
}

static const char *lock_path(uint32_t worker)
{
	static char path[sizeof(dir) + 16];

	snprintf(path, sizeof(path), "%s/worker.%u.lock", dir, worker);
	return path;
}

/* A worker is alive whose lock is held. */
static int lock_hold(uint32_t worker)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(lock_path(worker), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
	return fd;
}

static void dp_start(void)
{
	dp = lock_hold(0);
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
	closed = untold = 0;
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
	unlink(lock_path(0));
	unlink(lock_path(1));
	return 0;
}

static void come(uint32_t room, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct crier_endpoint ep = world_ep4(i);

		assert_int_equal(member_add(&world.d.store, room, &ep), !world.via);
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
		/* wanted, fits, ports, pages, fast, doubts */
		{"none stays none", {CRIER_ENGINE_NONE, true, 2, 2, 2, 0}, CRIER_ENGINE_NONE},
		{"bypass stays bypass", {BYPASS, true, 2, 2, 0, 0}, BYPASS},
		{"auto, small", {AUTO, true, 2, 0, 0, 0}, KERNEL},
		{"auto, small, all there is", {AUTO, true, 2, 6, 6, 0}, KERNEL},
		{"auto, large, nothing else", {AUTO, false, 2, 0, 0, 0}, BYPASS},
		{"auto, large, no way out", {AUTO, false, 0, 6, 0, 0}, BYPASS},
		{"auto, large, triggers", {AUTO, false, 2, 2, 0, 0}, PAGE},
		{"auto, large, triggers to others", {AUTO, false, 4, 2, 0, 0}, BYPASS},
		{"auto, large, triggers to some", {AUTO, false, 6, 2, 0, 0}, PAGE},
		{"auto, large, fast device", {AUTO, false, 2, 0, 2, 0}, BYPASS},
		{"auto, large, fast before triggers", {AUTO, false, 2, 2, 2, 0}, BYPASS},
		{"auto, large, another's is fast", {AUTO, false, 2, 2, 4, 0}, PAGE},
		{"auto, large, triggers but to the fast", {AUTO, false, 6, 6, 4, 0}, PAGE},
		{"auto, large, all fast", {AUTO, false, 6, 6, 6, 0}, BYPASS},
		{"auto, large, fast or nothing", {AUTO, false, 6, 4, 4, 0}, BYPASS},
		{"auto, large, in doubt", {AUTO, false, 6, 6, 0, 4}, BYPASS},
		{"auto, large, in doubt of another's", {AUTO, false, 2, 6, 0, 4}, PAGE},
		{"auto, large, in doubt of the fast", {AUTO, false, 6, 6, 4, 4}, PAGE},
		{"kernel, small", {KERNEL, true, 2, 2, 2, 0}, KERNEL},
		{"kernel, large, triggers", {KERNEL, false, 2, 2, 0, 0}, PAGE},
		{"kernel, large, triggers before fast", {KERNEL, false, 2, 2, 2, 0}, PAGE},
		{"kernel, large, in doubt", {KERNEL, false, 2, 2, 0, 2}, PAGE},
		{"kernel, large, triggers to others", {KERNEL, false, 2, 4, 0, 0}, BYPASS},
		{"kernel, large, nothing else", {KERNEL, false, 2, 0, 2, 0}, BYPASS},
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
		(struct crier_port){.ifindex = IFINDEX(3), .mode = CRIER_PORT_NATIVE};
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

/* Members who come next leave by this port. */
static void leave_by(uint32_t port)
{
	world.via = (uint16_t)port;
	world.tables.vias[port] = (struct crier_via){.port = port};
}

/* Ports 1 and 2, and crier0 as 3, all native and with a link; a crier-dp with a page port. */
static void ports_up(uint64_t fast)
{
	static const char *const names[] = {"", "e1", "e2", "crier0x"};

	for (uint32_t n = 1; n <= 3; n++) {
		struct crier_port *port = &world.tables.ports[n];

		*port = (struct crier_port){
			.ifindex = IFINDEX(n), .mode = CRIER_PORT_NATIVE, .mac = 1ULL << 48};
		snprintf(port->name, sizeof(port->name), "%s", names[n]);
	}
	world.tables.ports[3].flags = CRIER_PORT_LOCAL;
	world.d.injector = (struct injector *)injector;
	dp_start();
	world.tables.workers[0] = (struct crier_worker){
		.started_ns = 1,
		.turn_ns = UINT64_MAX,
		.port_mask = 14,
		.pages = 1,
		.fast_mask = fast,
	};
	kernel_up();
}

static const char *why(uint32_t room)
{
	static char text[2 * KERNEL_WHY_LEN];

	text[0] = '\0';
	return kernel_room_why(world.d.kernel, room, true, text, sizeof(text));
}

/* A room of 600 by one port, or, from 300 on, by another. */
static uint32_t crowd(const char *name, uint32_t port, uint32_t other)
{
	uint32_t room = world_room(&world, name);

	leave_by(port);
	come(room, 0, 300);
	leave_by(other);
	come(room, 300, 600);
	return room;
}

#define CROWD "it has 600 listeners, and one packet serves 128 by itself (unit_slots); "

/* `auto` goes by a room's own ports. */
static void own_ports(void **state)
{
	static const struct {
		const char *name;
		uint64_t closed, untold, fast;
		uint32_t port, other;
		uint32_t want;
		const char *why;
	} rows[] = {
		{"takes", 0, 0, 0, 1, 1, CRIER_ENGINE_PAGE, "triggers serve who is behind e1"},
		{"closed", 2, 0, 0, 1, 1, CRIER_ENGINE_BYPASS,
		 "interface e1 takes no frames that XDP redirects; a veth does once its other end "
		 "has "
		 "an XDP program, or GRO (`ethtool -K <that end> gro on`)"},
		{"another-is-closed", 4, 0, 0, 1, 1, CRIER_ENGINE_PAGE,
		 "triggers serve who is behind e1"},
		{"one-is-closed", 4, 0, 0, 1, 2, CRIER_ENGINE_PAGE,
		 "triggers serve who is behind e1, frames who is behind e2"},
		{"fast", 0, 0, 2, 1, 1, CRIER_ENGINE_BYPASS, "frames get to e1 without a copy"},
		{"another-is-fast", 0, 0, 4, 1, 1, CRIER_ENGINE_PAGE,
		 "triggers serve who is behind e1"},
		{"one-is-fast", 0, 0, 4, 1, 2, CRIER_ENGINE_PAGE,
		 "triggers serve who is behind e1, frames who is behind e2"},
		{"both-are-fast", 0, 0, 6, 1, 2, CRIER_ENGINE_BYPASS,
		 "frames get to e1, e2 without a copy"},
		{"fast-or-closed", 2, 0, 4, 1, 2, CRIER_ENGINE_BYPASS,
		 "frames get to e2 without a copy"},
		{"untold", 0, 2, 0, 1, 1, CRIER_ENGINE_BYPASS,
		 "before Linux 6.3 it is not known whether broadcasts would get to e1"},
		{"another-is-untold", 0, 4, 0, 1, 1, CRIER_ENGINE_PAGE,
		 "triggers serve who is behind e1"},
		{"crier0-aside", 0, 0, 2, 1, 3, CRIER_ENGINE_BYPASS,
		 "frames get to e1 without a copy"},
		{"crier0-alone", 0, 0, 2, 3, 3, CRIER_ENGINE_PAGE,
		 "triggers serve who is behind crier0x"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[2 * KERNEL_WHY_LEN];
		uint32_t room;

		setup(state);
		closed = rows[i].closed;
		untold = rows[i].untold;
		ports_up(rows[i].fast);
		room = crowd(rows[i].name, rows[i].port, rows[i].other);
		snprintf(want, sizeof(want), CROWD "%s", rows[i].why);
		if (engine(room) != rows[i].want || strcmp(why(room), want))
			fail_msg("%s: engine %u: %s", rows[i].name, engine(room), why(room));
		teardown(state);
	}
}

/* Of an interface that is gone the kernel tells nothing, however young it is. */
static void gone(void **state)
{
	char err[2 * KERNEL_WHY_LEN];
	uint32_t room;

	(void)state;
	ports_up(0);
	room = world_room(&world, "small");
	leave_by(1);
	come(room, 0, 10);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	world.tables.ports[1].mac = 0;
	untold = 1 << 1;
	kernel_why_not(world.d.kernel, room, err, sizeof(err));
	kernel_room(world.d.kernel, room);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
	assert_string_equal(why(room), "its listeners' interface e1 has no link");
}

/* A veth that was made anew, whose other end has no program yet: not a packet is for it. */
static void anew(void **state)
{
	uint32_t room;

	(void)state;
	ports_up(0);
	room = world_room(&world, "small");
	leave_by(1);
	come(room, 0, 10);
	assert_int_equal(engine(room), CRIER_ENGINE_KERNEL);
	closed = 1 << 1;
	kernel_ports_changed(world.d.kernel);
	assert_false(world.tables.ports[1].flags & CRIER_PORT_BROADCASTS);
	kernel_room(world.d.kernel, room);
	assert_int_equal(engine(room), CRIER_ENGINE_BYPASS);
}

/* Rooms of one crier-dp need not have the same; and a large one is judged when its ports change. */
static void ports_change(void **state)
{
	uint32_t one, two;

	(void)state;
	closed = 1 << 2;
	ports_up(0);
	one = crowd("one", 1, 1);
	two = crowd("two", 2, 2);
	assert_int_equal(engine(one), CRIER_ENGINE_PAGE);
	assert_int_equal(engine(two), CRIER_ENGINE_BYPASS);
	leave_by(1);
	come(two, 600, 601);
	assert_int_equal(engine(two), CRIER_ENGINE_PAGE);
	go(two, 600, 601);
	assert_int_equal(engine(two), CRIER_ENGINE_BYPASS);
	/* A route leads elsewhere. */
	for (uint32_t i = 0; i < 600; i++) {
		struct crier_endpoint ep = world_ep4(i);

		member_set_via(&world.d.store, member_find(&world.d.store, two, &ep), 1);
		assert_int_equal(engine(two), CRIER_ENGINE_PAGE);
	}
	assert_int_equal(world.d.store.rooms[two].ports, 1 << 1);
	for (uint32_t i = 0; i < 600; i++) {
		struct crier_endpoint ep = world_ep4(i);

		member_set_via(&world.d.store, member_find(&world.d.store, two, &ep), 2);
		assert_int_equal(engine(two), i < 599 ? CRIER_ENGINE_PAGE : CRIER_ENGINE_BYPASS);
	}
	/* So does a crierd that finds them. */
	kernel_close(world.d.kernel);
	world_close(&world);
	world_open(&world, false);
	world.d.loader = &loader;
	world.d.run_dir = dir;
	world.d.injector = (struct injector *)injector;
	kernel_up();
	assert_int_equal(world.d.store.rooms[one].ports, 1 << 1);
	assert_int_equal(world.d.store.rooms[two].ports, 1 << 2);
	assert_int_equal(world.d.store.rooms[two].leaving[2], 600);
}

/* What a crier-dp can do, and that an earlier one's words are not taken for it. */
static void dp_words(void **state)
{
	struct crier_worker *w = &world.tables.workers[0];
	struct dp known;
	int other;

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
	assert_true(known.works && known.pages && known.fast == 2);
	assert_false(dp_look(&known, &world.d, 200));
	w->fast_mask = 6;
	w->pages = 0;
	assert_true(dp_look(&known, &world.d, 300));
	assert_true(known.works && !known.pages && known.fast == 6);
	/* Of a port that another worker has by copies, some of its copies would be such. */
	world.tables.workers[1] =
		(struct crier_worker){.started_ns = 1, .turn_ns = 301, .port_mask = 12};
	other = lock_hold(1);
	assert_true(dp_look(&known, &world.d, 300));
	assert_int_equal(known.fast, 2);
	close(other);
	assert_true(dp_look(&known, &world.d, 300));
	assert_int_equal(known.fast, 6);
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
		cmocka_unit_test(own_ports),
		cmocka_unit_test_setup_teardown(gone, setup, teardown),
		cmocka_unit_test_setup_teardown(anew, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_change, setup, teardown),
		cmocka_unit_test_setup_teardown(dp_words, setup, teardown),
		cmocka_unit_test(choices),
	};
	int ret;

	if (!mkdtemp(dir))
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return ret;
}
