/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that refuses something of the loader's when crierd starts: what crierd can do without is
 * told and tried again by a reload; of the rest the error says what to do, and nothing is left.
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

static char err[LOADER_ERR_LEN], pin_dir[128];
static struct loader *loader;
static struct tables tables;

static void refuse(int cmd, const char *name, int nth, int n, int err_no)
{
	refusals[0] = (struct refusal){.cmd = cmd, .nth = nth, .n = n, .err = err_no};
	snprintf(refusals[0].name, sizeof(refusals[0].name), "%s", name);
}

static void refuse_nothing(void)
{
	memset(refusals, 0, sizeof(refusals));
}

static int open_all(void)
{
	int ret;

	err[0] = '\0';
	ret = loader_open(&loader, pin_dir, &size, &tables, err);
	if (ret >= 0)
		tables_publish(&tables);
	return ret;
}

static void opened(void)
{
	if (open_all() < 0)
		fail_msg("loader_open: %s", err);
}

static int close_all(void **state)
{
	(void)state;
	refuse_nothing();
	loader_close(loader);
	loader = NULL;
	return loader_flush(pin_dir, err);
}

static int reload(void)
{
	return reload_from(loader, NULL, err);
}

static bool at_work(const char *name)
{
	return program_at_work(loader, name);
}

static void says(const char *why, const char *words)
{
	if (!why || !strstr(why, words))
		fail_msg("it says \"%s\", not \"%s\"", why ? why : "nothing", words);
}

/* ---- what crierd can do without ---- */

static void trigger(void **state)
{
	struct loader_attached a;
	uint32_t cb = if_nametoindex("cb");

	(void)state;
	refuse(BPF_PROG_LOAD, "crier_trigger", 1, 0, EACCES);
	opened();
	says(loader_trigger(loader), "the program crier_trigger");
	says(loader_trigger(loader), "refused by a test; `crierctl reload` tries again");
	assert_false(at_work("crier_trigger"));
	assert_true(at_work("crier_egress") && at_work("crier_xmit"));
	assert_int_equal(loader_attach(loader, "va", 1, LOADER_AUTO, &a, err), 0);
	assert_int_equal(loader_devmaps(loader, 1, if_nametoindex("va")), 0);
	assert_int_equal(loader_attach_trigger(loader, cb, err), -EOPNOTSUPP);
	says(err, "crier_trigger");

	assert_int_equal(reload(), 0);
	says(loader_trigger(loader), "refused by a test");
	refuse_nothing();
	assert_int_equal(reload(), 0);
	assert_null(loader_trigger(loader));
	assert_true(at_work("crier_trigger"));
	assert_int_equal(loader_attach_trigger(loader, cb, err), 0);

	/* From now on it is no less than the others. */
	refuse(BPF_PROG_LOAD, "crier_trigger", 1, 0, EACCES);
	assert_int_equal(reload(), -EACCES);
	assert_null(loader_trigger(loader));
	assert_int_equal(loader_detach(loader, "va", err), 0);
}

static void egress(void **state)
{
	uint32_t va = if_nametoindex("va");

	(void)state;
	refuse(BPF_PROG_LOAD, "crier_egress", 1, 0, EINVAL);
	opened();
	says(loader_egress(loader), "the program crier_egress (Invalid argument): refused by a");
	says(loader_egress(loader), "`crierctl reload` tries again");
	says(loader_xmit(loader), "there is no kernel engine");
	assert_int_equal(loader_devmaps(loader, 1, va), -EOPNOTSUPP);

	assert_int_equal(reload(), 0);
	says(loader_egress(loader), "refused by a test");
	refuse_nothing();
	assert_int_equal(reload(), 0);
	assert_null(loader_egress(loader));
	assert_null(loader_xmit(loader));
	assert_true(at_work("crier_egress") && at_work("crier_xmit"));
	assert_int_equal(loader_devmaps(loader, 1, va), 0);
	refuse(BPF_PROG_LOAD, "crier_egress", 1, 0, EINVAL);
	assert_int_equal(reload(), -EINVAL);
	assert_null(loader_egress(loader));
}

static void xmit(void **state)
{
	static const struct refusal one[] = {
		{.cmd = BPF_PROG_LOAD, .name = "crier_xmit", .err = EINVAL},
		{.cmd = BPF_RAW_TRACEPOINT_OPEN, .err = ENOENT},
		{.cmd = BPF_OBJ_PIN, .name = "xmit_link_next", .err = EPERM},
	};

	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
		refuse(one[i].cmd, one[i].name, 1, 0, one[i].err);
		opened();
		assert_null(loader_egress(loader));
		says(loader_xmit(loader), strerror(one[i].err));
		says(loader_xmit(loader), "`crierctl reload` tries again");
		assert_int_equal(reload(), 0);
		says(loader_xmit(loader), strerror(one[i].err));
		refuse_nothing();
		assert_int_equal(reload(), 0);
		assert_null(loader_xmit(loader));
		refuse(one[i].cmd, one[i].name, 1, 0, one[i].err);
		assert_int_equal(reload(), -one[i].err);
		assert_null(loader_xmit(loader));
		assert_int_equal(close_all(state), 0);
	}
	opened();
}

