/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp/addr.h"

static const uint8_t port_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t hop_mac[6] = {2, 0, 0, 0, 0, 2};

void fixture_over(struct fixture *f, struct tables *t)
{
	*f = (struct fixture){.t = t, .page4 = 1, .page6 = t->config->pages4};
	if (f->page6 == 0)
		f->page6 = 1;
	if (t->config->pages4 == 0)
		f->page4 = 0;
}

void fixture_make(struct fixture *f, struct tables *t, uint32_t members4, uint32_t members6)
{
	struct tables_size size = tables_size_default();

	/* a page for number 0, and one more so that the last is never the list's end by luck */
	size.members4 = members4 + 2 * CRIER_PAGE_SLOTS;
	size.members6 = members6 + 2 * CRIER_PAGE_SLOTS;
	if (tables_alloc(t, &size)) {
		fputs("no memory for tables\n", stderr);
		abort();
	}
	t->config->media_port = htons(5004);
	fixture_over(f, t);
	fixture_port(f, 1, 1, "test0", port_mac);
	fixture_via(f, 1, 1, hop_mac, "192.0.2.1", 1500);
}

void fixture_port(struct fixture *f, uint32_t number, uint32_t ifindex, const char *name,
		  const uint8_t mac[6])
{
	struct crier_port *p = &f->t->ports[number];

	p->ifindex = ifindex;
	p->mode = CRIER_PORT_NATIVE;
	p->mtu = 1500;
	p->rx_queues = 1;
	snprintf(p->name, sizeof(p->name), "%s", name);
	tbl_store(&p->mac, via_hw(mac, 1));
}

void fixture_via(struct fixture *f, uint32_t via, uint32_t port, const uint8_t mac[6],
		 const char *local, uint16_t mtu)
{
	struct crier_via *v = &f->t->vias[via];

	memset(v, 0, sizeof(*v));
	v->port = port;
	v->mtu = mtu;
	if (addr_parse(local, strlen(local), &v->local)) {
		fprintf(stderr, "fixture: \"%s\" is no address\n", local);
		abort();
	}
	v->family6 = !addr_is_v4(&v->local);
	tbl_store_release(&v->hw, via_hw(mac, CRIER_VIA_READY));
}

void fixture_room(struct fixture *f, uint32_t room, uint32_t generation)
{
	struct crier_room *r = &f->t->rooms[room];

	memset(r, 0, sizeof(*r));
	memset(room_shard(f->t, room, 0), 0, f->t->config->max_shards * sizeof(struct crier_shard));
	r->payload = CRIER_PAYLOAD_UDP;
	r->engine = CRIER_ENGINE_BYPASS;
	snprintf(r->name, sizeof(r->name), "room%u", room);
	tbl_store_release(&r->generation, generation);
}

static void list_disown(struct fixture *f, uint32_t page)
{
	for (; page; page = f->t->pages[page].next)
		tbl_store(&f->t->pages[page].owner, 0);
}

void fixture_room_end(struct fixture *f, uint32_t room, uint32_t shard)
{
	struct crier_shard *s = room_shard(f->t, room, shard);

	__atomic_store_n(&f->t->rooms[room].generation, 0, __ATOMIC_SEQ_CST);
	list_disown(f, s->head4);
	list_disown(f, s->head6);
	tbl_store(&s->head4, 0);
	tbl_store(&s->head6, 0);
}

uint32_t fixture_page(struct fixture *f, uint32_t room, uint32_t shard, bool family6)
{
	struct tables *t = f->t;
	struct crier_shard *s = room_shard(t, room, shard);
	uint32_t page = family6 ? f->page6++ : f->page4++;
	__u32 *link = family6 ? &s->head6 : &s->head4;

	if (family6 ? page >= t->config->pages4 + t->config->pages6 : page >= t->config->pages4) {
		fputs("fixture: out of pages\n", stderr);
		abort();
	}
	t->pages[page].next = 0;
	tbl_store(&t->pages[page].owner,
		  owner_word(room, t->rooms[room].generation, shard, family6));
	while (*link)
		link = &t->pages[*link].next;
	tbl_store_release(link, page);
	return page;
}

static void count_add(struct fixture *f, uint32_t page, bool family6, int n)
{
	uint64_t owner = f->t->pages[page].owner;
	struct crier_room *r = &f->t->rooms[owner_room(owner)];
	struct crier_shard *s = room_shard(f->t, owner_room(owner), owner_shard(owner));
	__u32 *count = family6 ? &r->members6 : &r->members4;
	__u32 *part = family6 ? &s->members6 : &s->members4;

	tbl_store(count, *count + (uint32_t)n);
	tbl_store(part, *part + (uint32_t)n);
	tbl_store(&f->t->pages[page].count, f->t->pages[page].count + (uint32_t)n);
}

void fixture_set4(struct fixture *f, uint32_t page, uint32_t place, uint64_t word)
{
	__u64 *slot = &f->t->members4[page].member[place];

	count_add(f, page, false, !!word - !!*slot);
	tbl_store(slot, word);
}

void fixture_set6(struct fixture *f, uint32_t page, uint32_t place, const struct crier_addr *addr,
		  uint64_t word)
{
	struct crier_member6 *slot = &page6_members(f->t, page)->member[place];

	count_add(f, page, true, !!word - !!slot->word);
	if (addr)
		slot->addr = *addr;
	tbl_store_release(&slot->word, word);
}

void fixture_fill4(struct fixture *f, uint32_t room, uint32_t shard, uint32_t slots, unsigned live,
		   uint16_t via)
{
	uint64_t seed = 42;
	uint32_t page = 0;

	for (uint32_t i = 0; i < slots; i++) {
		if (i % CRIER_PAGE_SLOTS == 0)
			page = fixture_page(f, room, shard, false);
		if (fixture_random(&seed) % 100 < live)
			fixture_set4(f, page, i % CRIER_PAGE_SLOTS, fixture_word4(i, via));
	}
}

void fixture_fill6(struct fixture *f, uint32_t room, uint32_t shard, uint32_t slots, uint16_t via)
{
	uint32_t page = 0;

	for (uint32_t i = 0; i < slots; i++) {
		struct crier_addr a = {.b = {0xfd}};

		a.w[3] = htonl(i + 1);
		if (i % CRIER_PAGE_SLOTS == 0)
			page = fixture_page(f, room, shard, true);
		fixture_set6(f, page, i % CRIER_PAGE_SLOTS, &a,
			     member6_word(htons((uint16_t)(20000 + i % 10000)), via));
	}
}
