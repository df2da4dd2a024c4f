// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the shell's completion asks: crierctl __complete CWORD WORDS...  Commands
 * and options come from the table, rooms and settings from crierd, which is asked
 * briefly and may be silent.  "@files" asks the shell to complete file names.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void offer(const char *prefix, const char *word, size_t len)
{
	if (len >= strlen(prefix) && strncmp(word, prefix, strlen(prefix)) == 0)
		printf("%.*s\n", (int)len, word);
}

/* "a|b|c" */
static void offer_choices(const char *prefix, const char *choices)
{
	for (const char *p = choices, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '|');
		offer(prefix, p, (size_t)(end - p));
	}
}

/* The same out of a command's arguments: "[a|b]" from its first word on. */
static void offer_words(const char *prefix, const char *args)
{
	char *choices = xalloc(strndup(args, strcspn(args, "] ")));

	offer_choices(prefix, choices);
	free(choices);
}

static void offer_fields(struct api *api, const char *path, const char *list, const char *field,
			 const char *prefix)
{
	json_t *answer, *item;
	size_t i;

	api_timeout(api, 1000);
	answer = api_call(api, "GET", path, NULL);
	json_array_foreach (json_object_get(answer, list), i, item) {
		char *word = printable(field_str(item, field));

		offer(prefix, word, strlen(word));
		free(word);
	}
	json_decref(answer);
}

static const struct cli_flag *flag_find(const struct cli_flag *flags, const char *word)
{
	for (const struct cli_flag *f = flags; f && f->id != OPT_NONE; f++) {
		if (word[0] == '-' && word[1] == '-' && strcmp(word + 2, opt_name(f->id)) == 0)
			return f;
		if (word[0] == '-' && word[1] == opt_letter(f->id) && word[1] && !word[2])
			return f;
	}
	return NULL;
}

static const struct cli_flag *flag_any(const struct command *cmd, const char *word)
{
	const struct cli_flag *f = flag_find(global_flags, word);

	return f ? f : flag_find(cmd ? cmd->flags : NULL, word);
}

static bool takes_value(const struct cli_flag *f)
{
	return f && f->arg && *f->arg != '[';
}

static void offer_flags(const struct cli_flag *flags, const char *prefix)
{
	for (const struct cli_flag *f = flags; f && f->id != OPT_NONE; f++) {
		char word[64];

		snprintf(word, sizeof(word), "--%s", opt_name(f->id));
		offer(prefix, word, strlen(word));
	}
}

static void offer_value(const struct cli_flag *f, const char *prefix)
{
	if (f->id == OPT_SORT)
		offer_choices(prefix, "name|listeners|copies|drops|sweep");
	else if (f->id == OPT_FROM)
		offer_choices(prefix, "any");
	else if (f->id == OPT_FILE || f->id == OPT_WRITE || f->id == OPT_SOCKET)
		puts("@files");
	else if (strchr(f->arg, '|'))
		offer_choices(prefix, f->arg);
}

/* First words, or the second words of a group, each once. */
static void offer_commands(const char *group, const char *prefix)
{
	const char *before = "";
	size_t before_len = 0, group_len = group ? strlen(group) : 0;

	for (const struct command *c = commands; c->name; c++) {
		const char *word = c->name;
		size_t len;

		if (group) {
			if (strncmp(word, group, group_len) != 0 || word[group_len] != ' ')
				continue;
			word += group_len + 1;
		}
		len = strcspn(word, " ");
		if (len == before_len && strncmp(word, before, len) == 0)
			continue;
		offer(prefix, word, len);
		before = word;
		before_len = len;
	}
	if (!group)
		offer(prefix, "help", 4);
}

/* The nth (from 0) word of the command's arguments says what stands there. */
static void offer_argument(const struct command *cmd, struct api *api, int n, const char *prefix)
{
	const char *word = cmd->args;

	for (; n > 0 && *word; n--) {
		word += strcspn(word, " ");
		word += strspn(word, " ");
	}
	word += *word == '[';
	if (strncmp(word, "ROOM", 4) == 0)
		offer_fields(api, "/v1/rooms", "rooms", "name", prefix);
	else if (strncmp(word, "KEY", 3) == 0)
		offer_fields(api, "/v1/settings", "settings", "key", prefix);
	else if (strncmp(word, "FILE", 4) == 0)
		puts("@files");
	else if (*word >= 'a' && *word <= 'z')
		offer_words(prefix, word);
}

static const struct command *exact(const char *first, const char *second)
{
	char name[64];

	snprintf(name, sizeof(name), second ? "%s %s" : "%s", first, second);
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

int complete_words(int argc, char **argv)
{
	const struct command *cmd = NULL;
	const char *first = NULL, *cur, *socket = getenv("CRIER_SOCKET"), *url = NULL;
	int cword = atoi(argv[0]), args = 0;
	const struct cli_flag *f;
	struct api *api;

	argc--;
	argv++;
	cur = cword > 0 && cword < argc ? argv[cword] : "";
	for (int i = 1; i < cword && i < argc; i++) {
		f = *argv[i] == '-' ? flag_any(cmd, argv[i]) : NULL;
		if (takes_value(f)) {
			if (i + 1 == cword) {
				offer_value(f, cur);
				return CLI_OK;
			}
			i++;
			if (f->id == OPT_SOCKET && i < argc)
				socket = argv[i];
			if (f->id == OPT_URL && i < argc)
				url = argv[i];
		} else if (*argv[i] == '-' && argv[i][1]) {
			continue;
		} else if (cmd) {
			args++;
		} else if (!first) {
			first = argv[i];
			cmd = exact(first, NULL);
		} else {
			cmd = exact(first, argv[i]);
		}
	}
	if (*cur == '-') {
		offer_flags(global_flags, cur);
		offer_flags(cmd ? cmd->flags : NULL, cur);
	} else if (!cmd) {
		offer_commands(first, cur);
	} else {
		api = api_open(socket && *socket ? socket : CLI_SOCKET, url, getenv("CRIER_TOKEN"));
		offer_argument(cmd, api, args, cur);
		api_close(api);
	}
	return CLI_OK;
}
