// SPDX-License-Identifier: BSD-2-Clause
/* crierctl: finds the subcommand, reads its options, runs it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct {
	const char *name;
	char letter;
} opt_names[OPT_N] = {
	[OPT_HELP] = {"help", 'h'},
	[OPT_JSON] = {"json", 'j'},
	[OPT_SOCKET] = {"socket", 0},
	[OPT_URL] = {"url", 0},
	[OPT_VERSION] = {"version", 0},
	[OPT_PORT] = {"port", 0},
	[OPT_FROM] = {"from", 0},
	[OPT_SSRC] = {"ssrc", 0},
	[OPT_PT] = {"pt", 0},
	[OPT_PAYLOAD] = {"payload", 0},
	[OPT_ENGINE] = {"engine", 0},
	[OPT_LIMIT] = {"limit", 0},
	[OPT_FILE] = {"file", 'f'},
	[OPT_WATCH] = {"watch", 0},
	[OPT_ONCE] = {"once", 0},
	[OPT_SORT] = {"sort", 0},
	[OPT_INTERVAL] = {"interval", 0},
	[OPT_MERGE] = {"merge", 0},
	[OPT_BUILT_IN] = {"built-in", 0},
	[OPT_WRITE] = {"write", 'w'},
	[OPT_COUNT] = {"count", 'c'},
	[OPT_DROPS] = {"drops", 0},
	[OPT_INPUT] = {"input", 0},
	[OPT_COPIES] = {"copies", 0},
	[OPT_REPLACE] = {"replace", 0},
};

const char *opt_name(enum cli_opt id)
{
	return opt_names[id].name;
}

char opt_letter(enum cli_opt id)
{
	return opt_names[id].letter;
}

/* getopt's two tables, made from ours; letters share the options' numbers by lookup. */
struct opt_table {
	struct option longs[OPT_N + 1];
	char shorts[2 * OPT_N + 2];
	size_t n;
};

static void opt_table_add(struct opt_table *t, const struct cli_flag *f)
{
	size_t len = strlen(t->shorts);
	int has_arg = !f->arg	       ? no_argument
		      : *f->arg == '[' ? optional_argument
				       : required_argument;

	t->longs[t->n++] = (struct option){opt_name(f->id), has_arg, NULL, 256 + (int)f->id};
	if (opt_letter(f->id)) {
		t->shorts[len++] = opt_letter(f->id);
		if (f->arg)
			t->shorts[len++] = ':';
	}
}

static void opt_table_make(struct opt_table *t, const char *prefix, const struct cli_flag *flags)
{
	static const struct cli_flag version = {OPT_VERSION, NULL, NULL};

	memset(t, 0, sizeof(*t));
	strcpy(t->shorts, prefix);
	for (const struct cli_flag *f = global_flags; f->id != OPT_NONE; f++)
		opt_table_add(t, f);
	if (!flags) {
		opt_table_add(t, &version);
		return;
	}
	for (const struct cli_flag *f = flags; f->id != OPT_NONE; f++)
		opt_table_add(t, f);
}

/* Reads options into cli->opt; argv[0] is skipped.  0, or -1 after getopt has complained. */
static int opts_read(struct cli *cli, int argc, char **argv, const char *prefix,
		     const struct cli_flag *flags)
{
	struct opt_table t;
	int c;

	opt_table_make(&t, prefix, flags);
	optind = 0; /* GNU: begin anew */
	while ((c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		enum cli_opt id = OPT_NONE;

		if (c == '?')
			return -1;
		if (c >= 256) {
			id = (enum cli_opt)(c - 256);
		} else {
			for (int i = 1; i < OPT_N; i++)
				if (opt_letter(i) == c)
					id = i;
		}
		cli->opt[id] = optarg ? optarg : "";
	}
	return 0;
}

static void print_flags(const struct cli_flag *flags)
{
	for (const struct cli_flag *f = flags; f->id != OPT_NONE; f++) {
		char left[64];
		bool optional = f->arg && *f->arg == '[';
		char letter[5] = "    ";

		if (opt_letter(f->id))
			snprintf(letter, sizeof(letter), "-%c, ", opt_letter(f->id));
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, opt_name(f->id),
			 !f->arg || optional ? "" : " ", f->arg ? f->arg : "");
		printf("  %-32s %s\n", left, f->help);
	}
}

static void print_command_help(const struct command *cmd)
{
	printf("usage: crierctl %s%s%s [OPTION...]\n%s\n\n", cmd->name, *cmd->args ? " " : "",
	       cmd->args, cmd->help);
	print_flags(cmd->flags);
	print_flags(global_flags);
}

/* All commands, or those whose first word is `group`. */
static void print_commands(FILE *out, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	for (const struct command *c = commands; c->name; c++) {
		if (group && (strncmp(c->name, group, len) != 0 || c->name[len] != ' '))
			continue;
		fprintf(out, "  %-15s %s\n", c->name, c->help);
	}
}

static void print_help(void)
{
	puts("usage: crierctl [OPTION...] COMMAND [ARGUMENT...]\n"
	     "Rules a crier node through crierd.\n\ncommands:");
	print_commands(stdout, NULL);
	puts("\noptions, before or after the command:");
	print_flags(global_flags);
	puts("      --version                    print the version\n\n"
	     "Exit status: 0 done, 1 refused (the reason is on stderr), 2 wrong usage.\n"
	     "crierctl COMMAND --help tells more of one; crierctl(8) of all.");
}

