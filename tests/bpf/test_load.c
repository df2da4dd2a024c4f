/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader against a kernel, on veth pairs of the sandbox's own:
 *
 *   va ------ vb    ours
 *   ca ------ cb    carries somebody else's program
 */
#include "sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_link.h>
#include <net/if.h>
#include <sys/wait.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "load.h"
#include "maps.h"

static const struct tables_size size = {
	.members4 = 1024, .members6 = 256, .rooms = 15, .streams = 31, .vias = 31, .locals = 16};

static char dir[128];
static char err[LOADER_ERR_LEN];

static struct loader *open_ok(struct tables *t, int want)
{
	struct loader *l;
	int ret = loader_open(&l, dir, &size, t, err);

	if (ret != want)
		fail_msg("loader_open: %d, want %d: %s", ret, want, err);
	if (ret == 1)
		tables_publish(t);
	return l;
}

static void open_bad(int want, const char *word)
{
	struct tables t;
	struct loader *l;
	int ret;

	err[0] = '\0';
	ret = loader_open(&l, dir, &size, &t, err);
	if (ret != want || !strstr(err, word))
		fail_msg("loader_open: %d, want %d with \"%s\": %s", ret, want, word, err);
	assert_null(l);
}

static bool pinned(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

static uint32_t prog_on(const char *ifname, uint8_t *mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	assert_int_equal(bpf_xdp_query((int)if_nametoindex(ifname), 0, &q), 0);
	if (mode)
		*mode = q.attach_mode;
	return q.prog_id;
}

static void flush(void)
{
	if (loader_flush(dir, err))
		fail_msg("flush: %s", err);
	assert_int_not_equal(access(dir, F_OK), 0);
}

/* What one crierd wrote, the next one finds. */
static void tables_survive(void **state)
{
	struct tables t, reader;
	struct loader *l;

	(void)state;
	l = open_ok(&t, 1);
	t.members4[3].member[255] = 0x1122334455667788;
	strcpy(t.rooms[15].name, "last");
	assert_int_equal(tables_open(&reader, dir, err), 0);
	assert_true(reader.members4[3].member[255] == 0x1122334455667788);
	assert_int_equal(tables_bytes(&reader), tables_bytes(&t));
	assert_true(tables_map_fd(&reader, "xsks") >= 0);
	assert_int_equal(tables_map_fd(&reader, "nothing"), -ENOENT);
	loader_close(l);

	l = open_ok(&t, 0);
	assert_string_equal(t.rooms[15].name, "last");
	reader.rooms[15].generation = 7;
	assert_int_equal(t.rooms[15].generation, 7);
	tables_close(&reader);
	loader_close(l);
	flush();
}

/* A crierd that died between making and publishing leaves nothing to be believed. */
static void unpublished(void **state)
{
	struct tables t, reader;
	struct loader *l;

	(void)state;
	assert_int_equal(loader_open(&l, dir, &size, &t, err), 1);
	t.rooms[1].generation = 7;
	assert_int_equal(tables_open(&reader, dir, err), -ENODATA);
	assert_non_null(strstr(err, "not complete"));
	loader_close(l);
	assert_int_equal(loader_open(&l, dir, &size, &t, err), 1);
	assert_int_equal(t.rooms[1].generation, 0);
	loader_close(l);
	flush();
}

static void other_sizes(void **state)
{
	const struct tables_size larger = {.members4 = 2048}, silent = {0};
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	loader_close(l);
	assert_int_equal(loader_open(&l, dir, &larger, &t, err), -EINVAL);
	assert_non_null(strstr(err, "hold 4 pages of IPv4 listeners, 8 are asked for"));
	assert_non_null(strstr(err, "crierctl save"));
	/* Who asks for nothing takes what is there. */
	assert_int_equal(loader_open(&l, dir, &silent, &t, err), 0);
	assert_int_equal(t.config->pages4, 5);
	loader_close(l);
	flush();
}

static void foreign_abi(void **state)
{
	struct tables t, reader;
	struct crier_config before;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	t.config->abi = CRIER_ABI + 1;
	t.rooms[1].generation = 7;
	before = *t.config;
	open_bad(-EPROTO, "have ABI 5, this program speaks 4");
	assert_int_equal(tables_open(&reader, dir, err), -EPROTO);
	assert_memory_equal(t.config, &before, sizeof(before));
	assert_int_equal(t.rooms[1].generation, 7);
	assert_true(pinned("rooms"));

	t.config->abi = CRIER_ABI;
	t.config->size++;
	open_bad(-EPROTO, "another layout");
	t.config->size--;
	t.config->pages4 = 0;
	open_bad(-EPROTO, "impossible sizes");
	t.config->pages4 = before.pages4;
	t.config->max_shards++;
	open_bad(-EPROTO, "not what config says");
	t.config->magic = 1;
	open_bad(-EPROTO, "not made by crier");
	/* Nor is it ours to remove. */
	assert_int_equal(loader_flush(dir, err), -EPROTO);
	assert_true(pinned("config"));
	t.config->magic = CRIER_MAGIC;
	t.config->abi = CRIER_ABI + 1;
	loader_close(l);
	flush();
}

static void missing_table(void **state)
{
	struct tables t;
	struct loader *l = open_ok(&t, 1);
	char path[256];

	(void)state;
	loader_close(l);
	snprintf(path, sizeof(path), "%s/vias", dir);
	assert_int_equal(unlink(path), 0);
	open_bad(-ENOENT, "vias is missing");
	flush();
}

static void bad_dirs(void **state)
{
	static const struct {
		const char *dir;
		int err;
		const char *word;
	} cases[] = {
		{"/tmp", -EXDEV, "not on a bpffs"},
		{"/tmp/crier", -EXDEV, "not on a bpffs"},
		{"/etc/passwd", -ENOTDIR, "not a directory"},
		{"/nonexistent/crier", -ENOENT, "no /nonexistent"},
	};
	char was[sizeof(dir)];

	(void)state;
	strcpy(was, dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(dir, cases[i].dir);
		open_bad(cases[i].err, cases[i].word);
	}
	assert_int_not_equal(access("/tmp/crier", F_OK), 0);
	strcpy(dir, was);
}

static void attach(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);
	uint32_t first;
	uint8_t mode;

	(void)state;
	if (loader_attach(l, "va", 1, LOADER_AUTO, &a, err))
		fail_msg("attach: %s", err);
	assert_int_equal(a.mode, CRIER_PORT_NATIVE);
	assert_false(a.updated);
	assert_string_equal(a.note, "");
	first = prog_on("va", &mode);
	assert_int_not_equal(first, 0);
	assert_int_equal(mode, XDP_ATTACHED_DRV);
	loader_close(l);

	/* crierd is gone, its program is not. */
	assert_int_equal(prog_on("va", NULL), first);
	assert_true(pinned("link_va"));

	/* The next one's program takes its place. */
	l = open_ok(&t, 0);
	assert_int_equal(loader_attach(l, "va", 1, LOADER_AUTO, &a, err), 0);
	assert_true(a.updated);
	assert_int_equal(a.mode, CRIER_PORT_NATIVE);
	assert_int_not_equal(prog_on("va", NULL), first);
	assert_int_not_equal(prog_on("va", NULL), 0);

	/* Another mode needs another link. */
	assert_int_equal(loader_attach(l, "va", 1, LOADER_GENERIC, &a, err), 0);
	assert_int_equal(a.mode, CRIER_PORT_GENERIC);
	assert_false(a.updated);
	assert_non_null(strstr(a.note, "generic mode"));
	prog_on("va", &mode);
	assert_int_equal(mode, XDP_ATTACHED_SKB);

	assert_int_equal(loader_detach(l, "va", err), 0);
	assert_int_equal(prog_on("va", NULL), 0);
	assert_false(pinned("link_va"));
	assert_int_equal(loader_detach(l, "va", err), 0);
	loader_close(l);
	flush();
}

