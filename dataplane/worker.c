/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/xdp_iface.h"
#include "xdp/log.h"
#include "xdp/steer.h"

#define WORKER_COLD_NS 100000000ULL   /* statistics, lost interfaces: this often */
#define WORKER_NAP_NS 50000000ULL     /* longest sleep: turn_ns is stamped after it */
#define WORKER_SPIN_NS 100000ULL      /* sooner than this, sleeping isn't worth it */
#define WORKER_DRAIN_NS 2000000000ULL /* longest farewell */
#define WORKER_FDS (COPY_OUTS * CRIER_MAX_QUEUES)

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static uint64_t clock_ns(void)
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

/*
 * ---- ports -------------------------------------------------------------------------
 */

/* crierd's number of an interface, 0: it is none of its ports. */
static uint32_t port_number(const struct tables *t, int ifindex)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (tbl_load(&t->ports[n].ifindex) == (uint32_t)ifindex)
			return n;
	return 0;
}

/* For status: which interfaces have sockets now. */
static void ports_tell(struct worker *w)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < w->n_ports; i++)
		if (w->ports[i].number)
			mask |= 1ULL << w->ports[i].number;
	tbl_store(&w->self->port_mask, mask);
}

static int port_publish(struct worker *w, uint32_t i, uint32_t number)
{
	struct worker_port *wp = &w->ports[i];
	int rc = wp->dev->ops->publish(wp->dev, w->xsks_fd, number);

	if (rc)
		return rc;
	if (wp->number)
		sweeper_del_out(&w->sweeper, wp->number);
	if (number)
		sweeper_add_out(&w->sweeper, number, i, (uint32_t)wp->dev->ifindex);
	wp->number = number;
	wp->down = false;
	ports_tell(w);
	return 0;
}

static int port_open(struct worker *w, uint32_t i, char err[PORT_ERR_LEN])
{
	struct worker_port *wp = &w->ports[i];
	struct xdp_iface iface;
	uint32_t number;
	int rc;

	rc = xdp_iface_get(wp->conf.ifname, &iface, err);
	if (rc)
		return rc;
	number = port_number(w->t, iface.ifindex);
	if (!number) {
		snprintf(err, PORT_ERR_LEN,
			 "%s is not a port of crierd: start crierd with --interface %s",
			 wp->conf.ifname, wp->conf.ifname);
		return -ENXIO;
	}
	wp->dev = port_xdp_open(&wp->conf, 1, &rc, err);
	if (!wp->dev)
		return rc;
	wp->port = wp->dev->port[0];
	wp->stats = (struct port_stats){0};
	rc = port_publish(w, i, number);
	if (rc) {
		snprintf(err, PORT_ERR_LEN, "%s: can't enter its sockets into the map xsks: %s",
			 wp->conf.ifname, strerror(-rc));
		wp->dev->ops->close(wp->dev);
		wp->dev = NULL;
		wp->port = NULL;
		return rc;
	}
	log_info("%s: port %u, %s, sends on queue %u", wp->conf.ifname, number, wp->dev->mode,
		 wp->conf.tx_queue);
	return 0;
}

static void port_stats_add(struct worker *w, struct worker_port *wp)
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
}

static void port_close(struct worker *w, uint32_t i)
{
	struct worker_port *wp = &w->ports[i];

	if (!wp->port)
		return;
	port_stats_add(w, wp);
	if (wp->number)
		sweeper_del_out(&w->sweeper, wp->number);
	wp->number = 0;
	w->sweeper.lost[i] += wp->dev->ops->close(wp->dev);
	wp->dev = NULL;
	wp->port = NULL;
	ports_tell(w);
}

/* An interface that vanished comes back as another one of the same name. */
static void port_reopen(struct worker *w, uint32_t i)
{
	char err[PORT_ERR_LEN];

	w->ports[i].conf.busy_ms = 0; /* other ports must not wait; the next tick tries again */
	port_open(w, i, err);
}

