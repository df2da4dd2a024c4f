/* SPDX-License-Identifier: BSD-2-Clause */
#include "memif_sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEMIF_VERSION 0x0200
#define MEMIF_COOKIE 0x3e31f20
#define MEMIF_REGIONS 16
#define RING_POLLED 1	       /* its flag: write to no eventfd */
#define MEMIF_LOOK_POLLS 65536 /* is the client still there? */

enum msg_type {
	MSG_ACK = 1,
	MSG_HELLO = 2,
	MSG_INIT = 3,
	MSG_ADD_REGION = 4,
	MSG_ADD_RING = 5,
	MSG_CONNECT = 6,
	MSG_CONNECTED = 7,
	MSG_DISCONNECT = 8,
};

/* Messages are 128 bytes, in the machine's byte order, without padding between fields. */
struct msg {
	uint16_t type;
	union {
		struct {
			char name[32];
			uint16_t least, most; /* versions */
			uint16_t region_last, to_client_last, to_server_last;
			uint8_t log2_slots;
		} __attribute__((packed)) hello;
		struct {
			uint16_t index;
			uint64_t bytes;
		} __attribute__((packed)) region;
		struct {
			uint16_t flags; /* 1: from the client to us */
			uint16_t index, region;
			uint32_t offset;
			uint8_t log2_slots;
			uint16_t private_bytes;
		} __attribute__((packed)) ring;
		uint8_t all[126];
	};
} __attribute__((packed));

_Static_assert(sizeof(struct msg) == 128, "as the protocol has it");

struct desc {
	uint16_t flags, region;
	uint32_t len;
	uint32_t offset;
	uint32_t metadata;
};

/* head: written by the client, released; tail: by us, released. */
struct ring {
	uint32_t cookie;
	uint16_t flags, head;
	uint8_t pad0[56];
	uint16_t tail;
	uint8_t pad1[62];
	struct desc desc[];
};

_Static_assert(sizeof(struct ring) == 128, "as the protocol has it");

struct region {
	uint8_t *at;
	uint64_t bytes;
};

struct memif_sink {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd, fd;
	struct region region[MEMIF_REGIONS];
	struct ring *ring;
	uint32_t slots;
	bool connected;
	bool end; /* set by another thread */
	struct memif_sink_count count __attribute__((aligned(64)));
	uint64_t seen; /* of the frames: that they are read is what counts */
};

/*
 * ---- control channel ---------------------------------------------------------------
 */
static int msg_send(const struct memif_sink *s, const struct msg *m)
{
	return send(s->fd, m, sizeof(*m), MSG_NOSIGNAL) == sizeof(*m) ? 0 : -EPROTO;
}

static int hello(const struct memif_sink *s)
{
	struct msg m = {.type = MSG_HELLO,
			.hello = {.name = "crier bench",
				  .least = MEMIF_VERSION,
				  .most = MEMIF_VERSION,
				  .region_last = MEMIF_REGIONS - 1,
				  .log2_slots = 14}};

	return msg_send(s, &m);
}

/* A message and the descriptor that came with it, or -1. */
static int msg_recv(const struct memif_sink *s, struct msg *m, int *passed)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {m, sizeof(*m)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(s->fd, &h, MSG_CMSG_CLOEXEC);

	*passed = -1;
	if (n != sizeof(*m))
		return -EPROTO;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(passed, CMSG_DATA(c), sizeof(*passed));
	return 0;
}

