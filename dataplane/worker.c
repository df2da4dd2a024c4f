/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "crew.h"
#include "xdp/log.h"

#define WORKER_COLD_NS 100000000ULL /* statistics: this often */
#define WORKER_NAP_NS 50000000ULL   /* longest sleep: turn_ns is stamped after it */
#define WORKER_SPIN_NS 100000ULL    /* sooner than this, sleeping isn't worth it */
#define WORKER_TAKE 64		    /* packets from the ring a turn */
#define WORKER_PLACE 4096

uint64_t worker_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/*
 * ---- frames, for the sweeper -------------------------------------------------------
 */
static void worker_lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct port *p = ((struct worker *)arg)->ports[out].port;

	if (p)
		p->ops->reserve(p, n, o, wait_ns);
	else
		*o = (struct out){0};
}

static uint32_t worker_commit(void *arg, uint32_t out, struct out *o)
{
	struct port *p = ((struct worker *)arg)->ports[out].port;

	return p->ops->commit(p, o);
}

static bool worker_trigger(void *arg, struct crier_trigger *t, uint32_t len, uint64_t wait_ns)
{
	struct worker *w = arg;
	bool taken = w->page->ops->trigger(w->page, t, len, wait_ns);

	if (!taken)
		w->sweeper.page_most = w->page->ops->page_most(w->page);
	return taken;
}

/* crierd lets rooms go by triggers while there are any. */
static void page_judge(struct worker *w)
{
	uint32_t most = w->page ? w->page->ops->page_most(w->page) : 0;

	w->sweeper.page_most = most;
	if (tbl_load(&w->self->pages) == (most != 0))
		return;
	tbl_store(&w->self->pages, most != 0);
	if (w->page && most)
		log_info("worker %u: page triggers are answered", w->index);
	else if (w->page)
		log_warn(
			"worker %u: nobody answers page triggers: frames serve until somebody does",
			w->index);
}

/*
 * ---- handles of devices --------------------------------------------------------------
 */
/* For status: which interfaces it serves now. */
static void ports_tell(struct worker *w)
{
	uint64_t mask = 0, fast = 0;

	for (uint32_t i = 0; i < w->crew->n_devices; i++) {
		const struct port_dev *dev = w->crew->device[i].dev;
		uint64_t bit = w->ports[i].number ? 1ULL << w->ports[i].number : 0;

		mask |= bit;
		if (bit && (dev->bypass || dev->zero_copy))
			fast |= bit;
	}
	w->sweeper.fast = fast;
	tbl_store(&w->self->fast_mask, fast);
	tbl_store(&w->self->port_mask, mask);
}

static void port_renumber(struct worker *w, uint32_t i, uint32_t number)
{
	struct worker_port *wp = &w->ports[i];

	if (wp->number)
		sweeper_del_out(&w->sweeper, wp->number);
	if (number)
		sweeper_add_out(&w->sweeper, number, i, (uint32_t)w->crew->device[i].dev->ifindex);
	wp->number = number;
	wp->down = false;
	ports_tell(w);
}

void worker_stats(struct worker *w, struct worker_port *wp)
{
	struct port_stats was = wp->stats;
	struct stats *s = &w->sweeper.stats;

	wp->port->ops->stats(wp->port, &wp->stats);
	stats_add(s, CRIER_WORKER_rx_ring_full, wp->stats.rx_ring_full - was.rx_ring_full);
	stats_add(s, CRIER_WORKER_rx_fill_empty, wp->stats.rx_fill_empty - was.rx_fill_empty);
	stats_add(s, CRIER_WORKER_rx_dropped, wp->stats.rx_dropped - was.rx_dropped);
	stats_add(s, CRIER_WORKER_tx_invalid, wp->stats.tx_invalid - was.tx_invalid);
	stats_add(s, CRIER_WORKER_tx_kicks, wp->stats.tx_kicks - was.tx_kicks);
	stats_add(s, CRIER_WORKER_tx_again, wp->stats.tx_again - was.tx_again);
	stats_add(s, CRIER_WORKER_tap_refused, wp->stats.tap_refused - was.tap_refused);
	stats_add(s, CRIER_WORKER_tap_lost, wp->stats.tap_lost - was.tap_lost);
}

