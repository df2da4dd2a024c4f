/* SPDX-License-Identifier: BSD-2-Clause */
#include "poll.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "load.h"
#include "xdp/log.h"

#define WINDOW_NS 1000000ULL
#define PRESSED 95	  /* percent of a window at work: there was no rest in it */
#define YIELD_AFTER 64	  /* empty polls in a row */
#define SLEEP_AFTER 20000 /* .. then nobody sends: let others have the core */
#define SLEEP_NS 50000	  /* 4,096 descriptors hold more than that */
#define ANSWER_NS 1000000

/* Idle, it must not starve those it waits for where they share a core. */
static void rest(uint32_t empty)
{
	const struct timespec t = {0, SLEEP_NS};

	if (empty >= SLEEP_AFTER)
		nanosleep(&t, NULL);
	else if (empty >= YIELD_AFTER)
		sched_yield();
}

static void answer(struct poller *p, const struct burst_frame *f, const uint32_t *pass, uint32_t n)
{
	uint8_t reply[NEIGHBOUR_MAX];
	struct burst_frame out;
	uint32_t i, len;

	for (i = 0; i < n; i++) {
		len = neighbour_answer(&p->self, f[pass[i]].data, f[pass[i]].len, reply);
		if (!len || dpdk_reserve(p->dev, &out, 1, len))
			continue;
		memcpy(out.data, reply, len);
		dpdk_send(p->dev, ANSWER_NS);
	}
}

static void window_close(struct poller *p, uint64_t now)
{
	if (p->window_busy_ns * 100 >= (now - p->window_ns) * PRESSED)
		p->load.pressed_frames += p->window_frames;
	p->window_ns = now;
	p->window_busy_ns = p->window_frames = 0;
}

/* A poll from then to now brought n frames. */
static void account(struct poller *p, uint32_t n, uint64_t then, uint64_t now)
{
	if (n) {
		if (!p->first_ns)
			p->first_ns = then;
		p->last_ns = now;
		p->load.polls++;
		p->load.full_polls += n == BURST_MAX;
		p->load.frames += n;
		p->load.busy_ns += now - then;
		p->window_busy_ns += now - then;
		p->window_frames += n;
	}
	if (now >= p->window_ns + WINDOW_NS)
		window_close(p, now);
}

static void *poll_run(void *arg)
{
	struct poller *p = arg;
	struct burst_frame f[BURST_MAX];
	uint32_t pass[BURST_MAX], n, passed, empty = 0;
	uint64_t then, now = now_ns();

	dpdk_thread_begin();
	prctl(PR_SET_TIMERSLACK, 1);
	p->window_ns = now;
	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		then = now;
		n = dpdk_receive(p->dev, f);
		if (n) {
			passed = sink_memory_judge(p->sink, f, n, then, pass);
			answer(p, f, pass, passed);
			empty = 0;
		} else {
			rest(empty++);
		}
		now = now_ns();
		account(p, n, then, now);
	}
	window_close(p, now);
	dpdk_thread_end();
	return NULL;
}

int poller_start(struct poller *p)
{
	cpu_set_t set;
	int rc = pthread_create(&p->thread, NULL, poll_run, p);

	if (rc) {
		log_err("crier-load sink: cannot start a thread: %s", strerror(rc));
		return -rc;
	}
	p->running = true;
	if (p->cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(p->cpu, &set);
	rc = pthread_setaffinity_np(p->thread, sizeof(set), &set);
	if (rc)
		log_err("crier-load sink: --cpu %d: %s", p->cpu, strerror(rc));
	return -rc;
}

void poller_stop(struct poller *p)
{
	struct dpdk_counts c;

	if (!p->running)
		return;
	__atomic_store_n(&p->stop, true, __ATOMIC_RELAXED);
	pthread_join(p->thread, NULL);
	p->running = false;
	dpdk_counts(p->dev, &c);
	p->load.missed = c.missed;
	p->load.no_buffer = c.no_buffer;
	p->load.span_ns = p->last_ns - p->first_ns;
	p->sink->load = &p->load;
}