static void port_tend(struct worker *w, uint32_t i)
{
	struct worker_port *wp = &w->ports[i];
	uint32_t number;

	if (!wp->port) {
		port_reopen(w, i);
		return;
	}
	port_stats_add(w, wp);
	if (wp->dev->ops->gone(wp->dev)) {
		log_warn("%s is gone; its copies are counted link_down until it is back",
			 wp->conf.ifname);
		port_close(w, i);
		return;
	}
	if (port_broken(wp->port)) {
		/* what its ring holds must not go out some day, to who knows whom */
		log_warn("%s: %s; its copies are counted link_down until it is up again",
			 wp->conf.ifname, strerror(port_broken(wp->port)));
		port_close(w, i);
		return;
	}
	number = port_number(w->t, wp->dev->ifindex);
	if (number == wp->number)
		return;
	if (number)
		log_info("%s is port %u now", wp->conf.ifname, number);
	else
		log_warn("%s is no longer a port of crierd", wp->conf.ifname);
	if (port_publish(w, i, number))
		log_warn("%s: can't enter its sockets into the map xsks", wp->conf.ifname);
}

/*
 * ---- a turn ------------------------------------------------------------------------
 */
static void packet_in(struct worker *w, const struct port_rx *rx, uint64_t now_ns)
{
	struct steer_result r;

	stats_add(&w->sweeper.stats, CRIER_WORKER_rx_bytes, rx->len);
	/* XDP judged it too, but tables may have changed since, and it is not told which room */
	switch (steer(w->t, now_ns, rx->data, rx->data + rx->len, &r)) {
	case CRIER_XDP_accepted:
	case CRIER_XDP_drop_deadman: /* counted as stopped */
		sweeper_push(&w->sweeper, r.room, r.generation, rx->data + r.payload, r.payload_len,
			     now_ns);
		break;
	default:
		stats_add(&w->sweeper.stats, CRIER_WORKER_rx_refused, 1);
	}
}

static uint32_t worker_rx(struct worker *w, uint64_t now_ns)
{
	struct port_rx rx[PORT_RX_BURST];
	uint32_t total = 0;

	for (uint32_t i = 0; i < w->n_ports; i++) {
		struct port *p = w->ports[i].port;
		uint32_t n = p ? p->ops->rx(p, rx) : 0;

		if (!n)
			continue;
		for (uint32_t k = 0; k < n; k++)
			packet_in(w, &rx[k], now_ns);
		p->ops->rx_done(p);
		total += n;
	}
	stats_add(&w->sweeper.stats, CRIER_WORKER_rx_pkts, total);
	return total;
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
		sweeper_add_out(&w->sweeper, wp->number, i, (uint32_t)wp->dev->ifindex);
}

/* True while a port has frames that its device hasn't taken. */
static bool worker_flush(struct worker *w)
{
	bool left = false;

	for (uint32_t i = 0; i < w->n_ports; i++) {
		struct port *p = w->ports[i].port;

		if (!p)
			continue;
		left |= p->ops->flush(p);
		port_judge(w, i);
	}
	return left;
}

static void worker_cold(struct worker *w, uint64_t now_ns)
{
	for (uint32_t i = 0; i < w->n_ports; i++)
		port_tend(w, i);
	w->retired = tbl_load(&w->t->config->magic) != CRIER_MAGIC;
	w->cold_ns = now_ns + WORKER_COLD_NS;
}

/*
 * ---- idling ------------------------------------------------------------------------
 */
static uint64_t nap_ns(const struct worker *w, uint64_t now_ns)
{
	uint64_t until = now_ns + WORKER_NAP_NS;
	uint64_t due = sweeper_due_ns(&w->sweeper);

	if (due < until)
		until = due;
	return until > now_ns ? until - now_ns : 0;
}

