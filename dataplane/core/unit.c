/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "xdp/addr.h"

#define NO_UNIT UNITS_MOST /* by frame, if at all */
#define HOLE (UNITS_MOST + 1)

/* The members of a page from a place on, and to which unit each belongs. */
struct sorter {
	const struct tables *t;
	bool family6;
	uint32_t ip_len;
	uint64_t framed;
	uint32_t end; /* places before it are sorted */
	struct cut *cut;
	uint32_t last_via, last_class; /* members mostly share a next hop */
	uint64_t word[CRIER_PAGE_SLOTS];
	uint8_t class[CRIER_PAGE_SLOTS];
};

/* By which port a trigger serves who goes by this next hop; 0: by none. */
static uint32_t via_port(const struct sorter *s, uint32_t number)
{
	const struct crier_via *via = &s->t->vias[number];
	const struct crier_port *port;

	if (!number || number >= s->t->config->max_vias ||
	    tbl_load_acquire(&via->hw) >> 48 != CRIER_VIA_READY ||
	    addr_is_v4(&via->local) == s->family6 || via->port >= CRIER_MAX_PORTS ||
	    s->framed >> via->port & 1 || s->ip_len > via->mtu)
		return 0;
	port = &s->t->ports[via->port];
	if (!(tbl_load(&port->flags) & CRIER_PORT_BROADCASTS) || !(tbl_load(&port->mac) >> 48 & 1))
		return 0;
	return via->port;
}

/* The unit of a port, begun if need be; HOLE: the cut has no place for another. */
static uint32_t port_class(struct cut *cut, uint32_t port)
{
	uint32_t i = 0;

	if (!port)
		return NO_UNIT;
	while (i < cut->n && cut->unit[i].port != port)
		i++;
	if (i == UNITS_MOST)
		return HOLE;
	if (i == cut->n)
		cut->unit[cut->n++] = (struct unit){.port = port};
	return i;
}

static uint32_t via_class(struct sorter *s, uint32_t via)
{
	if (via != s->last_via) {
		s->last_via = via;
		s->last_class = port_class(s->cut, via_port(s, via));
	}
	return s->last_class;
}

static uint64_t word_load(const struct walk *w, uint32_t place)
{
	if (w->family6)
		return tbl_load_acquire(&page6_members(w->t, w->page)->member[place].word);
	return tbl_load(&w->t->members4[w->page].member[place]);
}

/* From the walk's place on, until the page ends or a port has no unit. */
static void page_sort(struct sorter *s, const struct walk *w)
{
	for (s->end = w->place; s->end < CRIER_PAGE_SLOTS; s->end++) {
		uint64_t word = word_load(w, s->end);
		uint32_t class = HOLE;

		if (word) {
			class = via_class(s, w->family6 ? member6_via(word) : member4_via(word));
			if (class == HOLE)
				return;
		}
		s->word[s->end] = word;
		s->class[s->end] = (uint8_t) class;
		if (class < NO_UNIT)
			s->cut->unit[class].n++;
	}
}

/* So large that as many cuts as the fullest unit needs are about alike. */
static uint32_t unit_size(const struct cut *cut, uint32_t most)
{
	uint32_t n = 0, cuts;

	for (uint32_t i = 0; i < cut->n; i++)
		n = cut->unit[i].n > n ? cut->unit[i].n : n;
	cuts = (n + most - 1) / most;
	return cuts ? (n + cuts - 1) / cuts : most;
}

static void rest_add(struct walk_burst *rest, const struct walk *w, uint32_t place, uint64_t word)
{
	rest->word[rest->n] = word;
	if (w->family6)
		rest->addr[rest->n] = page6_members(w->t, w->page)->member[place].addr;
	rest->n++;
}

void units_cut(struct walk *w, const struct units_of *of, struct cut *cut, struct walk_burst *rest)
{
	struct sorter s = {
		.t = w->t,
		.family6 = w->family6,
		.ip_len = (w->family6 ? PACKET_IP6_LEN : PACKET_IP4_LEN) + PACKET_UDP_LEN +
			  of->payload_len,
		.framed = of->framed,
		.cut = cut,
		.last_via = ~0U,
	};
	uint32_t from = w->place, size;

	*cut = (struct cut){.page = w->page};
	rest->n = 0;
	rest->family6 = w->family6;
	page_sort(&s, w);
	size = unit_size(cut, of->most);
	for (uint32_t i = 0; i < cut->n; i++)
		cut->unit[i].n = 0;
	for (; w->place < s.end; w->place++) {
		uint32_t place = w->place, class = s.class[place];

		if (class == HOLE)
			continue;
		if (class == NO_UNIT) {
			rest_add(rest, w, place, s.word[place]);
		} else {
			struct unit *u = &cut->unit[class];

			if (u->n == size)
				break;
			u->n++;
			u->member[place / 64] |= 1ULL << place % 64;
		}
		cut->members++;
	}
	rest->looked += w->place - from;
}

void unit_rest(const struct walk *w, const struct unit *unit, struct walk_burst *rest)
{
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++) {
		uint64_t word = unit->member[i / 64] >> i % 64 & 1 ? word_load(w, i) : 0;

		if (word) /* who has left since the page was cut is due nothing */
			rest_add(rest, w, i, word);
	}
}

void trigger_describe(struct crier_trigger *t, uint32_t room, uint32_t generation,
		      const struct rewrite_packet *packet)
{
	*t = (struct crier_trigger){
		.type = CRIER_TRIGGER_TYPE,
		.magic = CRIER_TRIGGER_MAGIC,
		.room = room,
		.generation = generation,
		.payload_len = packet->payload_len,
		.payload_sum = packet->payload_sum,
		.src_port = packet->src_port,
		.id = packet->id,
		.dscp = packet->dscp,
		.ttl = packet->ttl,
		.df = packet->df,
	};
}

void trigger_aim(struct crier_trigger *t, uint32_t page, const struct unit *unit)
{
	t->page = page;
	t->port = unit->port;
	t->due = (uint16_t)unit->n;
	memcpy(t->member, unit->member, sizeof(t->member));
}
