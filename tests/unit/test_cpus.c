/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/cpus.h"
#include "xdp/table.h"

static void test_lists(void **state)
{
	static const struct {
		const char *list;
		uint32_t n;
		int cpu[8];
	} cases[] = {
		{"0", 1, {0}},
		{"3,1", 2, {3, 1}}, /* the first leads */
		{"2,4-7", 5, {2, 4, 5, 6, 7}},
		{"1-1", 1, {1}},
		{"1023", 1, {1023}},
	};
	char err[CPUS_ERR_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int cpu[CRIER_MAX_WORKERS];
		uint32_t n;

		assert_int_equal(cpus_parse(cases[i].list, cpu, &n, err), 0);
		assert_int_equal(n, cases[i].n);
		for (uint32_t k = 0; k < n; k++)
			assert_int_equal(cpu[k], cases[i].cpu[k]);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *list, *why;
	} cases[] = {
		{"", "as in 2,4-7"},
		{"x", "as in 2,4-7"},
		{"1,", "as in 2,4-7"},
		{",1", "as in 2,4-7"},
		{"1;2", "as in 2,4-7"},
		{"-1", "as in 2,4-7"},
		{"1-", "as in 2,4-7"},
		{"1-2-3", "as in 2,4-7"},
		{" 1", "as in 2,4-7"},
		{"1024", "as in 2,4-7"},
		{"99999999999999999999", "as in 2,4-7"},
		{"4-2", "lower CPU to the higher"},
		{"1,1", "CPU 1 is named twice"},
		{"0-4,3", "CPU 3 is named twice"},
		{"0-64", "more than 64 CPUs"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int cpu[CRIER_MAX_WORKERS];
		char err[CPUS_ERR_LEN] = "";
		uint32_t n;

		assert_int_equal(cpus_parse(cases[i].list, cpu, &n, err), -EINVAL);
		assert_non_null(strstr(err, cases[i].why));
	}
}

static void test_check(void **state)
{
	const int any = -1, none = 1023;
	char err[CPUS_ERR_LEN];

	(void)state;
	assert_int_equal(cpus_check(&any, 1, err), 0);
	assert_int_equal(cpus_check(&none, 1, err), -EINVAL);
	assert_non_null(strstr(err, "CPU 1023"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
