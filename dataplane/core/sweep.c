/* SPDX-License-Identifier: BSD-2-Clause */
#include "sweep.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Places that may be looked at for the price of a copy. */
#define SWEEP_LOOKS 64

/*
 * Copies back to back, where nobody set how many: a link of 10 Gbit/s sends 64 in some
 * 10 us, others as many as they send in that time.  Fewer than 32 would cost a slow link's
 * core more than they spare a switch; 256 are deep enough a train for any.
 */
#define BURST_USUAL 64
#define BURST_USUAL_MBPS 10000
#define BURST_LEAST 32
#define BURST_MOST 256

/* No pause of a paced sweep is longer: ten times what its burst takes on the wire. */
#define PACE_PAUSE_NS 100000ULL

#define BUSY_SPAN_NS 100000000ULL

_Static_assert(BURST_MOST <= WALK_BURST_MAX, "a burst of members holds one of copies");

static void sweep_lend(void *lender, uint32_t out, uint32_t n, struct out *o)
{
	struct sweeper *s = lender;
	uint64_t wait_ns = s->stuck[out] ? 0 : setting(s->t, CRIER_SET_tx_wait_us) * 1000;

	s->io.lend(s->io.arg, out, n, o, &wait_ns);
	s->stuck[out] = o->n < n && !wait_ns;
}

int sweeper_init(struct sweeper *s, const struct tables *t, uint32_t worker,
		 const struct sweep_io *io)
{
	memset(s, 0, sizeof(*s));
	s->t = t;
	s->io = *io;
	s->stride = 1;
	s->jobs = jobs_new(t->config->max_rooms, SWEEP_PACKETS);
	s->progress.begun = calloc(t->config->max_rooms, sizeof(*s->progress.begun));
	if (!s->jobs || !s->progress.begun) {
		sweeper_free(s);
		return -ENOMEM;
	}
	s->progress.copy_ns = 1000;
	stats_init(&s->stats, t, worker);
	capture_init(&s->capture, t, worker);
	copier_init(&s->copier, t, sweep_lend, s);
	return 0;
}

void sweeper_free(struct sweeper *s)
{
	jobs_free(s->jobs);
	free(s->progress.begun);
	s->jobs = NULL;
	s->progress.begun = NULL;
}

void sweeper_add_out(struct sweeper *s, uint32_t number, uint32_t out, uint32_t ifindex)
{
	s->copier.links.out_of[number] = (uint8_t)out;
	s->out_ifindex[out] = ifindex;
	s->out_number[out] = number;
	if (s->copier.n_outs <= out)
		s->copier.n_outs = out + 1;
	links_forget(&s->copier.links);
}

void sweeper_del_out(struct sweeper *s, uint32_t number)
{
	s->copier.links.out_of[number] = LINK_NO_OUT;
	links_forget(&s->copier.links);
}

/*
 * ---- packets in ------------------------------------------------------------------
 */
static bool is_leader(const struct sweeper *s)
{
	return s->first == 0;
}

/* Of a room's packets so many wait no longer; so many are held no longer. */
static void progress_note(struct sweeper *s, uint32_t room, uint32_t begun, uint32_t freed)
{
	tbl_count(&s->progress.begun[room], begun);
	tbl_count(&s->progress.freed, freed);
}

/* Packets of a room that is gone: one whose sweep is cut short, others that waited. */
static void count_gone(struct sweeper *s, uint32_t room, uint32_t begun, uint32_t waited)
{
	stats_add(&s->stats, CRIER_WORKER_jobs_gone, begun);
	if (is_leader(s))
		stats_add(&s->stats, CRIER_WORKER_rx_refused, waited);
	progress_note(s, room, waited, begun + waited);
}

void sweeper_succeed(struct sweeper *s, uint32_t room, uint32_t generation)
{
	uint32_t gone, waited;

	jobs_succeed(s->jobs, room, generation, &gone, &waited);
	if (gone || waited)
		count_gone(s, room, gone, waited);
}

struct packet *sweeper_slot(struct sweeper *s, uint32_t room, uint32_t generation)
{
	struct packet *p = jobs_push(s->jobs, room, generation);

	assert(p);
	return p;
}

/*
 * ---- sweeps ------------------------------------------------------------------------
 */
/* Members of its shards; a packet goes to all that are there when it gets to them. */
static uint64_t members_own(const struct sweeper *s, uint32_t room)
{
	const struct crier_shard *shard = room_shard(s->t, room, 0);
	uint64_t n = 0;

	if (s->stride == 1)
		return stats_members(s->t, room);
	for (uint32_t i = s->first; i < s->t->config->shards; i += s->stride)
		n += (uint64_t)tbl_load(&shard[i].members4) + tbl_load(&shard[i].members6);
	return n;
}

