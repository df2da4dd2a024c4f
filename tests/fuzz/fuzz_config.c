/* SPDX-License-Identifier: BSD-2-Clause */
/* crierd.yaml: any bytes are either taken, and then keep the rules, or refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/guard_list.h"
#include "control/guard_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define need(what) \
	do { \
		if (!(what)) \
			abort(); \
	} while (0)

static void within(uint64_t value, uint64_t least, uint64_t most)
{
	need(value >= least && value <= most);
}

/* 0: not given. */
static void capacity_check(const struct config_capacity *c)
{
	within(c->listeners, 0, 64000000);
	within(c->listeners6, 0, 64000000);
	within(c->rooms, 0, 1000000);
	within(c->streams, 0, 4000000);
	within(c->workers, 0, CRIER_MAX_WORKERS);
	within(c->shards, 0, CRIER_MAX_WORKERS);
	within(c->guard_prefixes, 0, 1 << 20);
	need(!(c->shards & (c->shards - 1)));
}

static void settings_check(const struct config_settings *s)
{
#define WITHIN(name, def, least, most, help) \
	if (s->value[CRIER_SET_##name]) \
		within(*s->value[CRIER_SET_##name], least, most);
	CRIER_SETTINGS(WITHIN)
#undef WITHIN
}

static void interfaces_check(const struct config *c)
{
	for (uint32_t i = 0; i < c->interfaces_count; i++) {
		const char *name = c->interfaces[i].name;

		within(strlen(name), 1, CRIER_IFNAME_LEN - 1);
		need(!strpbrk(name, "/ \t\n,:%"));
		for (uint32_t k = 0; k < i; k++)
			need(strcmp(name, c->interfaces[k].name) != 0);
	}
}

static void room_check(const struct config *c, uint32_t n)
{
	const struct config_room *r = &c->rooms[n];
	struct crier_endpoint ep;

	within(strlen(r->name), 1, CRIER_NAME_LEN - 1);
	for (uint32_t k = 0; k < n; k++)
		need(strcmp(r->name, c->rooms[k].name) != 0);
	for (uint32_t i = 0; i < r->streams_count; i++) {
		const struct config_stream *s = &r->streams[i];

		need(s->from && s->port && s->port != c->media_port);
		need(strcmp(s->from, "any") == 0 ||
		     endpoint_parse_from(s->from, strlen(s->from), &ep) == 0);
		need(strcmp(s->from, "any") != 0 || s->ssrc);
		need(!s->pt || *s->pt < 128);
		need(r->payload == CRIER_PAYLOAD_RTP || (!s->ssrc && !s->pt));
	}
	for (uint32_t i = 0; i < r->listeners_count; i++)
		need(member_parse(r->listeners[i], strlen(r->listeners[i]), &ep) == 0);
}

static void guard_check(const struct config *c)
{
	const struct config_guard *g = &c->guard;
	struct crier_guard_prefix p, q;
	char err[GUARD_ERR_LEN];

	need(!g->mode || !c->settings.value[CRIER_SET_guard_mode]);
	for (uint32_t i = 0; i < g->block_count; i++) {
		need(guard_prefix_parse(g->block[i], strlen(g->block[i]), &p, err) == 0);
		for (uint32_t k = 0; k < g->allow_count; k++) {
			need(guard_prefix_parse(g->allow[k], strlen(g->allow[k]), &q, err) == 0);
			need(guard_prefix_compare(&p, &q) != 0);
		}
	}
}

static void api_check(const struct config_api *a)
{
	struct crier_endpoint ep;

	need(!a->tcp || (a->token_file && endpoint_parse(a->tcp, strlen(a->tcp), &ep) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[CONFIG_ERR_LEN] = "";
	struct config *c = config_parse("f", data, size, err);

	if (!c) {
		need(*err);
		return 0;
	}
	need(c->node && *c->node && !strpbrk(c->node, " \t\n/,"));
	need(c->media_port && c->crier0.address && c->kernel.injector);
	capacity_check(&c->capacity);
	settings_check(&c->settings);
	interfaces_check(c);
	for (uint32_t i = 0; i < c->rooms_count; i++)
		room_check(c, i);
	guard_check(c);
	api_check(&c->api);
	config_free(c);
	return 0;
}
