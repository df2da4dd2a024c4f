/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other programs in the place of those at work, on two veth pairs of the sandbox's own, va - vb
 * and ca - cb: what fails half way leaves everything as it was.
 */
#include "refuse.h"
#include "sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "load.h"
#include "reload.h"

static const struct tables_size size = {
	.members4 = 1024, .members6 = 256, .rooms = 15, .streams = 31, .vias = 31, .locals = 16};

static char err[LOADER_ERR_LEN];
static struct loader *loader;
static struct tables tables;
static char pin_dir[128];

struct seen {
	uint32_t prog[2]; /* on va and ca */
	uint32_t devmap[2][CRIER_KSIZES_N];
	uint32_t way_out; /* the program in them, which is one */
	uint32_t at_work[LOADER_PROGRAMS];
	int fds, pins;
};

static uint32_t prog_on(const char *ifname)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	assert_int_equal(bpf_xdp_query((int)if_nametoindex(ifname), 0, &q), 0);
	return q.prog_id;
}

static uint32_t way_out_of(uint32_t devmap)
{
	int fd = bpf_map_get_fd_by_id(devmap);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), id = 0;

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	for (uint32_t i = 0; i < info.max_entries; i++) {
		struct bpf_devmap_val value;

		assert_int_equal(bpf_map_lookup_elem(fd, &i, &value), 0);
		assert_true(!id || id == value.bpf_prog.id);
		id = value.bpf_prog.id;
	}
	close(fd);
	return id;
}

static struct seen look(void)
{
	struct seen s = {.prog = {prog_on("va"), prog_on("ca")},
			 .fds = sandbox_entries("/proc/self/fd"),
			 .pins = sandbox_entries(pin_dir)};
	const struct loader_programs *p = loader_programs(loader);

	for (uint32_t i = 0; i < p->n; i++)
		s.at_work[i] = p->program[i].id;

	for (uint32_t n = 0; n < 2; n++) {
		for (uint32_t i = 0; i < CRIER_KSIZES_N; i++) {
			uint32_t key = (n + 1) * CRIER_KSIZES_N + i, way;

			assert_int_equal(bpf_map_lookup_elem(tables_map_fd(&tables, "devmaps"),
							     &key, &s.devmap[n][i]),
					 0);
			way = way_out_of(s.devmap[n][i]);
			assert_true(!s.way_out || s.way_out == way);
			s.way_out = way;
		}
	}
	return s;
}

static int reload(const char *dir)
{
	return reload_from(loader, dir, err);
}

static uint32_t at_work(const char *name)
{
	uint32_t id = program_at_work(loader, name);

	if (!id)
		fail_msg("%s is not at work", name);
	return id;
}

static void all_are_new(const struct seen *a, const struct seen *b)
{
	assert_int_not_equal(b->prog[0], a->prog[0]);
	assert_int_equal(b->prog[0], b->prog[1]);
	assert_int_equal(b->prog[0], at_work("crier_xdp"));
	assert_int_not_equal(b->way_out, a->way_out);
	assert_int_equal(b->way_out, at_work("crier_egress"));
	for (uint32_t i = 0; i < CRIER_KSIZES_N; i++)
		assert_int_not_equal(b->devmap[0][i], a->devmap[0][i]);
	/* And nothing of the old ones is held. */
	assert_int_equal(b->fds, a->fds);
	assert_int_equal(b->pins, a->pins);
}

static void in_place(void **state)
{
	struct seen before = look(), now;

	(void)state;
	for (int i = 0; i < 3; i++) {
		if (reload(NULL))
			fail_msg("reload: %s", err);
		now = look();
		all_are_new(&before, &now);
		before = now;
	}
	/* A directory without objects: those that are built in. */
	assert_int_equal(reload("/nonexistent"), 0);
	assert_string_equal(loader_programs(loader)->from, "");
}

static const struct {
	struct refusal first, second; /* first's nth counts up by `stride` */
	int stride;
	const char *words;
} steps[] = {
	{{.cmd = BPF_PROG_LOAD, .name = "crier_xdp", .err = EINVAL},
	 {0},
	 1,
	 "refuses the program crier_xdp (Invalid argument): refused by a test"},
	{{.cmd = BPF_PROG_LOAD, .name = "crier_trigger", .err = EACCES},
	 {0},
	 1,
	 "refuses the program crier_trigger"},
	{{.cmd = BPF_PROG_LOAD, .name = "crier_egress", .err = E2BIG},
	 {0},
	 1,
	 "refuses the program crier_egress"},
	{{.cmd = BPF_PROG_LOAD, .name = "crier_xmit", .err = EINVAL},
	 {0},
	 1,
	 "refuses the program crier_xmit"},
	{{.cmd = BPF_MAP_CREATE, .name = "clones", .err = ENOMEM},
	 {0},
	 4,
	 "cannot make the devmaps of "},
	{{.cmd = BPF_MAP_UPDATE_ELEM, .name = "clones", .err = EINVAL},
	 {0},
	 419,
	 "cannot make the devmaps of "},
	/* Older kernels have no batches of maps in a map: one after the other. */
	{{.cmd = BPF_MAP_UPDATE_ELEM, .name = "devmaps", .err = ENOMEM},
	 {.cmd = BPF_MAP_UPDATE_BATCH, .name = "devmaps", .nth = 1, .err = EINVAL},
	 5,
	 "a: Cannot allocate memory; free memory"},
	{{.cmd = BPF_LINK_UPDATE, .err = EBUSY},
	 {0},
	 1,
	 "cannot put the new program in the place of"},
	{{.cmd = BPF_RAW_TRACEPOINT_OPEN, .name = "xdp_devmap_xmit", .err = ENOENT},
	 {0},
	 1,
	 "cannot attach to the tracepoint xdp_devmap_xmit: No such file"},
	{{.cmd = BPF_OBJ_PIN, .name = "xmit_link_next", .err = EPERM},
	 {0},
	 1,
	 "cannot attach to the tracepoint xdp_devmap_xmit: Operation not permitted"},
};