/* Decided once a sweep: a room that changes its engine loses nothing and doubles nothing. */
static bool by_triggers(const struct sweeper *s, const struct job *job)
{
	return s->page_most && job->head->rewrite.payload_len <= s->page_most &&
	       tbl_load(&s->t->rooms[job->room].engine) == CRIER_ENGINE_PAGE;
}

static void sweep_begin(struct sweeper *s, struct job *job, uint64_t now_ns)
{
	struct crier_room_counters *c = stats_room(&s->stats, job->room, job->generation);

	job->begun = true;
	job->begun_ns = now_ns;
	job->paged = by_triggers(s, job);
	job->shard = s->first;
	job->out = COPY_OUTS;
	job->met = 0;
	job->members = members_own(s, job->room);
	walk_start(&job->walk, s->t, job->room, job->generation, job->shard);
	progress_note(s, job->room, 1, 0);
	stats_add(&s->stats, CRIER_WORKER_jobs, 1);
	if (!is_leader(s))
		return;
	tbl_count(&c->pkts, 1);
	tbl_count(&c->bytes, job->head->rewrite.payload_len);
}

static void sweep_end(struct sweeper *s, struct job *job)
{
	struct crier_room_counters *c = stats_room(&s->stats, job->room, job->generation);
	uint64_t took = s->io.now_ns() - job->begun_ns;

	stats_add(&s->stats, CRIER_WORKER_jobs_done, 1);
	progress_note(s, job->room, 0, 1);
	tbl_store(&c->sweep_ns, took);
	if (took > c->sweep_max_ns)
		tbl_store(&c->sweep_max_ns, took);
	if (jobs_packet_done(s->jobs, job))
		tbl_count(&c->late, 1);
}

static void sweep_gone(struct sweeper *s, struct job *job)
{
	uint32_t begun = job->begun;
	uint32_t packets = jobs_drop(s->jobs, job);

	count_gone(s, job->room, begun, packets - begun);
}

/* The next of its shards that has pages; false: there is none. */
static bool shard_next(const struct sweeper *s, struct job *job)
{
	do
		job->shard += s->stride;
	while (job->shard < s->t->config->shards && !walk_any(s->t, job->room, job->shard));
	return job->shard < s->t->config->shards;
}

/* From a shard's end to the next; false: the sweep is over. */
static bool sweep_on(struct sweeper *s, struct job *job)
{
	job->deficit -= s->burst.looked / SWEEP_LOOKS;
	if (job->walk.state == WALK_GONE || !shard_next(s, job))
		return false;
	walk_start(&job->walk, s->t, job->room, job->generation, job->shard);
	return true;
}

/* So many were met.  Finding them has its price, too. */
static void sweep_met(struct sweeper *s, struct job *job, uint32_t n)
{
	uint32_t looked = s->burst.looked / SWEEP_LOOKS;

	job->deficit -= looked > n ? looked : n;
	job->met += n;
	s->met += n;
}

/*
 * The next members into s->burst, in whichever shard; false: the sweep is over.  There
 * may be none yet where there are many holes.
 */
static bool sweep_members(struct sweeper *s, struct job *job, uint32_t n)
{
	while (!walk_some(&job->walk, &s->burst, n) && job->walk.state != WALK_MORE)
		if (!sweep_on(s, job))
			return false;
	sweep_met(s, job, s->burst.n);
	return true;
}

static void burst_commit(struct sweeper *s, struct job *job, bool capturing,
			 struct copy_counts *counts)
{
	for (uint32_t i = 0; i < s->copier.n_outs; i++) {
		struct out *o = &s->copier.outs[i];
		uint64_t lost;

		if (!o->n)
			continue;
		job->out = i;
		if (__builtin_expect(capturing, 0))
			capture_frames(&s->capture, o, job->room, s->out_ifindex[i],
				       s->io.now_ns());
		s->lost[i] += s->io.commit(s->io.arg, i, o);
		if (__builtin_expect(!s->lost[i], 1))
			continue;
		/* told late, they may be an earlier burst's; the sums stay right */
		lost = s->lost[i] < o->used ? s->lost[i] : o->used;
		lost = lost < counts->copies ? lost : counts->copies;
		s->lost[i] -= lost;
		counts->copies -= lost;
		counts->bytes -= lost * s->copier.frame.len;
		if (counts->copies6 > counts->copies)
			counts->copies6 = counts->copies;
		counts->drop[COPY_TX_FULL] += lost;
	}
}

