/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and endpoints as people write them: "192.0.2.7:40000",
 * "[2001:db8::7]:40000".  Pure functions on their arguments: any thread.
 *
 * An IPv4 address is kept v4-mapped (RFC 4291 section 2.5.5.2), so "::ffff:192.0.2.7"
 * is 192.0.2.7, whichever way it was written.  Numbers with leading zeros, zone
 * ids ("%eth0"), white space and names are refused: what is read must have one
 * meaning only.
 *
 * Parsers return 0, or one of these, for which endpoint_strerror() has a sentence:
 *   -EINVAL         not an address, or not ADDRESS:PORT
 *   -ERANGE         the port is not 1 .. 65535
 * and the rules for a listener also
 *   -EADDRNOTAVAIL  0.0.0.0 or ::
 *   -ENOTUNIQ       multicast
 *   -EACCES         255.255.255.255
 *   -ELOOP          loopback
 */
#ifndef CRIER_ADDR_H
#define CRIER_ADDR_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "table.h"

struct crier_endpoint {
	struct crier_addr addr;
	__be16 port; /* network order */
};

#define ADDR_STRLEN 48	   /* longest address, terminated */
#define ENDPOINT_STRLEN 64 /* longest endpoint, terminated */

static inline struct crier_addr addr_from4(__be32 v4)
{
	struct crier_addr a = {.w = {0, 0, htonl(0xffff), v4}};

	return a;
}

static inline bool addr_is_v4(const struct crier_addr *a)
{
	return a->q[0] == 0 && a->w[2] == htonl(0xffff);
}

/* The IPv4 address of one that addr_is_v4(). */
static inline __be32 addr_v4(const struct crier_addr *a)
{
	return a->w[3];
}

static inline bool addr_equal(const struct crier_addr *a, const struct crier_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

static inline bool endpoint_equal(const struct crier_endpoint *a, const struct crier_endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

bool addr_is_unspecified(const struct crier_addr *a); /* 0.0.0.0 or :: */
bool addr_is_multicast(const struct crier_addr *a);
bool addr_is_broadcast(const struct crier_addr *a);
bool addr_is_loopback(const struct crier_addr *a);

/* An address without port or brackets; s need not be terminated. */
int addr_parse(const char *s, size_t len, struct crier_addr *out);

/* ADDR:PORT or [ADDR6]:PORT.  The syntax alone: any address. */
int endpoint_parse(const char *s, size_t len, struct crier_endpoint *out);

/*
 * ADDR, ADDR:PORT, ADDR6 or [ADDR6]:PORT: what a stream may come from.  Without a
 * port, out->port is 0.
 */
int endpoint_parse_from(const char *s, size_t len, struct crier_endpoint *out);

/* May copies be sent there? */
int endpoint_check_member(const struct crier_endpoint *ep);

/* endpoint_parse() and endpoint_check_member(). */
int member_parse(const char *s, size_t len, struct crier_endpoint *out);

/* A sentence for err (negative) as returned above; never NULL. */
const char *endpoint_strerror(int err);

/* Both return buf. */
const char *addr_format(char buf[ADDR_STRLEN], const struct crier_addr *a);
const char *endpoint_format(char buf[ENDPOINT_STRLEN], const struct crier_endpoint *ep);

#endif