static int region_add(struct memif_sink *s, const struct msg *m, int fd)
{
	struct region *r;
	void *at;

	if (m->region.index >= MEMIF_REGIONS || fd < 0)
		return -EPROTO;
	r = &s->region[m->region.index];
	at = mmap(NULL, m->region.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*r = (struct region){at, m->region.bytes};
	return 0;
}

/* The first ring towards us; what goes to the client stays empty. */
static int ring_add(struct memif_sink *s, const struct msg *m)
{
	const struct region *r;

	if (!(m->ring.flags & 1) || m->ring.index)
		return 0;
	if (m->ring.region >= MEMIF_REGIONS || m->ring.log2_slots > 14)
		return -EPROTO;
	r = &s->region[m->ring.region];
	s->slots = 1U << m->ring.log2_slots;
	if (!r->at ||
	    m->ring.offset + sizeof(struct ring) + s->slots * sizeof(struct desc) > r->bytes)
		return -EPROTO;
	s->ring = (struct ring *)(void *)(r->at + m->ring.offset);
	return s->ring->cookie == MEMIF_COOKIE ? 0 : -EPROTO;
}

static int connected(struct memif_sink *s)
{
	struct msg m = {.type = MSG_CONNECTED};

	if (!s->ring)
		return -EPROTO;
	s->ring->flags |= RING_POLLED;
	s->connected = true;
	return msg_send(s, &m);
}

static int msg_answer(struct memif_sink *s, const struct msg *m, int fd)
{
	const struct msg ack = {.type = MSG_ACK};
	int rc = 0;

	switch (m->type) {
	case MSG_ACK:
		return 0;
	case MSG_INIT:
		break;
	case MSG_ADD_REGION:
		rc = region_add(s, m, fd);
		break;
	case MSG_ADD_RING:
		rc = ring_add(s, m);
		break;
	case MSG_CONNECT:
		return connected(s);
	default:
		return -EPROTO;
	}
	return rc ? rc : msg_send(s, &ack);
}

static int greet(struct memif_sink *s)
{
	int rc = hello(s), fd;
	struct msg m;

	while (!rc && !s->connected) {
		rc = msg_recv(s, &m, &fd);
		if (rc)
			break;
		rc = msg_answer(s, &m, fd);
		if (fd >= 0)
			close(fd); /* a region stays mapped; nobody sleeps who needs waking */
	}
	return rc;
}

/*
 * ---- frames -------------------------------------------------------------------------
 */
static void frame_take(struct memif_sink *s, const struct desc *d)
{
	const struct region *r = &s->region[d->region % MEMIF_REGIONS];
	uint32_t to;

	if (d->len < 34 || (uint64_t)d->offset + d->len > r->bytes)
		return;
	memcpy(&to, r->at + d->offset + 30, sizeof(to));
	s->seen += to + d->len;
}

static void ring_poll(struct memif_sink *s)
{
	uint16_t head = __atomic_load_n(&s->ring->head, __ATOMIC_ACQUIRE), tail = s->ring->tail;
	uint16_t n = (uint16_t)(head - tail);

	__atomic_store_n(&s->count.polls, s->count.polls + 1, __ATOMIC_RELAXED);
	if (!n) {
		__atomic_store_n(&s->count.idle, s->count.idle + 1, __ATOMIC_RELAXED);
		return;
	}
	for (; tail != head; tail++)
		frame_take(s, &s->ring->desc[tail & (s->slots - 1)]);
	__atomic_store_n(&s->ring->tail, tail, __ATOMIC_RELEASE);
	__atomic_store_n(&s->count.frames, s->count.frames + n, __ATOMIC_RELAXED);
}

/* It says when it goes; or its end of the channel is closed. */
static bool client_gone(const struct memif_sink *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static bool ended(const struct memif_sink *s)
{
	return __atomic_load_n(&s->end, __ATOMIC_RELAXED);
}

static int client_wait(struct memif_sink *s)
{
	struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};

	while (!ended(s))
		if (poll(&p, 1, 100) > 0) {
			s->fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
			return s->fd < 0 ? -errno : 0;
		}
	return 0;
}

int memif_sink_run(struct memif_sink *s)
{
	int rc = client_wait(s);

	if (rc || s->fd < 0)
		return rc;
	rc = greet(s);
	for (uint32_t i = 1; !rc && !ended(s); i++) {
		ring_poll(s);
		if (i % MEMIF_LOOK_POLLS == 0 && client_gone(s))
			break;
	}
	return rc;
}

/*
 * ---- birth and death ------------------------------------------------------------------
 */
struct memif_sink *memif_sink_open(const char *path)
{
	struct memif_sink *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	snprintf(s->path, sizeof(s->path), "%s", path);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s->listen_fd >= 0 && !bind(s->listen_fd, (struct sockaddr *)&to, sizeof(to)) &&
	    !listen(s->listen_fd, 1))
		return s;
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	free(s);
	return NULL;
}

void memif_sink_end(struct memif_sink *s)
{
	__atomic_store_n(&s->end, true, __ATOMIC_RELAXED);
}

void memif_sink_close(struct memif_sink *s)
{
	for (uint32_t i = 0; i < MEMIF_REGIONS; i++)
		if (s->region[i].at)
			munmap(s->region[i].at, s->region[i].bytes);
	if (s->fd >= 0)
		close(s->fd);
	close(s->listen_fd);
	unlink(s->path);
	free(s);
}

struct memif_sink_count memif_sink_count(const struct memif_sink *s)
{
	return (struct memif_sink_count){
		.polls = __atomic_load_n(&s->count.polls, __ATOMIC_RELAXED),
		.idle = __atomic_load_n(&s->count.idle, __ATOMIC_RELAXED),
		.frames = __atomic_load_n(&s->count.frames, __ATOMIC_RELAXED),
	};
}
