/* SPDX-License-Identifier: BSD-2-Clause */
#include "intake.h"

#include <errno.h>
#include <stdlib.h>

#include "xdp/steer.h"

/*
 * A room may have more than queue_pkts waiting if it can send them all within this
 * time: then they are a clump, or a worker was kept from its core, and dropping would
 * make a hole where a little delay will do.
 */
#define INTAKE_CATCH_UP_NS 40000000ULL
#define INTAKE_CATCH_UP_PKTS 64

/* Frame intervals believed by pacing: silence and clumps are neither. */
#define PACE_LEAST_NS 1000000ULL
#define PACE_MOST_NS 200000000ULL

/* How it stands with those who have members of a room: the worst of them. */
struct load {
	uint32_t waiting;  /* packets of the room that have yet to begin their sweep */
	uint32_t spare;	   /* packets that may still be held, of all rooms */
	uint64_t sweep_ns; /* what a sweep of the room takes */
	bool full;	   /* a ring has no place */
};

static int hand_init(struct intake *in, struct ring *ring, const struct progress *progress)
{
	struct hand *h = &in->hand[in->n];

	*h = (struct hand){.ring = ring, .progress = progress};
	h->given = calloc(in->t->config->max_rooms, sizeof(*h->given));
	if (!h->given)
		return -ENOMEM;
	in->n++;
	return 0;
}

int intake_init(struct intake *in, struct sweeper *leader)
{
	memset(in, 0, sizeof(*in));
	in->t = leader->t;
	in->leader = leader;
	in->pace = calloc(in->t->config->max_rooms, sizeof(*in->pace));
	if (!in->pace || ring_init(&in->held) || hand_init(in, NULL, &leader->progress)) {
		intake_free(in);
		return -ENOMEM;
	}
	return 0;
}

int intake_add(struct intake *in, struct ring *ring, const struct progress *progress)
{
	return hand_init(in, ring, progress);
}

void intake_free(struct intake *in)
{
	for (uint32_t i = 0; i < in->n; i++)
		free(in->hand[i].given);
	ring_free(&in->held);
	free(in->pace);
	in->pace = NULL;
	in->n = 0;
}

static void pace_note(struct pace *pace, uint64_t now_ns)
{
	uint64_t gap = pace->last_ns ? now_ns - pace->last_ns : 0;

	pace->last_ns = now_ns;
	if (gap < PACE_LEAST_NS || gap > PACE_MOST_NS)
		return;
	pace->interval_ns = pace->interval_ns ? (7 * pace->interval_ns + gap) / 8 : gap;
}

static bool deadman(const struct tables *t, uint64_t now_ns)
{
	return steer_dead(tbl_load(&t->config->heartbeat_ns), setting(t, CRIER_SET_dead_man_s),
			  now_ns);
}

/*
 * ---- may it wait? ----------------------------------------------------------------
 */
/*
 * Who has pages of the room: bit i is worker i.  A page is linked before anybody is in
 * it, so who joined before the packet came is met; who is joining need not be.
 */
static uint64_t members_share(struct intake *in, uint32_t room, uint64_t members)
{
	const struct crier_shard *shard = room_shard(in->t, room, 0);
	uint64_t who = 1; /* the leader counts packets, so it always takes part */
	uint32_t i = 0;

	if (in->n == 1) {
		in->hand[0].members = members;
		return who;
	}
	for (uint32_t k = 0; k < in->n; k++)
		in->hand[k].members = 0;
	for (uint32_t s = 0; s < in->t->config->shards; s++) {
		in->hand[i].members +=
			(uint64_t)tbl_load(&shard[s].members4) + tbl_load(&shard[s].members6);
		who |= (uint64_t)walk_any(in->t, room, s) << i;
		i = i + 1 == in->n ? 0 : i + 1;
	}
	return who;
}

static void load_add(struct load *load, struct hand *h, uint32_t room)
{
	uint32_t waiting = h->given[room] - tbl_load(&h->progress->begun[room]);
	uint32_t spare = SWEEP_PACKETS - (uint32_t)(h->given_all - tbl_load(&h->progress->freed));
	uint64_t sweep_ns = h->members * tbl_load(&h->progress->copy_ns);

	load->waiting = waiting > load->waiting ? waiting : load->waiting;
	load->spare = spare < load->spare ? spare : load->spare;
	load->sweep_ns = sweep_ns > load->sweep_ns ? sweep_ns : load->sweep_ns;
	load->full |= !spare || (h->ring && !ring_has_room(h->ring));
}

/*
 * How many packets of the room may wait.  Where many rooms can't keep up, they leave
 * buffers for those that can.
 */
static uint32_t queue_limit(const struct intake *in, const struct load *load)
{
	uint64_t limit = load->spare < SWEEP_PACKETS / 4 ? 1 : setting(in->t, CRIER_SET_queue_pkts);
	uint64_t catch_up = INTAKE_CATCH_UP_NS / (load->sweep_ns + 1);

	if (load->spare < SWEEP_PACKETS / 2)
		return (uint32_t)limit;
	if (catch_up > INTAKE_CATCH_UP_PKTS)
		catch_up = INTAKE_CATCH_UP_PKTS;
	return (uint32_t)(catch_up > limit ? catch_up : limit);
}

