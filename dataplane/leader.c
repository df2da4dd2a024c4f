/* SPDX-License-Identifier: BSD-2-Clause */
/* What worker 0 does besides: devices, packets in, and the end. */
#include <errno.h>
#include <string.h>

#include "crew.h"
#include "io/xdp_iface.h"
#include "xdp/log.h"
#include "xdp/steer.h"

#define LEADER_COLD_NS 100000000ULL   /* statistics, lost interfaces: this often */
#define LEADER_DRAIN_NS 2000000000ULL /* longest farewell */
#define LEADER_LAST_NS 50000000ULL    /* longest look for packets then */
#define LEADER_POLL_NS 50000ULL	      /* a device that wakes nobody is looked at this often */
#define LEADER_LOOK_NS 20000ULL	      /* a sweep that waits looks for packets this often */
#define LEADER_FDS (COPY_OUTS * CRIER_MAX_QUEUES)

static struct worker *leader_of(const struct crew *crew)
{
	return crew->worker[0];
}

static uint64_t others(const struct crew *crew)
{
	return (crew->n < 64 ? 1ULL << crew->n : 0) - 2;
}

static void leader_meanwhile(void *arg);

/*
 * ---- devices -----------------------------------------------------------------------
 */

/* crierd's number of an interface, 0: it is none of its ports. */
static uint32_t port_number(const struct tables *t, int ifindex)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++)
		if (tbl_load(&t->ports[n].ifindex) == (uint32_t)ifindex)
			return n;
	return 0;
}

/* Odd: workers get their handles; even: they are to let go of them. */
static void device_next_turn(struct crew *crew, struct device *d)
{
	__atomic_store_n(&d->turn, d->turn + 1, __ATOMIC_SEQ_CST);
	worker_look(leader_of(crew));
	crew_wake(crew, others(crew));
}

static int device_publish(struct crew *crew, struct device *d, uint32_t number)
{
	int rc = d->dev->ops->publish(d->dev, crew->xsks_fd, number);

	if (!rc)
		tbl_store(&d->number, number);
	return rc;
}

static void device_say(const struct crew *crew, const struct device *d)
{
	uint32_t q = d->conf.dpdk || d->conf.page ? 0 : d->conf.xdp.tx_queue;

	if (d->conf.page)
		log_info("%s: page triggers, %s", d->conf.ifname, d->dev->mode);
	else if (crew->n == 1)
		log_info("%s: port %u, %s, sends on queue %u", d->conf.ifname, d->number,
			 d->dev->mode, q);
	else
		log_info("%s: port %u, %s, sends on queues %u to %u", d->conf.ifname, d->number,
			 d->dev->mode, q, q + crew->n - 1);
}

/*
 * crierd's number of a device's interface, which has to be there and, if Linux's, up.  The
 * injector is none of crierd's ports.
 */
static int device_number(const struct crew *crew, const struct device *d, uint32_t *number,
			 char err[PORT_ERR_LEN])
{
	struct xdp_iface iface = {0};
	int rc = xdp_iface_get(d->conf.ifname, &iface, err);

	/* the TAP of a device that Linux doesn't see may be down: copies need it not */
	if (rc && !(d->conf.dpdk && (rc == -ENETDOWN || rc == -ENODEV)))
		return rc;
	*number = rc == -ENODEV ? 0 : port_number(crew->t, iface.ifindex);
	if (*number || d->conf.page)
		return 0;
	snprintf(err, PORT_ERR_LEN,
		 "%s is not a port of crierd: start crierd with --interface %s%s", d->conf.ifname,
		 d->conf.ifname, d->conf.dpdk ? ",mode=dpdk" : "");
	return -ENXIO;
}

int leader_open_device(struct crew *crew, uint32_t i, uint64_t busy_ms, char err[PORT_ERR_LEN])
{
	struct device *d = &crew->device[i];
	uint32_t number;
	int rc = device_number(crew, d, &number, err);

	if (rc)
		return rc;
	d->dev = port_conf_open(&d->conf, crew->n, crew->cpu, busy_ms, &rc, err);
	if (!d->dev)
		return rc;
	d->dev->port[0]->meanwhile = leader_meanwhile;
	d->dev->port[0]->meanwhile_arg = crew;
	rc = device_publish(crew, d, number);
	if (rc) {
		snprintf(err, PORT_ERR_LEN, "%s: can't enter its sockets into the map xsks: %s",
			 d->conf.ifname, strerror(-rc));
		d->dev->ops->close(d->dev);
		d->dev = NULL;
		return rc;
	}
	device_next_turn(crew, d);
	device_say(crew, d);
	return 0;
}

