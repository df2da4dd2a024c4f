/* SPDX-License-Identifier: BSD-2-Clause */
/* --port, as it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/io/port_conf.h"

static void test_dpdk(void **state)
{
	static const struct {
		const char *spec, *devargs, *ifname;
		bool pci;
	} cases[] = {
		{"dpdk:0000:03:00.0", "0000:03:00.0", "dpdk1", true},
		{"dpdk:03:00.1,as=wan", "0000:03:00.1", "wan", true},
		{"dpdk:0000:03:00.0,mprq_en=1,as=wan", "0000:03:00.0,mprq_en=1", "wan", true},
		{"dpdk:0000:03:00.0,as=wan,mprq_en=1", "0000:03:00.0,mprq_en=1", "wan", true},
		{"dpdk:net_null0", "net_null0", "dpdk1", false},
		{"dpdk:net_memif0,socket=/run/a,as=x", "net_memif0,socket=/run/a", "x", false},
	};
	const struct port_conf before[2] = {{.dpdk = true, .ifname = "dpdk0"}, {.ifname = "eth0"}};
	char err[PORT_ERR_LEN];

	(void)state;
#ifndef CRIER_DPDK
	struct port_conf none;

	assert_int_equal(port_conf_parse("dpdk:net_null0", NULL, 0, &none, err), -EINVAL);
	assert_non_null(strstr(err, "without DPDK"));
	skip();
#endif
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port_conf conf;

		assert_int_equal(port_conf_parse(cases[i].spec, before, 2, &conf, err), 0);
		assert_true(conf.dpdk);
		assert_string_equal(conf.of_dpdk.devargs, cases[i].devargs);
		assert_string_equal(conf.of_dpdk.ifname, cases[i].ifname);
		assert_string_equal(conf.ifname, cases[i].ifname);
		assert_int_equal(conf.of_dpdk.pci, cases[i].pci);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *spec, *why;
	} cases[] = {
		{"eth0", "xdp:IFACE"},
		{"pcap:eth0", "xdp:IFACE"},
		{"", "xdp:IFACE"},
		{"xdp:", "1 to 15"},
		{"xdp:eth0", "twice"},
		{"xdp:eth1,queue=64", "queue=N"},
		{"page:", "1 to 15"},
		{"page:sixteen-letters-", "1 to 15"},
		{"page:eth1,queue=1", "1 to 15"},
		{"page:eth0", "twice"},
#ifdef CRIER_DPDK
		{"dpdk:", "a device is wanted"},
		{"dpdk:,as=wan", "a device is wanted"},
		{"dpdk:net_null0,as=", "interface's name"},
		{"dpdk:net_null0,as=sixteen-letters-", "interface's name"},
		{"dpdk:net_null0,as=a/b", "interface's name"},
		{"dpdk:net_null0,as=eth0", "twice"},
#endif
	};
	const struct port_conf before = {.ifname = "eth0"};
	char err[PORT_ERR_LEN], longest[512] = "dpdk:";
	struct port_conf conf;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(port_conf_parse(cases[i].spec, &before, 1, &conf, err), -EINVAL);
		if (!strstr(err, cases[i].why))
			fail_msg("%s: \"%s\" does not speak of \"%s\"", cases[i].spec, err,
				 cases[i].why);
	}
	memset(longest + 5, 'a', sizeof(longest) - 6);
	assert_int_equal(port_conf_parse(longest, &before, 1, &conf, err), -EINVAL);
}

static void test_page(void **state)
{
	struct port_conf before = {.ifname = "eth0"}, conf;
	char err[PORT_ERR_LEN];

	(void)state;
	assert_int_equal(port_conf_parse("page:crier-page", &before, 1, &conf, err), 0);
	assert_true(conf.page && !conf.dpdk);
	assert_string_equal(conf.ifname, "crier-page");
	before = conf;
	assert_int_equal(port_conf_parse("page:other", &before, 1, &conf, err), -EINVAL);
	assert_non_null(strstr(err, "one will do"));
	assert_int_equal(port_conf_parse("xdp:eth0", &before, 1, &conf, err), 0);
	assert_false(conf.page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dpdk),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
