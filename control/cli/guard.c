// SPDX-License-Identifier: BSD-2-Clause
/* guard block|allow|del|list|mode|clear */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "cli.h"

#define PLAIN "text/plain"

static const char *const modes[] = {"off", "count", "enforce"}; /* of setting guard_mode */
#define MODES 3

static void print_counts(const json_t *answer)
{
	static const char *const words[][2] = {{"added", "added"},
					       {"deleted", "deleted"},
					       {"existing", "there already"},
					       {"missing", "not there"}};
	const char *separator = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		int64_t n = field_int(answer, words[i][0]);

		if (!json_object_get(answer, words[i][0]) || (i && !n && *separator))
			continue;
		printf("%s%" PRId64 " %s", separator, n, words[i][1]);
		separator = ", ";
	}
	printf("; now %" PRId64 " are blocked, %" PRId64 " allowed\n", field_int(answer, "block"),
	       field_int(answer, "allow"));
}

/* Prints and drops the answer; of NULL, why there is none. */
static int tell(struct cli *cli, json_t *answer)
{
	if (!answer)
		return cli_refused(cli);
	if (cli->json)
		json_print(answer);
	else
		print_counts(answer);
	json_decref(answer);
	return CLI_OK;
}

/* ---- changing ---- */

/* Lines of all arguments from the first on; NULL after a word on usage. */
static char *args_lines(struct cli *cli, size_t *len)
{
	char *text = NULL;
	FILE *out = xalloc(open_memstream(&text, len));
	const char *bad = NULL;

	for (int i = 0; i < cli->argc && !bad; i++) {
		if (!*cli->argv[i] || strpbrk(cli->argv[i], "# \t\r\n"))
			bad = cli->argv[i];
		fprintf(out, "%s\n", cli->argv[i]);
	}
	if (fclose(out) != 0)
		xalloc(NULL);
	if (bad) {
		char *clean = printable(bad);

		cli_usage(cli, "\"%s\" is no prefix", clean);
		free(clean);
		free(text);
		return NULL;
	}
	return text;
}

/* The line is one that crierctl made. */
static int args_refused(struct cli *cli)
{
	const char *reason = api_error(cli->api), *text;
	char *clean;

	if (field_int(api_error_object(cli->api), "line") <= 0)
		return cli_refused(cli);
	text = strncmp(reason, "line ", 5) == 0 ? strchr(reason, ':') : NULL;
	clean = printable(text ? text + 1 + (text[1] == ' ') : reason);
	cli_error("%s%s", clean, cli->argc > 1 ? "; nothing was changed" : "");
	free(clean);
	return CLI_REFUSED;
}

static int change_args(struct cli *cli, const char *method, const char *path)
{
	json_t *answer;
	size_t len;
	char *text = args_lines(cli, &len);

	if (!text)
		return CLI_USAGE;
	answer = api_send(cli->api, method, path, PLAIN, text, len);
	free(text);
	if (!answer)
		return args_refused(cli);
	if (cli->argc == 1 && field_int(answer, "missing") == 1) {
		char *clean = printable(cli->argv[0]);

		cli_error("%s is on neither list", clean);
		free(clean);
		json_decref(answer);
		return CLI_REFUSED;
	}
	return tell(cli, answer);
}

/* In one request, or a part of the file would be in force without the other. */
static int change_file(struct cli *cli, const char *method, const char *path)
{
	json_t *answer = NULL;
	int code = CLI_REFUSED;
	struct bulk bulk;

	if (bulk_open(&bulk, cli->opt[OPT_FILE])) {
		cli_error("cannot read %s: %s", cli->opt[OPT_FILE], strerror(errno));
		return CLI_REFUSED;
	}
	api_timeout(cli->api, BULK_TIMEOUT_MS);
	if (bulk_next(&bulk) < 0) {
		cli_error("%s: %s", bulk.name, bulk.error);
	} else if (!bulk_ended(&bulk)) {
		cli_error("%s: larger than 64 MB: is it a list of prefixes?", bulk.name);
	} else {
		answer = api_send(cli->api, method, path, PLAIN, bulk.part, bulk.part_len);
		if (answer) {
			code = tell(cli, answer);
		} else {
			char *clean = printable(api_error(cli->api));

			cli_error("%s: %s; nothing was changed", bulk.name, clean);
			free(clean);
		}
	}
	bulk_close(&bulk);
	return code;
}

