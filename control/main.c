/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd: the control daemon.  main() makes each part in the order of their needs and
 * unmakes them in reverse; the maps, the programs and the copying stay.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/api.h"
#include "control/capture.h"
#include "control/config.h"
#include "control/crierd.h"
#include "control/crier0.h"
#include "control/devmaps.h"
#include "control/errand.h"
#include "control/grace.h"
#include "control/guard.h"
#include "control/heap.h"
#include "control/injector.h"
#include "control/kernel.h"
#include "control/http.h"
#include "control/lock.h"
#include "control/nexthop.h"
#include "control/notify.h"
#include "control/options.h"
#include "control/ports.h"
#include "control/scan.h"
#include "control/setup.h"
#include "control/stats.h"
#include "control/tap.h"
#include "xdp/load.h"
#include "xdp/log.h"

#define FIRST_GRACE_MOST_NS 5000000000ULL
#define TOKEN_MAX 512

struct daemon {
	struct crierd d;
	struct tables tables;
	struct options options;
	struct config *config;
	struct locks locks;
	struct http *http;
	struct event *heartbeat, *first_grace, *terminate, *interrupt;
	bool fresh, live;
	int failed;
};

/* ---- tables ---- */

/* Again, since the loader may have made the directory just now. */
static int pin_lock(struct daemon *m)
{
	char err[LOCK_ERR_LEN];
	int ret = locks_take_pin(&m->locks, m->options.pin_dir, err);

	if (ret)
		log_err("crierd: %s", err);
	return ret;
}

static void programs_log(const struct loader *l)
{
	if (loader_egress(l))
		log_warn("crierd: " LOST_EGRESS, loader_egress(l));
	else if (loader_xmit(l))
		log_warn("crierd: " LOST_XMIT, loader_xmit(l));
}

/* Tables of other sizes go on as they are: their rooms matter more. */
static int tables_get(struct daemon *m)
{
	struct tables_size size = setup_size(&m->d, m->config, &m->options), any = {0};
	char err[LOADER_ERR_LEN];
	int ret = loader_open(&m->d.loader, m->options.pin_dir, &size, &m->tables, err);

	if (ret == -EINVAL) {
		char first[LOADER_ERR_LEN];

		memcpy(first, err, sizeof(first));
		ret = loader_open(&m->d.loader, m->options.pin_dir, &any, &m->tables, err);
		if (ret == 0)
			crierd_warn(&m->d, "%s; going on with the tables as they are", first);
	}
	if (ret < 0) {
		log_err("crierd: %s", err);
		return ret;
	}
	if (pin_lock(m) != 0)
		return -EBUSY;
	programs_log(m->d.loader);
	m->fresh = ret == 1;
	m->d.tables = &m->tables;
	setup_capacity(&m->d);
	if (m->fresh) {
		setup_config_row(&m->d, m->config, true);
		tables_publish(&m->tables);
	}
	return 0;
}

/* ---- parts that need a word of glue ---- */

static int barrier(void *arg)
{
	const struct crierd *d = arg;

	return loader_grace(d->loader);
}

static bool worker_lives(void *arg, uint32_t worker)
{
	const struct crierd *d = arg;

	return worker_is_alive(d->run_dir, worker);
}

static uint16_t resolve(void *nexthop, const struct crier_addr *dst)
{
	return nexthop_resolve(nexthop, dst);
}

static void sweep(void *nexthop, const uint64_t used[1024])
{
	nexthop_sweep(nexthop, used);
}

static void ports_changed(void *arg)
{
	struct crierd *d = arg;

	nexthop_ports_changed(d->nexthop);
	if (!d->kernel)
		return;
	devmaps_ports_changed(d->devmaps);
	kernel_ports_changed(d->kernel);
}

static int network_open(struct daemon *m)
{
	struct crierd *d = &m->d;
	int ret = ports_open(d->tables, d->grace, loop_base(d->loop), d->loader, &d->ports);

	if (ret)
		return ret;
	/* The way out of an earlier crierd's ports first: setup_ports() replaces the way in. */
	ret = devmaps_open(d, &d->devmaps);
	if (!ret)
		devmaps_now(d->devmaps);
	if (!ret)
		ret = setup_ports(d, m->config, &m->options);
	if (!ret)
		ret = nexthop_open(d->tables, d->grace, loop_base(d->loop), &d->nexthop);
	if (ret)
		return ret;
	ports_on_change(d->ports, ports_changed, d);
	ports_use_errands(d->ports, d->errands);
	setup_crier0(d, m->config);
	ports_prune(d->ports);
	devmaps_now(d->devmaps);
	return 0;
}