/* What a turn of a job has made ready, and whom it counts for. */
struct turn {
	struct crier_room_counters *c;
	bool capturing;
	bool frame, trigger; /* begun, with the head packet */
};

/* Copies the head packet to the members in s->burst. */
static void burst_copy(struct sweeper *s, struct job *job, struct turn *turn)
{
	struct copy_counts counts = {0};
	struct frame *f = &s->copier.frame;

	if (!turn->frame || f->family6 != s->burst.family6) {
		frame_begin(f, &job->head->rewrite, job->head->payload, s->burst.family6);
		turn->frame = true;
	}
	copy_burst(&s->copier, &s->burst, &counts);
	burst_commit(s, job, turn->capturing, &counts);
	stats_copies(&s->stats, turn->c, &counts);
}

/* Copies the head packet to a burst of members; false: its sweep is over. */
static bool sweep_burst(struct sweeper *s, struct job *job, uint32_t n, struct turn *turn)
{
	if (!sweep_members(s, job, n))
		return false;
	if (s->burst.n)
		burst_copy(s, job, turn);
	return true;
}

/*
 * ---- by triggers ---------------------------------------------------------------------
 */
/* What the kernel engine takes, it counts; the rest is the worker's. */
static void unit_send(struct sweeper *s, const struct cut *cut, const struct unit *unit,
		      struct turn *turn)
{
	struct crier_trigger *t = &s->trigger.head;
	struct copy_counts counts = {0};

	stats_add(&s->stats, CRIER_WORKER_triggers, 1);
	stats_add(&s->stats, CRIER_WORKER_trigger_members, unit->n);
	trigger_aim(t, cut->page, unit);
	if (s->io.trigger(s->io.arg, t, (uint32_t)sizeof(*t) + t->payload_len,
			  setting(s->t, CRIER_SET_tx_wait_us) * 1000))
		return;
	stats_add(&s->stats, CRIER_WORKER_triggers_lost, 1);
	counts.drop[COPY_TX_FULL] = unit->n;
	stats_copies(&s->stats, turn->c, &counts);
}

static void units_send(struct sweeper *s, const struct job *job, const struct cut *cut,
		       struct turn *turn)
{
	const struct packet *p = job->head;

	if (!turn->trigger) {
		trigger_describe(&s->trigger.head, job->room, job->generation, &p->rewrite);
		memcpy(s->trigger.payload, p->payload, p->rewrite.payload_len);
		turn->trigger = true;
	}
	for (uint32_t i = 0; i < cut->n; i++) {
		/* it may have failed just now, at another unit of this page */
		if (!s->page_most)
			unit_rest(&job->walk, &cut->unit[i], &s->burst);
		else if (cut->unit[i].n)
			unit_send(s, cut, &cut->unit[i], turn);
	}
}

/* Where frames are as cheap as can be, only a room that is to be the kernel's has triggers. */
static uint64_t framed_ports(const struct sweeper *s, uint32_t room)
{
	return tbl_load(&s->t->rooms[room].wanted) == CRIER_ENGINE_AUTO ? s->fast : 0;
}

/* As sweep_burst(), to members of one page: who can't go by trigger goes by frame. */
static bool sweep_page(struct sweeper *s, struct job *job, struct turn *turn)
{
	struct units_of of = {
		.most = (uint32_t)setting(s->t, CRIER_SET_unit_slots),
		.payload_len = job->head->rewrite.payload_len,
		.framed = framed_ports(s, job->room),
	};
	struct cut cut;

	while (!walk_page(&job->walk, &s->burst)) {
		if (job->walk.state == WALK_MORE) {
			sweep_met(s, job, 0);
			return true;
		}
		if (!sweep_on(s, job))
			return false;
	}
	units_cut(&job->walk, &of, &cut, &s->burst);
	sweep_met(s, job, cut.members);
	units_send(s, job, &cut, turn);
	if (s->burst.n)
		burst_copy(s, job, turn);
	return true;
}

/*
 * ---- how many at once, and when ------------------------------------------------------
 */
static uint32_t burst_of_out(const struct sweeper *s, uint32_t out)
{
	uint64_t mbps = tbl_load(&s->t->ports[s->out_number[out]].speed_mbps);
	uint64_t n = mbps * BURST_USUAL / BURST_USUAL_MBPS;

	if (!mbps)
		return BURST_USUAL;
	return n < BURST_LEAST ? BURST_LEAST : n > BURST_MOST ? BURST_MOST : (uint32_t)n;
}