/* lo has no native XDP: auto says why it is generic, native refuses. */
static void generic(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	assert_int_equal(loader_attach(l, "lo", 1, LOADER_NATIVE, &a, err), -EOPNOTSUPP);
	assert_non_null(strstr(err, "mode=generic"));
	assert_int_equal(prog_on("lo", NULL), 0);
	assert_int_equal(loader_attach(l, "lo", 1, LOADER_AUTO, &a, err), 0);
	assert_int_equal(a.mode, CRIER_PORT_GENERIC);
	assert_non_null(strstr(a.note, "native XDP"));

	/* What serves goes on serving where the mode that is asked for is refused. */
	assert_int_equal(loader_attach(l, "lo", 1, LOADER_NATIVE, &a, err), -EOPNOTSUPP);
	assert_int_not_equal(prog_on("lo", NULL), 0);
	assert_true(pinned("link_lo"));
	assert_int_equal(loader_attach(l, "lo", 1, LOADER_AUTO, &a, err), 0);
	assert_true(a.updated);
	loader_close(l);
	flush();
	assert_int_equal(prog_on("lo", NULL), 0);
}

static void bad_interfaces(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	assert_int_equal(loader_attach(l, "nosuch", 1, LOADER_AUTO, &a, err), -ENODEV);
	assert_non_null(strstr(err, "no interface nosuch"));
	assert_int_equal(loader_attach(l, "va", 0, LOADER_AUTO, &a, err), -EINVAL);
	assert_int_equal(loader_attach(l, "va", CRIER_MAX_PORTS, LOADER_AUTO, &a, err), -EINVAL);
	sandbox_run("ip link set vb down");
	assert_int_equal(loader_attach(l, "vb", 1, LOADER_AUTO, &a, err), 0);
	assert_non_null(strstr(a.note, "vb is down"));
	sandbox_run("ip link set vb up");
	loader_close(l);
	flush();
}

