/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page triggers: how crier-dp asks the kernel engine to copy a packet to a unit, some members
 * of one page who leave by one port.  For BPF and user space.
 *
 * crier-dp sends a trigger into the near end of the injector, a veth pair; on the far end
 * crier_trigger (trigger_take.h) broadcasts it and drops all else.  A trigger is an Ethernet
 * frame: this head, then the UDP payload and nothing after.
 */
#ifndef CRIER_TRIGGER_H
#define CRIER_TRIGGER_H

#include "packet.h"
#include "table.h"

#define CRIER_TRIGGER_MAGIC 0x31677274 /* "trg1": raised with any change of the layout */

/* For experiments within one machine (IEEE 802, local experimental EtherType 1), as it lies. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CRIER_TRIGGER_TYPE 0xb588
#else
#define CRIER_TRIGGER_TYPE 0x88b5
#endif

struct __attribute__((may_alias)) crier_trigger {
	__u8 dst[6]; /* Ethernet: nobody looks at these two */
	__u8 src[6];
	__be16 type; /* CRIER_TRIGGER_TYPE */
	__u16 worker;
	__u32 magic;
	__u32 room;
	__u64 serial; /* triggers[worker].sent */
	__u32 generation;
	__u32 page;
	__u32 port; /* by which all of the unit leave */
	__u16 due;  /* members, the bits below; 0: it only asks whether anybody answers */
	__u16 pad0;
	__u32 payload_len;
	__u32 payload_sum; /* ones' complement sum of the payload, as rewrite.h has it */
	__be16 src_port;
	__be16 id;
	__u8 dscp, ttl, df;
	__u8 pad1;
	__u64 member[4]; /* bit i of word i/64 is slot i */
};
CRIER_ASSERT_SIZE(struct crier_trigger, 96);
CRIER_ASSERT_OFFSET(struct crier_trigger, type, 12);
CRIER_ASSERT_OFFSET(struct crier_trigger, serial, 24);
CRIER_ASSERT_OFFSET(struct crier_trigger, payload_len, 48);
CRIER_ASSERT_OFFSET(struct crier_trigger, member, 64);

#define TRIGGER_HEAD ((int)sizeof(struct crier_trigger))
#define TRIGGER_PAYLOAD_MAX 1536

#endif
