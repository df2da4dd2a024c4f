// SPDX-License-Identifier: BSD-2-Clause
/* top: the rooms, live. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "rates.h"
#include "term.h"
#include "text.h"

enum sort_key { SORT_NAME, SORT_LISTENERS, SORT_COPIES, SORT_DROPS, SORT_SWEEP, SORT_N };

static const struct {
	const char *name;
	char key;
} sorts[SORT_N] = {
	[SORT_NAME] = {"name", 'n'},	 [SORT_LISTENERS] = {"listeners", 'l'},
	[SORT_COPIES] = {"copies", 'c'}, [SORT_DROPS] = {"drops", 'd'},
	[SORT_SWEEP] = {"sweep", 's'},
};

/* One room of one look, with what it is sorted by. */
struct row {
	const json_t *room;
	const char *name;
	double value[SORT_N];
};

struct top {
	struct cli *cli;
	struct rates rates;
	json_t *status; /* may be NULL: top goes on without */
	char *trouble;	/* why crierd did not answer, or NULL */
	enum sort_key sort;
	bool reverse;
	size_t first; /* row on top */
	unsigned int ms;
};

static const struct top *sorting; /* qsort has no argument for it */

static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = 0;

	if (sorting->sort != SORT_NAME) {
		double d = y->value[sorting->sort] - x->value[sorting->sort];

		order = d > 0 ? 1 : d < 0 ? -1 : 0;
	}
	if (order == 0)
		order = strcmp(x->name, y->name);
	return sorting->reverse ? -order : order;
}

static struct row *rows_make(const struct top *top, size_t *n)
{
	const json_t *rooms = json_object_get(top->rates.now, "rooms"), *room;
	struct row *rows = xalloc(calloc(json_array_size(rooms) + 1, sizeof(*rows)));
	size_t i;

	json_array_foreach (rooms, i, room) {
		rows[i].room = room;
		rows[i].name = field_str(room, "name");
		rows[i].value[SORT_LISTENERS] = (double)field_int(room, "listeners");
		rows[i].value[SORT_COPIES] = rates_of_room(&top->rates, room, "copies");
		rows[i].value[SORT_DROPS] = rates_of_room_drops(&top->rates, room);
		rows[i].value[SORT_SWEEP] = (double)field_int(room, "sweep_us");
	}
	*n = json_array_size(rooms);
	sorting = top;
	qsort(rows, *n, sizeof(*rows), row_compare);
	return rows;
}

/* A failed look keeps the old numbers on the screen, and says so. */
static void look(struct top *top)
{
	json_t *stats = api_call(top->cli->api, "GET", "/v1/stats", NULL);

	free(top->trouble);
	top->trouble = NULL;
	if (!stats) {
		top->trouble = printable(api_error(top->cli->api));
		return;
	}
	rates_step(&top->rates, stats);
	json_decref(top->status);
	top->status = api_call(top->cli->api, "GET", "/v1/status", NULL);
}

static void print_uptime(FILE *out, int64_t s)
{
	fprintf(out, "up %" PRId64 "d %02" PRId64 ":%02" PRId64 ":%02" PRId64, s / 86400,
		s / 3600 % 24, s / 60 % 60, s % 60);
}

static size_t workers_alive(const json_t *status)
{
	json_t *w;
	size_t i, n = 0;

	json_array_foreach (json_object_get(status, "workers"), i, w)
		n += field_int(w, "alive") != 0;
	return n;
}

static void print_drops(const struct top *top, FILE *out)
{
	static const char *const sections[] = {"xdp", "worker"};
	char n[HUMAN_LEN];
	const char *key;
	json_t *v;
	bool any = false;

	fputs("drops/s:", out);
	for (size_t i = 0; i < 2; i++) {
		json_object_foreach (json_object_get(top->rates.now, sections[i]), key, v) {
			double per_s = rates_of(&top->rates, sections[i], key);
			char *name;

			if (!counter_is_drop(key) || per_s <= 0)
				continue;
			name = printable(key);
			fprintf(out, " %s %s", name, human_count(n, per_s));
			free(name);
			any = true;
		}
	}
	fputs(any ? "\n" : " none\n", out);
}