static int change(struct cli *cli, const char *method, const char *path)
{
	if (cli->opt[OPT_FILE] && cli->argc)
		return cli_usage(cli, "prefixes as arguments or from --file, not both");
	if (cli->opt[OPT_FILE])
		return change_file(cli, method, path);
	if (!cli->argc)
		return cli_usage(cli, "no prefixes: name them as ADDR/LENGTH, or --file FILE");
	return change_args(cli, method, path);
}

static int put_on_list(struct cli *cli, const char *path)
{
	return change(cli, cli->opt[OPT_REPLACE] ? "PUT" : "POST", path);
}

int cmd_guard_block(struct cli *cli)
{
	return put_on_list(cli, "/v1/guard/list?action=block");
}

int cmd_guard_allow(struct cli *cli)
{
	return put_on_list(cli, "/v1/guard/list?action=allow");
}

int cmd_guard_del(struct cli *cli)
{
	return change(cli, "POST", "/v1/guard/list/delete");
}

/* ---- one list or both ---- */

/* "action=block" for the argument, "" without one; NULL after a word on usage. */
static const char *which_list(struct cli *cli)
{
	if (!cli->argc)
		return "";
	if (strcmp(cli->argv[0], "block") == 0)
		return "action=block";
	if (strcmp(cli->argv[0], "allow") == 0)
		return "action=allow";
	cli_usage(cli, "the lists are block and allow");
	return NULL;
}

int cmd_guard_clear(struct cli *cli)
{
	const char *list = which_list(cli);
	char path[64];

	if (!list)
		return CLI_USAGE;
	snprintf(path, sizeof(path), "/v1/guard/list%s%s", *list ? "?" : "", list);
	return tell(cli, api_call(cli->api, "DELETE", path, NULL));
}

static int to_stdout(void *arg, const char *data, size_t len)
{
	(void)arg;
	return fwrite(data, 1, len, stdout) == len ? 0 : -1;
}

int cmd_guard_list(struct cli *cli)
{
	const char *list = which_list(cli);
	char path[64];

	if (!list)
		return CLI_USAGE;
	snprintf(path, sizeof(path), "/v1/guard/list?format=%s%s%s", cli->json ? "json" : "text",
		 *list ? "&" : "", list);
	if (api_stream(cli->api, path, -1, to_stdout, NULL) == API_FAILED)
		return cli_refused(cli);
	if (cli->json)
		putchar('\n');
	return CLI_OK; /* a failed write is told when stdout is closed */
}

/* ---- mode ---- */

static int mode_set(struct cli *cli, const char *mode)
{
	json_t *body, *answer;
	int value = 0;

	while (value < MODES && strcmp(modes[value], mode) != 0)
		value++;
	if (value == MODES)
		return cli_usage(cli, "the modes are enforce, count and off");
	body = xalloc(json_pack("{s:i}", "value", value));
	answer = api_call(cli->api, "PUT", "/v1/settings/guard_mode", body);
	json_decref(body);
	if (!answer)
		return cli_refused(cli);
	json_decref(answer);
	return CLI_OK;
}

int cmd_guard_mode(struct cli *cli)
{
	int code = cli->argc ? mode_set(cli, cli->argv[0]) : CLI_OK;
	json_t *answer;
	char *clean;

	if (code)
		return code;
	answer = api_call(cli->api, "GET", "/v1/guard", NULL);
	if (!answer)
		return cli_refused(cli);
	clean = printable(field_str(answer, "mode"));
	if (cli->json)
		json_print(answer);
	else
		puts(clean);
	free(clean);
	json_decref(answer);
	return CLI_OK;
}
