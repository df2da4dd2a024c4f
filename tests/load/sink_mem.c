/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink in memory: the rules that the XDP program follows, compiled for this side.
 *
 * A million listeners have 100 MB of rows, which no cache holds.  So a burst is judged in
 * three turns: look at each frame and call for its word of the index; with the words there,
 * call for the rows of the listeners; with the rows there, judge.
 */
#include "sink_side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sink_copy.h"
#include "stamp.h"
#include "xdp/log.h"

#define HUGE_PAGE (2UL << 20)

struct sink_memory {
	struct tables t;
};

/* Zeroed, on huge pages where the kernel has some to spare; NULL: no memory. */
static void *table_alloc(struct sink *s, size_t entries, size_t size)
{
	size_t len = (entries * size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_HUGEPAGE); /* without it it is only slower */
	s->mapping[s->mappings].p = p;
	s->mapping[s->mappings++].len = len;
	return p;
}

static int stamps_place(struct sink *s, const char *pin)
{
	if (!pin) {
		s->stamps = table_alloc(s, TALLY_STAMPS, sizeof(*s->stamps));
		return s->stamps ? 0 : -ENOMEM;
	}
	if (strlen(pin) >= sizeof(s->pin)) {
		log_err("crier-load sink: --stamps: the path is too long");
		return -ENAMETOOLONG;
	}
	s->stamps = stamps_make(pin);
	if (!s->stamps)
		return -EIO;
	strcpy(s->pin, pin);
	s->mapping[s->mappings].p = s->stamps;
	s->mapping[s->mappings++].len = STAMPS_BYTES;
	return 0;
}

static int tables_alloc(struct sink *s, const struct sink_sizes *size)
{
	s->cpus = table_alloc(s, s->cpu_count, sizeof(*s->cpus));
	s->members = table_alloc(s, size->members, sizeof(*s->members));
	s->marks = table_alloc(s, size->marks, sizeof(*s->marks));
	s->streams = table_alloc(s, size->streams, sizeof(*s->streams));
	s->stream_ids = table_alloc(s, size->stream_ids, sizeof(*s->stream_ids));
	s->packets = table_alloc(s, size->packets, sizeof(*s->packets));
	s->reports = table_alloc(s, size->reports, sizeof(*s->reports));
	s->place = table_alloc(s, size->place, sizeof(*s->place));
	s->events = table_alloc(s, TALLY_N * TALLY_EVENTS, sizeof(*s->events));
	s->event_counts = table_alloc(s, TALLY_N, sizeof(*s->event_counts));
	if (s->cpus && s->members && s->marks && s->streams && s->stream_ids && s->packets &&
	    s->reports && s->place && s->events && s->event_counts)
		return 0;
	log_err("crier-load sink: out of memory for %u listeners", size->members);
	return -ENOMEM;
}

int sink_memory_open(struct sink *s, const struct sink_config *c, const struct sink_sizes *size,
		     const struct tally_rules *rules)
{
	int rc = tables_alloc(s, size);

	if (!rc)
		rc = stamps_place(s, c->stamps_pin);
	if (rc)
		return rc;
	s->memory = calloc(1, sizeof(*s->memory));
	if (!s->memory)
		return -ENOMEM;
	s->memory->t = (struct tables){
		.rules = *rules,
		.cpus = s->cpus,
		.members = s->members,
		.marks = s->marks,
		.streams = s->streams,
		.packets = s->packets,
		.reports = s->reports,
		.stamps = s->stamps,
		.place = s->place,
		.events = s->events,
		.event_counts = s->event_counts,
		.stream_ids = s->stream_ids,
	};
	return 0;
}

void sink_memory_close(struct sink *s)
{
	free(s->memory);
}

static __always_inline const __u64 *word_fetch(const struct view *v)
{
	const __u64 *word = &v->t->place[wire_probe_slot(&v->probe, v->t->rules.index_mask)];

	__builtin_prefetch(word);
	return word;
}

/*
 * The rows of that word's listener: the right one, or a stranger whose print is the same.
 * Always inline: GCC before 14 takes a function that only fetches for one without effect,
 * and drops its calls.
 */
static __always_inline void rows_fetch(const struct view *v, __u64 word,
				       const struct tally_stream *st)
{
	__u32 n = (__u32)word - 1;

	__builtin_prefetch(&v->t->members[n]);
	__builtin_prefetch(&v->t->marks[n * v->t->rules.slots + st->slot], 1);
}

/* A burst on its way through the three turns. */
struct judged {
	struct view v[BURST_MAX];
	struct tally_stream *st[BURST_MAX];
	const __u64 *word[BURST_MAX];
	sink_frame in[BURST_MAX];
	uint8_t alien[BURST_MAX];
	uint8_t seek[BURST_MAX]; /* numbers of those whose word is not found yet */
	uint32_t seeking;
};

static void burst_look(struct judged *b, const struct tables *t, const struct burst_frame *f,
		       uint32_t n, uint64_t now_ns)
{
	uint32_t i;

	b->seeking = 0;
	memset(b->v, 0, n * sizeof(b->v[0]));
	for (i = 0; i < n; i++) {
		b->in[i] = (sink_frame){f[i].data, f[i].data + f[i].len};
		b->alien[i] = copy_look(&b->in[i], &b->v[i], t, now_ns) != 0;
		b->st[i] = b->alien[i] ? NULL : copy_stream(&b->v[i]);
		if (!b->st[i])
			continue;
		b->word[i] = word_fetch(&b->v[i]);
		b->seek[b->seeking++] = (uint8_t)i;
	}
}

/*
 * One probe of all who still seek.  A third of the listeners collide, and a miss each for
 * word, member and mark cost more than all the rest of the judging.
 */
static void burst_seek(struct judged *b)
{
	uint32_t k, left = 0;

	for (k = 0; k < b->seeking; k++) {
		uint32_t i = b->seek[k];
		struct view *v = &b->v[i];
		__u64 word = *b->word[i];

		if (!word)
			continue;
		if ((__u32)(word >> 32) == v->probe.print) {
			rows_fetch(v, word, b->st[i]);
			continue;
		}
		v->probe.block += v->probe.step;
		b->word[i] = word_fetch(v);
		b->seek[left++] = (uint8_t)i;
	}
	b->seeking = left;
}

uint32_t sink_memory_judge(struct sink *s, const struct burst_frame *f, uint32_t n, uint64_t now_ns,
			   uint32_t pass[BURST_MAX])
{
	struct judged b;
	uint32_t i, passed = 0;

	burst_look(&b, &s->memory->t, f, n, now_ns);
	for (i = 0; b.seeking && i < WIRE_INDEX_PROBES; i++)
		burst_seek(&b);
	for (i = 0; i < n; i++)
		if (b.alien[i] || copy_judge(&b.in[i], &b.v[i], b.st[i]) == XDP_PASS)
			pass[passed++] = i;
	return passed;
}
