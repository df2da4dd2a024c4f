// SPDX-License-Identifier: BSD-2-Clause
/* get [KEY], set KEY VALUE */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "text.h"

static void put_setting(struct text *t, const json_t *s)
{
	text_put(t, "%s", field_str(s, "key"));
	text_put(t, "%" PRId64, field_int(s, "value"));
	text_put(t, "%" PRId64, field_int(s, "default"));
	text_put(t, "%" PRId64 "..%" PRId64, field_int(s, "min"), field_int(s, "max"));
	text_put(t, "%s", field_str(s, "help"));
}

int cmd_get(struct cli *cli)
{
	char *path =
		cli->argc ? api_path("/v1/settings/%s", cli->argv[0]) : api_path("/v1/settings");
	json_t *answer = api_call(cli->api, "GET", path, NULL), *s;
	struct text *t;
	size_t i;

	free(path);
	if (!answer)
		return cli->argc ? cli_refused_about(cli, cli->argv[0]) : cli_refused(cli);
	if (cli->json) {
		json_print(answer);
		json_decref(answer);
		return CLI_OK;
	}
	t = text_new("KEY|>VALUE|>DEFAULT|BOUNDS|MEANING");
	if (cli->argc)
		put_setting(t, answer);
	json_array_foreach (json_object_get(answer, "settings"), i, s)
		put_setting(t, s);
	text_print(t, stdout, "");
	json_decref(answer);
	return CLI_OK;
}

int cmd_set(struct cli *cli)
{
	char *path;
	json_t *body, *answer;
	uint64_t n;

	if (number_parse(cli->argv[1], 0, INT64_MAX, &n))
		return cli_usage(cli, "%s wants a number, not \"%s\"", cli->argv[0], cli->argv[1]);
	path = api_path("/v1/settings/%s", cli->argv[0]);
	body = xalloc(json_pack("{s:I}", "value", (json_int_t)n));
	answer = api_call(cli->api, "PUT", path, body);
	json_decref(body);
	free(path);
	if (!answer)
		return cli_refused_about(cli, cli->argv[0]);
	if (cli->json)
		json_print(answer);
	else
		printf("%s is %" PRIu64 "\n", cli->argv[0], n);
	json_decref(answer);
	return CLI_OK;
}