/* Three lines, and one more for each trouble. */
static int print_head(const struct top *top, FILE *out)
{
	const struct rates *r = &top->rates;
	const json_t *warnings = json_object_get(top->status, "warnings");
	char in[HUMAN_LEN], copies[HUMAN_LEN], listeners[HUMAN_LEN], when[32];
	char *node = printable(field_str(top->status, "node"));
	time_t now = time(NULL);
	double total = 0;
	json_t *room;
	size_t i;
	int lines = 3;

	json_array_foreach (json_object_get(r->now, "rooms"), i, room)
		total += (double)field_int(room, "listeners");
	strftime(when, sizeof(when), "%T", localtime(&now));
	fprintf(out, "crier %s  %s  ", *node ? node : "-", when);
	print_uptime(out, field_int(top->status, "uptime_s"));
	fprintf(out, "  workers %zu  every %.1f s\n", workers_alive(top->status), top->ms / 1000.0);
	fprintf(out, "rooms %zu  listeners %s  in %s/s  copies %s/s\n",
		json_array_size(json_object_get(r->now, "rooms")), human_count(listeners, total),
		human_count(in, rates_of(r, "xdp", "accepted")),
		human_count(copies, rates_copies(r)));
	print_drops(top, out);
	if (top->trouble) {
		fprintf(out, "! %s\n", top->trouble);
		lines++;
	}
	if (json_array_size(warnings)) {
		const char *first = json_string_value(json_array_get(warnings, 0));
		char *words = printable(first ? first : "?");

		fprintf(out, "! %s%s\n", words,
			json_array_size(warnings) > 1 ? " (crierctl status tells more)" : "");
		free(words);
		lines++;
	}
	free(node);
	return lines;
}

/* "tx_full 12 no_route 3": which, a second. */
static void put_room_drops(struct text *t, const struct rates *r, const json_t *room)
{
	static const char *const names[] = {"no_route", "no_neighbour",	   "link_down",	    "mtu",
					    "tx_full",	"overload_copies", "stopped_copies"};
	char line[256] = "", n[HUMAN_LEN];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		double per_s = rates_of_room(r, room, names[i]);
		size_t len = strlen(line);

		if (per_s > 0)
			snprintf(line + len, sizeof(line) - len, "%s%s %s", len ? " " : "",
				 names[i], human_count(n, per_s));
	}
	text_put(t, "%s", *line ? line : "-");
}

static void print_rows(const struct top *top, FILE *out, const struct row *rows, size_t n)
{
	struct text *t =
		text_new("ROOM|>LISTENERS|>PKTS/S|>COPIES/S|>SWEEP MS|>MAX MS|>LATE/S|DROPS/S");

	for (size_t i = 0; i < n; i++) {
		const json_t *room = rows[i].room;

		text_put(t, "%.32s", rows[i].name);
		text_put(t, "%.0f", rows[i].value[SORT_LISTENERS]);
		text_put(t, "%.0f", rates_of_room(&top->rates, room, "pkts"));
		text_put(t, "%.0f", rows[i].value[SORT_COPIES]);
		text_put(t, "%.2f", rows[i].value[SORT_SWEEP] / 1000);
		text_put(t, "%.2f", (double)field_int(room, "sweep_max_us") / 1000);
		text_put(t, "%.0f", rates_of_room(&top->rates, room, "late"));
		put_room_drops(t, &top->rates, room);
	}
	text_print(t, out, "");
}

