/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/devmaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/crierd.h"
#include "control/errand.h"
#include "control/loop.h"
#include "xdp/load.h"
#include "xdp/log.h"

#define AGAIN_NS 1000000000ULL

struct way {
	struct errand errand; /* first */
	struct devmaps *m;
	uint32_t port;
	uint32_t ifindex; /* where its devmaps lead, 0: nowhere */
	uint32_t wanted;  /* where the errand's will */
	bool busy;	  /* the errand is under way */
	bool stale;	  /* the port was down since it began */
	int made;	  /* the errand's result */
	int err;	  /* the last one's, 0: none yet or well */
	uint64_t err_ns;
};

struct devmaps {
	struct crierd *d;
	struct way way[CRIER_MAX_PORTS];
	void (*cb)(void *arg);
	void *cb_arg;
};

static bool is_up(const struct crier_port *port)
{
	return tbl_load(&port->mac) >> 48 & 1;
}

static bool is_native(const struct crier_port *port)
{
	return tbl_load(&port->ifindex) && tbl_load(&port->mode) == CRIER_PORT_NATIVE;
}

static const struct crier_port *port_of(const struct way *w)
{
	return &w->m->d->tables->ports[w->port];
}

static bool is_made(const struct way *w)
{
	return w->ifindex && w->ifindex == tbl_load(&port_of(w)->ifindex);
}

/* ---- the errand ---- */

static void on_work(struct errand *errand)
{
	struct way *w = (struct way *)errand;

	w->made = loader_devmaps(w->m->d->loader, w->port, w->wanted);
}

static void way_result(struct way *w)
{
	w->ifindex = w->made || w->stale ? 0 : w->wanted;
	/* The interface went meanwhile: no fault, and there is another one to lead to. */
	if (w->stale || w->wanted != tbl_load(&port_of(w)->ifindex))
		w->made = 0;
	if (w->made && w->made != w->err)
		log_warn("crierd: no broadcast by %.15s: %s", port_of(w)->name, strerror(-w->made));
	w->err = w->made;
	w->err_ns = loop_now_ns();
}

static void way_begin(struct way *w)
{
	if (w->busy)
		return;
	w->busy = true;
	w->stale = false;
	w->wanted = tbl_load(&port_of(w)->ifindex);
	errands_submit(w->m->d->errands, &w->errand);
}

static void on_done(struct errand *errand)
{
	struct way *w = (struct way *)errand;
	struct devmaps *m = w->m;

	w->busy = false;
	if (!errand->worked)
		return; /* crierd stops */
	way_result(w);
	if (!w->err && !is_made(w) && is_native(port_of(w)) && is_up(port_of(w)))
		way_begin(w);
	if (m->cb)
		m->cb(m->cb_arg);
}

/* ---- who wants them ---- */

int devmaps_get(struct devmaps *m, uint32_t port)
{
	struct way *w = &m->way[port];

	if (loader_egress(m->d->loader))
		return -EOPNOTSUPP;
	/* While it is down nothing is sent by them, and it may be gone. */
	if (is_made(w) || !is_up(port_of(w)))
		return 0;
	if (!w->err || loop_now_ns() - w->err_ns > AGAIN_NS)
		way_begin(w);
	return w->err ? w->err : -EAGAIN;
}

void devmaps_ports_changed(struct devmaps *m)
{
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		struct way *w = &m->way[n];

		/* One that went took its entries out of them, and may be back by its number. */
		if (!is_up(port_of(w))) {
			w->ifindex = 0;
			w->stale = true;
			w->err = 0;
		} else if (is_native(port_of(w))) {
			devmaps_get(m, n);
		}
	}
}

void devmaps_now(struct devmaps *m)
{
	if (loader_egress(m->d->loader))
		return;
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		struct way *w = &m->way[n];
		uint32_t ifindex = tbl_load(&port_of(w)->ifindex);

		if (is_native(port_of(w)) && is_up(port_of(w)) && !is_made(w) &&
		    !loader_devmaps(m->d->loader, n, ifindex))
			w->ifindex = ifindex;
	}
}

void devmaps_on_change(struct devmaps *m, void (*cb)(void *arg), void *arg)
{
	m->cb = cb;
	m->cb_arg = arg;
}

int devmaps_open(struct crierd *d, struct devmaps **out)
{
	struct devmaps *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->d = d;
	for (uint32_t n = 0; n < CRIER_MAX_PORTS; n++)
		m->way[n] = (struct way){
			.errand = {.work = on_work, .done = on_done}, .m = m, .port = n};
	*out = m;
	return 0;
}

void devmaps_close(struct devmaps *m)
{
	free(m);
}
