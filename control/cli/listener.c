// SPDX-License-Identifier: BSD-2-Clause
/* listener add|del|list|count */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulk.h"
#include "cli.h"

/* What the two calls count in common. */
struct change {
	const char *verb;      /* "add", for messages */
	const char *counts[3]; /* the answer's fields */
	const char *words[3];  /* what they mean */
};

static const struct change adding = {"add",
				     {"added", "existing", "unreachable"},
				     {"added", "there already", "without a route or neighbour"}};
static const struct change deleting = {
	"delete", {"deleted", "missing", NULL}, {"deleted", "not there", NULL}};

static void print_change(const struct change *ch, const json_t *sum)
{
	for (size_t i = 0; i < 3 && ch->counts[i]; i++) {
		int64_t n = field_int(sum, ch->counts[i]);

		if (i == 0 || n)
			printf("%s%" PRId64 " %s", i ? ", " : "", n, ch->words[i]);
	}
	putchar('\n');
}

static void add_up(const struct change *ch, json_t *sum, const json_t *answer)
{
	for (size_t i = 0; i < 3 && ch->counts[i]; i++)
		if (json_object_get(answer, ch->counts[i]))
			json_object_set_new(sum, ch->counts[i],
					    json_integer(field_int(sum, ch->counts[i]) +
							 field_int(answer, ch->counts[i])));
}

/* NULL with *bad if an argument is no UTF-8, which JSON cannot carry. */
static json_t *args_body(const struct cli *cli, const char **bad)
{
	json_t *list = xalloc(json_array()), *one;

	for (int i = 1; i < cli->argc; i++) {
		*bad = cli->argv[i];
		one = json_string(cli->argv[i]);
		if (!one) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, one);
	}
	if (cli->argc > 2)
		return xalloc(json_pack("{s:o}", "listeners", list));
	one = xalloc(json_pack("{s:O}", "listener", json_array_get(list, 0)));
	json_decref(list);
	return one;
}

/* The reason of a part that was refused, with line numbers of the whole file. */
static int part_refused(struct cli *cli, const struct bulk *bulk, const struct change *ch,
			const json_t *sum)
{
	const json_t *refusal = api_error_object(cli->api);
	const char *reason = api_error(cli->api), *text;
	int64_t line = field_int(refusal, "line"), applied;
	char *clean;

	text = strncmp(reason, "line ", 5) == 0 ? strchr(reason, ':') : NULL;
	clean = printable(line > 0 && text ? text + 1 + (text[1] == ' ') : reason);
	if (line > 0)
		cli_error("%s: line %" PRId64 ": %s", bulk->name,
			  (int64_t)bulk->lines_before + line, clean);
	else
		cli_error("%s: %s", bulk->name, clean);
	free(clean);
	applied = field_int(sum, ch->counts[0]) + field_int(refusal, "applied");
	if (applied)
		cli_error("%" PRId64 " were %s before that and stay so", applied, ch->counts[0]);
	else if (line > 0)
		cli_error("nothing was %s", ch->counts[0]);
	return CLI_REFUSED;
}

static int args_refused(const struct cli *cli, const struct change *ch)
{
	int64_t applied = field_int(api_error_object(cli->api), "applied");

	cli_refused(cli);
	if (applied)
		cli_error("%" PRId64 " were %s before that and stay so", applied, ch->counts[0]);
	return CLI_REFUSED;
}

static int change_args(struct cli *cli, const char *path, const struct change *ch)
{
	const char *bad = NULL;
	json_t *body = args_body(cli, &bad), *answer;
	char *clean;
	int code = CLI_OK;

	if (!body) {
		clean = printable(bad);
		code = cli_usage(cli, "\"%s\" is no listener, nor even UTF-8", clean);
		free(clean);
		return code;
	}
	answer = api_call(cli->api, "POST", path, body);
	json_decref(body);
	if (!answer)
		return args_refused(cli, ch);
	if (cli->json)
		json_print(answer);
	else
		print_change(ch, answer);
	json_decref(answer);
	return CLI_OK;
}

