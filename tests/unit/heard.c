/* SPDX-License-Identifier: BSD-2-Clause */
#include "heard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

uint64_t fake_now;

static uint64_t now_ns(void)
{
	return fake_now += 1000;
}

void hear(void *arg, const uint8_t *frame, uint32_t len)
{
	struct {
		struct state *s;
		uint32_t n;
	} *sink = arg;
	struct heard *h = &sink->s->heard[sink->s->n++];
	const uint8_t *ip = frame + 14;

	assert_true(sink->s->n < HEARD_MAX);
	h->port = sink->n;
	h->len = len;
	h->family6 = ip[0] >> 4 == 6;
	memcpy(&h->last4, ip + (h->family6 ? 36 : 16), 4);
	h->last4 = ntohl(h->last4);
	memcpy(&h->mark, ip + (h->family6 ? 48 : 28), 4);
}

static void lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct state *s = arg;
	struct port *p = s->port[out];

	fake_now += s->lend_ns;
	if (!s->bursts++)
		s->burst_first = n;
	s->burst_most = n > s->burst_most ? n : s->burst_most;
	p->ops->reserve(p, n, o, wait_ns);
}

static uint32_t commit(void *arg, uint32_t out, struct out *o)
{
	struct state *s = arg;
	uint32_t lost = s->lost_next;

	s->lost_next = 0;
	return s->port[out]->ops->commit(s->port[out], o) + lost;
}

int heard_setup(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct state *s = calloc(1, sizeof(*s));
	struct sweep_io io = {lend, commit, now_ns, s};

	fixture_make(&s->f, &s->t, 1100 * CRIER_PAGE_SLOTS, 4 * CRIER_PAGE_SLOTS);
	s->t.config->heartbeat_ns = 0; /* the tests' clock is not the machine's */
	tbl_store(&s->t.config->setting[CRIER_SET_pace_pct], 0); /* but where it is the matter */
	fixture_port(&s->f, 2, 2, "test1", mac);
	fixture_via(&s->f, 2, 2, mac, "198.51.100.1", 1500);
	fixture_via(&s->f, 3, 1, mac, "2001:db8::1", 1500);
	fixture_room(&s->f, 1, 1);
	assert_int_equal(sweeper_init(&s->s, &s->t, 0, &io), 0);
	assert_int_equal(intake_init(&s->in, &s->s), 0);
	for (uint32_t i = 0; i < PORTS; i++) {
		s->sink[i].s = s;
		s->sink[i].n = i;
		s->port[i] =
			port_mem_open(PORT_MEM_BUFFERS, PORT_MEM_BUFFER_BYTES, hear, &s->sink[i]);
		assert_non_null(s->port[i]);
		sweeper_add_out(&s->s, i + 1, i, i + 1);
	}
	*state = s;
	return 0;
}

int heard_teardown(void **state)
{
	struct state *s = *state;

	for (uint32_t i = 0; i < PORTS; i++)
		port_mem_close(s->port[i]);
	intake_free(&s->in);
	sweeper_free(&s->s);
	tables_close(&s->t);
	free(s);
	return 0;
}

void push(struct state *s, uint32_t room, uint32_t generation, uint32_t mark, uint32_t len)
{
	static uint8_t payload[8192];

	memcpy(payload, &mark, sizeof(mark));
	s->now += 20000000;
	intake_push(&s->in, room, generation, payload, len, s->now);
}

void run(struct state *s)
{
	while (sweeper_turn(&s->s, s->now))
		;
}

uint64_t counter(struct state *s, enum crier_worker_counter c)
{
	return s->t.worker_counters[0].c[c];
}

void reconcile(struct state *s, uint32_t room)
{
	const struct crier_room_counters *r = room_counters(&s->t, 0, room);

	assert_int_equal(r->due, r->copies + r->no_route + r->no_neighbour + r->link_down + r->mtu +
					 r->tx_full);
	assert_int_equal(counter(s, CRIER_WORKER_copies), r->copies);
	assert_int_equal(counter(s, CRIER_WORKER_drop_no_route), r->no_route);
	assert_int_equal(counter(s, CRIER_WORKER_drop_no_neighbour), r->no_neighbour);
	assert_int_equal(counter(s, CRIER_WORKER_drop_link_down), r->link_down);
	assert_int_equal(counter(s, CRIER_WORKER_drop_mtu), r->mtu);
	assert_int_equal(counter(s, CRIER_WORKER_drop_tx_full), r->tx_full);
	assert_int_equal(counter(s, CRIER_WORKER_jobs),
			 counter(s, CRIER_WORKER_jobs_done) + counter(s, CRIER_WORKER_jobs_gone));
}
