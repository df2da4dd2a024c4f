/* SPDX-License-Identifier: BSD-2-Clause */
#include "notify.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "xdp/log.h"

#define BURST 32
#define TURN_BURSTS 16 /* of BURST packets, before others have their turn */

struct notify {
	struct notify_media media;
	struct event *read, *watchdog;
};

/* ---- the media socket ---------------------------------------------------------- */

static uint16_t bound_port(int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage all;
	} a = {0};
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) < 0)
		return 0;
	if (a.sa.sa_family == AF_INET)
		return ntohs(a.in.sin_port);
	return a.sa.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port) : 0;
}

/* A UDP socket on the media port that the service manager holds for us, or -1. */
static int media_given(uint16_t media_port)
{
	int n = sd_listen_fds(1);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		if (sd_is_socket(fd, AF_UNSPEC, SOCK_DGRAM, -1) > 0 && bound_port(fd) == media_port)
			return fd;
	}
	if (n > 0)
		log_warn(
			"none of the %d sockets that were passed is a UDP socket on the media port "
			"%u; crierd binds its own",
			n, media_port);
	return -1;
}

static int media_bind(int family, uint16_t media_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(media_port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(media_port)};
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc, err, off = 0;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		rc = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
	} else {
		rc = bind(fd, (struct sockaddr *)&in, sizeof(in));
	}
	if (rc == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int media_open(uint16_t media_port)
{
	int fd = media_given(media_port);

	if (fd >= 0)
		return fd;
	fd = media_bind(AF_INET6, media_port);
	if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
		fd = media_bind(AF_INET, media_port);
	if (fd == -EADDRINUSE)
		log_err("UDP port %u, the media port, is another program's; stop it (ss -lunp "
			"names "
			"it) or set media_port",
			media_port);
	else if (fd < 0)
		log_err("UDP port %u, the media port, cannot be bound: %s", media_port,
			strerror(-fd));
	return fd;
}

static void on_media(int fd, short what, void *arg)
{
	struct notify *n = arg;
	struct mmsghdr msgs[BURST] = {0};
	struct iovec iov[BURST];
	char bytes[BURST][64];

	(void)what;
	for (int i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	for (int turn = 0; turn < TURN_BURSTS; turn++) {
		/* Truncated on purpose, but counted whole. */
		int got = recvmmsg(fd, msgs, BURST, MSG_DONTWAIT | MSG_TRUNC, NULL);

		for (int i = 0; i < got; i++)
			n->media.bytes += msgs[i].msg_len;
		if (got > 0)
			n->media.pkts += (uint64_t)got;
		if (got < BURST)
			return;
	}
}

/* ---- the watchdog -------------------------------------------------------------- */

static void on_watchdog(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

/* From the event loop: if that hangs, the service manager shall know. */
static int watchdog_start(struct notify *n, struct event_base *base)
{
	struct timeval each;
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	usec /= 3;
	each = (struct timeval){.tv_sec = (time_t)(usec / 1000000),
				.tv_usec = (suseconds_t)(usec % 1000000)};
	n->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, n);
	return n->watchdog && event_add(n->watchdog, &each) == 0 ? 0 : -ENOMEM;
}

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s\nMAINPID=%lu", status, (unsigned long)getpid());
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

/* ---- start and end ------------------------------------------------------------- */

int notify_open(struct event_base *base, uint16_t media_port, struct notify **out)
{
	struct notify *n = calloc(1, sizeof(*n));
	int err = -ENOMEM;

	if (n == NULL)
		return -ENOMEM;
	n->media.fd = media_open(media_port);
	if (n->media.fd < 0) {
		err = n->media.fd;
		goto fail;
	}
	n->read = event_new(base, n->media.fd, EV_READ | EV_PERSIST, on_media, n);
	if (n->read == NULL || event_add(n->read, NULL) < 0)
		goto fail;
	err = watchdog_start(n, base);
	if (err)
		goto fail;
	*out = n;
	return 0;
fail:
	notify_close(n);
	return err;
}

const struct notify_media *notify_media(const struct notify *n)
{
	return &n->media;
}

void notify_close(struct notify *n)
{
	if (n == NULL)
		return;
	if (n->read)
		event_free(n->read);
	if (n->watchdog)
		event_free(n->watchdog);
	if (n->media.fd >= 0)
		close(n->media.fd);
	free(n);
}
