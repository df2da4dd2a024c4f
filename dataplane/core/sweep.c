/* SPDX-License-Identifier: BSD-2-Clause */
#include "sweep.h"

#include <errno.h>
#include <stdlib.h>

#include "xdp/steer.h"

#define SWEEP_PACKETS 2048

/* Places that may be looked at for the price of a copy. */
#define SWEEP_LOOKS 64

/*
 * A room may have more than queue_pkts waiting if it can send them all within this
 * time: then they are a clump, or the worker was kept from its core, and dropping
 * would make a hole where a little delay will do.
 */
#define SWEEP_CATCH_UP_NS 40000000ULL
#define SWEEP_CATCH_UP_PKTS 64

/* Frame intervals believed by pacing: silence and clumps are neither. */
#define PACE_LEAST_NS 1000000ULL
#define PACE_MOST_NS 200000000ULL

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
	s->jobs = jobs_new(t->config->max_rooms, SWEEP_PACKETS);
	s->pace = calloc(t->config->max_rooms, sizeof(*s->pace));
	if (!s->jobs || !s->pace) {
		sweeper_free(s);
		return -ENOMEM;
	}
	s->copy_ns = 1000;
	stats_init(&s->stats, t, worker);
	capture_init(&s->capture, t, worker);
	copier_init(&s->copier, t, sweep_lend, s);
	return 0;
}

void sweeper_free(struct sweeper *s)
{
	jobs_free(s->jobs);
	free(s->pace);
	s->jobs = NULL;
	s->pace = NULL;
}

