/* SPDX-License-Identifier: BSD-2-Clause */
#include "addr.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

bool addr_is_unspecified(const struct crier_addr *a)
{
	if (addr_is_v4(a))
		return addr_v4(a) == 0;
	return a->q[0] == 0 && a->q[1] == 0;
}

bool addr_is_multicast(const struct crier_addr *a)
{
	if (addr_is_v4(a))
		return (a->b[12] & 0xf0) == 0xe0;
	return a->b[0] == 0xff;
}

bool addr_is_broadcast(const struct crier_addr *a)
{
	return addr_is_v4(a) && addr_v4(a) == htonl(INADDR_BROADCAST);
}

bool addr_is_loopback(const struct crier_addr *a)
{
	if (addr_is_v4(a))
		return a->b[12] == 127;
	return a->q[0] == 0 && a->w[2] == 0 && a->w[3] == htonl(1);
}

/*
 * A decimal number of at most max_digits digits without leading zeros at *s; advances
 * *s past it.  -1 if there is none.
 */
static inline int32_t parse_number(const char **s, const char *end, int max_digits)
{
	const char *p = *s;
	uint32_t n = 0;
	int digits = 0;

	while (p < end && (unsigned char)(*p - '0') < 10 && digits <= max_digits) {
		n = n * 10 + (unsigned char)(*p++ - '0');
		digits++;
	}
	if (!digits || digits > max_digits || (digits > 1 && **s == '0'))
		return -1;
	*s = p;
	return (int32_t)n;
}

/*
 * The fast path of bulk adds: no copy, no library call.  Advances *s past the
 * address; false leaves *s as it was.
 */
static inline bool parse_v4(const char **s, const char *end, __be32 *out)
{
	const char *p = *s;
	uint32_t v4 = 0;

	for (int i = 0; i < 4; i++) {
		int32_t n;

		if (i && (p == end || *p++ != '.'))
			return false;
		n = parse_number(&p, end, 3);
		if (n < 0 || n > 255)
			return false;
		v4 = v4 << 8 | (uint32_t)n;
	}
	*out = htonl(v4);
	*s = p;
	return true;
}

static int parse_v6(const char *s, size_t len, struct crier_addr *out)
{
	char buf[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (len >= sizeof(buf) || memchr(s, '\0', len))
		return -EINVAL;
	memcpy(buf, s, len);
	buf[len] = '\0';
	if (inet_pton(AF_INET6, buf, &in6) != 1)
		return -EINVAL;
	memcpy(out, &in6, sizeof(*out));
	return 0;
}

static int parse_port(const char *s, const char *end, __be16 *out)
{
	const char *p = s;
	int32_t n;

	/* "0" and "70000" are numbers, only not ports. */
	n = parse_number(&p, end, 9);
	if (n < 0 || p != end)
		return -EINVAL;
	if (n == 0 || n > 65535)
		return -ERANGE;
	*out = htons((uint16_t)n);
	return 0;
}

int addr_parse(const char *s, size_t len, struct crier_addr *out)
{
	const char *p = s, *end = s + len;
	__be32 v4;

	if (parse_v4(&p, end, &v4) && p == end) {
		*out = addr_from4(v4);
		return 0;
	}
	return parse_v6(s, len, out);
}

/* Where "[v6]:port" splits; NULL if it doesn't. */
static const char *bracket_end(const char *s, const char *end)
{
	const char *close;

	if (s == end || *s != '[')
		return NULL;
	close = memchr(s, ']', (size_t)(end - s));
	if (!close || end - close < 2 || close[1] != ':')
		return NULL;
	return close;
}

int endpoint_parse(const char *s, size_t len, struct crier_endpoint *out)
{
	const char *p = s, *end = s + len, *close;
	__be32 v4;
	int err;

	if (parse_v4(&p, end, &v4)) {
		if (p == end || *p++ != ':')
			return -EINVAL;
		out->addr = addr_from4(v4);
		return parse_port(p, end, &out->port);
	}
	close = bracket_end(s, end);
	if (!close)
		return -EINVAL;
	err = parse_v6(s + 1, (size_t)(close - s - 1), &out->addr);
	return err ? err : parse_port(close + 2, end, &out->port);
}

int endpoint_parse_from(const char *s, size_t len, struct crier_endpoint *out)
{
	out->port = 0;
	if (!addr_parse(s, len, &out->addr))
		return 0;
	return endpoint_parse(s, len, out);
}

int endpoint_check_member(const struct crier_endpoint *ep)
{
	if (!ep->port)
		return -ERANGE;
	if (addr_is_unspecified(&ep->addr))
		return -EADDRNOTAVAIL;
	if (addr_is_multicast(&ep->addr))
		return -ENOTUNIQ;
	if (addr_is_broadcast(&ep->addr))
		return -EACCES;
	if (addr_is_loopback(&ep->addr))
		return -ELOOP;
	return 0;
}

int member_parse(const char *s, size_t len, struct crier_endpoint *out)
{
	int err = endpoint_parse(s, len, out);

	return err ? err : endpoint_check_member(out);
}

const char *endpoint_strerror(int err)
{
	switch (-err) {
	case EINVAL:
		return "not an address: write A.B.C.D:PORT or [V6]:PORT";
	case ERANGE:
		return "port must be 1 to 65535";
	case EADDRNOTAVAIL:
		return "the unspecified address is nobody's";
	case ENOTUNIQ:
		return "a multicast address cannot be a listener";
	case EACCES:
		return "the broadcast address cannot be a listener";
	case ELOOP:
		return "a loopback address cannot be reached from a network interface";
	default:
		return err ? "not a usable address" : "ok";
	}
}

const char *addr_format(char buf[ADDR_STRLEN], const struct crier_addr *a)
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, &a->w[3], buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a, buf, ADDR_STRLEN);
	return buf;
}

const char *endpoint_format(char buf[ENDPOINT_STRLEN], const struct crier_endpoint *ep)
{
	char addr[ADDR_STRLEN];

	addr_format(addr, &ep->addr);
	if (addr_is_v4(&ep->addr))
		snprintf(buf, ENDPOINT_STRLEN, "%s:%u", addr, ntohs(ep->port));
	else
		snprintf(buf, ENDPOINT_STRLEN, "[%s]:%u", addr, ntohs(ep->port));
	return buf;
}
