/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierctl: a thin client of crierd's API.  Each subcommand is one row of the
 * table in commands.c and one function, which returns what the program exits
 * with.  One thread; whatever fails for want of memory ends the program.
 */
#ifndef CRIER_CLI_H
#define CRIER_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "api.h"

#define CLI_SOCKET "/run/crier/crier.sock"

enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1, /* the reason is on stderr */
	CLI_USAGE = 2,
};

enum cli_opt {
	OPT_NONE, /* ends a command's list */
	OPT_HELP,
	OPT_JSON,
	OPT_SOCKET,
	OPT_URL,
	OPT_VERSION,
	OPT_PORT,
	OPT_FROM,
	OPT_SSRC,
	OPT_PT,
	OPT_PAYLOAD,
	OPT_ENGINE,
	OPT_LIMIT,
	OPT_FILE,
	OPT_WATCH,
	OPT_ONCE,
	OPT_SORT,
	OPT_INTERVAL,
	OPT_MERGE,
	OPT_BUILT_IN,
	OPT_WRITE,
	OPT_COUNT,
	OPT_DROPS,
	OPT_INPUT,
	OPT_COPIES,
	OPT_REPLACE,
	OPT_N,
};

/* One option of one command. */
struct cli_flag {
	enum cli_opt id;
	const char *arg; /* what its value is called; NULL: none; "[X]": it may be left out */
	const char *help;
};

struct cli {
	const struct command *cmd;
	struct api *api;
	bool json;
	const char *opt[OPT_N]; /* NULL: not given; "": given without a value */
	int argc;		/* what is neither command nor option */
	char **argv;
};

struct command {
	const char *name; /* one word or two */
	const char *args; /* "ROOM ADDR:PORT..."; the words steer completion too */
	const char *help;
	const struct cli_flag *flags; /* ended by OPT_NONE */
	int least, most;	      /* arguments; most -1: any number */
	int (*run)(struct cli *cli);
};

extern const struct command commands[]; /* ended by a NULL name */
extern const struct cli_flag global_flags[];

const char *opt_name(enum cli_opt id); /* "port" */
char opt_letter(enum cli_opt id);      /* 'w', or 0 */

/* Prints "crierctl: ..." on stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and how the command is used; returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints why the last call to crierd failed; returns CLI_REFUSED. */
int cli_refused(const struct cli *cli);
/* The same of something that may not exist, which is named if the reason doesn't. */
int cli_refused_about(const struct cli *cli, const char *what);

/* Decimal, or hexadecimal after 0x.  0, or -1 if s is no number of [least, most]. */
int number_parse(const char *s, uint64_t least, uint64_t most, uint64_t *out);
/* Seconds from s into ms, 0.1 to 86400.  0 or -1. */
int seconds_parse(const char *s, unsigned int *ms);

/* For --json: one object, indented; and as one line. */
void json_print(const json_t *object);
void json_print_line(const json_t *object);

/* Fields of an answer, whatever crierd sent: of another type or missing they are 0 or "". */
int64_t field_int(const json_t *object, const char *key);
const char *field_str(const json_t *object, const char *key);
bool field_is_null(const json_t *object, const char *key);

/* A count as people read it: "999", "12.3k", "4.56M".  Returns buf. */
#define HUMAN_LEN 16
const char *human_count(char buf[HUMAN_LEN], double n);

/* s with its control characters replaced, so that no name can play with a terminal. */
char *printable(const char *s);

void *xalloc(void *p); /* p, or the end */

/* crierctl __complete CWORD WORDS...: the candidates for the word at CWORD. */
int complete_words(int argc, char **argv);

int cmd_room_add(struct cli *cli);
int cmd_room_set(struct cli *cli);
int cmd_room_del(struct cli *cli);
int cmd_room_list(struct cli *cli);
int cmd_room_show(struct cli *cli);
int cmd_stream_add(struct cli *cli);
int cmd_stream_del(struct cli *cli);
int cmd_listener_add(struct cli *cli);
int cmd_listener_del(struct cli *cli);
int cmd_listener_list(struct cli *cli);
int cmd_listener_count(struct cli *cli);
int cmd_sdp(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_stats(struct cli *cli);
int cmd_top(struct cli *cli);
int cmd_get(struct cli *cli);
int cmd_set(struct cli *cli);
int cmd_save(struct cli *cli);
int cmd_restore(struct cli *cli);
int cmd_reload(struct cli *cli);

/* The XDP programs at work: reload's answer, and a part of status. */
void programs_print(const json_t *programs);
int cmd_capture(struct cli *cli);
int cmd_guard_block(struct cli *cli);
int cmd_guard_allow(struct cli *cli);
int cmd_guard_del(struct cli *cli);
int cmd_guard_list(struct cli *cli);
int cmd_guard_mode(struct cli *cli);
int cmd_guard_clear(struct cli *cli);

#endif