/* Closes a device that was withdrawn, once no worker uses it. */
static void device_close(struct crew *crew, uint32_t i)
{
	struct device *d = &crew->device[i];

	for (uint32_t k = 0; k < crew->n; k++)
		if (__atomic_load_n(&crew->worker[k]->ports[i].turn, __ATOMIC_ACQUIRE) != d->turn)
			return;
	leader_of(crew)->sweeper.lost[i] += d->dev->ops->close(d->dev);
	d->dev = NULL;
}

/* What its rings hold must not go out some day, to who knows whom. */
static void device_withdraw(struct crew *crew, uint32_t i)
{
	tbl_store(&crew->device[i].number, 0);
	device_next_turn(crew, &crew->device[i]);
	device_close(crew, i);
}

/* An interface that vanished comes back as another one of the same name. */
static void device_reopen(struct crew *crew, uint32_t i)
{
	char err[PORT_ERR_LEN];

	/* nobody must wait; the next tick tries again */
	leader_open_device(crew, i, 0, err);
}

/* The errno that one of its handles met, 0: none did. */
static int device_broken(const struct port_dev *dev)
{
	for (uint32_t k = 0; k < dev->workers; k++) {
		int broken = port_broken(dev->port[k]);

		if (broken)
			return broken;
	}
	return 0;
}

static void device_renumber(struct crew *crew, struct device *d, uint32_t number)
{
	if (number)
		log_info("%s is port %u now", d->conf.ifname, number);
	else
		log_warn("%s is no longer a port of crierd", d->conf.ifname);
	if (device_publish(crew, d, number))
		log_warn("%s: can't enter its sockets into the map xsks", d->conf.ifname);
}

static const char *device_loss(const struct device *d)
{
	return d->conf.page ? "no room goes by page triggers" : "its copies are counted link_down";
}

static void device_tend(struct crew *crew, uint32_t i)
{
	struct device *d = &crew->device[i];
	uint32_t number;
	int broken;

	if (!d->dev) {
		device_reopen(crew, i);
		return;
	}
	if (!(d->turn & 1)) {
		device_close(crew, i);
		return;
	}
	worker_stats(leader_of(crew), &leader_of(crew)->ports[i]);
	if (d->dev->ops->gone(d->dev)) {
		log_warn("%s is gone; %s until it is back", d->conf.ifname, device_loss(d));
		device_withdraw(crew, i);
		return;
	}
	broken = d->dev->bypass ? 0 : device_broken(d->dev);
	if (broken) {
		log_warn("%s: %s; %s until it is up again", d->conf.ifname, strerror(broken),
			 device_loss(d));
		device_withdraw(crew, i);
		return;
	}
	number = port_number(crew->t, d->dev->ifindex);
	if (number != d->number)
		device_renumber(crew, d, number);
}

void leader_close_devices(struct crew *crew)
{
	for (uint32_t i = 0; i < crew->n_devices; i++) {
		struct device *d = &crew->device[i];

		if (d->dev)
			d->dev->ops->close(d->dev);
		d->dev = NULL;
	}
}

/*
 * ---- packets in --------------------------------------------------------------------
 */
/* True: an engine's. */
static bool judged(struct crew *crew, uint32_t i, const struct port_rx *rx,
		   enum crier_xdp_counter verdict, const struct steer_result *r, uint64_t now_ns)
{
	const struct port_dev *dev = crew->device[i].dev;

	if (dev->bypass) {
		judge_packet(&crew->judge, leader_of(crew)->ports[i].port, (uint32_t)dev->ifindex,
			     rx, verdict, r, now_ns);
		return verdict == CRIER_XDP_accepted;
	}
	/* XDP judged it too, but tables may have changed since, and it is not told which room */
	if (verdict == CRIER_XDP_accepted || verdict == CRIER_XDP_drop_deadman)
		return true; /* the latter is counted as stopped */
	stats_add(&leader_of(crew)->sweeper.stats, CRIER_WORKER_rx_refused, 1);
	return false;
}

static void packet_in(struct crew *crew, uint32_t i, const struct port_rx *rx, uint64_t now_ns)
{
	const struct steer_in in = {.now_ns = now_ns,
				    .ifindex = (uint32_t)crew->device[i].dev->ifindex,
				    .caps = &crew->judge.caps};
	struct steer_result r;
	enum crier_xdp_counter verdict =
		steer(crew->t, crew->t->config, &in, rx->data, rx->data + rx->len, &r);

	stats_add(&leader_of(crew)->sweeper.stats, CRIER_WORKER_rx_bytes, rx->len);
	if (judged(crew, i, rx, verdict, &r, now_ns))
		intake_push(&crew->intake, r.room, r.generation, rx->data + r.payload,
			    r.payload_len, now_ns);
}

