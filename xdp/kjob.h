/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel engine's shared tables.  A part of table.h, which includes it.
 */
#ifndef CRIER_KJOB_H
#define CRIER_KJOB_H

/*
 * ---- kernel engine -----------------------------------------------------------------
 *
 * The program that receives a packet writes a job, puts the job's number into the packet
 * and broadcasts it to a devmap of one interface many times over; the program on the way
 * out makes each clone one member's copy.  Both run on one CPU, in one poll, which is the
 * one writer of its CPU's jobs.
 *
 * Map "kjobs": per CPU a ring of CRIER_KJOBS; element cpu * CRIER_KJOBS + n.  A poll begins
 * at most 64 jobs and ends only when all their clones have gone out.
 */
#define CRIER_KJOBS 256
struct crier_kjob {
	__u64 serial;	   /* which use of this place: a clone of an older use is stale */
	__u64 owner;	   /* owner_word() of its room and generation; no shard, no family */
	__u32 page;	   /* v4, 0: none */
	__u32 page6;	   /* 0: none */
	__u32 port;	   /* by which all the copies leave */
	__u16 due;	   /* members to be served */
	__u16 clones;	   /* that the broadcast makes: more than due */
	__u64 occupied[4]; /* members not served yet: v4 first */
	__u64 occupied6[4];
	__u32 payload_len;
	__u32 payload_sum; /* ones' complement sum of the UDP payload */
	__be16 src_port;
	__be16 id;
	__u8 dscp, ttl, df;
	__u8 head;     /* bytes of its clones before the payload; 0: KERNEL_HEAD */
	__u16 seen;    /* clones so far */
	__u16 taken;   /* members that have had theirs, copy or not */
	__u32 held;    /* 1 + the place of the member in "kheld", 0: there is none */
	__u16 written; /* copies; added to counters with the last clone */
	__u16 undone;  /* of these, not taken by the device */
	__u8 watched;  /* capture wants its copies */
	__u8 pad1[3];
};
CRIER_ASSERT_SIZE(struct crier_kjob, 128);
CRIER_ASSERT_OFFSET(struct crier_kjob, payload_len, 96);

/*
 * Map "kheld": element n is that of place n of "kjobs": the member whom the job's last clone
 * serves, as he was when the packet came in.  Same writer.
 */
struct crier_kheld {
	struct crier_addr dst; /* IPv4: w[3] */
	__u64 hw;	       /* his via's word */
	__u64 mac;	       /* the port's */
	__be16 port;
	__u16 via;
	__u8 family6;
	__u8 len; /* of the headers by his via, just before the payload; 0: not there */
	__u8 pad0[2];
};
CRIER_ASSERT_SIZE(struct crier_kheld, 40);

/*
 * Map "kxmit": element n is CPU n's: what the program on the way out let pass, and what of
 * it the program on the tracepoint behind it has seen (xmit.bpf.c).  A transmission is of
 * CRIER_KXMIT_BULK frames at most.
 */
#define CRIER_KXMIT_BULK 16
struct crier_kxmit {
	__u64 passed;		       /* copies */
	__u64 seen;		       /* of these, as of the last transmission */
	__u32 place[CRIER_KXMIT_BULK]; /* in "kjobs", of copy n at n % CRIER_KXMIT_BULK */
	__u64 reserved[6];
};
CRIER_ASSERT_SIZE(struct crier_kxmit, 128);

/* Map "port_counters": element cpu * CRIER_MAX_PORTS + port. */
struct crier_port_counters {
	__u64 tx_full; /* copies of the kernel engine that the device did not take */
	__u64 reserved[7];
};
CRIER_ASSERT_SIZE(struct crier_port_counters, 64);

/*
 * How many members the devmaps of a port serve; a broadcast takes the least that will do.
 */
#define CRIER_KSIZES(X) X(8) X(16) X(32) X(48) X(64) X(96) X(128) X(192) X(256)
#define CRIER_KSIZES_N 9

/*
 * Map "devmaps": element port * CRIER_KSIZES_N + which of the sizes: a devmap, or none.
 *
 * Map "kernel_counters": element n is room n's struct crier_room_counters, as a worker's
 * but written by all CPUs, by atomic additions; zeroed by crierd when the room is born.
 */

/*
 * Map "triggers": element n is worker n's.  A worker has one trigger under way at most: it
 * stores its number in sent, sends it (trigger.h), and goes on when it reads it in taken.  If
 * that takes too long it stores another number in sent: then the trigger is nobody's.
 */
struct crier_trigger_slot {
	__u64 sent;  /* atomic: the worker's */
	__u64 taken; /* atomic: written by XDP, before it broadcasts */
	__u64 reserved[6];
};
CRIER_ASSERT_SIZE(struct crier_trigger_slot, 64);

#endif