static void draw(struct top *top)
{
	char *text = NULL;
	size_t len = 0, n, shown;
	FILE *out = xalloc(open_memstream(&text, &len));
	struct row *rows = rows_make(top, &n);
	int height, width, head = print_head(top, out);

	term_size(&height, &width);
	fprintf(out, "sort: n l c d s (by %s%s)  r reverse  j k scroll  + - interval  q quit\n",
		sorts[top->sort].name, top->reverse ? ", reversed" : "");
	shown = height > head + 2 ? (size_t)(height - head - 2) : 0;
	if (top->first >= n)
		top->first = n ? n - 1 : 0;
	if (shown > n - top->first)
		shown = n - top->first;
	print_rows(top, out, rows + top->first, shown);
	if (fclose(out) != 0)
		xalloc(NULL);
	term_draw(text, len, head + 1);
	free(text);
	free(rows);
}

/* What a key does; false: quit. */
static bool take_key(struct top *top, char key)
{
	for (int i = 0; i < SORT_N; i++)
		if (sorts[i].key == key)
			top->sort = i;
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'r':
		top->reverse = !top->reverse;
		break;
	case 'j':
		top->first++;
		break;
	case 'k':
		top->first -= top->first > 0;
		break;
	case '+':
		top->ms = top->ms < 60000 ? top->ms * 2 : top->ms;
		break;
	case '-':
		top->ms = top->ms > 250 ? top->ms / 2 : top->ms;
		break;
	}
	return true;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int top_live(struct top *top)
{
	uint64_t next = now_ms() + 200; /* the first rates soon */
	bool go = true;
	char key = 0;

	draw(top);
	while (go) {
		uint64_t now = now_ms();

		switch (term_wait(next > now ? (unsigned int)(next - now) : 0, &key)) {
		case TERM_QUIT:
			go = false;
			continue;
		case TERM_KEY:
			go = take_key(top, key);
			break;
		case TERM_RESIZED:
			break;
		case TERM_TIMEOUT:
			look(top);
			next = now_ms() + top->ms;
			break;
		}
		draw(top);
	}
	term_leave();
	return CLI_OK;
}

/* Two looks, so that there are rates, and one print. */
static int top_once(struct top *top)
{
	struct timespec ts = {.tv_sec = top->ms / 1000, .tv_nsec = top->ms % 1000 * 1000000L};
	struct row *rows;
	json_t *object;
	size_t n;

	nanosleep(&ts, NULL);
	look(top);
	if (top->trouble)
		return cli_refused(top->cli);
	if (top->cli->json) {
		object = rates_object(&top->rates);
		json_print(object);
		json_decref(object);
		return CLI_OK;
	}
	rows = rows_make(top, &n);
	print_head(top, stdout);
	print_rows(top, stdout, rows, n);
	free(rows);
	return CLI_OK;
}

static int sort_parse(const char *name)
{
	for (int i = 0; i < SORT_N; i++)
		if (strcmp(sorts[i].name, name) == 0)
			return i;
	return -1;
}

int cmd_top(struct cli *cli)
{
	struct top top = {.cli = cli, .sort = SORT_COPIES, .ms = 1000};
	int sort = SORT_COPIES, code;

	if (cli->opt[OPT_INTERVAL] && seconds_parse(cli->opt[OPT_INTERVAL], &top.ms))
		return cli_usage(cli, "--interval wants seconds from 0.1 to 86400, not \"%s\"",
				 cli->opt[OPT_INTERVAL]);
	if (cli->opt[OPT_SORT] && (sort = sort_parse(cli->opt[OPT_SORT])) < 0)
		return cli_usage(cli, "--sort is one of name, listeners, copies, drops, sweep");
	top.sort = (enum sort_key)sort;
	/* The screen must not hang on a crierd that does. */
	api_timeout(cli->api, 3000);
	look(&top);
	if (top.trouble)
		code = cli_refused(cli);
	else if (cli->opt[OPT_ONCE] || cli->json || term_enter())
		code = top_once(&top);
	else
		code = top_live(&top);
	rates_free(&top.rates);
	json_decref(top.status);
	free(top.trouble);
	return code;
}
