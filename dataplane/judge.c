/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include <sched.h>

#define ICMP6 58
#define IP6_NEXT_HEADER 6U /* its offset in the header */
#define SECOND_NS 1000000000ULL
#define PUNT_BURST_PART 10 /* of a second's punts that may come at once */

void judge_init(struct judge *j, const struct tables *t, struct stats *stats,
		struct capture *capture)
{
	*j = (struct judge){.t = t, .stats = stats, .capture = capture};
}

/*
 * ---- counting --------------------------------------------------------------------
 */
static void add(__u64 *count, uint64_t n)
{
	__atomic_fetch_add(count, n, __ATOMIC_RELAXED);
}

static void count(const struct judge *j, enum crier_xdp_counter verdict,
		  const struct steer_result *r, uint64_t now_ns)
{
	const struct crier_config *config = j->t->config;
	uint32_t cpu = (uint32_t)sched_getcpu();
	struct crier_stream_counters *s;

	if (cpu >= config->cpus)
		return;
	add(&j->t->xdp_counters[cpu].c[verdict], 1);
	if (r->guard)
		add(&j->t->xdp_counters[cpu].c[r->guard], 1);
	if (verdict == CRIER_XDP_accepted && r->is_rtcp)
		add(&j->t->xdp_counters[cpu].c[CRIER_XDP_accepted_rtcp], 1);
	if (!r->stream || r->stream >= config->max_streams)
		return;
	s = &j->t->stream_counters[(size_t)cpu * config->max_streams + r->stream];
	if (verdict != CRIER_XDP_accepted) {
		add(&s->refused, 1);
		return;
	}
	add(&s->accepted, 1);
	add(&s->bytes, r->payload_len);
	tbl_store(&s->last_ns, now_ns);
}

static bool capture_asked(const struct judge *j, enum crier_xdp_counter verdict, uint32_t room)
{
	uint64_t want = tbl_load(&j->t->config->capture);
	uint32_t only = (uint32_t)(want >> 32);

	if (!want || (only && only != room))
		return false;
	if (verdict == CRIER_XDP_accepted)
		return want & CRIER_CAPTURE_INPUT;
	return (want & CRIER_CAPTURE_DROPS) && crier_refuses(verdict);
}

static void capture_if_asked(const struct judge *j, const struct port_rx *rx, uint32_t ifindex,
			     enum crier_xdp_counter verdict, uint32_t room, uint64_t now_ns)
{
	if (__builtin_expect(capture_asked(j, verdict, room), 0))
		capture_packet(j->capture, rx->data, rx->len, room, ifindex, verdict, now_ns);
}

/*
 * ---- the punt --------------------------------------------------------------------
 */
static void tokens_fill(struct judge *j, uint64_t pps, uint64_t now_ns)
{
	uint64_t most = pps / PUNT_BURST_PART + 4, more;

	if (now_ns - j->filled_ns >= SECOND_NS || j->tokens > most) {
		j->tokens = most;
		j->filled_ns = now_ns;
		return;
	}
	more = (now_ns - j->filled_ns) * pps / SECOND_NS;
	if (!more)
		return;
	j->tokens = j->tokens + more < most ? j->tokens + more : most;
	j->filled_ns = now_ns;
}

/* Without these neighbours are lost, and with them the way out. */
static bool is_neighbour_talk(const struct port_rx *rx, enum crier_xdp_counter verdict,
			      const struct steer_result *r)
{
	if (verdict == CRIER_XDP_pass_not_ip)
		return true;
	return r->family6 && r->l3 + IP6_NEXT_HEADER < rx->len &&
	       rx->data[r->l3 + IP6_NEXT_HEADER] == ICMP6;
}

/*
 * Tokens that this packet must leave.  Neighbour talk takes the last one, listeners' reports
 * and keepalives leave a quarter to it, and all else leaves a half to both.
 */
static uint64_t tokens_kept(const struct port_rx *rx, enum crier_xdp_counter verdict,
			    const struct steer_result *r, uint64_t pps)
{
	if (is_neighbour_talk(rx, verdict, r))
		return 0;
	return pps / PUNT_BURST_PART / (r->guard == CRIER_XDP_guard_member ? 4 : 2);
}

static void punt(struct judge *j, struct port *p, const struct port_rx *rx,
		 enum crier_xdp_counter verdict, const struct steer_result *r, uint64_t now_ns)
{
	uint64_t pps = setting(j->t, CRIER_SET_punt_pps);

	tokens_fill(j, pps, now_ns);
	if (!pps || j->tokens <= tokens_kept(rx, verdict, r, pps)) {
		stats_add(j->stats, CRIER_WORKER_punt_cap, 1);
		return;
	}
	j->tokens--;
	stats_add(j->stats, p->ops->punt(p, rx) ? CRIER_WORKER_punted : CRIER_WORKER_punt_full, 1);
}

void judge_packet(struct judge *j, struct port *p, uint32_t ifindex, const struct port_rx *rx,
		  enum crier_xdp_counter verdict, const struct steer_result *r, uint64_t now_ns)
{
	count(j, verdict, r, now_ns);
	if (r->guard)
		capture_if_asked(j, rx, ifindex, r->guard, r->room, now_ns);
	if (verdict >= CRIER_XDP_pass_not_ip && verdict <= CRIER_XDP_pass_media)
		punt(j, p, rx, verdict, r, now_ns);
	else
		capture_if_asked(j, rx, ifindex, verdict, r->room, now_ns);
}
