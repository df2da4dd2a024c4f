// SPDX-License-Identifier: BSD-2-Clause
/* stats [--watch [SECONDS]] */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "rates.h"
#include "text.h"

static void print_section(const char *title, const json_t *section)
{
	json_t *v;
	const char *key;
	bool any = false;

	puts(title);
	json_object_foreach ((json_t *)section, key, v) {
		char *name;

		if (json_integer_value(v) == 0)
			continue;
		name = printable(key);
		printf("  %-20s %15" PRId64 "\n", name, (int64_t)json_integer_value(v));
		free(name);
		any = true;
	}
	if (!any)
		puts("  nothing yet");
}

static void print_totals(const json_t *stats)
{
	struct text *t = text_new("ROOM|>LISTENERS|>PACKETS|>DUE|>COPIES|>NO ROUTE|>NO NEIGHBOUR|"
				  ">TX FULL|>OVERLOAD|>SWEEP US|>MAX US|>LATE");
	static const char *const columns[] = {
		"listeners", "pkts",	     "due",	"copies",
		"no_route",  "no_neighbour", "tx_full", "overload_copies",
		"sweep_us",  "sweep_max_us", "late"};
	json_t *room;
	size_t i, j;

	print_section("ingress (XDP):", json_object_get(stats, "xdp"));
	print_section("workers (all):", json_object_get(stats, "worker"));
	puts("rooms:");
	json_array_foreach (json_object_get(stats, "rooms"), i, room) {
		text_put(t, "%s", field_str(room, "name"));
		for (j = 0; j < sizeof(columns) / sizeof(*columns); j++)
			text_put(t, "%" PRId64, field_int(room, columns[j]));
	}
	text_print(t, stdout, "  ");
}

/* "drop_source 12/s drop_rtp 3/s" of both sections; "none" if nothing was lost. */
static void print_drops(const struct rates *r)
{
	static const char *const sections[] = {"xdp", "worker"};
	char n[HUMAN_LEN];
	const char *key;
	json_t *v;
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		json_object_foreach (json_object_get(r->now, sections[i]), key, v) {
			double per_s = rates_of(r, sections[i], key);

			if (!counter_is_drop(key) || per_s <= 0)
				continue;
			printf("  %s %s/s", key, human_count(n, per_s));
			any = true;
		}
	}
	puts(any ? "" : "  none");
}

static void print_rates(const struct rates *r)
{
	struct text *t =
		text_new("ROOM|>LISTENERS|>PACKETS/S|>COPIES/S|>DROPS/S|>SWEEP US|>MAX US");
	char in[HUMAN_LEN], out[HUMAN_LEN], kicks[HUMAN_LEN], when[32];
	time_t now = time(NULL);
	json_t *room;
	size_t i;

	strftime(when, sizeof(when), "%T", localtime(&now));
	printf("%s  in %s/s  copies %s/s  kicks %s/s\n", when,
	       human_count(in, rates_of(r, "xdp", "accepted")), human_count(out, rates_copies(r)),
	       human_count(kicks, rates_of(r, "worker", "tx_kicks")));
	fputs("  drops:", stdout);
	print_drops(r);
	json_array_foreach (json_object_get(r->now, "rooms"), i, room) {
		text_put(t, "%s", field_str(room, "name"));
		text_put(t, "%" PRId64, field_int(room, "listeners"));
		text_put(t, "%.0f", rates_of_room(r, room, "pkts"));
		text_put(t, "%.0f", rates_of_room(r, room, "copies"));
		text_put(t, "%.0f", rates_of_room_drops(r, room));
		text_put(t, "%" PRId64, field_int(room, "sweep_us"));
		text_put(t, "%" PRId64, field_int(room, "sweep_max_us"));
	}
	text_print(t, stdout, "  ");
	fflush(stdout);
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

static int watch(struct cli *cli, unsigned int ms, uint64_t times)
{
	struct rates r = {0};
	json_t *stats, *object;

	for (uint64_t n = 0; !times || n <= times; n++) {
		stats = api_call(cli->api, "GET", "/v1/stats", NULL);
		if (!stats) {
			rates_free(&r);
			return cli_refused(cli);
		}
		rates_step(&r, stats);
		if (n > 0 && cli->json) {
			object = rates_object(&r);
			json_print_line(object);
			json_decref(object);
		} else if (n > 0) {
			print_rates(&r);
		}
		if (!times || n < times)
			sleep_ms(ms);
	}
	rates_free(&r);
	return CLI_OK;
}

int cmd_stats(struct cli *cli)
{
	const char *seconds = cli->argc ? cli->argv[0] : cli->opt[OPT_WATCH];
	unsigned int ms = 1000;
	uint64_t times = 0;
	json_t *stats;

	if (cli->argc && !cli->opt[OPT_WATCH])
		return cli_usage(cli, "SECONDS goes with --watch");
	if (seconds && *seconds && seconds_parse(seconds, &ms))
		return cli_usage(cli, "\"%s\" is no time: seconds from 0.1 to 86400", seconds);
	if (cli->opt[OPT_COUNT] && !cli->opt[OPT_WATCH])
		return cli_usage(cli, "--count goes with --watch");
	if (cli->opt[OPT_COUNT] && number_parse(cli->opt[OPT_COUNT], 1, UINT32_MAX, &times))
		return cli_usage(cli, "--count wants a number from 1, not \"%s\"",
				 cli->opt[OPT_COUNT]);
	if (cli->opt[OPT_WATCH])
		return watch(cli, ms, times);
	stats = api_call(cli->api, "GET", "/v1/stats", NULL);
	if (!stats)
		return cli_refused(cli);
	if (cli->json)
		json_print(stats);
	else
		print_totals(stats);
	json_decref(stats);
	return CLI_OK;
}