static void port_let_go(struct worker *w, uint32_t i)
{
	struct worker_port *wp = &w->ports[i];

	if (!wp->port)
		return;
	worker_stats(w, wp);
	port_renumber(w, i, 0);
	if (wp->port->ops->drop)
		w->sweeper.lost[i] += wp->port->ops->drop(wp->port);
	wp->port = NULL;
}

static void port_turn(struct worker *w, uint32_t i, uint32_t turn)
{
	struct worker_port *wp = &w->ports[i];

	port_let_go(w, i);
	if (turn & 1) {
		wp->port = w->crew->device[i].dev->port[w->index];
		wp->stats = (struct port_stats){0};
	}
	if (w->crew->device[i].conf.page) {
		w->page = wp->port;
		page_judge(w);
	}
	__atomic_store_n(&wp->turn, turn, __ATOMIC_RELEASE);
}

void worker_look(struct worker *w)
{
	for (uint32_t i = 0; i < w->crew->n_devices; i++) {
		struct worker_port *wp = &w->ports[i];
		uint32_t turn = device_turn(&w->crew->device[i]), number;

		if (turn != wp->turn)
			port_turn(w, i, turn);
		number = tbl_load(&w->crew->device[i].number);
		if (wp->port && number != wp->number)
			port_renumber(w, i, number);
	}
}

/* A device that is down is no way out, until the frames it holds go on. */
static void port_judge(struct worker *w, uint32_t i)
{
	struct worker_port *wp = &w->ports[i];
	bool down = port_broken(wp->port) != 0;

	if (__builtin_expect(down == wp->down || !wp->number, 1))
		return;
	wp->down = down;
	if (down)
		sweeper_del_out(&w->sweeper, wp->number);
	else
		sweeper_add_out(&w->sweeper, wp->number, i,
				(uint32_t)w->crew->device[i].dev->ifindex);
}

bool worker_flush(struct worker *w)
{
	bool left = false;

	for (uint32_t i = 0; i < w->crew->n_devices; i++) {
		struct port *p = w->ports[i].port;

		if (!p)
			continue;
		left |= p->ops->flush(p);
		port_judge(w, i);
	}
	if (w->page)
		page_judge(w);
	return left;
}

/*
 * ---- a turn ------------------------------------------------------------------------
 */
/*
 * As many rooms as were heard from at once, but no more copies than a quantum: packets
 * must not come in faster than small rooms' turns go round.
 */
bool worker_sweep(struct worker *w, uint64_t now_ns)
{
	uint64_t enough = w->sweeper.met + setting(w->crew->t, CRIER_SET_quantum_copies);
	bool any = false;

	for (uint32_t i = 0; i < PORT_RX_BURST && w->sweeper.met < enough; i++) {
		if (!sweeper_turn(&w->sweeper, now_ns))
			break;
		quiescent_turn(&w->quiescent);
		any = true;
	}
	return any;
}

static void worker_cold(struct worker *w, uint64_t now_ns)
{
	for (uint32_t i = 0; i < w->crew->n_devices; i++)
		if (w->ports[i].port)
			worker_stats(w, &w->ports[i]);
	w->cold_ns = now_ns + WORKER_COLD_NS;
}

/*
 * ---- idling ------------------------------------------------------------------------
 */
uint64_t worker_nap_ns(const struct worker *w, uint64_t now_ns)
{
	const struct tables *t = w->crew->t;
	uint64_t until = now_ns + WORKER_NAP_NS, due = sweeper_due_ns(&w->sweeper);

	if (due < until)
		until = due;
	if (!setting(t, CRIER_SET_idle_sleep) || until < now_ns + WORKER_SPIN_NS ||
	    now_ns - w->busy_ns < setting(t, CRIER_SET_idle_spin_us) * 1000)
		return 0;
	return until - now_ns;
}

void worker_sleep(struct worker *w, struct pollfd *fds, uint32_t n, uint64_t ns)
{
	const struct timespec timeout = {.tv_nsec = (long)ns};
	uint32_t ready = 0;

	stats_add(&w->sweeper.stats, CRIER_WORKER_sleeps, 1);
	quiescent_offline(&w->quiescent);
	if (ppoll(fds, n, &timeout, NULL) > 0) {
		for (uint32_t i = 0; i < n; i++)
			ready |= fds[i].revents & POLLIN;
		if (!ready) /* an interface is down: poll would answer at once for ever */
			usleep(1000);
	}
	quiescent_online(&w->quiescent);
}

