/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What crierd says to its service manager (sd_notify(3)), and its UDP socket on the
 * media port.
 *
 * The socket keeps the port ours and the kernel from answering with ICMP; what comes
 * to it is read and counted.
 */
#ifndef CRIER_NOTIFY_H
#define CRIER_NOTIFY_H

#include <stdint.h>

struct event_base;
struct notify;

struct notify_media {
	int fd;	       /* -1: none */
	uint64_t pkts; /* drained */
	uint64_t bytes;
};

/*
 * Takes the media socket from the service manager (LISTEN_FDS; a UDP socket bound to
 * media_port) or binds one (IPv6 dual stack, or IPv4 where there is no IPv6), and, if
 * WATCHDOG_USEC asks for it, pets the watchdog from the event loop.  0 or -errno,
 * logged with what to do: -EADDRINUSE another program has the port.
 */
int notify_open(struct event_base *base, uint16_t media_port, struct notify **out);

/* READY=1 with the status line shown by systemctl; no-ops without a service manager. */
void notify_ready(const char *status);
void notify_stopping(void);

const struct notify_media *notify_media(const struct notify *n);
void notify_close(struct notify *n);

#endif
