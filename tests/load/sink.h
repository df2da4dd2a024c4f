/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink and its tables: make, feed, and gather what it saw.  It judges in the kernel,
 * as an XDP program on interfaces, or in memory, as whoever calls sink_memory_judge().
 * That may be a thread of its own; all else is one thread's.  What it all means is
 * judge.h's.
 */
#ifndef CRIER_LOAD_SINK_H
#define CRIER_LOAD_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "burst.h"
#include "roster.h"
#include "tally.h"

struct sink_bpf;
struct sink_memory;

enum sink_mode { SINK_AUTO, SINK_NATIVE, SINK_GENERIC };

struct sink_iface {
	const char *name;
	enum sink_mode mode;
};

/* The SSRC of a room's stream, where it is not the default. */
struct sink_ssrc {
	uint32_t room, slot;
	uint32_t ssrc; /* host order */
};

struct sink_config {
	const struct roster *roster;
	bool in_memory; /* else in the kernel */
	struct sink_iface iface[TALLY_IFACES];
	uint32_t ifaces;
	const struct sink_ssrc *ssrc;
	size_t ssrcs;
	uint32_t slots; /* streams a room */
	uint32_t ring;	/* packets a stream that are kept in the map; a power of two */
	const char *stamps_pin;
	const char *pktgen_room; /* NULL: none is pktgen's */
	uint32_t pktgen_rooms;
	struct tally_rules expect; /* from, from_port, check_from, ttl, dscp; in memory also mac */
};

/* All that is known of one packet, over all CPUs. */
struct flight {
	uint64_t first_ns, last_ns;
	uint64_t hash;
	uint64_t copies;
	bool torn; /* CPUs saw different contents */
};

struct sink_stream {
	uint32_t room, slot, ssrc; /* host order */
	uint32_t base;		   /* position of flight[0] */
	uint32_t next;		   /* position up to which flights were gathered */
	struct flight *flight;
	size_t flights;
};

/* How whoever polled a device for the sink in memory fared: was the sink the limit? */
struct sink_load {
	uint64_t polls, full_polls;	 /* that brought frames; as many as fit */
	uint64_t frames, pressed_frames; /* all; those of milliseconds that left no rest */
	uint64_t busy_ns, span_ns;	 /* at work, of the time from first to last frame */
	uint64_t missed, no_buffer;	 /* never seen, for want of room */
};

struct sink {
	const struct roster *roster;
	const struct sink_load *load; /* NULL: nobody polled */
	struct sink_bpf *skel;	      /* in the kernel */
	struct sink_memory *memory;   /* in memory */
	int link_fd[TALLY_IFACES];
	uint32_t links;
	char pin[256];
	uint32_t cpu_count; /* that judge */
	uint32_t slots, ring;
	struct tally_cpu *cpus;
	struct tally_member *members;
	struct tally_mark *marks;
	struct tally_stream *streams;
	struct tally_stream_id *stream_ids;
	uint32_t stream_id_count; /* a power of two */
	struct tally_packet *packets;
	struct tally_report *reports;
	struct tally_stamp *stamps;
	__u64 *place;
	struct tally_event *events;
	__u64 *event_counts;
	struct sink_stream *stream;
	uint32_t stream_count;
	uint64_t gone; /* packets whose record was overwritten before it was gathered */
	struct {
		void *p;
		size_t len;
	} mapping[16];
	uint32_t mappings;
};

/* Each returns 0, or -errno with the reason logged. */
int sink_open(struct sink *s, const struct sink_config *c);
int sink_attach(struct sink *s, const struct sink_config *c);
void sink_close(struct sink *s);

/* One frame, as if it had come in: its XDP verdict, or -errno.  *ns: what it took, if known. */
int sink_feed(struct sink *s, const void *frame, size_t len, uint32_t repeat, uint32_t *ns);

/*
 * In memory: judge a burst that came in at now.  Returns how many are no copies, or such
 * that go on (--pass); their numbers are in pass[].
 */
uint32_t sink_memory_judge(struct sink *s, const struct burst_frame *f, uint32_t n, uint64_t now_ns,
			   uint32_t pass[BURST_MAX]);

/* In the kernel: the program's file descriptor. */
int sink_program(const struct sink *s);

/* Put a stamp where publishers would. */
void sink_stamp_set(struct sink *s, uint32_t slot, const struct tally_stamp *stamp);

/* Take over what the rings hold: all at the end, else what may soon be overwritten. */
int sink_gather(struct sink *s, bool all);

/* Was it? */
bool sink_was_limit(const struct sink_load *l);

uint64_t sink_count(const struct sink *s, enum tally_counter c);
const struct tally_mark *sink_mark(const struct sink *s, size_t member, uint32_t slot);

#endif
