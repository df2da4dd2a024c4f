/* SPDX-License-Identifier: BSD-2-Clause */
#include "punt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PUNT_SLOTS 256 /* a power of two */
#define PUNT_NAP_MS 100

struct punt_frame {
	uint32_t len;
	uint8_t data[];
};

/*
 * head: one writer, the consumer; tail: one writer, the producer.  A release store of
 * tail hands the frame over, a release store of head gives its place back.
 */
struct punt_ring {
	uint8_t *memory;
	uint32_t stride;
	uint32_t tail __attribute__((aligned(64)));
	uint32_t head __attribute__((aligned(64)));
};

struct punt {
	struct punt_ring in, out;
	uint32_t frame_max;
	int tap_fd, wake_fd;
	pthread_t thread;
	/*
	 * The thread says that it is about to sleep, then looks at "in" once more; the
	 * worker fills "in", then looks whether it sleeps.  Both in sequentially
	 * consistent order, so that not both miss.
	 */
	bool asleep;
	bool stop;
	uint64_t refused; /* one writer: the thread */
};

/*
 * ---- rings -----------------------------------------------------------------------
 */
static struct punt_frame *ring_at(struct punt_ring *r, uint32_t n)
{
	return (struct punt_frame *)(r->memory + (size_t)(n % PUNT_SLOTS) * r->stride);
}

/* The place for the next frame, NULL: full. */
static struct punt_frame *ring_free(struct punt_ring *r)
{
	if (r->tail - __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == PUNT_SLOTS)
		return NULL;
	return ring_at(r, r->tail);
}

static void ring_put(struct punt_ring *r)
{
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_SEQ_CST);
}

static struct punt_frame *ring_first(struct punt_ring *r)
{
	if (__atomic_load_n(&r->tail, __ATOMIC_SEQ_CST) == r->head)
		return NULL;
	return ring_at(r, r->head);
}

static void ring_drop_first(struct punt_ring *r)
{
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

static int ring_init(struct punt_ring *r, uint32_t frame_max)
{
	r->stride = (uint32_t)(sizeof(struct punt_frame) + frame_max + 63) / 64 * 64;
	r->memory = calloc(PUNT_SLOTS, r->stride);
	return r->memory ? 0 : -ENOMEM;
}

/*
 * ---- the worker's side -----------------------------------------------------------
 */
bool punt_give(struct punt *p, const uint8_t *frame, uint32_t len)
{
	struct punt_frame *f = len <= p->frame_max ? ring_free(&p->in) : NULL;

	if (!f)
		return false;
	f->len = len;
	memcpy(f->data, frame, len);
	ring_put(&p->in);
	if (__atomic_load_n(&p->asleep, __ATOMIC_SEQ_CST))
		eventfd_write(p->wake_fd, 1);
	return true;
}

const uint8_t *punt_next(struct punt *p, uint32_t *len)
{
	struct punt_frame *f = ring_first(&p->out);

	if (!f)
		return NULL;
	*len = f->len;
	return f->data;
}

void punt_done(struct punt *p)
{
	ring_drop_first(&p->out);
}

uint64_t punt_refused(const struct punt *p)
{
	return __atomic_load_n(&p->refused, __ATOMIC_RELAXED);
}

/*
 * ---- the thread's side -----------------------------------------------------------
 */
static void to_linux(struct punt *p)
{
	struct punt_frame *f;

	while ((f = ring_first(&p->in))) {
		/* a TAP takes a frame whole or not at all, at once */
		if (write(p->tap_fd, f->data, f->len) < 0)
			__atomic_store_n(&p->refused, p->refused + 1, __ATOMIC_RELAXED);
		ring_drop_first(&p->in);
	}
}

/* False: the ring is full, the rest waits in the TAP's own queue, as before a slow link. */
static bool from_linux(struct punt *p)
{
	struct punt_frame *f;

	while ((f = ring_free(&p->out))) {
		ssize_t n = read(p->tap_fd, f->data, p->frame_max);

		if (n <= 0)
			return true;
		f->len = (uint32_t)n;
		ring_put(&p->out);
	}
	return false;
}

static void punt_sleep(struct punt *p, bool room)
{
	struct pollfd fds[] = {{p->wake_fd, POLLIN, 0}, {p->tap_fd, room ? POLLIN : 0, 0}};
	eventfd_t woken;

	__atomic_store_n(&p->asleep, true, __ATOMIC_SEQ_CST);
	if (!ring_first(&p->in))
		poll(fds, 2, room ? PUNT_NAP_MS : 1);
	__atomic_store_n(&p->asleep, false, __ATOMIC_SEQ_CST);
	if (fds[0].revents & POLLIN)
		eventfd_read(p->wake_fd, &woken);
	if (fds[1].revents & POLLERR) /* the TAP is gone: poll would answer at once for ever */
		poll(NULL, 0, PUNT_NAP_MS);
}

static void *punt_run(void *arg)
{
	struct punt *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) {
		bool room;

		to_linux(p);
		room = from_linux(p);
		punt_sleep(p, room);
	}
	return NULL;
}

/* Anywhere but on the CPU that the opening worker is pinned to, if there is another. */
static void cpus_choose(cpu_set_t *cpus)
{
	cpu_set_t own;
	long n = sysconf(_SC_NPROCESSORS_CONF);

	CPU_ZERO(cpus);
	for (long i = 0; i < n && i < CPU_SETSIZE; i++)
		CPU_SET(i, cpus);
	if (!sched_getaffinity(0, sizeof(own), &own) && CPU_COUNT(&own) == 1 && n > 1)
		CPU_XOR(cpus, cpus, &own);
}

static int thread_start(struct punt *p)
{
	pthread_attr_t attr;
	sigset_t all, was;
	cpu_set_t cpus;
	int rc;

	pthread_attr_init(&attr);
	cpus_choose(&cpus);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	sigfillset(&all); /* signals are for the worker */
	pthread_sigmask(SIG_SETMASK, &all, &was);
	rc = pthread_create(&p->thread, &attr, punt_run, p);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_attr_destroy(&attr);
	if (rc)
		return -rc;
	pthread_setname_np(p->thread, "crier-punt");
	return 0;
}

static void punt_free(struct punt *p)
{
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	free(p->in.memory);
	free(p->out.memory);
	free(p);
}

struct punt *punt_open(int tap_fd, uint32_t frame_max, int *rc)
{
	struct punt *p = aligned_alloc(64, (sizeof(*p) + 63) / 64 * 64);

	*rc = -ENOMEM;
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->tap_fd = tap_fd;
	p->frame_max = frame_max;
	p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->wake_fd >= 0 && !ring_init(&p->in, frame_max) && !ring_init(&p->out, frame_max))
		*rc = thread_start(p);
	if (!*rc)
		return p;
	punt_free(p);
	return NULL;
}

void punt_close(struct punt *p)
{
	if (!p)
		return;
	__atomic_store_n(&p->stop, true, __ATOMIC_RELEASE);
	eventfd_write(p->wake_fd, 1);
	pthread_join(p->thread, NULL);
	close(p->tap_fd);
	punt_free(p);
}