static uint32_t leader_rx(struct crew *crew, uint64_t now_ns)
{
	struct worker *w = leader_of(crew);
	struct port_rx rx[PORT_RX_BURST];
	uint32_t total = 0;

	for (uint32_t i = 0; i < crew->n_devices; i++) {
		struct port *p = w->ports[i].port;
		uint32_t n = p ? p->ops->rx(p, rx) : 0;

		if (!n)
			continue;
		for (uint32_t k = 0; k < n; k++)
			packet_in(crew, i, &rx[k], now_ns);
		p->ops->rx_done(p);
		total += n;
	}
	stats_add(&w->sweeper.stats, CRIER_WORKER_rx_pkts, total);
	if (crew->intake.woke) {
		crew_wake(crew, crew->intake.woke);
		crew->intake.woke = 0;
	}
	return total;
}

/*
 * A sweep of its own waits for a full port: other workers' rooms must not wait with it, nor
 * Linux.  In the end packets are taken by leader_drain() alone.
 */
static void leader_meanwhile(void *arg)
{
	struct crew *crew = arg;
	uint64_t now = worker_clock_ns();

	if (now < crew->look_ns || crew_end_ns(crew))
		return;
	crew->look_ns = now + LEADER_LOOK_NS;
	crew->intake.holding = true;
	leader_rx(crew, now);
	crew->intake.holding = false;
}

/*
 * ---- the loop ----------------------------------------------------------------------
 */
static void leader_cold(struct crew *crew, uint64_t now_ns)
{
	for (uint32_t i = 0; i < crew->n_devices; i++)
		device_tend(crew, i);
	crew->retired = tbl_load(&crew->t->config->magic) != CRIER_MAGIC;
	leader_of(crew)->cold_ns = now_ns + LEADER_COLD_NS;
}

static void leader_idle(struct crew *crew, uint64_t now_ns)
{
	struct worker *w = leader_of(crew);
	uint64_t nap = worker_nap_ns(w, now_ns);
	struct pollfd fds[LEADER_FDS];
	uint32_t n = 0;

	if (!nap) {
		cpu_relax();
		return;
	}
	for (uint32_t i = 0; i < crew->n_devices; i++) {
		struct port *p = w->ports[i].port;

		if (!p)
			continue;
		n += p->ops->fds(p, fds + n, LEADER_FDS - n);
		if (crew->device[i].dev->bypass && nap > LEADER_POLL_NS)
			nap = LEADER_POLL_NS;
	}
	worker_sleep(w, fds, n, nap);
}

static void leader_turn(struct crew *crew, bool take)
{
	struct worker *w = leader_of(crew);
	uint64_t now = worker_clock_ns();
	bool busy;

	tbl_store(&w->self->turn_ns, now);
	stats_add(&w->sweeper.stats, CRIER_WORKER_turns, 1);
	busy = take && leader_rx(crew, now);
	busy |= worker_sweep(w, now);
	busy |= intake_release(&crew->intake);
	quiescent_turn(&w->quiescent);
	busy |= worker_flush(w);
	if (take && now >= w->cold_ns)
		leader_cold(crew, now);
	worker_look(w);
	if (busy)
		w->busy_ns = now;
	else
		leader_idle(crew, now);
}

void leader_run(struct crew *crew)
{
	leader_of(crew)->busy_ns = worker_clock_ns();
	while (!*crew->stop && !crew->retired)
		leader_turn(crew, true);
}

/* Packets in the sockets are still taken, new ones go elsewhere or are counted in XDP. */
void leader_drain(struct crew *crew)
{
	struct worker *w = leader_of(crew);
	uint64_t now = worker_clock_ns(), until = now + LEADER_DRAIN_NS;

	for (uint32_t i = 0; i < crew->n_devices; i++)
		if (crew->device[i].dev)
			crew->device[i].dev->ops->publish(crew->device[i].dev, crew->xsks_fd, 0);
	/* a device that Linux doesn't see goes on receiving: under a flood for ever */
	while (leader_rx(crew, worker_clock_ns()) && worker_clock_ns() < now + LEADER_LAST_NS)
		;
	__atomic_store_n(&crew->end_ns, until, __ATOMIC_SEQ_CST);
	crew_wake(crew, others(crew));
	while ((sweeper_due_ns(&w->sweeper) != UINT64_MAX || worker_flush(w)) &&
	       worker_clock_ns() < until)
		leader_turn(crew, false);
}