static void repairs_log(const struct store *s)
{
	const struct store_repairs *r = &s->repairs;

	log_info("crierd: found %u rooms with %llu listeners", s->rooms_n,
		 (unsigned long long)r->members);
	if (r->rooms || r->members_dropped || r->pages_linked || r->pages_freed || r->counts ||
	    r->streams || r->streams_linked)
		log_info("crierd: mended %u rooms, %llu slots, %u pages linked, %u freed, %u "
			 "counts, %u streams, %u streams linked",
			 r->rooms, (unsigned long long)r->members_dropped, r->pages_linked,
			 r->pages_freed, r->counts, r->streams, r->streams_linked);
}

static int store_start(struct daemon *m)
{
	struct crierd *d = &m->d;
	struct scan_ops scan = {resolve, sweep, d->nexthop};
	struct store_ops ops = {.resolve = scan_resolve, .changed = kernel_room};
	int ret = scan_open(d, &scan, &d->scan);

	if (!ret)
		ret = setup_injector(d, m->config);
	if (!ret)
		ret = kernel_open(d, &d->kernel);
	if (ret)
		return ret;
	ops.arg = d->scan;
	ops.changed_arg = d->kernel;
	ret = store_open(&d->store, d->tables, d->grace, d->loop, &ops, m->fresh);
	if (ret) {
		log_err("crierd: cannot read the tables: %s", strerror(-ret));
		return ret;
	}
	d->store.most[0] = d->listeners4;
	d->store.most[1] = d->listeners6;
	repairs_log(&d->store);
	devmaps_on_change(d->devmaps, kernel_devmaps_changed, d->kernel);
	kernel_ports_changed(d->kernel);
	nexthop_on_change(d->nexthop, scan_request, d->scan);
	scan_request(d->scan);
	return 0;
}

/* ---- serving ---- */

static int token_read(const char *path, char token[TOKEN_MAX])
{
	FILE *f = fopen(path, "re");
	bool bad = !f || (!fgets(token, TOKEN_MAX, f) && ferror(f));
	int err = errno;

	if (f)
		fclose(f);
	if (bad) {
		log_err("crierd: cannot read the token file %s: %s", path, strerror(err));
		return -1;
	}
	token[strcspn(token, "\r\n")] = '\0';
	if (!*token) {
		log_err("crierd: the token file %s has nothing in its first line: put a secret "
			"there",
			path);
		return -1;
	}
	return 0;
}

static int api_open(struct daemon *m)
{
	const struct config_api *api = &m->config->api;
	char err[HTTP_ERR_LEN], token[TOKEN_MAX] = "";
	int ret = http_open(&m->d, api_routes, &m->http);

	if (ret)
		return ret;
	ret = http_listen_unix(m->http, m->options.socket, err);
	if (!ret && api->tcp && api->token_file && token_read(api->token_file, token) != 0)
		return -EINVAL;
	if (!ret && api->tcp)
		ret = http_listen_tcp(m->http, api->tcp, token, err);
	if (ret)
		log_err("crierd: %s", err);
	return ret;
}

static void live(struct daemon *m)
{
	char status[128];

	m->live = true;
	m->failed = api_open(m);
	if (m->failed) {
		loop_stop(m->d.loop);
		return;
	}
	/* Copies are being made by these: a start that failed has left them as they were. */
	if (!m->fresh)
		setup_config_row(&m->d, m->config, false);
	setup_rooms(&m->d, m->config);
	setup_guard(&m->d, m->config);
	snprintf(status, sizeof(status), "serving on %s", m->options.socket);
	notify_ready(status);
	log_info("crierd: ready (%s)", status);
}

/* What a former crierd left free may still be read: serve once nobody can. */
static void on_first_grace(evutil_socket_t fd, short what, void *arg)
{
	struct timeval soon = {0, 5000};
	struct daemon *m = arg;
	bool late = loop_now_ns() - m->d.started_ns > FIRST_GRACE_MOST_NS;
	char why[GRACE_WHY_LEN];

	(void)fd;
	(void)what;
	m->d.serving = m->d.store.settled;
	if (!m->live && (m->d.serving || late)) {
		if (!m->d.serving)
			log_warn("crierd: %s; nothing that was free before can be given out until "
				 "then",
				 grace_why(m->d.grace, why));
		live(m);
	}
	if (!m->d.serving)
		event_add(m->first_grace, &soon);
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *m = arg;

	(void)fd;
	(void)what;
	tbl_store(&m->tables.config->heartbeat_ns, loop_now_ns());
	if (m->d.ports)
		ports_look(m->d.ports);
	if (heap_idle())
		loop_add(m->d.loop, &heap_task);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *m = arg;

	(void)fd;
	(void)what;
	loop_stop(m->d.loop);
}

