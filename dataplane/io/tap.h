/* SPDX-License-Identifier: BSD-2-Clause */
/* A TAP device (the kernel's Documentation/networking/tuntap.rst), made by crierd. */
#ifndef CRIER_TAP_H
#define CRIER_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

/*
 * The descriptor that reads and writes its frames, non-blocking; or -errno and a line
 * in err: -ENODEV there is none, -EBUSY another program holds it, -EINVAL the interface
 * is no TAP, -EPERM.
 */
int tap_open(const char *ifname, char err[PORT_ERR_LEN]);

/* 0 or -errno. */
int tap_set_mac(const char *ifname, const uint8_t mac[6]);

/* What Linux is told of the link's speed; 0: it is not known. */
void tap_set_speed(const char *ifname, uint32_t mbps);

/* What Linux takes for the cable. */
void tap_set_carrier(int fd, bool up);

#endif
