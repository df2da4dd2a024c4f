/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TAPs that stand for network cards which DPDK has taken from Linux: made here, so that
 * addresses and routes on them outlive crier-dp, which moves the frames.
 *
 * Those that we made carry TAP_ALIAS (ip link shows it) and are removed when their port
 * is given up; others, made with "ip tuntap add", are used and left alone.
 */
#ifndef CRIER_CONTROL_TAP_H
#define CRIER_CONTROL_TAP_H

#define TAP_ALIAS "crier dpdk port"
#define TAP_ERR_LEN 256

/*
 * There is a TAP of that name, and it is up, if need be made now.  0, or -errno and a
 * sentence in err: -EEXIST an interface of another kind has the name, -EPERM, -ENOENT
 * this kernel has no TUN/TAP.
 */
int tap_make(const char *name, char err[TAP_ERR_LEN]);

/* Removes the TAP `name` (NULL: all) if we made it.  0 or -errno. */
int tap_remove(const char *name);

#endif