static void worker_sleep(struct worker *w, uint64_t ns)
{
	const struct timespec timeout = {.tv_nsec = (long)ns};
	struct pollfd fds[WORKER_FDS];
	uint32_t n = 0, ready = 0;

	for (uint32_t i = 0; i < w->n_ports; i++) {
		struct port *p = w->ports[i].port;

		if (p)
			n += p->ops->fds(p, fds + n, WORKER_FDS - n);
	}
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

static void worker_idle(struct worker *w, uint64_t now_ns)
{
	uint64_t nap = nap_ns(w, now_ns);

	if (setting(w->t, CRIER_SET_idle_sleep) && nap > WORKER_SPIN_NS &&
	    now_ns - w->busy_ns >= setting(w->t, CRIER_SET_idle_spin_us) * 1000)
		worker_sleep(w, nap);
	else
		cpu_relax();
}

/*
 * ---- the loop ----------------------------------------------------------------------
 */
/*
 * As many rooms as were heard from at once, but no more copies than a quantum: packets
 * must not come in faster than small rooms' turns go round.
 */
static bool worker_sweep(struct worker *w, uint64_t now_ns)
{
	uint64_t enough = w->sweeper.met + setting(w->t, CRIER_SET_quantum_copies);
	bool any = false;

	for (uint32_t i = 0; i < PORT_RX_BURST && w->sweeper.met < enough; i++) {
		if (!sweeper_turn(&w->sweeper, now_ns))
			break;
		quiescent_turn(&w->quiescent);
		any = true;
	}
	return any;
}

static void worker_turn(struct worker *w, bool take)
{
	uint64_t now = clock_ns();
	bool busy;

	tbl_store(&w->self->turn_ns, now);
	stats_add(&w->sweeper.stats, CRIER_WORKER_turns, 1);
	busy = take && worker_rx(w, now);
	busy |= worker_sweep(w, now);
	quiescent_turn(&w->quiescent);
	busy |= worker_flush(w);
	if (now >= w->cold_ns)
		worker_cold(w, now);
	if (busy)
		w->busy_ns = now;
	else
		worker_idle(w, now);
}

/* Packets in the sockets are still taken, new ones go elsewhere or are counted in XDP. */
static void worker_drain(struct worker *w)
{
	uint64_t until = clock_ns() + WORKER_DRAIN_NS;

	for (uint32_t i = 0; i < w->n_ports; i++)
		if (w->ports[i].dev)
			w->ports[i].dev->ops->publish(w->ports[i].dev, w->xsks_fd, 0);
	while (worker_rx(w, clock_ns()))
		;
	while ((sweeper_due_ns(&w->sweeper) != UINT64_MAX || worker_flush(w)) && clock_ns() < until)
		worker_turn(w, false);
}

void worker_run(struct worker *w)
{
	w->busy_ns = clock_ns();
	while (!*w->stop && !w->retired)
		worker_turn(w, true);
	worker_drain(w);
}

static void self_fill(struct worker *w)
{
	w->self->ports = w->n_ports;
	w->self->cpu = (uint32_t)sched_getcpu();
	w->self->shard = 0;
	w->self->started_ns = clock_ns();
	tbl_store(&w->self->turn_ns, w->self->started_ns);
	tbl_store(&w->self->pid, (uint32_t)getpid());
}

int worker_open(struct worker *w, struct tables *t, uint32_t slot, char err[PORT_ERR_LEN])
{
	const struct sweep_io io = {worker_lend, worker_commit, clock_ns, w};
	int rc;

	w->t = t;
	w->self = &t->workers[slot];
	w->xsks_fd = tables_map_fd(t, "xsks");
	if (w->xsks_fd < 0) {
		snprintf(err, PORT_ERR_LEN, "no map \"xsks\" beside the tables: restart crierd");
		return w->xsks_fd;
	}
	quiescent_init(&w->quiescent, &w->self->quiescent);
	rc = sweeper_init(&w->sweeper, t, slot, &io);
	if (rc) {
		snprintf(err, PORT_ERR_LEN, "no memory for jobs");
		return rc;
	}
	quiescent_online(&w->quiescent);
	for (uint32_t i = 0; !rc && i < w->n_ports; i++)
		rc = port_open(w, i, err);
	if (rc) {
		worker_close(w);
		return rc;
	}
	self_fill(w);
	return 0;
}

void worker_close(struct worker *w)
{
	for (uint32_t i = 0; i < w->n_ports; i++)
		port_close(w, i);
	sweeper_free(&w->sweeper);
	tbl_store(&w->self->pid, 0);
	quiescent_offline(&w->quiescent);
}
