/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shared tables: every byte that crierd, crier-dp and the XDP programs have
 * in common.  One definition, compiled for BPF and natively.
 *
 * Each table is a BPF array map with BPF_F_MMAPABLE, pinned by crierd under the
 * pin directory with the name given beside its struct.  crierd and crier-dp use
 * them as memory; XDP reads the very same bytes.  Elements stand at a stride
 * rounded up to 8 bytes, so each value size here is a multiple of 8.
 *
 * Number 0 means "none" everywhere: room 0, stream 0, page 0, slot 0, via 0 and
 * generation 0 are never given out, so that zeroed memory is an empty table.
 *
 * Writers: only crierd writes, but for what is marked otherwise.  Words that are
 * read while they may be written are marked "atomic": use the tbl_* accessors of
 * tables.h natively and plain loads (one instruction) in BPF.
 *
 * Times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns) where the name ends in
 * _ns, and CLOCK_REALTIME seconds where it ends in _s.
 */
#ifndef CRIER_TABLE_H
#define CRIER_TABLE_H

#include <linux/types.h>

#define CRIER_MAGIC 0x3172656972632e31ULL /* "1.crier1" */
/* Raise on any change of a layout below.  A new map is no such change. */
#define CRIER_ABI 4

#define CRIER_PAGE_SLOTS 256 /* members a page */
#define CRIER_PAGE_SHIFT 8
#define CRIER_MAX_WORKERS 64
#define CRIER_MAX_PORTS 64
#define CRIER_MAX_QUEUES 64 /* RX queues a port; XSKMAP key = port * 64 + queue */
#define CRIER_NAME_LEN 64   /* a room's name, terminated */
#define CRIER_IFNAME_LEN 16
#define CRIER_PORT_STREAMS 8 /* streams that may share one ingest UDP port */
#define CRIER_LOCAL_PROBES 16

