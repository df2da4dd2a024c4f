/* SPDX-License-Identifier: BSD-2-Clause */
#include "via.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grace.h"
#include "xdp/log.h"

#define HASH_SIZE (VIA_MAX * 2)

struct vias {
	struct tables *t;
	struct grace *grace;
	uint32_t max, live, free_count;
	uint16_t *free; /* a stack, lowest number on top at first */
	struct via_own *own;
	uint16_t hash[HASH_SIZE]; /* 0: empty */
};

static uint32_t via_hash(const struct crier_via *k)
{
	uint64_t h = k->neighbour.q[0] ^ k->neighbour.q[1] * 0x9e3779b97f4a7c15ULL;

	h ^= (k->local.q[0] + k->local.q[1]) * 0xc2b2ae3d27d4eb4fULL;
	h ^= ((uint64_t)k->port << 48 | (uint64_t)k->vlan[0] << 32 | (uint64_t)k->vlan[1] << 16 |
	      k->mtu) *
	     0x165667b19e3779f9ULL;
	h ^= h >> 29;
	h *= 0xd6e8feb86659fd93ULL;
	return (uint32_t)(h >> 32) & (HASH_SIZE - 1);
}

static bool via_equal(const struct crier_via *a, const struct crier_via *b)
{
	return a->port == b->port && a->vlan[0] == b->vlan[0] && a->vlan[1] == b->vlan[1] &&
	       a->tpid[0] == b->tpid[0] && a->tpid[1] == b->tpid[1] && a->mtu == b->mtu &&
	       a->family6 == b->family6 && a->local.q[0] == b->local.q[0] &&
	       a->local.q[1] == b->local.q[1] && a->neighbour.q[0] == b->neighbour.q[0] &&
	       a->neighbour.q[1] == b->neighbour.q[1];
}

/* The place in the hash that holds key's via, or the empty one where it would go. */
static uint32_t hash_place(const struct vias *v, const struct crier_via *key)
{
	uint32_t i = via_hash(key);

	while (v->hash[i] && !via_equal(&v->t->vias[v->hash[i]], key))
		i = (i + 1) & (HASH_SIZE - 1);
	return i;
}

static void hash_remove(struct vias *v, uint32_t hole)
{
	const uint32_t mask = HASH_SIZE - 1;

	for (uint32_t i = (hole + 1) & mask; v->hash[i]; i = (i + 1) & mask) {
		uint32_t home = via_hash(&v->t->vias[v->hash[i]]);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			v->hash[hole] = v->hash[i];
			hole = i;
		}
	}
	v->hash[hole] = 0;
}

/* Before a via with tags is published: the kernel engine leaves room for them. */
static void tags_note(const struct vias *v, const struct crier_via *via)
{
	uint32_t tags = !!via->vlan[0] + !!via->vlan[1];

	if (via->port < CRIER_MAX_PORTS && tbl_load(&v->t->ports[via->port].tags) < tags)
		tbl_store(&v->t->ports[via->port].tags, tags);
}

int vias_open(struct tables *t, struct grace *grace, struct vias **out)
{
	struct vias *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	v->t = t;
	v->grace = grace;
	v->max = t->config->max_vias < VIA_MAX ? t->config->max_vias : VIA_MAX;
	v->free = calloc(VIA_MAX, sizeof(v->free[0]));
	v->own = calloc(VIA_MAX, sizeof(v->own[0]));
	if (v->free == NULL || v->own == NULL) {
		vias_close(v);
		return -ENOMEM;
	}
	for (uint32_t n = v->max; n-- > 1;) {
		if (tbl_load(&t->vias[n].hw) == 0) {
			v->free[v->free_count++] = (uint16_t)n;
			continue;
		}
		v->own[n].live = true;
		v->own[n].touched = true;
		v->live++;
		tags_note(v, &t->vias[n]);
		/* Two that are equal (a crash between two stores): both live, one is found. */
		v->hash[hash_place(v, &t->vias[n])] = (uint16_t)n;
	}
	*out = v;
	return 0;
}

void vias_close(struct vias *v)
{
	if (v == NULL)
		return;
	free(v->free);
	free(v->own);
	free(v);
}

uint16_t vias_find(const struct vias *v, const struct crier_via *key)
{
	return v->hash[hash_place(v, key)];
}

uint16_t vias_get(struct vias *v, const struct crier_via *key, bool *made)
{
	uint32_t place = hash_place(v, key);
	uint16_t n = v->hash[place];
	struct crier_via *via;

	*made = n == 0;
	if (n) {
		v->own[n].touched = true;
		return n;
	}
	if (v->free_count == 0)
		return 0;
	n = v->free[--v->free_count];
	via = &v->t->vias[n];
	via->port = key->port;
	memcpy(via->vlan, key->vlan, sizeof(via->vlan));
	memcpy(via->tpid, key->tpid, sizeof(via->tpid));
	via->mtu = key->mtu;
	via->family6 = key->family6;
	via->local = key->local;
	via->neighbour = key->neighbour;
	tags_note(v, via);
	/* Published: whoever sees the state also sees the rest. */
	tbl_store_release(&via->hw, (uint64_t)CRIER_VIA_PENDING << 48);
	v->own[n] = (struct via_own){.live = true, .touched = true};
	v->hash[place] = n;
	v->live++;
	return n;
}

struct via_own *vias_own(struct vias *v, uint16_t n)
{
	return &v->own[n];
}

uint32_t vias_max(const struct vias *v)
{
	return v->max;
}

uint32_t vias_live(const struct vias *v)
{
	return v->live;
}

uint32_t vias_free(const struct vias *v)
{
	return v->free_count;
}

struct batch {
	struct vias *v;
	uint32_t count;
	uint16_t n[];
};

/* After grace: nobody reads them any more. */
static void batch_free(void *arg)
{
	struct batch *b = arg;

	for (uint32_t i = b->count; i-- > 0;) {
		tbl_store_release(&b->v->t->vias[b->n[i]].hw, 0);
		b->v->free[b->v->free_count++] = b->n[i];
	}
	free(b);
}

static void via_withdraw(struct vias *v, uint16_t n)
{
	uint32_t place = hash_place(v, &v->t->vias[n]);

	/* An equal twin may sit there in its stead. */
	if (v->hash[place] == n)
		hash_remove(v, place);
	v->own[n] = (struct via_own){0};
	v->live--;
}

void vias_sweep(struct vias *v, const uint64_t used[VIA_MAX / 64],
		void (*drop)(uint16_t n, void *arg), void *arg)
{
	struct batch *b;
	uint32_t count = 0;

	for (uint32_t n = 1; n < v->max; n++)
		count += v->own[n].live && !v->own[n].touched && !(used[n / 64] >> n % 64 & 1);
	b = count ? malloc(sizeof(*b) + count * sizeof(b->n[0])) : NULL;
	if (b)
		*b = (struct batch){.v = v};
	for (uint32_t n = 1; n < v->max; n++) {
		struct via_own *own = &v->own[n];
		bool unused = own->live && !own->touched && !(used[n / 64] >> n % 64 & 1);

		own->touched = false;
		if (unused && b) {
			drop((uint16_t)n, arg);
			via_withdraw(v, (uint16_t)n);
			b->n[b->count++] = (uint16_t)n;
		}
	}
	if (b && grace_defer(v->grace, batch_free, b) < 0) {
		log_err("out of memory: %u next hops stay unused until crierd starts again", count);
		free(b);
	}
}
