/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "pktgen.h"
#include "sink_side.h"
#include "xdp/log.h"

#define FLIGHT_SLACK 1024	/* positions before the first one gathered */
#define FLIGHTS_MAX (64U << 20) /* a position beyond is nonsense */

static uint64_t iface_mac(const char *name)
{
	struct ifreq ifr = {0};
	uint64_t mac = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	if (fd >= 0 && !ioctl(fd, SIOCGIFHWADDR, &ifr))
		memcpy(&mac, ifr.ifr_hwaddr.sa_data, 6);
	if (fd >= 0)
		close(fd);
	return mac;
}

static void rules_make(const struct sink *s, const struct sink_config *c, struct tally_rules *r)
{
	uint32_t i;

	*r = c->expect;
	r->stream_mask = s->stream_id_count - 1;
	r->streams = s->stream_count;
	r->slots = s->slots;
	r->ring = s->ring;
	r->rooms = c->roster->rooms;
	if (c->pktgen_room) {
		r->pktgen_rooms = c->pktgen_rooms;
		r->pktgen_epoch_ns = clock_ns(CLOCK_REALTIME) - now_ns();
	}
	for (i = 0; i < c->ifaces; i++)
		r->mac[r->ifaces++] = iface_mac(c->iface[i].name);
	for (i = 0; i < c->ifaces; i++)
		if (!r->mac[i])
			r->ifaces = 0; /* loopback and tunnels have none: any will do */
}

static int sizes_make(const struct sink *s, const struct sink_config *c, struct sink_sizes *size)
{
	uint32_t members = (uint32_t)c->roster->members;
	uint64_t packets = (uint64_t)s->cpu_count * s->stream_count * s->ring;

	if ((uint64_t)members * s->slots > 1U << 30 || packets > 1U << 28) {
		log_err("crier-load sink: %u listeners in %u rooms are too many for %u streams a "
			"room and %u packets a stream; lower --streams or --packets",
			members, c->roster->rooms, s->slots, s->ring);
		return -E2BIG;
	}
	*size = (struct sink_sizes){
		.members = members,
		.marks = members * s->slots,
		.streams = s->stream_count,
		.packets = (uint32_t)packets,
		.reports = s->cpu_count * s->stream_count * TALLY_REPORTS,
		.stream_ids = s->stream_id_count,
	};
	return 0;
}

static int stream_id_add(struct sink *s, uint32_t id, uint32_t kind, uint32_t n)
{
	uint32_t i, at = tally_stream_hash(id, kind);

	for (i = 0; i < TALLY_STREAM_PROBES; i++) {
		struct tally_stream_id *e = &s->stream_ids[(at + i) & (s->stream_id_count - 1)];

		if (!e->stream) {
			*e = (struct tally_stream_id){.id = id, .kind = kind, .stream = n + 1};
			return 0;
		}
		if (e->id == id && e->kind == kind) {
			log_err("crier-load sink: nothing tells two streams apart: SSRC 0x%08x, "
				"room %s",
				s->stream[n].ssrc, s->roster->room[s->stream[n].room]);
			return -EEXIST;
		}
	}
	log_err("crier-load sink: too many streams");
	return -ENOSPC;
}

static int streams_fill(struct sink *s, const struct sink_config *c)
{
	uint32_t n;
	size_t i;
	int rc;

	for (n = 0; n < s->stream_count; n++) {
		struct sink_stream *st = &s->stream[n];
		const char *room;

		st->room = n / s->slots;
		st->slot = n % s->slots;
		room = s->roster->room[st->room];
		st->ssrc = wire_ssrc(room, st->slot);
		for (i = 0; i < c->ssrcs; i++)
			if (c->ssrc[i].room == st->room && c->ssrc[i].slot == st->slot)
				st->ssrc = c->ssrc[i].ssrc;
		s->streams[n] = (struct tally_stream){
			.room = st->room,
			.room_key = wire_room_key(room),
			.slot = st->slot,
			.ssrc = htonl(st->ssrc),
		};
		rc = stream_id_add(s, htonl(st->ssrc), 0, n);
		if (!rc)
			rc = stream_id_add(s, s->streams[n].room_key, 1 + st->slot, n);
		if (rc)
			return rc;
	}
	return 0;
}

/* pktgen's packets name a room by its number among pktgen's own. */
static int pktgen_fill(struct sink *s, const struct sink_config *c)
{
	char name[64];
	uint32_t i;
	int room, rc = 0;

	for (i = 0; c->pktgen_room && i < c->pktgen_rooms && !rc; i++) {
		room = roster_room_find(s->roster,
					pktgen_room(name, c->pktgen_room, c->pktgen_rooms, i));
		if (room >= 0)
			rc = stream_id_add(s, i, PKTGEN_KIND, (uint32_t)room * s->slots);
	}
	return rc;
}

static int tables_make(struct sink *s, const struct sink_config *c)
{
	struct tally_rules rules;
	struct sink_sizes size;
	uint64_t *words = NULL;
	int rc = sizes_make(s, c, &size);

	if (!rc)
		rc = roster_index(c->roster, &words, &size.place);
	if (rc)
		return rc;
	rules_make(s, c, &rules);
	rules.index_mask = size.place - 1;
	if (c->in_memory)
		rc = sink_memory_open(s, c, &size, &rules);
	else
		rc = sink_xdp_open(s, c, &size, &rules);
	if (!rc) {
		memcpy(s->members, c->roster->member, size.members * sizeof(*s->members));
		memcpy(s->place, words, size.place * sizeof(*words));
		rc = streams_fill(s, c);
	}
	if (!rc)
		rc = pktgen_fill(s, c);
	free(words);
	return rc;
}