/* The command that argv begins with; *words is how many words its name took. */
static const struct command *command_find(int argc, char **argv, int *words)
{
	for (const struct command *c = commands; c->name; c++) {
		const char *space = strchr(c->name, ' ');

		if (!space && strcmp(c->name, argv[0]) == 0) {
			*words = 1;
			return c;
		}
		if (space && argc > 1 && strlen(argv[0]) == (size_t)(space - c->name) &&
		    strncmp(c->name, argv[0], space - c->name) == 0 &&
		    strcmp(space + 1, argv[1]) == 0) {
			*words = 2;
			return c;
		}
	}
	return NULL;
}

static bool group_exists(const char *word)
{
	size_t len = strlen(word);

	for (const struct command *c = commands; c->name; c++)
		if (strncmp(c->name, word, len) == 0 && c->name[len] == ' ')
			return true;
	return false;
}

static int short_usage(void)
{
	fputs("usage: crierctl [OPTION...] COMMAND [ARGUMENT...] (crierctl --help lists them)\n",
	      stderr);
	return CLI_USAGE;
}

/* The first words are no command: help of a group, or what would have been right. */
static int no_command(int argc, char **argv)
{
	bool wants_help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

	if (group_exists(argv[0])) {
		if (wants_help) {
			print_commands(stdout, argv[0]);
			return CLI_OK;
		}
		cli_error("%s what? One of:", argv[0]);
		print_commands(stderr, argv[0]);
		return CLI_USAGE;
	}
	cli_error("no command \"%s\"", argv[0]);
	return short_usage();
}

/* crierctl help [COMMAND...] */
static int help(int argc, char **argv)
{
	const struct command *cmd;
	int words;

	if (argc == 0) {
		print_help();
		return CLI_OK;
	}
	cmd = command_find(argc, argv, &words);
	if (cmd) {
		print_command_help(cmd);
		return CLI_OK;
	}
	if (group_exists(argv[0])) {
		print_commands(stdout, argv[0]);
		return CLI_OK;
	}
	return no_command(argc, argv);
}

static struct api *open_api(const struct cli *cli)
{
	const char *socket = cli->opt[OPT_SOCKET];
	const char *token = getenv("CRIER_TOKEN");

	if (!socket)
		socket = getenv("CRIER_SOCKET");
	if (!socket || !*socket)
		socket = CLI_SOCKET;
	return api_open(socket, cli->opt[OPT_URL], token && *token ? token : NULL);
}

/* argv[0] is the last word of the command's name. */
static int command_run(struct cli *cli, int argc, char **argv)
{
	int code;

	if (opts_read(cli, argc, argv, "", cli->cmd->flags)) {
		fprintf(stderr, "crierctl %s --help tells its options\n", cli->cmd->name);
		return CLI_USAGE;
	}
	if (cli->opt[OPT_HELP]) {
		print_command_help(cli->cmd);
		return CLI_OK;
	}
	cli->argc = argc - optind;
	cli->argv = argv + optind;
	cli->json = cli->opt[OPT_JSON];
	if (cli->argc < cli->cmd->least)
		return cli_usage(cli, "%s wants more arguments", cli->cmd->name);
	if (cli->cmd->most >= 0 && cli->argc > cli->cmd->most)
		return cli_usage(cli, "%s does not know what to do with \"%s\"", cli->cmd->name,
				 cli->argv[cli->cmd->most]);
	if (cli->opt[OPT_SOCKET] && cli->opt[OPT_URL])
		return cli_usage(cli, "--socket or --url, not both");
	cli->api = open_api(cli);
	code = cli->cmd->run(cli);
	api_close(cli->api);
	return code;
}

/* What was printed must have arrived, or the exit status would lie. */
static int close_stdout(int code)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
		fprintf(stderr, "crierctl: cannot write the output: %m\n");
		return CLI_REFUSED;
	}
	return code;
}

int main(int argc, char **argv)
{
	static char name[] = "crierctl";
	struct cli cli = {0};
	int words;

	argv[0] = name; /* in getopt's messages */
	if (argc > 2 && strcmp(argv[1], "__complete") == 0)
		return complete_words(argc - 2, argv + 2);
	if (opts_read(&cli, argc, argv, "+", NULL))
		return CLI_USAGE;
	if (cli.opt[OPT_VERSION]) {
		puts("crierctl " CRIER_VERSION);
		return close_stdout(CLI_OK);
	}
	argc -= optind;
	argv += optind;
	if (argc == 0 && !cli.opt[OPT_HELP]) {
		cli_error("a command is missing");
		return short_usage();
	}
	if (cli.opt[OPT_HELP])
		return close_stdout(help(argc, argv));
	if (strcmp(argv[0], "help") == 0)
		return close_stdout(help(argc - 1, argv + 1));
	cli.cmd = command_find(argc, argv, &words);
	if (!cli.cmd)
		return close_stdout(no_command(argc, argv));
	argv[words - 1] = name;
	return close_stdout(command_run(&cli, argc - words + 1, argv + words - 1));
}