#define CRIER_ASSERT_SIZE(type, size) \
	_Static_assert(sizeof(type) == (size), #type " has a fixed size")
#define CRIER_ASSERT_OFFSET(type, field, offset) \
	_Static_assert(__builtin_offsetof(type, field) == (offset), \
		       #type "." #field " has a fixed place")

/* An address of either family; IPv4 is kept v4-mapped (::ffff:a.b.c.d). */
struct crier_addr {
	union {
		__u8 b[16];
		__be32 w[4];
		__u64 q[2];
	};
};
CRIER_ASSERT_SIZE(struct crier_addr, 16);

/*
 * ---- members -----------------------------------------------------------------
 *
 * A v4 member is one 64-bit word, stored and loaded whole; 0 is a hole:
 *
 *   bits  0..31  IPv4 address, network order as it lies in a packet
 *   bits 32..47  UDP port, network order as it lies in a packet
 *   bits 48..63  via number (host order); 0: no route, the copy is counted no_route
 */
static inline __u64 member4_word(__be32 addr, __be16 port, __u16 via)
{
	return (__u64)(__u32)addr | (__u64)(__u16)port << 32 | (__u64)via << 48;
}

static inline __be32 member4_addr(__u64 word)
{
	return (__be32)(__u32)word;
}

static inline __be16 member4_port(__u64 word)
{
	return (__be16)(word >> 32);
}

static inline __u16 member4_via(__u64 word)
{
	return (__u16)(word >> 48);
}

/*
 * A v6 member: the address is written first, `word` last (release) and read first
 * (acquire); word 0 is a hole.  A slot is reused only after grace, so a reader
 * that saw a word also sees its address.
 *
 *   word bits  0..15  UDP port, network order
 *        bits 16..31  via
 *        bit  63      1: valid
 */
struct crier_member6 {
	struct crier_addr addr;
	__u64 word; /* atomic */
};
CRIER_ASSERT_SIZE(struct crier_member6, 24);

#define CRIER_MEMBER6_VALID (1ULL << 63)

static inline __u64 member6_word(__be16 port, __u16 via)
{
	return (__u64)(__u16)port | (__u64)via << 16 | CRIER_MEMBER6_VALID;
}

static inline __be16 member6_port(__u64 word)
{
	return (__be16)word;
}

static inline __u16 member6_via(__u64 word)
{
	return (__u16)(word >> 16);
}

/* Map "members4": element n is v4 page n, n < config.pages4. */
struct crier_page4 {
	__u64 member[CRIER_PAGE_SLOTS]; /* atomic */
};
CRIER_ASSERT_SIZE(struct crier_page4, 2048);

/* Map "members6": element n is page config.pages4 + n, n < config.pages6. */
struct crier_page6 {
	struct crier_member6 member[CRIER_PAGE_SLOTS];
};
CRIER_ASSERT_SIZE(struct crier_page6, 6144);

/*
 * Pages of both families share one number space: [1, pages4) are v4 and
 * [pages4, pages4 + pages6) are v6.  slot = page * 256 + place.
 *
 * Map "pages": element n describes page n.
 *
 * owner names whom the page serves; it is written before the page is linked and
 * zeroed before the page goes to grace.  A reader that resumes at a page whose
 * owner is not its own has reached the end of its list.
 */
struct crier_page {
	__u64 owner;	   /* atomic: owner_word() */
	__u32 next;	   /* atomic: next page of the list, 0 ends it */
	__u32 count;	   /* occupied slots */
	__u64 occupied[4]; /* atomic words: bit i of word i/64 is slot i */
	__u32 egress_port; /* port number egress[] speaks of, 0: none */
	__u32 pad0;
	__u64 egress[4]; /* atomic words: occupied slots whose via leaves by egress_port */
	__u64 above[4];	 /* crierd's: slots whose word of the index may have others below it */
	__u64 reserved[1];
};
CRIER_ASSERT_SIZE(struct crier_page, 128);
CRIER_ASSERT_OFFSET(struct crier_page, occupied, 16);
CRIER_ASSERT_OFFSET(struct crier_page, egress, 56);

/* owner: generation in bits 0..31, room 32..51, shard 52..59, family6 bit 60, valid bit 63. */
static inline __u64 owner_word(__u32 room, __u32 generation, __u32 shard, int family6)
{
	return (__u64)generation | (__u64)(room & 0xfffff) << 32 | (__u64)(shard & 0xff) << 52 |
	       (__u64) !!family6 << 60 | 1ULL << 63;
}

static inline __u32 owner_generation(__u64 owner)
{
	return (__u32)owner;
}

static inline __u32 owner_room(__u64 owner)
{
	return (__u32)(owner >> 32) & 0xfffff;
}

static inline __u32 owner_shard(__u64 owner)
{
	return (__u32)(owner >> 52) & 0xff;
}

static inline int owner_family6(__u64 owner)
{
	return (int)(owner >> 60) & 1;
}

/* What must survive crierd, beside each member.  Map "info": element n is page n's. */
struct crier_info {
	__u32 joined_s;
	__u16 flags; /* CRIER_INFO_* */
	__u8 kid;    /* key that signed the token */
	__u8 role;
	__u8 id[16]; /* listener id from the token, zero padded */
};
CRIER_ASSERT_SIZE(struct crier_info, 24);

#define CRIER_INFO_STATIC 1 /* added by the API: does not expire */

struct crier_info_page {
	struct crier_info member[CRIER_PAGE_SLOTS];
};
CRIER_ASSERT_SIZE(struct crier_info_page, 6144);

/* Map "seen": element n is page n's.  Written by the guard, and by crierd at join. */
struct crier_seen_page {
	__u32 seen_s[CRIER_PAGE_SLOTS]; /* atomic */
};
CRIER_ASSERT_SIZE(struct crier_seen_page, 1024);

/*
 * Map "member_index": who is a member, by address and port.  Open addressing over
 * config.index_words words of 32 bits, 16 an element: 0, or the number of a member's slot
 * in the bits of config.index_mask, 29 at most, and in the others a piece of the hash
 * (members.h).  One word of each address and port stands there; those of its other rooms
 * stand elsewhere, where crierd finds them (control/member_index.h).  Words are moved while
 * they are read, and made anew when crierd starts: a reader may miss a member then.  Slots
 * are there, whoever is in them: the reader compares.
 */
#define CRIER_INDEX_WORDS 16
struct crier_index {
	__u32 word[CRIER_INDEX_WORDS]; /* atomic */
};
CRIER_ASSERT_SIZE(struct crier_index, 64);

/* Words for so many slots at once. */
static inline __u64 index_words_for(__u32 slots)
{
	return (__u64)slots + slots / 2 + 64;
}

/*
 * ---- rooms and streams ---------------------------------------------------------
 */
enum crier_engine {
	CRIER_ENGINE_NONE, /* packets are dropped, counted */
	CRIER_ENGINE_BYPASS,
	CRIER_ENGINE_KERNEL, /* XDP broadcasts the packet itself */
	CRIER_ENGINE_PAGE,   /* crier-dp sends a trigger a unit: see "triggers" */
};
#define CRIER_ENGINE_AUTO 0xffffffffU /* in crier_room.wanted alone */

enum crier_payload {
	CRIER_PAYLOAD_RTP,
	CRIER_PAYLOAD_UDP, /* no RTP rules: pktgen, telemetry */
};

/* Map "rooms": element n is room n.  Reused only after grace. */
struct crier_room {
	__u32 generation; /* atomic: 0 free; written last at birth, zeroed first at death */
	__u32 engine;	  /* atomic: enum crier_engine; switching is one store */
	__u32 wanted;	  /* what the operator asked: enum crier_engine, or CRIER_ENGINE_AUTO */
	__u32 payload;	  /* enum crier_payload */
	__u32 members4;	  /* atomic: count, all shards */
	__u32 members6;
	__u32 limit;	     /* most members, 0: the node's limit */
	__u32 ptime_merge;   /* Opus frames merged into one packet, 0 and 1: none */
	__u32 active_stream; /* atomic: stream that is heard, 0: all */
	__u32 flags;
	__u64 created_s;
	__u32 srtp_key; /* group key number, 0: in the clear */
	__u32 pad0;
	__u64 kernel; /* atomic: kernel_word(): what the kernel engine copies to */
	__u64 reserved[16];
	char name[CRIER_NAME_LEN];
};
CRIER_ASSERT_SIZE(struct crier_room, 256);
CRIER_ASSERT_OFFSET(struct crier_room, kernel, 56);
CRIER_ASSERT_OFFSET(struct crier_room, name, 192);

/*
 * A small room's pages, 0: none of that family, and the port by which all its copies
 * leave.  Written before engine says KERNEL.
 *
 *   bits 0..23 v4 page, 24..47 v6 page, 48..63 port
 */
static inline __u64 kernel_word(__u32 page4, __u32 page6, __u32 port)
{
	return (__u64)(page4 & 0xffffff) | (__u64)(page6 & 0xffffff) << 24 | (__u64)port << 48;
}

static inline __u32 kernel_page4(__u64 word)
{
	return (__u32)word & 0xffffff;
}

static inline __u32 kernel_page6(__u64 word)
{
	return (__u32)(word >> 24) & 0xffffff;
}

static inline __u32 kernel_port(__u64 word)
{
	return (__u32)(word >> 48);
}

/* Map "shards": element room * config.max_shards + shard: the heads of its page lists. */
struct crier_shard {
	__u32 head4;	/* atomic: first v4 page, 0: none */
	__u32 head6;	/* atomic */
	__u32 members4; /* atomic: members of this shard */
	__u32 members6; /* atomic */
};
CRIER_ASSERT_SIZE(struct crier_shard, 16);

enum crier_stream_flags {
	CRIER_STREAM_FROM = 1 << 0,	 /* source address must be from */
	CRIER_STREAM_FROM_PORT = 1 << 1, /* and its port from_port */
	CRIER_STREAM_SSRC = 1 << 2,
	CRIER_STREAM_PT = 1 << 3,
};

/*
 * Map "streams": element n is stream n.  Written whole before it is linked into
 * "ingest", unlinked before grace, reused after.
 */
struct crier_stream {
	__u32 room;
	__u32 generation; /* the room's */
	__u32 flags;	  /* enum crier_stream_flags */
	__u32 next;	  /* atomic: next stream on this UDP port, 0 ends the chain */
	struct crier_addr from;
	__be16 from_port;
	__be16 port; /* ingest UDP port, network order */
	__be32 ssrc; /* network order, as in the packet */
	__u8 pt;
	__u8 payload; /* the room's enum crier_payload */
	__u16 pad0;
	__u32 state; /* 0: free, 1: live */
	__u64 reserved[2];
};
CRIER_ASSERT_SIZE(struct crier_stream, 64);
CRIER_ASSERT_OFFSET(struct crier_stream, from, 16);

/* Map "ingest": element port / 64, place port % 64 (host order): first stream, 0: none. */
struct crier_ingest {
	__u32 stream[64]; /* atomic */
};
CRIER_ASSERT_SIZE(struct crier_ingest, 256);
#define CRIER_INGEST_ENTRIES 1024

/*
 * Map "locals": our own addresses, an open-addressing table of config.locals (a
 * power of two) entries, at most CRIER_LOCAL_PROBES steps from local_hash().
 * state goes from 0 to 1 after addr is written, and to 2 (gone, probe on) when
 * the address is lost; an entry of state 2 is taken again only after grace.
 */
struct crier_local {
	struct crier_addr addr;
	__u32 state; /* atomic */
	__u32 ifindex;
	__u64 reserved;
};
CRIER_ASSERT_SIZE(struct crier_local, 32);

static inline __u32 local_hash(const struct crier_addr *addr)
{
	__u64 h = (addr->q[0] ^ (addr->q[1] >> 32 | addr->q[1] << 32)) * 0x9e3779b97f4a7c15ULL;

	return (__u32)(h >> 32);
}

/*
 * ---- ways out --------------------------------------------------------------------
 */
enum crier_via_state {
	CRIER_VIA_FREE,
	CRIER_VIA_PENDING, /* the neighbour's MAC is not known (yet): no_neighbour */
	CRIER_VIA_READY,
	CRIER_VIA_DOWN, /* link or port is down: link_down */
};

/*
 * Map "vias": element n is next hop n.  Immutable from its publication to its
 * grace, but for `hw`: MAC in bits 0..47 as it lies in a packet (byte 0 lowest),
 * enum crier_via_state in bits 48..63.
 */
struct crier_via {
	__u64 hw;      /* atomic */
	__u32 port;    /* egress port number */
	__u16 vlan[2]; /* outer, inner VLAN id + 1; 0: untagged */
	__be16 tpid[2];
	__u16 mtu; /* largest IP packet */
	__u16 family6;
	struct crier_addr local;     /* source address of copies */
	struct crier_addr neighbour; /* v4-mapped or v6: who is asked for the MAC */
	__u64 reserved;
};
CRIER_ASSERT_SIZE(struct crier_via, 64);
CRIER_ASSERT_OFFSET(struct crier_via, local, 24);

static inline __u64 via_hw(const __u8 mac[6], __u32 state)
{
	return (__u64)mac[0] | (__u64)mac[1] << 8 | (__u64)mac[2] << 16 | (__u64)mac[3] << 24 |
	       (__u64)mac[4] << 32 | (__u64)mac[5] << 40 | (__u64)state << 48;
}

enum crier_port_mode {
	CRIER_PORT_NATIVE = 1,
	CRIER_PORT_GENERIC,
	CRIER_PORT_DPDK,
};

/* Map "ports": element n is port n (1 .. CRIER_MAX_PORTS - 1): an interface with our program. */
struct crier_port {
	__u64 mac;     /* atomic: bits 0..47 as in a packet, bit 48: link up */
	__u32 ifindex; /* 0: free */
	__u32 mode;    /* enum crier_port_mode */
	__u32 mtu;
	__u32 rx_queues;
	__u32 flags;	  /* CRIER_PORT_* */
	__u32 speed_mbps; /* 0: not known */
	__s32 numa;
	__u32 tags; /* atomic: most VLAN tags of a via that ever left by it */
	char name[CRIER_IFNAME_LEN];
	__u64 reserved[1];
};
CRIER_ASSERT_SIZE(struct crier_port, 64);

#define CRIER_PORT_LOCAL 1	 /* our end of crier0 */
#define CRIER_PORT_VLAN_HIDDEN 2 /* the NIC strips VLAN tags before XDP sees them */
#define CRIER_PORT_BROADCASTS 4	 /* atomic: its devmaps are there and it takes redirected frames */
#define CRIER_PORT_LATE 8	 /* native, and yet XDP may run late on what comes in: a TAP */

/*
 * ---- workers ---------------------------------------------------------------------
 *
 * Map "workers": element n belongs to the crier-dp worker that holds the OFD lock
 * on <run-dir>/worker.N.lock, its one writer.
 */
struct crier_worker {
	__u64 quiescent; /* atomic: odd: online; bumped by 2 after each quantum */
	__u64 turn_ns;	 /* atomic: when it last turned, at least each 100 ms */
	__u64 started_ns;
	__u32 pid;
	__u32 shard; /* the first it serves; the next are shard + n * stride */
	__u32 cpu;
	__u32 ports;	 /* how many */
	__u64 port_mask; /* ports it serves, bit = port number */
	__u32 stride;	 /* workers of its process; 0 is 1 */
	__u32 pages;	 /* atomic: 1: it has a page port, rooms may be CRIER_ENGINE_PAGE */
	__u64 fast_mask; /* atomic: those of port_mask that are zero-copy AF_XDP or DPDK */
	__u64 reserved[8];
};
CRIER_ASSERT_SIZE(struct crier_worker, 128);

#include "counters.h"

#include "kjob.h"

/*
 * ---- capture -----------------------------------------------------------------------
 *
 * Off: config.capture is 0 and costs one load a packet.  On: XDP writes refused and
 * accepted packets into the BPF ring buffer "capture", a worker writes copies into
 * its own part of "capture_ring": element worker * CRIER_CAPTURE_SLOTS + n.
 */
#define CRIER_CAPTURE_SNAP 1536 /* bytes of a packet kept at most */
struct crier_capture_rec {
	__u64 serial; /* atomic: written last: 1 + how many this worker wrote before */
	__u64 time_ns;
	__u32 ifindex;
	__u32 room;    /* 0: not known */
	__u32 verdict; /* enum crier_xdp_counter, or CRIER_CAPTURE_COPY */
	__u16 len;     /* on the wire */
	__u16 caplen;
	__u8 data[CRIER_CAPTURE_SNAP];
};
CRIER_ASSERT_SIZE(struct crier_capture_rec, 32 + CRIER_CAPTURE_SNAP);
#define CRIER_CAPTURE_COPY 0xffffffffU
#define CRIER_CAPTURE_SLOTS 128

/* config.capture: what is wanted (bits), and of which room (bits 32..63, 0: any). */
#define CRIER_CAPTURE_INPUT 1ULL
#define CRIER_CAPTURE_COPIES 2ULL
#define CRIER_CAPTURE_DROPS 4ULL

/*
 * ---- guard -------------------------------------------------------------------------
 *
 * Block and allow lists.  The most specific prefix decides; allow is an exception from a
 * wider block.  Both lists are one step function of the address, kept as the places where
 * the answer changes: a step holds from its key to the next one's.
 *
 * Map "guard_buckets": the steps lie in buckets of a cache line each, which hold what is to be
 * known of the keys that fall into them.  Where more steps begin than a bucket holds, it is a
 * directory: its keys, from the first step on, are cut into ranges of 2^shift, each with a
 * bucket of its own, at most half as many as would hold all steps.  So a lookup is a load or
 * two, one more where prefixes crowd.  Below CRIER_GUARD_LEVELS directories the buckets are a
 * run, halved until the right one is found.
 *
 * Key of an IPv4 address: its 32 bits, host order.  Of an IPv6 address: its first 64 bits, host
 * order; where a prefix longer than 64 divides them, the value is a tree of the last 64.
 */
#define CRIER_GUARD_STEPS4 8 /* of a bucket of IPv4 */
#define CRIER_GUARD_STEPS6 4
#define CRIER_GUARD_LEVELS 3 /* directories within each other */
#define CRIER_GUARD_RUN 64   /* as a shift: the buckets are a run */

struct crier_guard_bucket {
	union { /* ascending, ~0 where there is none; of a directory: [0], its first step's */
		__u32 key4[CRIER_GUARD_STEPS4];
		__u64 key6[CRIER_GUARD_STEPS6];
	};
	union { /* [0]: before the first key, [n + 1]: from key n on */
		__u8 value4[20];
		__u32 value6[CRIER_GUARD_STEPS6 + 1];
	};
	__u32 first; /* of a directory's buckets; 0: this is none */
	__u32 last; /* number of its last bucket, counted from first; keys behind it are its, too */
	__u32 shift;
};
CRIER_ASSERT_SIZE(struct crier_guard_bucket, 64);

/* A list of 2^20 prefixes has less than 2^22 steps, four a bucket: so often is a run halved. */
#define CRIER_GUARD_HALVES 21

enum crier_guard_value {
	CRIER_GUARD_NONE, /* no prefix speaks of it */
	CRIER_GUARD_ALLOW,
	CRIER_GUARD_BLOCK,
	CRIER_GUARD_TREE = 16, /* + the number of a root */
};

/* Map "guard_list": what the operator said, element half * config.guard_prefixes + n. */
struct crier_guard_prefix {
	struct crier_addr addr; /* v4-mapped, or v6; bits beyond len are 0 */
	__u8 len;		/* of 32 for an IPv4 prefix, of 128 for IPv6 */
	__u8 family6;
	__u8 value; /* CRIER_GUARD_ALLOW or CRIER_GUARD_BLOCK */
	__u8 pad0[5];
};
CRIER_ASSERT_SIZE(struct crier_guard_prefix, 24);

/*
 * Map "guard": one element.  New trees and a new list are written beside those in use, then
 * switched to by one store each; buckets are written again only after grace.
 */
struct crier_guard {
	__u64 roots;   /* atomic: IPv4 in bits 0..31, IPv6 in 32..63; 0: that family has no list */
	__u64 list;    /* atomic: count in bits 0..31, half in bit 63 */
	__u32 buckets; /* entries of guard_buckets; number 0 unused */
	__u32 pad0;
	__u64 changed_s;
	__u64 reserved[12];
};
CRIER_ASSERT_SIZE(struct crier_guard, 128);

/*
 * Buckets of one list's trees: a prefix is two steps in its family's tree, each of whose levels
 * has half as many buckets as steps at most; and one longer than 64 bits may need a tree of its
 * own.
 */
static inline __u32 guard_buckets_part(__u32 prefixes)
{
	return 5 * prefixes + 8;
}

/* Of guard_buckets: two parts, for trees are written beside those in use. */
static inline __u32 guard_buckets_entries(__u32 prefixes)
{
	return 2 * guard_buckets_part(prefixes) + 1;
}

/*
 * ---- settings ------------------------------------------------------------------------
 *
 * What an SRE tunes at run time.  X(name, default, least, most, help); each is one
 * 64-bit word, read whole, in effect with the next packet.
 */
#define CRIER_SETTINGS(X) \
	X(dscp, 46, 0, 63, "DSCP of copies (46: expedited forwarding, RFC 3246)") \
	X(ttl, 64, 1, 255, "TTL or hop limit of copies") \
	X(df, 1, 0, 1, "1: copies forbid fragmentation") \
	X(quantum_copies, 512, 32, 65536, "copies a room may send before another room's turn") \
	X(burst_copies, 0, 0, 1024, "copies handed to a port at once; 0: by its link's speed") \
	X(queue_pkts, 3, 1, 64, "packets of a room that may wait; more are dropped whole") \
	X(tx_wait_us, 20000, 0, 1000000, "how long a sweep waits for a full TX ring") \
	X(idle_sleep, 1, 0, 1, "1: an idle worker sleeps; 0: it polls") \
	X(idle_spin_us, 50, 0, 100000, "how long an idle worker polls before it sleeps") \
	X(dead_man_s, 600, 0, 86400, "seconds that copying outlives crierd; 0: for ever") \
	X(expire_s, 30, 5, 3600, "seconds of silence that end a joined listener") \
	X(rate_cap_pps, 0, 0, 1000000000, "most copies a second and worker; 0: no cap") \
	X(unit_slots, 128, 32, 256, \
	  "kernel engine: most members that one packet or trigger serves") \
	X(punt_pps, 20000, 0, 10000000, \
	  "most packets a second that a dpdk port gives to Linux; 0: none") \
	X(pace_pct, 50, 0, 100, "part of the frame interval a sweep is spread over; 0: none") \
	X(guard_mode, 2, 0, 2, "the guard: 0: off, 1: it only counts, 2: it drops") \
	X(guard_punt_pps, 20000, 0, 10000000, \
	  "most packets a second and CPU that the media port gives to crierd; 0: none") \
	X(guard_member_pps, 20000, 0, 10000000, \
	  "as many more from addresses and ports of listeners, served first; 0: none")

#define CRIER_ENUM_SETTING(name, def, least, most, help) CRIER_SET_##name,
enum crier_setting { CRIER_SETTINGS(CRIER_ENUM_SETTING) CRIER_SET_N };
_Static_assert((int)CRIER_SET_N <= 64, "settings fit the config");

/*
 * Map "config": the one element that says what all others are.  A reader checks
 * magic, abi and size before it believes anything else; crierd writes magic last.
 */
struct crier_config {
	__u64 magic;
	__u32 abi;
	__u32 size;					    /* sizeof(struct crier_config) */
	__u32 pages4, pages6;				    /* entries of members4, members6 */
	__u32 max_rooms, max_streams, max_vias, max_shards; /* entries; number 0 unused */
	__u32 locals;					    /* a power of two */
	__u32 cpus;					    /* entries of xdp_counters */
	/*
	 * Shards in use, 1 .. max_shards, the same for as long as the tables live.  A worker
	 * i of w workers serves those with shard % w == i: any number of workers serves them.
	 */
	__u32 shards;
	__u32 max_workers; /* entries of workers and worker_counters, parts of room_counters */
	__be16 media_port; /* network order */
	__u16 pad0;
	__u32 guard_prefixes;  /* entries of one half of guard_list */
	__u32 next_generation; /* last one given out */
	__u32 crierd_pid;
	__u64 crierd_started_ns;
	__u64 heartbeat_ns; /* atomic: crierd stamps it each second; see dead_man_s */
	__u64 created_s;
	__u64 capture;	   /* atomic: CRIER_CAPTURE_* */
	__u64 setting[64]; /* atomic: by enum crier_setting */
	/* NONCE keys (SipHash-2-4), by epoch % 2; and the STUN guard's words. */
	__u64 nonce_key[2][2];
	__u32 nonce_epoch; /* atomic */
	__u32 pad1;
	char node[CRIER_NAME_LEN];
	__u64 index_seed;  /* atomic: see "member_index" */
	__u32 index_words; /* of it that are used */
	__u32 index_mask;  /* bits of such a word that are the slot's number */
	__u64 reserved[46];
};
CRIER_ASSERT_OFFSET(struct crier_config, heartbeat_ns, 80);
CRIER_ASSERT_OFFSET(struct crier_config, setting, 104);
CRIER_ASSERT_OFFSET(struct crier_config, nonce_key, 616);
CRIER_ASSERT_SIZE(struct crier_config, 1104);

#endif
