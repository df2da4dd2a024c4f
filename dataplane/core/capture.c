/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture.h"

#include <string.h>

void capture_init(struct capture *c, const struct tables *t, uint32_t worker)
{
	uint64_t serial;

	c->rec = &t->capture_ring[(size_t)worker * CRIER_CAPTURE_SLOTS];
	c->written = 0;
	/* go on where the slot's last worker ended, so that serials only grow */
	for (uint32_t i = 0; i < CRIER_CAPTURE_SLOTS; i++) {
		serial = tbl_load(&c->rec[i].serial);
		if (serial > c->written)
			c->written = serial;
	}
}

void capture_packet(struct capture *c, const uint8_t *data, uint32_t len, uint32_t room,
		    uint32_t ifindex, uint32_t verdict, uint64_t now_ns)
{
	struct crier_capture_rec *rec = &c->rec[c->written % CRIER_CAPTURE_SLOTS];
	uint32_t caplen = len < CRIER_CAPTURE_SNAP ? len : CRIER_CAPTURE_SNAP;

	/* an exchange, since a store alone could sink below the writes that follow */
	(void)__atomic_exchange_n(&rec->serial, 0, __ATOMIC_SEQ_CST);
	rec->time_ns = now_ns;
	rec->ifindex = ifindex;
	rec->room = room;
	rec->verdict = verdict;
	rec->len = (uint16_t)len;
	rec->caplen = (uint16_t)caplen;
	memcpy(rec->data, data, caplen);
	tbl_store_release(&rec->serial, ++c->written);
}

void capture_frames(struct capture *c, const struct out *o, uint32_t room, uint32_t ifindex,
		    uint64_t now_ns)
{
	for (uint32_t i = 0; i < o->used; i++)
		capture_packet(c, o->frame[i].buf + o->frame[i].start, o->frame[i].len, room,
			       ifindex, CRIER_CAPTURE_COPY, now_ns);
}