/* Whichever step fails: all is as before, and nothing of the new is left. */
static void undone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int failed = 0;

		for (int nth = 1;; nth += steps[i].stride, failed++) {
			struct seen before = look(), now;
			int ret;

			refusals[0] = steps[i].first;
			refusals[0].nth = nth;
			refusals[0].n = 1;
			refusals[1] = steps[i].second;
			ret = reload(NULL);
			if (refusals[0].seen < nth)
				break;
			if (ret != -steps[i].first.err || !strstr(err, steps[i].words))
				fail_msg("step %zu, call %d: %d: %s", i, nth, ret, err);
			now = look();
			assert_memory_equal(&before, &now, sizeof(now));
		}
		assert_true(failed);
		memset(refusals, 0, sizeof(refusals));
	}
	in_place(state);
}

/* Nor can what was done be undone: old and new side by side, which go on, until the next reload. */
static void not_undone(void **state)
{
	struct seen before = look();

	refusals[0] = (struct refusal){.cmd = BPF_MAP_UPDATE_ELEM,
				       .name = "devmaps",
				       .nth = CRIER_KSIZES_N + 3,
				       .err = ENOMEM};
	refusals[1] = (struct refusal){
		.cmd = BPF_MAP_UPDATE_BATCH, .name = "devmaps", .nth = 1, .err = EINVAL};
	assert_int_equal(reload(NULL), -ENOMEM);
	assert_non_null(strstr(err, "cannot change the devmaps of ca"));
	memset(refusals, 0, sizeof(refusals));
	assert_int_equal(prog_on("va"), before.prog[0]);
	assert_int_equal(sandbox_entries("/proc/self/fd"), before.fds);
	assert_int_equal(reload(NULL), 0);
	in_place(state);
}

/* A crierd that died in a reload leaves the pin of a link that never took its place. */
static void remains(void **state)
{
	char path[160];

	(void)state;
	snprintf(path, sizeof(path), "%s/xmit_link_next", pin_dir);
	assert_int_equal(bpf_obj_pin(loader_prog_fd(loader), path), 0);
	assert_int_equal(reload(NULL), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	in_place(state);
}

/* One of the interfaces has gone, and its number leads nowhere. */
static void interface_gone(void **state)
{
	struct loader_attached a;
	uint32_t before = prog_on("va");

	(void)state;
	sandbox_run("ip link del ca");
	assert_int_equal(reload(NULL), 0);
	assert_int_not_equal(prog_on("va"), before);

	sandbox_run("ip link add ca type veth peer name cb && ip link set ca up");
	assert_int_equal(loader_attach(loader, "ca", 2, LOADER_AUTO, &a, err), 0);
	assert_int_equal(prog_on("ca"), prog_on("va"));
	assert_int_equal(loader_devmaps(loader, 2, if_nametoindex("ca")), 0);
	in_place(state);
}

/* Attached while the work was done: it has got the program of before. */
static void interface_came_meanwhile(void **state)
{
	struct loader_reload *r = loader_reload_new(loader, NULL);
	struct loader_attached a;

	(void)state;
	assert_int_equal(loader_detach(loader, "ca", err), 0);
	assert_int_equal(loader_reload_work(r, err), 0);
	assert_int_equal(loader_attach(loader, "ca", 2, LOADER_AUTO, &a, err), 0);
	assert_int_not_equal(prog_on("ca"), prog_on("va"));
	loader_reload_end(r);
	assert_int_equal(prog_on("ca"), prog_on("va"));
}

static int links_up(void **state)
{
	static const char *const names[] = {"va", "ca"};
	struct loader_attached a;
	int ret;

	(void)state;
	snprintf(pin_dir, sizeof(pin_dir), "%s/crier", sandbox_dir);
	sandbox_run(
		"ip link add va type veth peer name vb && ip link add ca type veth peer name cb "
		"&& ip link set va up && ip link set ca up");
	ret = loader_open(&loader, pin_dir, &size, &tables, err);
	if (ret < 0)
		print_error("%s\n", err);
	if (ret < 0)
		return ret;
	tables_publish(&tables);
	for (uint32_t n = 0; n < 2; n++) {
		ret = loader_attach(loader, names[n], n + 1, LOADER_AUTO, &a, err);
		if (!ret)
			ret = loader_devmaps(loader, n + 1, if_nametoindex(names[n]));
		if (ret)
			return ret;
	}
	return 0;
}

static int all_down(void **state)
{
	(void)state;
	loader_close(loader);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_place),	  cmocka_unit_test(undone),
		cmocka_unit_test(not_undone),	  cmocka_unit_test(remains),
		cmocka_unit_test(interface_gone), cmocka_unit_test(interface_came_meanwhile),
	};
	int ret = sandbox_enter();

	/* For an emulated CPU: in those it is refuse.c that fails, and not a kernel. */
	if (argc > 1 && !strcmp(argv[1], "quick"))
		cmocka_set_skip_filter("*undone");
	return ret ? ret : cmocka_run_group_tests(tests, links_up, all_down);
}