/* As the link likes that the room's last burst left by; before there is one, the slowest. */
static uint32_t burst_copies(const struct sweeper *s, const struct job *job)
{
	uint32_t set = (uint32_t)setting(s->t, CRIER_SET_burst_copies), least = BURST_MOST;

	if (set)
		return set;
	if (job->out < s->copier.n_outs)
		return burst_of_out(s, job->out);
	for (uint32_t i = 0; i < s->copier.n_outs; i++) {
		uint32_t n = burst_of_out(s, i);

		least = n < least ? n : least;
	}
	return least;
}

static void busy_note(struct sweeper *s, uint64_t from_ns, uint64_t to_ns)
{
	struct busy *b = &s->busy;

	b->ns += to_ns - from_ns;
	if (to_ns - b->since_ns < BUSY_SPAN_NS)
		return;
	b->pct = b->ns * 100 / (to_ns - b->since_ns);
	*b = (struct busy){.since_ns = to_ns, .pct = b->pct};
}

/*
 * Part of the frame interval is used up as part of the members is served, not sooner: unless
 * the room has fallen behind, or the worker needs so much of its time that pausing would make
 * somebody late.  True: the sweep pauses, until job->due_ns.
 */
static bool pace(const struct sweeper *s, struct job *job, uint32_t burst, uint64_t now_ns)
{
	uint64_t pct = setting(s->t, CRIER_SET_pace_pct), spread, pauses;

	if (s->busy.pct >= pct || job->packets > 1 || job->met >= job->members)
		return false;
	spread = job->head->interval_ns * pct / 100 * job->met / job->members;
	pauses = PACE_PAUSE_NS * job->met / burst;
	job->due_ns = job->begun_ns + (spread < pauses ? spread : pauses);
	if (job->due_ns > now_ns) {
		job->deficit = 0;
		return true;
	}
	job->due_ns = 0;
	return false;
}

/* False: the sweep is over.  A page port that fails leaves the rest of it to frames. */
static bool sweep_step(struct sweeper *s, struct job *job, uint32_t n, struct turn *turn)
{
	job->paged = job->paged && s->page_most;
	return job->paged ? sweep_page(s, job, turn) : sweep_burst(s, job, n, turn);
}

/* The head packet's sweep, as far as the deficit goes and it needn't pause; true: it ended. */
static bool sweep_run(struct sweeper *s, struct job *job, uint64_t now_ns)
{
	struct turn turn = {
		.c = stats_room(&s->stats, job->room, job->generation),
		.capturing = capture_wants(s->t, job->room),
	};

	if (!job->begun)
		sweep_begin(s, job, now_ns);
	while (job->deficit > 0) {
		uint32_t burst = burst_copies(s, job);
		uint32_t n = job->deficit < burst ? (uint32_t)job->deficit : burst;

		if (!sweep_step(s, job, n, &turn))
			return true;
		if (pace(s, job, burst, now_ns))
			return false;
	}
	return false;
}

/* When copies may go on under the cap as it is now: one that is raised ends a long wait. */
static uint64_t free_ns(const struct sweeper *s)
{
	uint64_t cap = setting(s->t, CRIER_SET_rate_cap_pps);

	return cap ? s->turn_ns + s->turn_met * 1000000000ULL / cap : 0;
}

/*
 * Quick to believe in a lower cost and slow in a higher one: a turn may have been
 * interrupted, but never helped.
 */
static void cost_note(struct sweeper *s, uint64_t met, uint64_t took_ns)
{
	uint64_t cost, was = s->progress.copy_ns;

	if (met < 32)
		return;
	cost = took_ns / met;
	tbl_store(&s->progress.copy_ns, cost <= was ? cost : was + (cost - was) / 16);
}

bool sweeper_turn(struct sweeper *s, uint64_t now_ns)
{
	uint64_t start, end, met = s->met;
	uint32_t quantum = (uint32_t)setting(s->t, CRIER_SET_quantum_copies);
	struct job *job;

	if (now_ns < free_ns(s))
		return false;
	job = jobs_next(s->jobs, quantum, now_ns);
	if (!job)
		return false;
	start = s->io.now_ns();
	links_forget(&s->copier.links);
	while (job->packets && job->deficit > 0) {
		if (!sweep_run(s, job, now_ns))
			break;
		if (job->walk.state == WALK_GONE)
			sweep_gone(s, job);
		else
			sweep_end(s, job);
	}
	met = s->met - met;
	end = s->io.now_ns();
	cost_note(s, met, end - start);
	busy_note(s, start, end);
	s->turn_met = met;
	s->turn_ns = now_ns;
	jobs_turn_over(s->jobs, job);
	return true;
}

uint64_t sweeper_due_ns(const struct sweeper *s)
{
	uint64_t due = jobs_due_ns(s->jobs), capped = free_ns(s);

	return due < capped ? capped : due;
}