static int change_file(struct cli *cli, const char *path, const struct change *ch)
{
	struct bulk bulk;
	json_t *sum, *answer;
	int code = CLI_OK, more;

	if (bulk_open(&bulk, cli->opt[OPT_FILE])) {
		cli_error("cannot read %s: %s", cli->opt[OPT_FILE], strerror(errno));
		return CLI_REFUSED;
	}
	sum = xalloc(json_object());
	api_timeout(cli->api, BULK_TIMEOUT_MS);
	while ((more = bulk_next(&bulk)) > 0) {
		answer = api_send(cli->api, "POST", path, "text/plain", bulk.part, bulk.part_len);
		if (!answer) {
			code = part_refused(cli, &bulk, ch, sum);
			break;
		}
		add_up(ch, sum, answer);
		json_decref(answer);
	}
	if (more < 0) {
		cli_error("%s: %s", bulk.name, bulk.error);
		if (field_int(sum, ch->counts[0]))
			cli_error("%" PRId64 " were %s before that and stay so",
				  field_int(sum, ch->counts[0]), ch->counts[0]);
		code = CLI_REFUSED;
	}
	if (code == CLI_OK && cli->json)
		json_print(sum);
	else if (code == CLI_OK)
		print_change(ch, sum);
	json_decref(sum);
	bulk_close(&bulk);
	return code;
}

static int change(struct cli *cli, const char *route, const struct change *ch)
{
	char *path = api_path(route, cli->argv[0]);
	int code;

	if (cli->opt[OPT_FILE] && cli->argc > 1) {
		code = cli_usage(cli, "listeners as arguments or from --file, not both");
	} else if (cli->opt[OPT_FILE]) {
		code = change_file(cli, path, ch);
	} else if (cli->argc == 1) {
		code = cli_usage(cli, "no listeners to %s: name them as ADDR:PORT, or --file FILE",
				 ch->verb);
	} else {
		code = change_args(cli, path, ch);
	}
	free(path);
	return code;
}

int cmd_listener_add(struct cli *cli)
{
	return change(cli, "/v1/rooms/%s/listeners", &adding);
}

int cmd_listener_del(struct cli *cli)
{
	return change(cli, "/v1/rooms/%s/listeners/delete", &deleting);
}

static int to_stdout(void *arg, const char *data, size_t len)
{
	(void)arg;
	return fwrite(data, 1, len, stdout) == len ? 0 : -1;
}

int cmd_listener_list(struct cli *cli)
{
	enum api_end end;
	char *path, limit[32] = "0";
	uint64_t n;

	if (cli->opt[OPT_LIMIT]) {
		if (number_parse(cli->opt[OPT_LIMIT], 1, UINT32_MAX, &n))
			return cli_usage(cli, "--limit wants a number from 1, not \"%s\"",
					 cli->opt[OPT_LIMIT]);
		snprintf(limit, sizeof(limit), "%" PRIu64, n);
	}
	path = api_path(cli->opt[OPT_LIMIT] ? "/v1/rooms/%s/listeners?format=%s&limit=%s"
					    : "/v1/rooms/%s/listeners?format=%s",
			cli->argv[0], cli->json ? "json" : "text", limit);
	end = api_stream(cli->api, path, -1, to_stdout, NULL);
	free(path);
	if (end == API_FAILED)
		return cli_refused(cli);
	if (cli->json)
		putchar('\n');
	return CLI_OK; /* a failed write is told when stdout is closed */
}

int cmd_listener_count(struct cli *cli)
{
	char *path = api_path("/v1/rooms/%s/listeners/count", cli->argv[0]);
	json_t *answer = api_call(cli->api, "GET", path, NULL);

	free(path);
	if (!answer)
		return cli_refused(cli);
	if (cli->json)
		json_print(answer);
	else
		printf("%" PRId64 "\n", field_int(answer, "listeners"));
	json_decref(answer);
	return CLI_OK;
}