/* Has the leader said something that it has not seen? */
static bool worker_called(const struct worker *w)
{
	for (uint32_t i = 0; i < w->crew->n_devices; i++)
		if (device_turn(&w->crew->device[i]) != w->ports[i].turn)
			return true;
	return ring_first(&w->ring) || crew_end_ns(w->crew);
}

static void worker_idle(struct worker *w, uint64_t now_ns)
{
	struct pollfd fd = {w->wake_fd, POLLIN, 0};
	uint64_t nap = worker_nap_ns(w, now_ns);
	eventfd_t woken;

	if (!nap) {
		cpu_relax();
		return;
	}
	ring_sleep(&w->ring);
	if (!worker_called(w)) {
		worker_sleep(w, &fd, 1, nap);
		eventfd_read(w->wake_fd, &woken);
	}
	ring_awake(&w->ring);
}

/*
 * ---- the loop ----------------------------------------------------------------------
 */
/* True: go on. */
static bool worker_turn(struct worker *w)
{
	uint64_t now = worker_clock_ns(), end = crew_end_ns(w->crew);
	bool busy;

	tbl_store(&w->self->turn_ns, now);
	stats_add(&w->sweeper.stats, CRIER_WORKER_turns, 1);
	worker_look(w);
	busy = intake_take(&w->ring, &w->sweeper, WORKER_TAKE);
	busy |= worker_sweep(w, now);
	quiescent_turn(&w->quiescent);
	busy |= worker_flush(w);
	if (now >= w->cold_ns)
		worker_cold(w, now);
	if (end && (now >= end || (!busy && sweeper_due_ns(&w->sweeper) == UINT64_MAX)))
		return false;
	if (busy)
		w->busy_ns = now;
	else if (!end)
		worker_idle(w, now);
	return true;
}

void worker_run(struct worker *w)
{
	w->busy_ns = worker_clock_ns();
	while (worker_turn(w))
		;
}

/*
 * ---- birth and death -----------------------------------------------------------------
 */
static void self_fill(struct worker *w)
{
	w->self->ports = 0;
	for (uint32_t i = 0; i < w->crew->n_devices; i++)
		w->self->ports += !w->crew->device[i].conf.page;
	tbl_store(&w->self->pages, 0);
	w->self->cpu = (uint32_t)sched_getcpu();
	w->self->shard = w->index;
	w->self->stride = w->crew->n;
	w->self->started_ns = worker_clock_ns();
	tbl_store(&w->self->turn_ns, w->self->started_ns);
	tbl_store(&w->self->pid, (uint32_t)getpid());
}

static int worker_init(struct worker *w, struct crew *crew, uint32_t index)
{
	const struct sweep_io io = {worker_lend, worker_commit, worker_clock_ns, w, worker_trigger};
	int rc;

	w->crew = crew;
	w->index = index;
	w->self = &crew->t->workers[crew->slot[index]];
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake_fd < 0)
		return -errno;
	rc = sweeper_init(&w->sweeper, crew->t, crew->slot[index], &io);
	if (!rc && index)
		rc = ring_init(&w->ring);
	if (rc)
		return rc;
	w->sweeper.first = index;
	w->sweeper.stride = crew->n;
	quiescent_init(&w->quiescent, &w->self->quiescent);
	quiescent_online(&w->quiescent);
	self_fill(w);
	return 0;
}

struct worker *worker_new(struct crew *crew, uint32_t index, int *rc, char err[PORT_ERR_LEN])
{
	struct worker *w = aligned_alloc(WORKER_PLACE, (sizeof(*w) + WORKER_PLACE - 1) /
							       WORKER_PLACE * WORKER_PLACE);

	*rc = -ENOMEM;
	if (w) {
		memset(w, 0, sizeof(*w));
		*rc = worker_init(w, crew, index);
	}
	if (!*rc)
		return w;
	snprintf(err, PORT_ERR_LEN, "worker %u can't start: %s", index, strerror(-*rc));
	if (w)
		worker_free(w);
	return NULL;
}

void worker_end(struct worker *w)
{
	for (uint32_t i = 0; i < w->crew->n_devices; i++)
		port_turn(w, i, 0);
	tbl_store(&w->self->pid, 0);
	quiescent_offline(&w->quiescent);
}

void worker_free(struct worker *w)
{
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	ring_free(&w->ring);
	sweeper_free(&w->sweeper);
	free(w);
}
