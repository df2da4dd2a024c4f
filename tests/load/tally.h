/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sink's tables, shared by its BPF program and the rest of crier-load.  All are
 * BPF arrays with BPF_F_MMAPABLE unless said otherwise.
 *
 * Exactness when one listener's copies run on several CPUs at once: what belongs to
 * a CPU (struct tally_cpu, struct tally_packet) is written by that CPU alone; what
 * belongs to a listener is changed by atomic instructions only.
 */
#ifndef CRIER_LOAD_TALLY_H
#define CRIER_LOAD_TALLY_H

#include <linux/types.h>

/* X(name, 1 if it makes a run wrong, help) */
#define TALLY_COUNTERS(X) \
	X(copies, 0, "copies for a listener and of its room, all but broken ones") \
	X(rtcp_copies, 0, "of RTCP") \
	X(bytes, 0, "bytes of all frames of a stream") \
	X(fresh, 0, "copies that were not there before") \
	X(doubled, 1, "copies that were there before") \
	X(rtcp_doubled, 1, "RTCP copies that were there before") \
	X(reordered, 1, "copies that came after a later one") \
	X(rtcp_reordered, 1, "RTCP copies that came after a later one") \
	X(stale, 1, "copies more than 31 packets late: not known whether doubled") \
	X(other_room, 1, "copies of a room that this listener is not in") \
	X(stranger, 1, "copies to an address that is no listener's") \
	X(wrong_mac, 1, "copies to another station's MAC address") \
	X(bad_ip_checksum, 1, "copies with a wrong IP header checksum") \
	X(bad_udp_checksum, 1, "copies with a wrong UDP checksum, or none") \
	X(bad_length, 1, "copies whose IP and UDP lengths disagree or exceed the frame") \
	X(corrupt, 1, "copies whose content is not what was sent") \
	X(alien, 1, "packets to a listener that belong to no stream") \
	X(wrong_source, 1, "copies from another source address or port than expected") \
	X(wrong_ttl, 1, "copies with another TTL than expected") \
	X(wrong_dscp, 1, "copies with another DSCP than expected") \
	X(wrong_ssrc, 1, "copies that carry another SSRC than their stream's") \
	X(contended, 1, "copies that could not be counted: the sink is at fault") \
	X(unstamped, 0, "copies whose time of sending was not known") \
	X(other, 0, "packets passed to Linux")

#define TALLY_ENUM(name, wrong, help) TALLY_##name,
enum tally_counter { TALLY_COUNTERS(TALLY_ENUM) TALLY_N };

/* A histogram of nanoseconds: 32 steps an octave, so within 3.2%. */
#define TALLY_HIST_BITS 5
#define TALLY_HIST ((64 - TALLY_HIST_BITS + 1) << TALLY_HIST_BITS)

/* Map "cpus": element n is CPU n's. */
struct tally_cpu {
	__u64 c[32];
	__u64 first_ns, last_ns; /* first and last copy */
	__u64 latency_max_ns;
	__u64 latency_n;
	__u64 latency[TALLY_HIST];
};
_Static_assert((int)TALLY_N <= 32, "counters fit");

/* Map "members": element n is listener n: (address, port, room). */
struct tally_member {
	__u32 addr[4];
	__u32 room;
	__u16 port;
	__u16 flags; /* TALLY_* below */
};
_Static_assert(sizeof(struct tally_member) == 24, "members are packed");

#define TALLY_PASS 1	/* counted copies go on to the stack */
#define TALLY_CHURNER 2 /* comes and goes: no copy is due */

/* Map "marks": element member * streams + slot. */
struct tally_mark {
	__u64 window;	/* atomic: highest position << 32 | the 32 up to it, bit 0 the highest */
	__u64 rtcp_ntp; /* atomic: last sender report's NTP time */
	__u32 copies;	/* atomic from here: distinct packets */
	__u32 rtcp_copies;
	__u32 doubled;
	__u32 reordered;
	__u32 stale;
	__u32 bad;	   /* broken: checksum, content, length, source */
	__u32 misdirected; /* of other rooms, or alien; charged to slot 0 */
	__u32 first;	   /* position of the first copy; by whom the window was opened */
	__u64 reserved[2];
};
_Static_assert(sizeof(struct tally_mark) == 64, "a mark is a cache line");

