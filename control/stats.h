/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers read from the tables: what a room, a worker, a CPU has counted. */
#ifndef CRIER_CONTROL_STATS_H
#define CRIER_CONTROL_STATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/crierd.h"

/* A room's counters that add up over its workers and the kernel engine.  X(name, help). */
#define ROOM_COUNTERS(X) \
	X(pkts, "packets that began a sweep") \
	X(bytes, "payload bytes of these") \
	X(due, "members that the sweeps met") \
	X(copies, "copies handed to a port") \
	X(no_route, "copies not made: no route") \
	X(no_neighbour, "copies not made: neighbour not resolved") \
	X(link_down, "copies not made: link or port down") \
	X(mtu, "copies not made: larger than the next hop's MTU") \
	X(tx_full, "copies not made: the port took no more in time") \
	X(overload_pkts, "packets dropped whole: the room's queue was full") \
	X(overload_copies, "members these would have gone to") \
	X(late, "sweeps that ended after the room's next packet came") \
	X(stopped_copies, "copies not made because crierd was gone too long")

struct room_stats {
#define ROOM_STATS_FIELD(name, help) uint64_t name;
	ROOM_COUNTERS(ROOM_STATS_FIELD)
#undef ROOM_STATS_FIELD
	uint64_t sweep_ns, sweep_max_ns; /* the slowest worker's */
};

struct room_stats stats_room(const struct store *s, uint32_t room);
json_t *stats_room_json(const struct store *s, uint32_t room);

struct stream_stats {
	uint64_t accepted, refused, bytes;
};
struct stream_stats stats_stream(const struct store *s, uint32_t stream);

uint64_t stats_xdp(const struct tables *t, uint32_t counter);	 /* over all CPUs */
uint64_t stats_worker(const struct tables *t, uint32_t counter); /* over all workers */
/* Copies of the kernel engine that the port's device did not take. */
uint64_t stats_port_tx_full(const struct tables *t, uint32_t port);
json_t *stats_xdp_json(const struct tables *t, int64_t cpu); /* -1: the sum */
json_t *stats_worker_json(const struct tables *t, int64_t worker);

/* Does a process hold worker n's lock under run_dir? */
bool worker_is_alive(const char *run_dir, uint32_t worker);
/* Has the slot ever had a worker? */
bool worker_is_known(const struct tables *t, uint32_t worker);
bool any_worker_alive(const struct crierd *d);

struct call;
void api_stats(struct call *call);
void api_status(struct call *call);
void api_health(struct call *call);
void api_metrics(struct call *call);

#endif