void sweeper_add_out(struct sweeper *s, uint32_t number, uint32_t out, uint32_t ifindex)
{
	s->copier.links.out_of[number] = (uint8_t)out;
	s->out_ifindex[out] = ifindex;
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
static void pace_note(struct sweep_pace *pace, uint64_t now_ns)
{
	uint64_t gap = pace->last_ns ? now_ns - pace->last_ns : 0;

	pace->last_ns = now_ns;
	if (gap < PACE_LEAST_NS || gap > PACE_MOST_NS)
		return;
	pace->interval_ns = pace->interval_ns ? (7 * pace->interval_ns + gap) / 8 : gap;
}

static void packet_fill(struct sweeper *s, struct packet *p, const void *payload, uint32_t len,
			uint64_t now_ns)
{
	const struct tables *t = s->t;

	p->received_ns = now_ns;
	p->rewrite = (struct rewrite_packet){
		.payload_len = len,
		.payload_sum = sum_fold(sum_bytes(payload, len)),
		.src_port = t->config->media_port,
		.id = ++s->ip_id,
		.dscp = (uint8_t)setting(t, CRIER_SET_dscp),
		.ttl = (uint8_t)setting(t, CRIER_SET_ttl),
		.df = (uint8_t)setting(t, CRIER_SET_df),
	};
	memcpy(p->payload, payload, len);
}

static bool deadman(const struct sweeper *s, uint64_t now_ns)
{
	return steer_dead(tbl_load(&s->t->config->heartbeat_ns),
			  setting(s->t, CRIER_SET_dead_man_s), now_ns);
}

/*
 * How many packets of a room with so many members may wait.  Where many rooms can't keep
 * up, they leave buffers for those that can.
 */
static uint32_t queue_limit(const struct sweeper *s, uint64_t members)
{
	uint32_t spare = jobs_spare(s->jobs);
	uint64_t limit = spare < SWEEP_PACKETS / 4 ? 1 : setting(s->t, CRIER_SET_queue_pkts);
	uint64_t catch_up = SWEEP_CATCH_UP_NS / (members * s->copy_ns + 1);

	if (spare < SWEEP_PACKETS / 2)
		return (uint32_t)limit;
	if (catch_up > SWEEP_CATCH_UP_PKTS)
		catch_up = SWEEP_CATCH_UP_PKTS;
	return (uint32_t)(catch_up > limit ? catch_up : limit);
}

void sweeper_push(struct sweeper *s, uint32_t room, uint32_t generation, const void *payload,
		  uint32_t len, uint64_t now_ns)
{
	struct stats *stats = &s->stats;
	struct crier_room_counters *c = stats_room(stats, room, generation);
	uint64_t members = stats_members(s->t, room);
	uint32_t gone, waited;
	struct packet *p;

	if (deadman(s, now_ns)) {
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
	pace_note(&s->pace[room], now_ns);
	switch (jobs_push(s->jobs, room, generation, queue_limit(s, members), &p, &gone, &waited)) {
	case JOBS_QUEUED:
		packet_fill(s, p, payload, len, now_ns);
		break;
	case JOBS_OVERLOAD:
		stats_add(stats, CRIER_WORKER_overload_pkts, 1);
		stats_add(stats, CRIER_WORKER_overload_copies, members);
		tbl_count(&c->overload_pkts, 1);
		tbl_count(&c->overload_copies, members);
		break;
	case JOBS_FULL:
		stats_add(stats, CRIER_WORKER_no_job_pkts, 1);
		stats_add(stats, CRIER_WORKER_no_job_copies, members);
		break;
	}
	stats_add(stats, CRIER_WORKER_jobs_gone, gone);
	stats_add(stats, CRIER_WORKER_rx_refused, waited);
}

/*
 * ---- sweeps ------------------------------------------------------------------------
 */
static void sweep_begin(struct sweeper *s, struct job *job, uint64_t now_ns)
{
	struct crier_room_counters *c = stats_room(&s->stats, job->room, job->generation);

	job->begun = true;
	job->begun_ns = now_ns;
	job->shard = 0;
	job->met = 0;
	job->members = stats_members(s->t, job->room);
	walk_start(&job->walk, s->t, job->room, job->generation, 0);
	stats_add(&s->stats, CRIER_WORKER_jobs, 1);
	tbl_count(&c->pkts, 1);
	tbl_count(&c->bytes, job->head->rewrite.payload_len);
}

static void sweep_end(struct sweeper *s, struct job *job)
{
	struct crier_room_counters *c = stats_room(&s->stats, job->room, job->generation);
	uint64_t took = s->io.now_ns() - job->begun_ns;

	stats_add(&s->stats, CRIER_WORKER_jobs_done, 1);
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

	stats_add(&s->stats, CRIER_WORKER_jobs_gone, begun);
	stats_add(&s->stats, CRIER_WORKER_rx_refused, packets - begun);
}

/*
 * The next members into s->burst, in whichever shard; false: the sweep is over.  There
 * may be none yet where there are many holes.  Finding them has its price, too.
 */
static bool sweep_members(struct sweeper *s, struct job *job, uint32_t n)
{
	uint32_t looked;

	/* the packet came to this worker alone, so it serves each shard */
	while (!walk_some(&job->walk, &s->burst, n) && job->walk.state != WALK_MORE) {
		job->deficit -= s->burst.looked / SWEEP_LOOKS;
		if (job->walk.state == WALK_GONE || ++job->shard >= s->t->config->shards)
			return false;
		walk_start(&job->walk, s->t, job->room, job->generation, job->shard);
	}
	looked = s->burst.looked / SWEEP_LOOKS;
	job->deficit -= looked > s->burst.n ? looked : s->burst.n;
	job->met += s->burst.n;
	s->met += s->burst.n;
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

/* Copies the head packet to a burst of members; false: its sweep is over. */
static bool sweep_burst(struct sweeper *s, struct job *job, struct crier_room_counters *c,
			uint32_t n, bool capturing, bool *begun)
{
	struct copy_counts counts = {0};
	struct frame *f = &s->copier.frame;

	if (!sweep_members(s, job, n))
		return false;
	if (!s->burst.n)
		return true;
	if (!*begun || f->family6 != s->burst.family6) {
		frame_begin(f, &job->head->rewrite, job->head->payload, s->burst.family6);
		*begun = true;
	}
	copy_burst(&s->copier, &s->burst, &counts);
	burst_commit(s, job, capturing, &counts);
	stats_copies(&s->stats, c, &counts);
	return true;
}

/* The head packet's sweep, as far as the deficit goes; true: it ended. */
static bool sweep_run(struct sweeper *s, struct job *job, uint64_t now_ns)
{
	struct crier_room_counters *c = stats_room(&s->stats, job->room, job->generation);
	uint32_t burst = (uint32_t)setting(s->t, CRIER_SET_burst_copies);
	bool capturing = capture_wants(s->t, job->room);
	bool begun = false;

	if (!job->begun)
		sweep_begin(s, job, now_ns);
	while (job->deficit > 0) {
		uint32_t n = job->deficit < burst ? (uint32_t)job->deficit : burst;

		if (!sweep_burst(s, job, c, n, capturing, &begun))
			return true;
	}
	return false;
}

/* Part of the frame interval is used up as part of the members is served, not sooner. */
static void pace_set(struct sweeper *s, struct job *job)
{
	uint64_t pct = setting(s->t, CRIER_SET_pace_pct);
	uint64_t spread_ns = s->pace[job->room].interval_ns * pct / 100;

	if (!pct || !job->begun || job->packets > 1 || job->met >= job->members)
		job->due_ns = 0;
	else
		job->due_ns = job->begun_ns + spread_ns * job->met / job->members;
}

static void rate_set(struct sweeper *s, uint64_t met, uint64_t now_ns)
{
	uint64_t cap = setting(s->t, CRIER_SET_rate_cap_pps);

	if (cap)
		s->free_ns = now_ns + met * 1000000000ULL / cap;
	else
		s->free_ns = 0;
}

/*
 * Quick to believe in a lower cost and slow in a higher one: a turn may have been
 * interrupted, but never helped.
 */
static void cost_note(struct sweeper *s, uint64_t met, uint64_t took_ns)
{
	uint64_t cost;

	if (met < 32)
		return;
	cost = took_ns / met;
	if (cost <= s->copy_ns)
		s->copy_ns = cost;
	else
		s->copy_ns += (cost - s->copy_ns) / 16;
}

bool sweeper_turn(struct sweeper *s, uint64_t now_ns)
{
	uint64_t start, met = s->met;
	uint32_t quantum = (uint32_t)setting(s->t, CRIER_SET_quantum_copies);
	struct job *job;

	if (now_ns < s->free_ns)
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
	cost_note(s, met, s->io.now_ns() - start);
	rate_set(s, met, now_ns);
	pace_set(s, job);
	jobs_turn_over(s->jobs, job);
	return true;
}

uint64_t sweeper_due_ns(const struct sweeper *s)
{
	uint64_t due = jobs_due_ns(s->jobs);

	return due < s->free_ns ? s->free_ns : due;
}
