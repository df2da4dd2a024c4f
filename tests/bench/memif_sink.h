/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cheapest far end of a memif: takes what a client sends and gives the buffers back.
 *
 * DPDK's own server copies each frame into an mbuf, about as much work as the client has to
 * send one: luck would say which of the two is measured.  This one reads of each frame its
 * descriptor and the destination's address, and no more.
 *
 * The protocol: https://docs.fd.io/vpp/latest/interfacing/libmemif/ -- a control channel on
 * a unix socket, by which the client hands over its memory; then rings in that memory.
 */
#ifndef CRIER_BENCH_MEMIF_SINK_H
#define CRIER_BENCH_MEMIF_SINK_H

#include <stdbool.h>
#include <stdint.h>

struct memif_sink;

/* Listens at this path, which must not exist.  NULL and errno. */
struct memif_sink *memif_sink_open(const char *path);

/*
 * Waits for one client and serves it until it goes or memif_sink_end() is called.  0, or
 * -EPROTO for what it does not understand.  Touches the client's memory no more after it
 * returns, so the client may close then.
 */
int memif_sink_run(struct memif_sink *s);

/* From another thread. */
void memif_sink_end(struct memif_sink *s);
void memif_sink_close(struct memif_sink *s);

/* Relaxed reads of what the sink's thread counts: polls, those that found nothing, frames. */
struct memif_sink_count {
	uint64_t polls, idle, frames;
};
struct memif_sink_count memif_sink_count(const struct memif_sink *s);

#endif
