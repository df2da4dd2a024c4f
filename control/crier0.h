/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crier0: the veth pair by which programs on this host publish and listen.
 *
 *     local programs -- crier0 198.18.0.1/30        crier0p (a port, CRIER_PORT_LOCAL)
 *                          '------------- veth -------------' "198.18.0.2", the engine
 *
 * A program publishes to 198.18.0.2:PORT and listens on 198.18.0.1 or any other of the
 * host's addresses.  The pair is made by rtnetlink, left alone if it is right already,
 * and stays when crierd ends.
 */
#ifndef CRIER_CRIER0_H
#define CRIER_CRIER0_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp/table.h"

#define CRIER0_HOST "crier0"
#define CRIER0_ENGINE "crier0p"
#define CRIER0_ADDRESS "198.18.0.1/30" /* RFC 2544's range: never on the Internet */
#define CRIER0_ERR_LEN 256

struct crier0 {
	struct crier_addr host4, engine4; /* engine: the other address of the /30 or /31 */
	struct crier_addr host6, engine6;
	uint8_t plen4, plen6;
	bool has4, has6;
	uint32_t host_ifindex, engine_ifindex;
};

/*
 * "A.B.C.D/30" (or /31, or wider: then the engine is the next address up) and, if
 * address6 isn't NULL, the like for IPv6.  0 or -EINVAL with a sentence in err.
 */
int crier0_parse(struct crier0 *c, const char *address, const char *address6,
		 char err[CRIER0_ERR_LEN]);

/*
 * Makes the pair, or makes it right: addresses, neighbours, queues, sysctls, GRO, up.
 * 0 or -errno with a sentence in err; -EEXIST: crier0 is something else's.
 */
int crier0_up(struct crier0 *c, char err[CRIER0_ERR_LEN]);

/* Removes the pair.  0 (also if there is none) or -errno. */
int crier0_down(void);

/*
 * After crier0_up and ports_add(CRIER0_ENGINE, ..., CRIER_PORT_LOCAL), tell
 *   nexthop_set_local(nh, port, &c.engine4, &c.host4, &c.engine6, &c.host6)
 * (NULL for a family without address) and ports_add_local(p, &c.engine4, engine_ifindex).
 */

#endif