enum verdict { TAKE, OVERLOAD, FULL };

static enum verdict judge(struct intake *in, uint32_t room, uint64_t who)
{
	struct load load = {.spare = SWEEP_PACKETS,
			    .full = in->holding && !ring_has_room(&in->held)};

	for (; who; who &= who - 1)
		load_add(&load, &in->hand[__builtin_ctzll(who)], room);
	if (load.waiting >= queue_limit(in, &load))
		return OVERLOAD;
	return load.full ? FULL : TAKE;
}

/*
 * ---- handing it out --------------------------------------------------------------
 */
static void packet_describe(struct intake *in, struct packet *p, const void *payload, uint32_t len,
			    uint64_t now_ns, uint64_t interval_ns)
{
	const struct tables *t = in->t;

	p->received_ns = now_ns;
	p->interval_ns = interval_ns;
	p->rewrite = (struct rewrite_packet){
		.payload_len = len,
		.payload_sum = sum_fold(sum_bytes(payload, len)),
		.src_port = t->config->media_port,
		.id = ++in->ip_id,
		.dscp = (uint8_t)setting(t, CRIER_SET_dscp),
		.ttl = (uint8_t)setting(t, CRIER_SET_ttl),
		.df = (uint8_t)setting(t, CRIER_SET_df),
	};
	memcpy(p->payload, payload, len);
}

static struct packet *ring_place(struct ring *ring, uint32_t room, uint32_t generation)
{
	struct ring_slot *slot = ring_next(ring);

	slot->room = room;
	slot->generation = generation;
	return &slot->packet;
}

static void ring_give(struct ring *ring, uint32_t room, uint32_t generation, const struct packet *p)
{
	packet_copy(ring_place(ring, room, generation), p);
	ring_push(ring);
}

/* The leader's own buffer first: the others' are copies of it. */
static void hand_out(struct intake *in, uint64_t who, uint32_t room, uint32_t generation,
		     const void *payload, uint32_t len, uint64_t now_ns)
{
	struct packet *p = in->holding ? ring_place(&in->held, room, generation)
				       : sweeper_slot(in->leader, room, generation);

	packet_describe(in, p, payload, len, now_ns, in->pace[room].interval_ns);
	for (uint64_t left = who; left; left &= left - 1) {
		struct hand *h = &in->hand[__builtin_ctzll(left)];

		h->given[room]++;
		h->given_all++;
		if (h->ring)
			ring_give(h->ring, room, generation, p);
	}
	if (in->holding)
		ring_push(&in->held);
	in->woke |= who & ~1ULL;
}

uint32_t intake_take(struct ring *ring, struct sweeper *s, uint32_t most)
{
	const struct ring_slot *slot;
	uint32_t n = 0;

	for (; n < most && (slot = ring_first(ring)); n++) {
		sweeper_succeed(s, slot->room, slot->generation);
		packet_copy(sweeper_slot(s, slot->room, slot->generation), &slot->packet);
		ring_pop(ring);
	}
	return n;
}

bool intake_release(struct intake *in)
{
	return intake_take(&in->held, in->leader, RING_SLOTS) > 0;
}

void intake_push(struct intake *in, uint32_t room, uint32_t generation, const void *payload,
		 uint32_t len, uint64_t now_ns)
{
	struct stats *stats = &in->leader->stats;
	struct crier_room_counters *c = stats_room(stats, room, generation);
	uint64_t members = stats_members(in->t, room), who;

	if (deadman(in->t, now_ns)) {
		stats_add(stats, CRIER_WORKER_stopped_pkts, 1);
		stats_add(stats, CRIER_WORKER_stopped_copies, members);
		tbl_count(&c->stopped_copies, members);
		return;
	}
	if (len > FRAME_PAYLOAD_MAX) {
		stats_add(stats, CRIER_WORKER_oversize_pkts, 1);
		stats_add(stats, CRIER_WORKER_oversize_copies, members);
		return;
	}
	pace_note(&in->pace[room], now_ns);
	if (!in->holding)
		sweeper_succeed(in->leader, room, generation);
	who = members_share(in, room, members);
	switch (judge(in, room, who)) {
	case TAKE:
		hand_out(in, who, room, generation, payload, len, now_ns);
		break;
	case OVERLOAD:
		stats_add(stats, CRIER_WORKER_overload_pkts, 1);
		stats_add(stats, CRIER_WORKER_overload_copies, members);
		tbl_count(&c->overload_pkts, 1);
		tbl_count(&c->overload_copies, members);
		break;
	case FULL:
		stats_add(stats, CRIER_WORKER_no_job_pkts, 1);
		stats_add(stats, CRIER_WORKER_no_job_copies, members);
		break;
	}
}
