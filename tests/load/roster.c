/* SPDX-License-Identifier: BSD-2-Clause */
#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp/log.h"

#define INDEX_LEAST 1024
#define INDEX_MOST (1U << 30)

int roster_room(struct roster *r, const char *name)
{
	char(*more)[ROSTER_NAME_MAX];
	uint32_t i;

	if (!*name || strlen(name) >= ROSTER_NAME_MAX) {
		log_err("crier-load: '%s' is no room's name", name);
		return -1;
	}
	/* Lists come room by room: the last one is the likely one. */
	for (i = r->rooms; i-- > 0;)
		if (!strcmp(r->room[i], name))
			return (int)i;
	if (r->rooms == ROSTER_ROOMS_MAX) {
		log_err("crier-load: more than %d rooms", ROSTER_ROOMS_MAX);
		return -1;
	}
	more = reallocarray(r->room, r->rooms + 1, sizeof(*more));
	if (!more) {
		log_err("crier-load: out of memory");
		return -1;
	}
	r->room = more;
	strcpy(r->room[r->rooms], name);
	return (int)r->rooms++;
}

int roster_room_find(const struct roster *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->rooms; i++)
		if (!strcmp(r->room[i], name))
			return (int)i;
	return -1;
}

static int member_add(struct roster *r, int room, const struct crier_endpoint *ep, uint16_t flags)
{
	struct tally_member *m;
	size_t more = r->room_for ? 2 * r->room_for : 1024;

	if (r->members == r->room_for) {
		m = reallocarray(r->member, more, sizeof(*m));
		if (!m)
			return -ENOMEM;
		r->member = m;
		r->room_for = more;
	}
	m = &r->member[r->members++];
	memcpy(m->addr, ep->addr.b, 16);
	m->room = (uint32_t)room;
	m->port = ep->port;
	m->flags = flags;
	return 0;
}

static int line_take(struct roster *r, char *line, const char *room, uint16_t flags,
		     const char **why)
{
	char *first = strtok(line, " \t\r\n"), *second;
	struct crier_endpoint ep;
	int rc, number;

	if (!first || *first == '#')
		return 0;
	second = strtok(NULL, " \t\r\n");
	number = roster_room(r, second && *second != '#' ? first : room);
	if (number < 0)
		return -EINVAL;
	if (second && *second != '#')
		first = second;
	rc = member_parse(first, strlen(first), &ep);
	if (rc) {
		*why = endpoint_strerror(rc);
		return rc;
	}
	return member_add(r, number, &ep, flags);
}

int roster_load(struct roster *r, const char *path, const char *room, uint16_t flags)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "r") : stdin;
	unsigned long n = 0;
	size_t size = 0;
	char *line = NULL;
	const char *why = NULL;
	int rc = 0;

	if (!in) {
		rc = -errno;
		log_err("crier-load: %s: %s", path, strerror(errno));
		return rc;
	}
	while (!rc && getline(&line, &size, in) >= 0) {
		n++;
		rc = line_take(r, line, room, flags, &why);
	}
	if (rc)
		log_err("crier-load: %s: line %lu: %s", path, n, why ? why : strerror(-rc));
	free(line);
	if (in != stdin)
		fclose(in);
	return rc;
}

static void addr_next(struct crier_addr *a)
{
	int i;

	for (i = 15; i >= 0 && !++a->b[i]; i--)
		;
}

int roster_generate(struct roster *r, const char *spec, const char *room, uint16_t flags)
{
	const char *slash = strchr(spec, '/');
	unsigned int first, last, port;
	unsigned long long count, i;
	struct crier_endpoint ep = {0};
	int got, used = 0, number, rc;
	bool v4;

	got = slash ? sscanf(slash, "/%llu/%u%n-%u%n", &count, &first, &used, &last, &used) : 0;
	if (got == 2)
		last = first;
	if (got < 2 || slash[used] || !first || first > last || last > 65535 || !count ||
	    count > 100000000 || addr_parse(spec, (size_t)(slash - spec), &ep.addr)) {
		log_err("crier-load: --generate '%s': want ADDR/COUNT/PORT or "
			"ADDR/COUNT/PORT-LASTPORT",
			spec);
		return -EINVAL;
	}
	number = roster_room(r, room);
	if (number < 0)
		return -EINVAL;
	v4 = addr_is_v4(&ep.addr);
	for (i = 0, port = first; i < count; i++) {
		ep.port = htons((uint16_t)port);
		rc = addr_is_v4(&ep.addr) == v4 ? endpoint_check_member(&ep) : -EINVAL;
		if (!rc)
			rc = member_add(r, number, &ep, flags);
		if (rc) {
			log_err("crier-load: --generate '%s': listener %llu: %s", spec, i + 1,
				rc == -ENOMEM ? "out of memory" : endpoint_strerror(rc));
			return rc;
		}
		if (port++ == last) {
			port = first;
			addr_next(&ep.addr);
		}
	}
	return 0;
}