int sink_open(struct sink *s, const struct sink_config *c)
{
	int rc, cpus = c->in_memory ? 1 : libbpf_num_possible_cpus();

	memset(s, 0, sizeof(*s));
	s->roster = c->roster;
	s->cpu_count = cpus > 0 ? (uint32_t)cpus : 1;
	s->slots = c->slots;
	s->ring = c->ring;
	s->stream_count = c->roster->rooms * c->slots;
	for (s->stream_id_count = 64; s->stream_id_count < 8 * s->stream_count;)
		s->stream_id_count *= 2;
	s->stream = calloc(s->stream_count, sizeof(*s->stream));
	if (!s->stream) {
		log_err("crier-load sink: out of memory");
		return -ENOMEM;
	}
	rc = tables_make(s, c);
	if (rc)
		sink_close(s);
	return rc;
}

void sink_close(struct sink *s)
{
	uint32_t i;

	sink_xdp_close(s);
	sink_memory_close(s);
	if (*s->pin)
		unlink(s->pin);
	for (i = 0; i < s->mappings; i++)
		munmap(s->mapping[i].p, s->mapping[i].len);
	for (i = 0; s->stream && i < s->stream_count; i++)
		free(s->stream[i].flight);
	free(s->stream);
	memset(s, 0, sizeof(*s));
}

int sink_feed(struct sink *s, const void *frame, size_t len, uint32_t repeat, uint32_t *ns)
{
	struct burst_frame f = {(uint8_t *)(uintptr_t)frame, (uint32_t)len};
	uint32_t pass[BURST_MAX], passed = 0;

	if (s->skel)
		return sink_xdp_feed(s, frame, len, repeat, ns);
	while (repeat--)
		passed = sink_memory_judge(s, &f, 1, now_ns(), pass);
	return passed ? XDP_PASS : XDP_DROP;
}

void sink_stamp_set(struct sink *s, uint32_t slot, const struct tally_stamp *stamp)
{
	s->stamps[slot] = *stamp;
}

/* Room for position pos; NULL: it makes no sense, or no memory. */
static struct flight *flight_at(struct sink_stream *st, uint32_t pos)
{
	struct flight *more;
	size_t n, want;

	if (!st->flights)
		st->base = pos > FLIGHT_SLACK ? pos - FLIGHT_SLACK : 0;
	n = pos - st->base;
	if (pos < st->base || n >= FLIGHTS_MAX)
		return NULL;
	if (n >= st->flights) {
		want = st->flights ? 2 * st->flights : 4 * FLIGHT_SLACK;
		while (want <= n)
			want *= 2;
		more = reallocarray(st->flight, want, sizeof(*more));
		if (!more)
			return NULL;
		memset(more + st->flights, 0, (want - st->flights) * sizeof(*more));
		st->flight = more;
		st->flights = want;
	}
	return &st->flight[n];
}

static void flight_merge(struct flight *f, const struct tally_packet *p)
{
	if (!f->copies) {
		f->first_ns = p->first_ns;
		f->last_ns = p->last_ns;
		f->hash = p->hash;
	}
	if (p->first_ns < f->first_ns)
		f->first_ns = p->first_ns;
	if (p->last_ns > f->last_ns)
		f->last_ns = p->last_ns;
	f->torn |= p->hash != f->hash;
	f->copies += p->copies;
}

static int position_gather(struct sink *s, uint32_t n, uint32_t pos)
{
	struct tally_packet *p;
	struct flight *f;
	uint32_t cpu;

	for (cpu = 0; cpu < s->cpu_count; cpu++) {
		p = &s->packets[((size_t)cpu * s->stream_count + n) * s->ring +
				(pos & (s->ring - 1))];
		if (p->pos != pos || !p->copies)
			continue;
		f = flight_at(&s->stream[n], pos);
		if (!f)
			return -ENOMEM;
		flight_merge(f, p);
	}
	return 0;
}

int sink_gather(struct sink *s, bool all)
{
	uint32_t n, end, highest, lag = s->ring / 2;
	int rc = 0;

	for (n = 0; n < s->stream_count; n++) {
		struct sink_stream *st = &s->stream[n];

		highest = __atomic_load_n(&s->streams[n].highest, __ATOMIC_RELAXED);
		if (!highest)
			continue;
		end = all ? highest + 1 : highest - lag;
		if (!st->next) {
			if ((int32_t)(end - WIRE_POS_BASE) <= 0)
				continue;
			/* The ring holds no more; stray early copies are looked for as well. */
			st->next = highest - s->ring + 1;
		}
		if ((int32_t)(highest - s->ring + 1 - st->next) > 0) {
			s->gone += highest - s->ring + 1 - st->next;
			st->next = highest - s->ring + 1;
		}
		for (; (int32_t)(end - st->next) > 0; st->next++)
			if (position_gather(s, n, st->next))
				rc = -ENOMEM;
	}
	return rc;
}

/* A tenth of the frames without a rest: the sender will have waited too. */
bool sink_was_limit(const struct sink_load *l)
{
	return l->missed || l->no_buffer || l->pressed_frames * 10 > l->frames;
}

uint64_t sink_count(const struct sink *s, enum tally_counter c)
{
	uint64_t sum = 0;
	uint32_t cpu;

	for (cpu = 0; cpu < s->cpu_count; cpu++)
		sum += __atomic_load_n(&s->cpus[cpu].c[c], __ATOMIC_RELAXED);
	return sum;
}

const struct tally_mark *sink_mark(const struct sink *s, size_t member, uint32_t slot)
{
	return &s->marks[member * s->slots + slot];
}
