/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page:IFACE -- the kernel engine's page triggers (xdp/trigger.h), sent into the near end of
 * the injector, a veth pair of crierd's making.  Receives nothing and sends no frames: it is
 * none of crierd's ports, and no copy's next hop leads there.
 *
 * A worker sends one trigger at a time and waits until it is taken, which the kernel mostly
 * does within the system call.  What is not taken in time is withdrawn, so that it never will
 * be.  Now and then it asks, with a trigger for nobody, whether the far end still answers.
 */
#ifndef CRIER_PORT_PAGE_H
#define CRIER_PORT_PAGE_H

#include "port.h"

struct port_page_conf {
	char ifname[IF_NAMESIZE];
	struct crier_trigger_slot *triggers; /* the table; worker i's is slot[i]'s */
	const uint32_t *slot;
};

/* "IFACE".  0, or -EINVAL and a line in err. */
int port_page_parse(const char *spec, struct port_page_conf *conf, char err[PORT_ERR_LEN]);

/*
 * NULL: *rc is -errno and err says what to do: -ENODEV no such interface, -ENETDOWN it is
 * down, -ENOTSUP it is no veth, -ERANGE its MTU is too small, -EPERM no right.
 */
struct port_dev *port_page_open(const struct port_page_conf *conf, uint32_t workers, int *rc,
				char err[PORT_ERR_LEN]);

#endif