/* A program of no use to anyone: returns XDP_PASS. */
static int stranger_load(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", insns, 2, NULL);
}

static void foreign_program(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);
	int fd = stranger_load(), ifindex = (int)if_nametoindex("ca");
	uint32_t id;
	char word[32];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach(ifindex, fd, 0, NULL), 0);
	id = prog_on("ca", NULL);
	assert_int_equal(loader_attach(l, "ca", 1, LOADER_AUTO, &a, err), -EBUSY);
	snprintf(word, sizeof(word), "\"stranger\" (id %u)", id);
	assert_non_null(strstr(err, word));
	assert_int_equal(prog_on("ca", NULL), id);
	assert_false(pinned("link_ca"));
	/* Not even its port number stays. */
	uint32_t key = (uint32_t)ifindex, value;

	assert_int_equal(bpf_map_lookup_elem(tables_map_fd(&t, "port_numbers"), &key, &value),
			 -ENOENT);
	bpf_xdp_detach(ifindex, 0, NULL);
	close(fd);
	loader_close(l);
	flush();
}

/* The interface went and came back, or was renamed, while crierd was away. */
static void interface_replaced(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	assert_int_equal(loader_attach(l, "va", 1, LOADER_AUTO, &a, err), 0);
	loader_close(l);
	/* Before 6.2 only an interface that is down can be renamed. */
	sandbox_run("ip link set va down && ip link set va name vz up");
	l = open_ok(&t, 0);
	assert_int_equal(loader_attach(l, "vz", 1, LOADER_AUTO, &a, err), 0);
	assert_true(a.updated);
	assert_true(pinned("link_vz"));
	assert_false(pinned("link_va"));
	sandbox_run("ip link del vz && ip link add va type veth peer name vb && "
		    "ip link set va name vz up && ip link set vb up");
	assert_int_equal(loader_attach(l, "vz", 1, LOADER_AUTO, &a, err), 0);
	assert_false(a.updated);
	assert_int_not_equal(prog_on("vz", NULL), 0);
	sandbox_run("ip link set vz down && ip link set vz name va up");
	loader_close(l);
	flush();
	assert_int_equal(prog_on("va", NULL), 0);
}

