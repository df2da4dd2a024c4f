// SPDX-License-Identifier: BSD-2-Clause
/* status: how the node is, and what an operator should look at first. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "text.h"

static void print_uptime(int64_t s)
{
	if (s >= 86400)
		printf("%" PRId64 " d ", s / 86400);
	printf("%02" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600 % 24, s / 60 % 60, s % 60);
}

static void print_head(const json_t *st)
{
	char *version = printable(field_str(st, "version")),
	     *node = printable(field_str(st, "node"));
	char *pins = printable(field_str(st, "pin_dir"));

	printf("crierd %s", version);
	if (*node)
		printf(" on %s", node);
	printf(", pid %" PRId64 ", up ", field_int(st, "pid"));
	print_uptime(field_int(st, "uptime_s"));
	printf("\ntables in %s, ABI %" PRId64 ", %.1f MB; media port %" PRId64 "\n", pins,
	       field_int(st, "abi"), (double)field_int(st, "memory_bytes") / 1e6,
	       field_int(st, "media_port"));
	free(version);
	free(node);
	free(pins);
}

static void print_capacity(const json_t *st)
{
	static const char *const kinds[][2] = {{"listeners4", "IPv4 listeners"},
					       {"listeners6", "IPv6 listeners"},
					       {"rooms", "rooms"},
					       {"streams", "streams"},
					       {"vias", "next hops"}};
	const json_t *used = json_object_get(st, "used"), *all = json_object_get(st, "capacity");
	struct text *t = text_new("|>USED|>OF");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		text_put(t, "%s", kinds[i][1]);
		text_put(t, "%" PRId64, field_int(used, kinds[i][0]));
		text_put(t, "%" PRId64, field_int(all, kinds[i][0]));
	}
	text_print(t, stdout, "  ");
}

/* [1,2,3] as "1 2 3" */
static void put_numbers(struct text *t, const json_t *array)
{
	char list[256] = "";
	json_t *v;
	size_t i;

	json_array_foreach (array, i, v) {
		size_t len = strlen(list);

		if (len + 24 > sizeof(list))
			break;
		snprintf(list + len, sizeof(list) - len, "%s%" JSON_INTEGER_FORMAT, i ? " " : "",
			 json_integer_value(v));
	}
	text_put(t, "%s", *list ? list : "none");
}

/* crierd says link: true, or a word */
static const char *link_word(const json_t *iface)
{
	const json_t *link = json_object_get(iface, "link");

	if (json_is_string(link))
		return json_string_value(link);
	return field_int(iface, "link") ? "up" : "DOWN";
}

static void print_interfaces(const json_t *interfaces)
{
	struct text *t = text_new(
		"INTERFACE|>PORT|MODE|LINK|>MBIT/S|>MTU|>RX QUEUES|SOCKETS ON|>TX FULL|MAC");
	json_t *iface, *note;
	size_t i, j;
	char *name, *words;

	json_array_foreach (interfaces, i, iface) {
		int64_t mbps = field_int(iface, "speed_mbps");

		text_put(t, "%s%s", field_str(iface, "name"),
			 field_int(iface, "local") ? " (local)" : "");
		text_put(t, "%" PRId64, field_int(iface, "port"));
		text_put(t, "%s", field_str(iface, "mode"));
		text_put(t, "%s", link_word(iface));
		text_put(t, mbps ? "%" PRId64 : "?", mbps);
		text_put(t, "%" PRId64, field_int(iface, "mtu"));
		text_put(t, "%" PRId64, field_int(iface, "rx_queues"));
		put_numbers(t, json_object_get(iface, "sockets"));
		text_put(t, "%" PRId64, field_int(iface, "tx_full"));
		text_put(t, "%s", field_str(iface, "mac"));
	}
	text_print(t, stdout, "  ");
	json_array_foreach (interfaces, i, iface) {
		name = printable(field_str(iface, "name"));
		/* crierd's own note knows the remedy */
		if (field_int(iface, "vlan_hidden") &&
		    json_array_size(json_object_get(iface, "notes")) == 0)
			printf("  note: %s: VLAN tags are taken out before XDP sees them\n", name);
		json_array_foreach (json_object_get(iface, "notes"), j, note) {
			words = printable(json_string_value(note) ? json_string_value(note) : "?");
			printf("  note: %s: %s\n", name, words);
			free(words);
		}
		free(name);
	}
}