/* Map "streams": element n is stream n. */
struct tally_stream {
	__u32 room; /* number */
	__u32 room_key;
	__u32 slot;
	__u32 ssrc;    /* network order */
	__u32 highest; /* position; plain stores of several CPUs, each near enough */
	__u32 pad0;
};

/*
 * Map "stream_ids": what a packet says of itself -> stream number.  Open addressing
 * from tally_stream_hash() on, at most TALLY_STREAM_PROBES steps.
 */
struct tally_stream_id {
	__u32 id;     /* SSRC in network order, or the room's key */
	__u32 kind;   /* 0: SSRC; 1 + slot: what a synthetic packet says; PKTGEN_KIND */
	__u32 stream; /* number + 1; 0: none */
	__u32 pad0;
};
#define TALLY_STREAM_PROBES 16

static inline __u32 tally_stream_hash(__u32 id, __u32 kind)
{
	__u64 h = ((__u64)kind << 32 | id) * 0x9e3779b97f4a7c15ULL;

	return (__u32)(h >> 40);
}

/* Map "packets": element (cpu * streams + stream) * ring + position % ring. */
struct tally_packet {
	__u64 first_ns, last_ns;
	__u64 hash;
	__u32 pos; /* 0: none */
	__u32 copies;
};
_Static_assert(sizeof(struct tally_packet) == 32, "packets are packed");

/* Map "reports": element (cpu * streams + stream) * TALLY_REPORTS + tally_report_slot(ntp). */
#define TALLY_REPORTS 256
struct tally_report {
	__u64 ntp;
	__u64 hash;
	__u64 copies;
};

static inline __u32 tally_report_slot(__u64 ntp)
{
	return (__u32)((ntp * 0x9e3779b97f4a7c15ULL) >> 56);
}

/*
 * Map "stamps", pinned for publishers: element tally_stamp_slot() says when a packet
 * was sent and what is in it.  `ns` is 0 while the rest is being written.
 */
#define TALLY_STAMPS 65536
struct tally_stamp {
	__u64 ns; /* atomic */
	__u64 hash;
	__u32 ssrc; /* network order */
	__u32 seq;  /* RTP sequence number, host order */
	__u64 reserved;
};
_Static_assert(sizeof(struct tally_stamp) == 32, "stamps are packed");

static inline __u32 tally_stamp_slot(__u32 ssrc, __u32 seq)
{
	return (((ssrc * 0x9e3779b1U) >> 16) + seq) & (TALLY_STAMPS - 1);
}

/* Map "events": element counter * TALLY_EVENTS + n: the first of each kind of fault. */
#define TALLY_EVENTS 16
struct tally_event {
	__u64 ns;
	__u32 saddr[4];
	__u32 daddr[4];
	__u16 sport, dport; /* as in the packet */
	__s32 stream;	    /* -1: not known */
	__u32 pos;
	__u32 len;
	__s32 member; /* -1: nobody */
	__u32 pad0;
};

/* Map "event_counts": element n is counter n's; atomic. */

#define TALLY_IFACES 8
struct tally_rules {
	__u32 index_mask;
	__u32 stream_mask;
	__u32 streams; /* in all */
	__u32 slots;   /* streams a room */
	__u32 ring;    /* a power of two */
	__u32 rooms;
	__u32 ifaces;
	__u64 mac[TALLY_IFACES]; /* bytes 0..5 as in a packet */
	__u32 from[4];		 /* expected source; zero: any */
	__u16 from_port;	 /* as in a packet; 0: any */
	__s16 ttl;		 /* -1: any */
	__s16 dscp;		 /* -1: any */
	__u16 check_from;
	__u16 pad0;
	__u32 pktgen_rooms; /* 0: none is pktgen's */
	__u32 pad1;
	__u64 pktgen_epoch_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC */
};

#endif
