/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats.h"

static void room_zero(struct crier_room_counters *room)
{
	__u64 *word = (__u64 *)room;

	for (size_t i = 0; i < sizeof(*room) / sizeof(*word); i++)
		tbl_store(&word[i], 0);
}

struct crier_room_counters *stats_room(struct stats *s, uint32_t room, uint64_t generation)
{
	struct crier_room_counters *c = room_counters(s->t, s->worker, room);

	if (tbl_load(&c->generation) != generation) {
		/* zeroed under generation 0, so that nobody reads the old room's as the new one's
		 */
		room_zero(c);
		tbl_store_release(&c->generation, generation);
	}
	return c;
}

void stats_copies(struct stats *s, struct crier_room_counters *room, const struct copy_counts *n)
{
	uint64_t due = n->copies;

	stats_add(s, CRIER_WORKER_copies, n->copies);
	stats_add(s, CRIER_WORKER_copy_bytes, n->bytes);
	tbl_count(&room->copies, n->copies);
	if (n->copies6)
		stats_add(s, CRIER_WORKER_copies6, n->copies6);
	for (int i = COPY_OK + 1; i < COPY_DROPS; i++)
		due += n->drop[i];
	tbl_count(&room->due, due);
	if (due == n->copies)
		return;

	stats_add(s, CRIER_WORKER_drop_no_route, n->drop[COPY_NO_ROUTE]);
	stats_add(s, CRIER_WORKER_drop_no_neighbour, n->drop[COPY_NO_NEIGHBOUR]);
	stats_add(s, CRIER_WORKER_drop_link_down, n->drop[COPY_LINK_DOWN]);
	stats_add(s, CRIER_WORKER_drop_mtu, n->drop[COPY_MTU]);
	stats_add(s, CRIER_WORKER_drop_tx_full, n->drop[COPY_TX_FULL]);
	tbl_count(&room->no_route, n->drop[COPY_NO_ROUTE]);
	tbl_count(&room->no_neighbour, n->drop[COPY_NO_NEIGHBOUR]);
	tbl_count(&room->link_down, n->drop[COPY_LINK_DOWN]);
	tbl_count(&room->mtu, n->drop[COPY_MTU]);
	tbl_count(&room->tx_full, n->drop[COPY_TX_FULL]);
}