static uint32_t number_of(const struct tables *t, const char *ifname)
{
	uint32_t ifindex = if_nametoindex(ifname), port = 0;

	bpf_map_lookup_elem(tables_map_fd(t, "port_numbers"), &ifindex, &port);
	return port;
}

/* A number goes from an interface that is gone to its successor. */
static void port_numbers(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	assert_int_equal(loader_attach(l, "va", 1, LOADER_AUTO, &a, err), 0);
	assert_int_equal(loader_attach(l, "vb", 2, LOADER_AUTO, &a, err), 0);
	assert_int_equal(loader_attach(l, "ca", 1, LOADER_AUTO, &a, err), 0);
	assert_int_equal(number_of(&t, "va"), 0);
	assert_int_equal(number_of(&t, "vb"), 2);
	assert_int_equal(number_of(&t, "ca"), 1);
	assert_int_equal(loader_attach(l, "ca", 3, LOADER_AUTO, &a, err), 0);
	assert_int_equal(number_of(&t, "ca"), 3);
	assert_int_equal(loader_detach(l, "ca", err), 0);
	assert_int_equal(number_of(&t, "ca"), 0);
	assert_int_equal(number_of(&t, "vb"), 2);
	loader_close(l);
	flush();
}

/* Who may not use BPF is told so. */
static void no_rights(void **state)
{
	struct tables t;
	struct loader *l;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		char path[sizeof(dir)];

		snprintf(path, sizeof(path), "%s", dir);
		if (setgid(65534) || setuid(65534))
			_exit(2);
		err[0] = '\0';
		_exit(loader_open(&l, path, &size, &t, err) == -EPERM && strstr(err, "no right to")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rmdir(dir);
}

/* A frame larger than a page cannot go through native XDP on a veth. */
static void jumbo(void **state)
{
	struct loader_attached a;
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	sandbox_run("ip link set ca mtu 9000 && ip link set cb mtu 9000");
	assert_int_equal(loader_attach(l, "ca", 1, LOADER_AUTO, &a, err), 0);
	assert_int_equal(a.mode, CRIER_PORT_GENERIC);
	print_message("%s\n", a.note);
	assert_non_null(strstr(a.note, "native XDP"));
	sandbox_run("ip link set ca mtu 1500 && ip link set cb mtu 1500");
	loader_close(l);
	flush();
}

static void count_link(void *arg, const char *ifname, int ifindex)
{
	if (!strcmp(ifname, "va") || !strcmp(ifname, "ca"))
		assert_int_equal(ifindex, if_nametoindex(ifname));
	++*(int *)arg;
}

/* Nothing is left but what is not ours. */
static void flushed(void **state)
{
	struct loader_attached a;
	char stranger[256];
	struct tables t;
	struct loader *l = open_ok(&t, 1);
	int fd, links = 0;

	(void)state;
	assert_int_equal(loader_attach(l, "va", 1, LOADER_AUTO, &a, err), 0);
	assert_int_equal(loader_attach(l, "ca", 2, LOADER_GENERIC, &a, err), 0);
	loader_each_link(l, count_link, &links);
	assert_int_equal(links, 2);

	fd = stranger_load();
	snprintf(stranger, sizeof(stranger), "%s/stranger", dir);
	assert_int_equal(bpf_obj_pin(fd, stranger), 0);
	snprintf(stranger, sizeof(stranger), "%s/link_stranger", dir);
	assert_int_equal(bpf_obj_pin(fd, stranger), 0);
	close(fd);
	/* Also while a crierd still holds everything open. */
	assert_int_equal(loader_flush(dir, err), -ENOTEMPTY);
	assert_non_null(strstr(err, "stranger is not crier's"));
	assert_true(pinned("link_stranger"));
	unlink(stranger);
	snprintf(stranger, sizeof(stranger), "%s/stranger", dir);
	assert_int_equal(prog_on("va", NULL), 0);
	assert_int_equal(prog_on("ca", NULL), 0);
	assert_false(pinned("config"));
	assert_false(pinned("link_va"));
	assert_true(pinned("stranger"));
	unlink(stranger);
	flush();
	flush(); /* nothing there is no error */
	loader_close(l);
}

static void grace(void **state)
{
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(loader_grace(l), 0);
	loader_close(l);
	flush();
}

/*
 * The verifier gives up after a million steps, and its time goes by them.  Kernels differ in which
 * branches they see to be alike, so what fits one by far may not fit another: far is meant.
 */
#define VERIFIER_STEPS 250000

static void verified(void **state)
{
	const struct loader_programs *p;
	uint64_t steps = 0, us = 0;
	struct tables t;
	struct loader *l = open_ok(&t, 1);

	(void)state;
	p = loader_programs(l);
	assert_int_equal(p->n, LOADER_PROGRAMS);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct loader_program *one = &p->program[i];

		print_message("%s: %u steps of the verifier, %.1f ms\n", one->name, one->insns,
			      one->verify_us / 1000.0);
		assert_in_range(one->insns, 1, VERIFIER_STEPS);
		steps += one->insns;
		us += one->verify_us;
	}
	print_message("all: %lu steps, %.1f ms, with the rest of loading %.1f ms\n",
		      (unsigned long)steps, us / 1000.0, p->load_us / 1000.0);
	loader_close(l);
	flush();
}

