// SPDX-License-Identifier: BSD-2-Clause
/*
 * restore: gives a save back to crierd.  A save larger than one request is sent
 * in parts, each a save of its own: the header line, the room lines so far (which
 * crierd merges with what is there), some lines, and the end line.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "cli.h"

#define PLAIN "text/plain"

struct restoring {
	struct cli *cli;
	json_t *sum;
	json_t *existing; /* room names that crierd has, unless --merge */
	int64_t rooms;	  /* lines of rooms so far */
	char *prefix;	  /* lines that each further part begins with */
	size_t prefix_len;
	FILE *prefix_file;
};

static void add_up(json_t *sum, const json_t *answer)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)answer, key, v) {
		if (json_is_integer(v))
			json_object_set_new(
				sum, key,
				json_integer(field_int(sum, key) + (int64_t)json_integer_value(v)));
	}
}

static int send_part(struct restoring *r, bool merge, const char *body, size_t len)
{
	json_t *answer = api_send(r->cli->api, "POST",
				  merge ? "/v1/restore?merge=1" : "/v1/restore", PLAIN, body, len);

	if (!answer) {
		cli_refused(r->cli);
		if (!merge && strstr(api_error(r->cli->api), "merge=1"))
			cli_error("restore --merge adds to rooms that exist");
		return CLI_REFUSED;
	}
	add_up(r->sum, answer);
	json_decref(answer);
	return CLI_OK;
}

/* Remembers the header and the rooms of this part for those that follow. */
static int scan_part(struct restoring *r, const char *part, size_t len)
{
	const char *end = part + len;

	while (part < end) {
		const char *eol = memchr(part, '\n', (size_t)(end - part));
		size_t n = (size_t)((eol ? eol : end) - part);
		json_t *line = json_loadb(part, n, 0, NULL), *room = json_object_get(line, "room");
		const char *name = field_str(room, "name");

		if (room && json_object_get(r->existing, name)) {
			cli_error("room %s exists: delete it, or restore with --merge", name);
			json_decref(line);
			return CLI_REFUSED;
		}
		r->rooms += room != NULL;
		if (room || json_object_get(line, "crier")) {
			fwrite(part, 1, n, r->prefix_file);
			fputc('\n', r->prefix_file);
		}
		json_decref(line);
		part = eol ? eol + 1 : end;
	}
	return CLI_OK;
}

/* Rooms of later parts would be merged unseen, so the CLI looks itself. */
static int fetch_existing(struct restoring *r)
{
	json_t *answer = api_call(r->cli->api, "GET", "/v1/rooms", NULL), *room;
	size_t i;

	if (!answer)
		return cli_refused(r->cli);
	json_array_foreach (json_object_get(answer, "rooms"), i, room) {
		json_object_set(r->existing, field_str(room, "name"), json_true());
	}
	json_decref(answer);
	return CLI_OK;
}

static int send_further(struct restoring *r, const struct bulk *bulk, bool merge, bool last)
{
	static const char end[] = "{\"end\":true}\n";
	size_t len = 0;
	char *body = NULL;
	FILE *out = xalloc(open_memstream(&body, &len));
	int code;

	fflush(r->prefix_file);
	fwrite(r->prefix, 1, r->prefix_len, out);
	fwrite(bulk->part, 1, bulk->part_len, out);
	if (!last)
		fputs(end, out);
	if (fclose(out) != 0)
		xalloc(NULL);
	code = scan_part(r, bulk->part, bulk->part_len);
	if (!code)
		code = send_part(r, merge, body, len);
	/* Each part names the rooms before it again. */
	if (!code)
		json_object_set_new(r->sum, "rooms", json_integer(r->rooms));
	free(body);
	return code;
}

static int restore(struct restoring *r, struct bulk *bulk, bool merge)
{
	int more, code = CLI_OK;
	bool first = true;

	while (!code && (more = bulk_next(bulk)) > 0) {
		bool last = bulk_ended(bulk);

		if (first && last)
			return send_part(r, merge, bulk->part, bulk->part_len);
		if (first && !merge)
			code = fetch_existing(r);
		if (!code)
			code = send_further(r, bulk, merge || !first, last);
		first = false;
	}
	if (!code && more < 0) {
		cli_error("%s: %s", bulk->name, bulk->error);
		code = CLI_REFUSED;
	}
	if (code && !first && json_object_size(r->sum))
		cli_error("a part of the save was restored before that and stays so");
	return code;
}

static void print_sum(const json_t *sum)
{
	const char *sep = "restored ", *key;
	json_t *v;

	json_object_foreach ((json_t *)sum, key, v) {
		printf("%s%" JSON_INTEGER_FORMAT " %s", sep, json_integer_value(v), key);
		sep = ", ";
	}
	putchar('\n');
}

int cmd_restore(struct cli *cli)
{
	struct restoring r = {
		.cli = cli, .sum = xalloc(json_object()), .existing = xalloc(json_object())};
	struct bulk bulk;
	int code;

	if (bulk_open(&bulk, cli->argv[0])) {
		cli_error("cannot read %s: %s", cli->argv[0], strerror(errno));
		code = CLI_REFUSED;
	} else {
		api_timeout(cli->api, BULK_TIMEOUT_MS);
		r.prefix_file = xalloc(open_memstream(&r.prefix, &r.prefix_len));
		code = restore(&r, &bulk, cli->opt[OPT_MERGE] != NULL);
		fclose(r.prefix_file);
		free(r.prefix);
		bulk_close(&bulk);
	}
	if (code == CLI_OK && cli->json)
		json_print(r.sum);
	else if (code == CLI_OK)
		print_sum(r.sum);
	json_decref(r.sum);
	json_decref(r.existing);
	return code;
}
