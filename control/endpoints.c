/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/endpoints.h"

#include <errno.h>
#include <stdlib.h>

int endpoints_add(struct endpoints *e, const struct crier_endpoint *ep)
{
	if (!e->last || e->last->n == ENDPOINTS_PIECE) {
		struct endpoints_piece *p = malloc(sizeof(*p));

		if (!p)
			return -ENOMEM;
		p->next = NULL;
		p->n = 0;
		if (e->last)
			e->last->next = p;
		else
			e->first = p;
		e->last = p;
	}
	e->last->ep[e->last->n++] = *ep;
	e->n++;
	return 0;
}

const struct crier_endpoint *endpoints_peek(const struct endpoints *e, uint32_t k)
{
	const struct endpoints_piece *p = e->first;

	if (!p)
		return NULL;
	k += e->taken;
	if (k >= p->n) {
		k -= p->n;
		p = p->next;
	}
	return p && k < p->n ? &p->ep[k] : NULL;
}

const struct crier_endpoint *endpoints_take(struct endpoints *e)
{
	struct endpoints_piece *p = e->first;

	if (p && e->taken == p->n) {
		e->first = p->next;
		if (!e->first)
			e->last = NULL;
		e->taken = 0;
		free(p);
		p = e->first;
	}
	if (!p || e->taken == p->n)
		return NULL;
	e->n--;
	return &p->ep[e->taken++];
}

void endpoints_free(struct endpoints *e)
{
	while (e->first) {
		struct endpoints_piece *p = e->first;

		e->first = p->next;
		free(p);
	}
	*e = (struct endpoints){0};
}