static void print_workers(const json_t *workers)
{
	struct text *t;
	json_t *w;
	size_t i;

	if (json_array_size(workers) == 0) {
		puts("workers: none. XDP makes copies of small rooms; start crier-dp for others");
		return;
	}
	puts("workers:");
	t = text_new(">WORKER|>PID|>CPU|>PART|STATE|>LAST TURN");
	json_array_foreach (workers, i, w) {
		text_put(t, "%" PRId64, field_int(w, "slot"));
		text_put(t, "%" PRId64, field_int(w, "pid"));
		text_put(t, "%" PRId64, field_int(w, "cpu"));
		/* of each room, if its parts are counted from 1 */
		text_put(t, "%" PRId64 "/%" PRId64, field_int(w, "shard") + 1,
			 field_int(w, "stride"));
		text_put(t, "%s",
			 !field_int(w, "alive")	  ? "DEAD"
			 : field_int(w, "online") ? "busy"
						  : "asleep");
		text_put(t, "%" PRId64 " ms ago", field_int(w, "turn_age_ms"));
	}
	text_print(t, stdout, "  ");
}

static void print_table(const json_t *rows)
{
	struct text *t;
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return;
	t = text_new("FEATURE|ON|HAS|WHAT IS LOST WITHOUT IT");
	json_array_foreach (rows, i, row) {
		const json_t *has = json_object_get(row, "has");
		const char *on = field_str(row, "interface"), *why = field_str(row, "why");

		text_put(t, "%s", field_str(row, "name"));
		text_put(t, "%s", *on ? on : "host");
		text_put(t, "%s", json_is_true(has) ? "yes" : json_is_false(has) ? "NO" : "?");
		text_put(t, "%s%s%s%s", field_str(row, "without"), *why ? " (" : "", why,
			 *why ? ")" : "");
	}
	text_print(t, stdout, "  ");
}

static void print_features(const json_t *features)
{
	const char *key;
	json_t *v;
	bool first = true;

	json_object_foreach ((json_t *)features, key, v) {
		if (json_is_array(v))
			continue;
		char *name = printable(key);
		char *word = printable(json_string_value(v) ? json_string_value(v) : "");

		if (json_is_string(v))
			printf("%s%s %s", first ? "features: " : ", ", name, word);
		else if (json_is_integer(v))
			printf("%s%s %" PRId64, first ? "features: " : ", ", name,
			       field_int(features, key));
		else
			printf("%s%s%s", first ? "features: " : ", ", json_is_true(v) ? "" : "no ",
			       name);
		first = false;
		free(name);
		free(word);
	}
	if (!first)
		putchar('\n');
	print_table(json_object_get(features, "table"));
}

static void print_guard(const json_t *guard)
{
	char *mode = printable(field_str(guard, "mode"));

	if (guard)
		printf("guard: %s; %" PRId64 " prefixes blocked, %" PRId64 " allowed, of %" PRId64
		       "\n",
		       mode, field_int(guard, "block"), field_int(guard, "allow"),
		       field_int(guard, "capacity"));
	free(mode);
}

static void print_injector(const json_t *injector)
{
	char *name = printable(field_str(injector, "name"));
	char *why = printable(field_str(injector, "why"));

	if (injector && json_is_true(json_object_get(injector, "triggers")))
		printf("page triggers: by %s\n", name);
	else if (injector)
		printf("page triggers: none: %s\n", why);
	free(name);
	free(why);
}

static void print_status(const json_t *st)
{
	const json_t *vias = json_object_get(st, "vias");
	json_t *w;
	size_t i;

	print_head(st);
	json_array_foreach (json_object_get(st, "warnings"), i, w) {
		char *words = printable(json_string_value(w) ? json_string_value(w) : "?");

		printf("WARNING: %s\n", words);
		free(words);
	}
	puts("capacity:");
	print_capacity(st);
	printf("next hops: %" PRId64 " ready, %" PRId64 " without a neighbour yet, of %" PRId64
	       "\n",
	       field_int(vias, "ready"), field_int(vias, "pending"), field_int(vias, "total"));
	puts("interfaces:");
	print_interfaces(json_object_get(st, "interfaces"));
	print_workers(json_object_get(st, "workers"));
	print_guard(json_object_get(st, "guard"));
	print_injector(json_object_get(st, "injector"));
	if (json_object_get(st, "programs"))
		programs_print(json_object_get(st, "programs"));
	print_features(json_object_get(st, "features"));
}

int cmd_status(struct cli *cli)
{
	json_t *st = api_call(cli->api, "GET", "/v1/status", NULL);

	if (!st)
		return cli_refused(cli);
	if (cli->json)
		json_print(st);
	else
		print_status(st);
	json_decref(st);
	return CLI_OK;
}
