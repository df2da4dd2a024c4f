/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "addr.h"

struct text_case {
	const char *in;
	int err;
	const char *want; /* as formatted; NULL: as written */
};

/* The text lies at the end of a block of its own: nothing may be read beyond it. */
static char *unterminated(const char *s, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, s, len);
	return copy;
}

static void check(const struct text_case *c,
		  int (*parse)(const char *, size_t, struct crier_endpoint *))
{
	struct crier_endpoint ep = {0};
	char buf[ENDPOINT_STRLEN];
	size_t len = strlen(c->in);
	char *copy = unterminated(c->in, len);
	int err = parse(copy, len, &ep);

	free(copy);
	if (err != c->err)
		fail_msg("\"%s\" gives %d, not %d", c->in, err, c->err);
	if (!err && strcmp(endpoint_format(buf, &ep), c->want ? c->want : c->in))
		fail_msg("\"%s\" is written %s", c->in, buf);
}

static void endpoints(void **state)
{
	static const struct text_case cases[] = {
		{"192.0.2.7:40000", 0, NULL},
		{"0.0.0.0:1", 0, NULL},
		{"255.255.255.255:65535", 0, NULL},
		{"[2001:db8::7]:40000", 0, NULL},
		{"[::]:1", 0, NULL},
		{"[2001:DB8:0:0::7]:40000", 0, "[2001:db8::7]:40000"},
		{"[2001:db8:1111:2222:3333:4444:5555:6666]:65535", 0, NULL},
		{"[::ffff:192.0.2.7]:5", 0, "192.0.2.7:5"},
		{"[0000:0000:0000:0000:0000:ffff:192.168.100.200]:5", 0, "192.168.100.200:5"},
		{"192.0.2.7:0", -ERANGE, NULL},
		{"192.0.2.7:65536", -ERANGE, NULL},
		{"[2001:db8::7]:0", -ERANGE, NULL},
		{"192.0.2.7:4294967297", -EINVAL, NULL},
		{"", -EINVAL, NULL},
		{":", -EINVAL, NULL},
		{"1", -EINVAL, NULL},
		{"192.0.2.7", -EINVAL, NULL},
		{"192.0.2.7:", -EINVAL, NULL},
		{"192.0.2:5", -EINVAL, NULL},
		{"192.0.2.7.1:5", -EINVAL, NULL},
		{"192.0.2.256:5", -EINVAL, NULL},
		{"192.0.2.1000:5", -EINVAL, NULL},
		{"192.0.02.7:5", -EINVAL, NULL},
		{"192.0.2.7:05", -EINVAL, NULL},
		{"192.0.2.7:+5", -EINVAL, NULL},
		{"192.0.2.7:5 ", -EINVAL, NULL},
		{" 192.0.2.7:5", -EINVAL, NULL},
		{"192.0.2.7:5x", -EINVAL, NULL},
		{"0x7f.1.1.1:5", -EINVAL, NULL},
		{"localhost:5", -EINVAL, NULL},
		{"2001:db8::7", -EINVAL, NULL},
		{"2001:db8::7:5", -EINVAL, NULL},
		{"[2001:db8::7]", -EINVAL, NULL},
		{"[2001:db8::7]:", -EINVAL, NULL},
		{"[2001:db8::7]5", -EINVAL, NULL},
		{"[2001:db8::7", -EINVAL, NULL},
		{"[]:5", -EINVAL, NULL},
		{"[", -EINVAL, NULL},
		{"[192.0.2.7]:5", -EINVAL, NULL},
		{"[fe80::1%eth0]:5", -EINVAL, NULL},
		{"[2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999]:1", -EINVAL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], endpoint_parse);
}

static void members(void **state)
{
	static const struct text_case cases[] = {
		{"192.0.2.7:40000", 0, NULL},
		{"[2001:db8::7]:40000", 0, NULL},
		{"10.255.255.255:1", 0, NULL},
		{"192.0.2.7:0", -ERANGE, NULL},
		{"0.0.0.0:5", -EADDRNOTAVAIL, NULL},
		{"[::]:5", -EADDRNOTAVAIL, NULL},
		{"[::ffff:0.0.0.0]:5", -EADDRNOTAVAIL, NULL},
		{"224.0.0.1:5", -ENOTUNIQ, NULL},
		{"239.255.255.255:5", -ENOTUNIQ, NULL},
		{"[ff02::1]:5", -ENOTUNIQ, NULL},
		{"[::ffff:224.0.0.1]:5", -ENOTUNIQ, NULL},
		{"255.255.255.255:5", -EACCES, NULL},
		{"127.0.0.1:5", -ELOOP, NULL},
		{"127.255.255.255:5", -ELOOP, NULL},
		{"[::1]:5", -ELOOP, NULL},
		{"[::ffff:127.0.0.1]:5", -ELOOP, NULL},
		{"nonsense", -EINVAL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], member_parse);
}

static void sources(void **state)
{
	static const struct text_case cases[] = {
		{"192.0.2.7", 0, "192.0.2.7:0"},
		{"192.0.2.7:5", 0, NULL},
		{"2001:db8::7", 0, "[2001:db8::7]:0"},
		{"[2001:db8::7]:5", 0, NULL},
		{"192.0.2.7:0", -ERANGE, NULL},
		{"[2001:db8::7]", -EINVAL, NULL},
		{"any", -EINVAL, NULL},
		{"", -EINVAL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], endpoint_parse_from);
}

/* A NUL inside is no end of text: "::1\0evil" must not pass for ::1. */
static void nul_inside(void **state)
{
	struct crier_endpoint ep;
	struct crier_addr a;

	(void)state;
	assert_int_equal(addr_parse("::1\0x", 5, &a), -EINVAL);
	assert_int_equal(addr_parse("1.2.3.4\0", 8, &a), -EINVAL);
	assert_int_equal(endpoint_parse("1.2.3.4:5\0", 10, &ep), -EINVAL);
	assert_int_equal(endpoint_parse("[::1\0]:5", 8, &ep), -EINVAL);
}

static void every_v4(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		struct crier_endpoint in = {.addr = addr_from4(htonl(i * 21467U + 1)),
					    .port = htons((uint16_t)(i % 65535 + 1))};
		struct crier_endpoint out;
		char buf[ENDPOINT_STRLEN];

		endpoint_format(buf, &in);
		assert_int_equal(endpoint_parse(buf, strlen(buf), &out), 0);
		assert_true(endpoint_equal(&in, &out));
	}
}

static void reasons(void **state)
{
	const int errs[] = {-EINVAL, -ERANGE, -EADDRNOTAVAIL, -ENOTUNIQ, -EACCES, -ELOOP, -EIO};

	(void)state;
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(endpoint_strerror(errs[i]),
						endpoint_strerror(errs[k]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints),  cmocka_unit_test(members),  cmocka_unit_test(sources),
		cmocka_unit_test(nul_inside), cmocka_unit_test(every_v4), cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