static int events_open(struct daemon *m)
{
	struct event_base *base = loop_base(m->d.loop);
	struct timeval second = {1, 0}, now = {0, 0};

	m->heartbeat = event_new(base, -1, EV_PERSIST, on_heartbeat, m);
	m->first_grace = event_new(base, -1, 0, on_first_grace, m);
	m->terminate = evsignal_new(base, SIGTERM, on_signal, m);
	m->interrupt = evsignal_new(base, SIGINT, on_signal, m);
	if (!m->heartbeat || !m->first_grace || !m->terminate || !m->interrupt)
		return -ENOMEM;
	on_heartbeat(-1, 0, m);
	event_add(m->heartbeat, &second);
	event_add(m->first_grace, &now);
	event_add(m->terminate, NULL);
	event_add(m->interrupt, NULL);
	return 0;
}

static void events_close(struct daemon *m)
{
	struct event *events[] = {m->heartbeat, m->first_grace, m->terminate, m->interrupt};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
}

/* ---- start and stop ---- */

static int parts_open(struct daemon *m)
{
	struct crierd *d = &m->d;
	struct grace_ops grace = {barrier, worker_lives, d};
	int ret = tables_get(m);

	if (!ret)
		ret = loop_open(&d->loop);
	if (!ret)
		ret = grace_open(d->tables, loop_base(d->loop), &grace, &d->grace);
	if (!ret)
		ret = errands_open(loop_base(d->loop), &d->errands);
	if (!ret)
		ret = notify_open(loop_base(d->loop), m->config->media_port, &d->notify);
	if (!ret)
		ret = network_open(m);
	if (!ret)
		ret = store_start(m);
	if (!ret)
		ret = guard_open(d, m->fresh, &d->guard);
	if (!ret)
		ret = capture_open(d, loader_capture_fd(d->loader), &d->capture);
	if (!ret)
		ret = events_open(m);
	return ret;
}

static void parts_close(struct daemon *m)
{
	struct crierd *d = &m->d;

	http_close(m->http);
	events_close(m);
	capture_close(d->capture);
	guard_close(d->guard);
	errands_close(d->errands);
	devmaps_close(d->devmaps);
	grace_close(d->grace);
	scan_close(d->scan);
	kernel_close(d->kernel);
	injector_close(d->injector);
	if (d->store.t)
		store_close(&d->store);
	if (d->nexthop)
		nexthop_close(d->nexthop);
	if (d->ports)
		ports_close(d->ports);
	if (d->notify)
		notify_close(d->notify);
	loop_close(d->loop);
	if (d->loader)
		loader_close(d->loader);
	for (uint32_t i = 0; i < d->warnings; i++)
		free(d->warning[i]);
}

static int flush(const char *pin_dir)
{
	char err[LOADER_ERR_LEN];
	int ret, injector, taps;

	if (loader_flush(pin_dir, err) != 0) {
		log_err("crierd: %s", err);
		return 1;
	}
	ret = crier0_down();
	if (ret)
		log_err("crierd: " CRIER0_HOST " cannot be removed: %s", strerror(-ret));
	injector = injector_remove(pin_dir);
	if (injector)
		log_err("crierd: the injector cannot be removed: %s", strerror(-injector));
	taps = tap_remove(NULL);
	if (taps)
		log_err("crierd: TAPs of dpdk ports cannot be removed: %s", strerror(-taps));
	return ret || injector || taps ? 1 : 0;
}

static int serve(struct daemon *m)
{
	int ret = parts_open(m);

	if (!ret) {
		if (loop_run(m->d.loop) != 0)
			m->failed = -EIO;
		notify_stopping();
		ret = m->failed;
		if (!ret)
			log_info("crierd: stopped; rooms, listeners and copying stay");
	}
	parts_close(m);
	return ret ? 1 : 0;
}

static int run(struct daemon *m)
{
	char err[CONFIG_ERR_LEN > LOCK_ERR_LEN ? CONFIG_ERR_LEN : LOCK_ERR_LEN];
	int code = 1;

	if (locks_take(&m->locks, m->options.run_dir, m->options.pin_dir, err) != 0) {
		log_err("crierd: %s", err);
		return 1;
	}
	if (m->options.flush) {
		code = flush(m->options.pin_dir);
	} else if (!(m->config = config_load(m->options.config, err))) {
		log_err("crierd: %s", err);
		code = 2; /* like a wrong command line: to start again would not mend it */
	} else {
		code = serve(m);
		config_free(m->config);
	}
	locks_drop(&m->locks);
	return code;
}

int main(int argc, char **argv)
{
	static struct daemon m;
	int code = 0;

	signal(SIGPIPE, SIG_IGN);
	heap_init();
	switch (options_parse(&m.options, argc, argv)) {
	case OPTIONS_USAGE:
		code = 2;
		break;
	case OPTIONS_DONE:
		break;
	case OPTIONS_RUN:
		m.d.run_dir = m.options.run_dir;
		m.d.pin_dir = m.options.pin_dir;
		m.d.bpf_dir = m.options.bpf_dir;
		m.d.started_ns = loop_now_ns();
		code = run(&m);
		break;
	}
	options_free(&m.options);
	return code;
}
