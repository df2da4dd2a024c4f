/* SPDX-License-Identifier: BSD-2-Clause */
#include "promise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

long promise_stream(const struct sink *s, const struct publog_stream *ls)
{
	int room = roster_room_find(s->roster, ls->room);

	if (room < 0 || ls->slot >= s->slots)
		return -1;
	return (long)room * s->slots + ls->slot;
}

int promises_make(struct promise **out, const struct sink *s, const struct publog *log, size_t logs)
{
	struct promise *p = calloc(s->stream_count, sizeof(*p));
	size_t i, j;

	if (!p)
		return -ENOMEM;
	*out = p;
	for (i = 0; i < logs; i++) {
		for (j = 0; j < log[i].streams; j++) {
			const struct publog_stream *ls = &log[i].stream[j], **more;
			long n = promise_stream(s, ls);

			if (n < 0)
				continue;
			more = reallocarray(p[n].part, p[n].parts + 1, sizeof(*more));
			if (!more)
				return -ENOMEM;
			p[n].part = more;
			p[n].part[p[n].parts++] = ls;
			p[n].pkts += ls->pkts;
			p[n].reports += ls->reports;
		}
	}
	return 0;
}

void promises_free(struct promise *p, const struct sink *s)
{
	uint32_t i;

	for (i = 0; p && i < s->stream_count; i++)
		free(p[i].part);
	free(p);
}

const struct publog_packet *promise_find(const struct promise *p, uint32_t pos)
{
	size_t i, low, high, mid;

	for (i = 0; i < p->parts; i++) {
		const struct publog_stream *ls = p->part[i];

		for (low = 0, high = ls->pkts; low < high;) {
			mid = (low + high) / 2;
			if (ls->pkt[mid].pos == pos)
				return &ls->pkt[mid];
			if (ls->pkt[mid].pos < pos)
				low = mid + 1;
			else
				high = mid;
		}
	}
	return NULL;
}

uint64_t promise_between(const struct promise *p, uint64_t from_ns, uint64_t until_ns)
{
	uint64_t n = 0;
	size_t i, low, high, mid;

	for (i = 0; i < p->parts; i++) {
		const struct publog_stream *ls = p->part[i];
		size_t bound[2];
		int k;

		for (k = 0; k < 2; k++) {
			uint64_t ns = k ? until_ns + 1 : from_ns;

			for (low = 0, high = ls->pkts; low < high;) {
				mid = (low + high) / 2;
				if (ls->pkt[mid].ns < ns)
					low = mid + 1;
				else
					high = mid;
			}
			bound[k] = low;
		}
		if (bound[1] > bound[0])
			n += bound[1] - bound[0];
	}
	return n;
}