struct crier_endpoint roster_endpoint(const struct tally_member *m)
{
	struct crier_endpoint ep = {.port = m->port};

	memcpy(ep.addr.b, m->addr, 16);
	return ep;
}

int roster_write(const struct roster *r, FILE *out, int with_rooms)
{
	char text[ENDPOINT_STRLEN];
	size_t i;

	for (i = 0; i < r->members; i++) {
		struct crier_endpoint ep = roster_endpoint(&r->member[i]);

		if (with_rooms)
			fprintf(out, "%s ", r->room[r->member[i].room]);
		fprintf(out, "%s\n", endpoint_format(text, &ep));
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}

long roster_find(const struct roster *r, uint32_t room, const struct crier_endpoint *ep)
{
	size_t i;

	for (i = 0; i < r->members; i++)
		if (r->member[i].room == room && r->member[i].port == ep->port &&
		    !memcmp(r->member[i].addr, ep->addr.b, 16))
			return (long)i;
	return -1;
}

static bool member_is(const struct tally_member *m, const struct wire_key *k)
{
	return !memcmp(m->addr, k->addr, 16) && m->port == k->port &&
	       (k->room == WIRE_ROOM_ANY || m->room == k->room);
}

/* -EEXIST: it is there; -ENOSPC: the table is too small. */
static int index_put(const struct roster *r, uint64_t *words, uint32_t mask, size_t n,
		     uint32_t room)
{
	const struct tally_member *m = &r->member[n];
	struct wire_key k = {.room = room, .port = m->port};
	struct wire_probe p;
	int i;

	memcpy(k.addr, m->addr, 16);
	wire_probe_start(&p, &k);
	for (i = 0; i < WIRE_INDEX_PROBES; i++, p.block += p.step) {
		uint64_t *w = &words[wire_probe_slot(&p, mask)];

		if (!*w) {
			*w = (uint64_t)p.print << 32 | (uint32_t)(n + 1);
			return 0;
		}
		if ((uint32_t)(*w >> 32) == p.print && member_is(&r->member[(uint32_t)*w - 1], &k))
			return -EEXIST;
	}
	return -ENOSPC;
}

static int index_fill(const struct roster *r, uint64_t *words, uint32_t mask)
{
	char text[ENDPOINT_STRLEN];
	size_t n;
	int rc;

	for (n = 0; n < r->members; n++) {
		rc = index_put(r, words, mask, n, r->member[n].room);
		if (rc == -EEXIST) {
			struct crier_endpoint ep = roster_endpoint(&r->member[n]);

			log_err("crier-load: %s is in room %s twice", endpoint_format(text, &ep),
				r->room[r->member[n].room]);
		}
		if (rc)
			return rc;
		/* With one room its number does: see member_find_any() in sink_find.h. */
		if (r->rooms > 1 && index_put(r, words, mask, n, WIRE_ROOM_ANY) == -ENOSPC)
			return -ENOSPC;
	}
	return 0;
}

int roster_index(const struct roster *r, uint64_t **words, uint32_t *count)
{
	uint32_t size = INDEX_LEAST;
	size_t want = r->members * (r->rooms > 1 ? 4 : 2);
	int rc;

	while (size < want && size < INDEX_MOST)
		size *= 2;
	for (;; size *= 2) {
		*words = calloc(size, sizeof(**words));
		if (!*words) {
			log_err("crier-load: out of memory");
			return -ENOMEM;
		}
		rc = index_fill(r, *words, size - 1);
		if (!rc) {
			*count = size;
			return 0;
		}
		free(*words);
		*words = NULL;
		if (rc != -ENOSPC || size >= INDEX_MOST)
			return rc;
	}
}

void roster_free(struct roster *r)
{
	free(r->room);
	free(r->member);
	memset(r, 0, sizeof(*r));
}