/* Devmaps of a port: as many as there are, or none. */
static void devmaps(void **state)
{
	uint32_t va = if_nametoindex("va");
	int fds, nth;

	(void)state;
	opened();
	fds = sandbox_entries("/proc/self/fd");
	for (nth = 1;; nth++) {
		refuse(BPF_MAP_CREATE, "clones", nth, 1, ENOMEM);
		if (!loader_devmaps(loader, 1, va))
			break;
		assert_int_equal(sandbox_entries("/proc/self/fd"), fds);
	}
	assert_int_equal(nth, CRIER_KSIZES_N + 1);
	refuse(BPF_MAP_UPDATE_BATCH, "devmaps", 1, 0, EINVAL);
	refusals[1] = (struct refusal){
		.cmd = BPF_MAP_UPDATE_ELEM, .name = "devmaps", .nth = 4, .err = ENOMEM};
	assert_int_equal(loader_devmaps(loader, 1, va), -ENOMEM);
	assert_int_equal(sandbox_entries("/proc/self/fd"), fds + CRIER_KSIZES_N);
	refuse_nothing();
	assert_int_equal(loader_devmaps(loader, 1, va), 0);
}

/* ---- what it can't ---- */

static const struct {
	int cmd;
	const char *name;
	int err;
	const char *words, *advice;
} musts[] = {
	{BPF_PROG_LOAD, "crier_xdp", EINVAL, "the program crier_xdp", "refused by a test"},
	{BPF_MAP_CREATE, "pages", ENOMEM, "no room for table pages", "capacity.listeners"},
	{BPF_MAP_CREATE, "members4", E2BIG, "no room for table members4", "capacity.listeners"},
	{BPF_MAP_CREATE, "rooms", EINVAL, "refuses to make table rooms", "Linux 5.11"},
	{BPF_MAP_CREATE, "xsks", EPERM, "no right to make table xsks", "CAP_BPF"},
	{BPF_MAP_CREATE, "triggers", EMFILE, "cannot make table triggers", "LimitNOFILE"},
	{BPF_MAP_CREATE, "clones", ENOMEM, "no room for table devmaps", "free memory"},
	{BPF_MAP_CREATE, "guard_caps", ENOMEM, "does not load", "free memory"},
	{BPF_MAP_CREATE, "grace_inner", ENOMEM, "map that grace periods need", "free memory"},
	{BPF_MAP_CREATE, "grace", ENOMEM, "map that grace periods need", "free memory"},
	{BPF_OBJ_PIN, "config", EPERM, "no right to pin", "run as root"},
	{BPF_OBJ_PIN, "guard_list", ENOMEM, "cannot pin", "free memory"},
};

static void nothing_else(void **state)
{
	int fds = sandbox_entries("/proc/self/fd");

	(void)state;
	for (size_t i = 0; i < sizeof(musts) / sizeof(musts[0]); i++) {
		int ret;

		refuse(musts[i].cmd, musts[i].name, 1, 0, musts[i].err);
		ret = open_all();
		if (ret >= 0 || !strstr(err, musts[i].words) || !strstr(err, musts[i].advice))
			fail_msg("without %s: %d: %s", musts[i].name, ret, err);
		assert_true(refusals[0].seen);
		assert_int_equal(sandbox_entries("/proc/self/fd"), fds);
		assert_int_equal(sandbox_entries(pin_dir), 2);
	}
	refuse_nothing();
	assert_int_equal(open_all(), 1);
}

/* Each map and each pin, one after the other, is the one that fails. */
static void any_of_them(void **state)
{
	static const int cmds[] = {BPF_MAP_CREATE, BPF_OBJ_PIN};
	int fds = sandbox_entries("/proc/self/fd"), nth, ret;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (nth = 1;; nth++) {
			refuse(cmds[i], "", nth, 0, ENOMEM);
			ret = open_all();
			if (refusals[0].seen < nth || ret >= 0)
				break;
			if (!strstr(err, "free memory"))
				fail_msg("call %d: %d: %s", nth, ret, err);
			assert_int_equal(sandbox_entries("/proc/self/fd"), fds);
			assert_int_equal(sandbox_entries(pin_dir), 2);
		}
		/* All tables, at least; what comes last crierd can do without. */
		assert_int_equal(ret, 1);
		assert_true(nth > 33);
		assert_int_equal(close_all(state), 0);
	}
	opened();
}

/* Tables that are there stay, whatever fails. */
static void tables_stay(void **state)
{
	int pins;

	opened();
	pins = sandbox_entries(pin_dir);
	loader_close(loader);
	refuse(BPF_PROG_LOAD, "crier_xdp", 1, 0, EINVAL);
	assert_true(open_all() < 0);
	assert_int_equal(sandbox_entries(pin_dir), pins);
	refuse_nothing();
	assert_int_equal(open_all(), 0);
	(void)state;
}

static int pairs_up(void **state)
{
	(void)state;
	snprintf(pin_dir, sizeof(pin_dir), "%s/crier", sandbox_dir);
	sandbox_run("ip link add va type veth peer name vb && ip link add ca type veth peer name "
		    "cb && ip link set va up && ip link set cb up");
	/* libbpf asks the kernel once what it can do; from here on it knows. */
	opened();
	return close_all(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(trigger, close_all),
		cmocka_unit_test_teardown(egress, close_all),
		cmocka_unit_test_teardown(xmit, close_all),
		cmocka_unit_test_teardown(devmaps, close_all),
		cmocka_unit_test_teardown(nothing_else, close_all),
		cmocka_unit_test_teardown(any_of_them, close_all),
		cmocka_unit_test_teardown(tables_stay, close_all),
	};
	int ret = sandbox_enter();

	return ret ? ret : cmocka_run_group_tests(tests, pairs_up, NULL);
}