static void features(void **state)
{
	struct loader_features f;

	(void)state;
	loader_features(&f);
	assert_true(f.xdp_link);
	assert_int_not_equal(f.kernel[0], 0);
	/* a network namespace doesn't show it, which isn't "off" */
	assert_int_equal(f.bpf_jit >= 0, access("/proc/sys/net/core/bpf_jit_enable", R_OK) == 0);
}

static void vlan_hidden(void **state)
{
	char note[LOADER_NOTE_LEN];

	(void)state;
	sandbox_run("ethtool -K vb txvlan on >/dev/null 2>&1; true");
	assert_int_equal(loader_vlan_hidden("va", note), 1);
	assert_non_null(strstr(note, "ethtool -K vb txvlan off"));
	sandbox_run("ethtool -K vb txvlan off >/dev/null");
	assert_int_equal(loader_vlan_hidden("va", note), 0);
	assert_string_equal(note, "");
	/* The receiving end's own setting changes nothing. */
	sandbox_run("ethtool -K va rxvlan on txvlan on >/dev/null");
	assert_int_equal(loader_vlan_hidden("va", note), 0);
	assert_int_equal(loader_vlan_hidden("nosuch", note), 0);

	sandbox_run("ip link add fa type veth peer name fb && (unshare -n sleep 100 & echo $! > "
		    "/tmp/ns; "
		    "sleep 0.5; ip link set fb netns $(cat /tmp/ns))");
	assert_int_equal(loader_vlan_hidden("fa", note), 0);
	assert_non_null(strstr(note, "in another namespace"));
	sandbox_run("kill $(cat /tmp/ns)");
}

static int links_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/crier", sandbox_dir);
	sandbox_run("ip link set lo up && ip link add va type veth peer name vb && "
		    "ip link add ca type veth peer name cb && ip link set va up && ip link set vb "
		    "up && "
		    "ip link set ca up && ip link set cb up");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_survive),
		cmocka_unit_test(unpublished),
		cmocka_unit_test(other_sizes),
		cmocka_unit_test(foreign_abi),
		cmocka_unit_test(missing_table),
		cmocka_unit_test(bad_dirs),
		cmocka_unit_test(attach),
		cmocka_unit_test(generic),
		cmocka_unit_test(bad_interfaces),
		cmocka_unit_test(foreign_program),
		cmocka_unit_test(interface_replaced),
		cmocka_unit_test(flushed),
		cmocka_unit_test(port_numbers),
		cmocka_unit_test(no_rights),
		cmocka_unit_test(jumbo),
		cmocka_unit_test(grace),
		cmocka_unit_test(verified),
		cmocka_unit_test(features),
		cmocka_unit_test(vlan_hidden),
	};
	int ret = sandbox_enter();

	return ret ? ret : cmocka_run_group_tests(tests, links_up, NULL);
}
