/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an endpoint: what is accepted must be written and read back as itself,
 * and be what the C library reads.
 */
#include <stdint.h>
#include <stdlib.h>

#include "addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void library_agrees(const char *text, size_t len, const struct crier_addr *got)
{
	char buf[ADDR_STRLEN];
	struct in6_addr in6;
	struct in_addr in4;

	must(len < sizeof(buf));
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (inet_pton(AF_INET, buf, &in4) == 1)
		must(addr_is_v4(got) && addr_v4(got) == in4.s_addr);
	else
		must(inet_pton(AF_INET6, buf, &in6) == 1 && !memcmp(&in6, got, sizeof(in6)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct crier_endpoint ep, again;
	struct crier_addr addr;
	char buf[ENDPOINT_STRLEN];

	if (!addr_parse(text, len, &addr)) {
		must(!memchr(text, '\0', len));
		library_agrees(text, len, &addr);
	}
	if (!endpoint_parse(text, len, &ep)) {
		must(ep.port);
		endpoint_format(buf, &ep);
		must(!endpoint_parse(buf, strlen(buf), &again) && endpoint_equal(&ep, &again));
	}
	if (!member_parse(text, len, &ep))
		must(!endpoint_check_member(&ep) && !addr_is_multicast(&ep.addr));
	endpoint_parse_from(text, len, &ep);
	return 0;
}
