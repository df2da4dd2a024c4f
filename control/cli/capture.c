// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture: crierd's pcapng stream into a file.  Only whole blocks are written, so
 * that the file is valid whenever and however the capture ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"

/* pcapng (draft-ietf-opsawg-pcapng): each block begins with type and length. */
#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_PACKET 6U /* Enhanced Packet Block */
#define BLOCK_MAX (1U << 20)
#define SECTION_MAGIC 0x1a2b3c4dU

struct capture {
	int fd;
	bool created; /* the file was not there before */
	bool begun;   /* something was written */
	uint64_t packets, most;
	char *buf; /* the block that is not whole yet */
	size_t len, room;
	int err; /* of write */
	char error[256];
};

static uint32_t word_at(const char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static int write_all(struct capture *c, const char *data, size_t len)
{
	/* An older file in this place keeps its content until there is something new. */
	if (!c->begun && c->fd != STDOUT_FILENO && ftruncate(c->fd, 0) && errno != EINVAL) {
		snprintf(c->error, sizeof(c->error), "%s", strerror(errno));
		return -1;
	}
	c->begun = true;
	while (len > 0) {
		ssize_t n = write(c->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->err = errno;
			snprintf(c->error, sizeof(c->error), "%s", strerror(errno));
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Length of the block at p, 0 if it is not whole yet, -1 if this is no pcapng. */
static ssize_t block_whole(const struct capture *c, const char *p, size_t len)
{
	uint32_t n;

	if (len < 8)
		return 0;
	n = word_at(p + 4);
	if (n < 12 || n % 4 || n > BLOCK_MAX)
		return -1;
	if (!c->begun && p == c->buf && word_at(p) != BLOCK_SECTION)
		return -1;
	if (len < n)
		return 0;
	if (word_at(p + n - 4) != n)
		return -1;
	return n;
}

/* Writes the whole blocks that have come. */
static int take_blocks(struct capture *c)
{
	size_t done = 0;
	ssize_t n = 0;

	while ((n = block_whole(c, c->buf + done, c->len - done)) > 0) {
		bool packet = word_at(c->buf + done) == BLOCK_PACKET;

		done += (size_t)n;
		if (packet && ++c->packets == c->most)
			break;
	}
	if (done > 0 && write_all(c, c->buf, done))
		return -1;
	if (n < 0) {
		snprintf(c->error, sizeof(c->error), "what crierd sent is no pcapng");
		return -1;
	}
	c->len -= done;
	memmove(c->buf, c->buf + done, c->len);
	return c->most && c->packets == c->most ? -1 : 0;
}

static int take_piece(void *arg, const char *data, size_t len)
{
	struct capture *c = arg;

	if (c->len + len > c->room) {
		c->room = 2 * (c->len + len);
		c->buf = xalloc(realloc(c->buf, c->room));
	}
	memcpy(c->buf + c->len, data, len);
	c->len += len;
	return take_blocks(c);
}

/* A section without packets: what a capture that saw nothing leaves. */
static int write_empty(struct capture *c)
{
	const uint32_t section[7] = {BLOCK_SECTION, 28, SECTION_MAGIC, 1, UINT32_MAX,
				     UINT32_MAX,    28};

	return c->begun ? 0 : write_all(c, (const char *)section, sizeof(section));
}

/* Becomes readable at Ctrl-C; -1 if it cannot be. */
static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* signalfd tells ignored signals too, but nohup means what it says */
	if (signal(SIGHUP, SIG_DFL) != SIG_IGN)
		sigaddset(&set, SIGHUP);
	else
		signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* the reader of -w - may leave */
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static char *capture_path(const struct cli *cli, uint64_t most)
{
	bool any = cli->opt[OPT_INPUT] || cli->opt[OPT_COPIES] || cli->opt[OPT_DROPS];
	char *path = NULL, *room;
	size_t len = 0;
	FILE *out = xalloc(open_memstream(&path, &len));

	fprintf(out, "/v1/capture?input=%d&copies=%d&drops=%d", !any || cli->opt[OPT_INPUT],
		!any || cli->opt[OPT_COPIES], !any || cli->opt[OPT_DROPS]);
	if (cli->argc) {
		room = api_path("&room=%s", cli->argv[0]);
		fputs(room, out);
		free(room);
	}
	if (most)
		fprintf(out, "&count=%" PRIu64, most);
	if (fclose(out) != 0)
		xalloc(NULL);
	return path;
}

static int capture_open(struct capture *c, const char *file)
{
	if (strcmp(file, "-") == 0) {
		c->fd = STDOUT_FILENO;
		return 0;
	}
	c->fd = open(file, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, 0640);
	c->created = c->fd >= 0;
	if (c->fd < 0 && errno == EEXIST)
		c->fd = open(file, O_WRONLY | O_CLOEXEC);
	return c->fd < 0 ? -1 : 0;
}

static int capture_run(struct cli *cli, struct capture *c, const char *file)
{
	char *path = capture_path(cli, c->most);
	enum api_end end;
	int code = CLI_OK, stop = stop_signals();

	if (isatty(STDERR_FILENO) && !cli->json)
		fprintf(stderr, "capturing to %s, Ctrl-C ends it\n", file);
	end = api_stream(cli->api, path, stop, take_piece, c);
	free(path);
	if (end == API_FAILED)
		code = cli->argc ? cli_refused_about(cli, cli->argv[0]) : cli_refused(cli);
	else if (!*c->error)
		write_empty(c);
	/* A reader that has seen enough is no error. */
	if (*c->error && !(c->fd == STDOUT_FILENO && c->err == EPIPE)) {
		cli_error("cannot capture to %s: %s", file, c->error);
		code = CLI_REFUSED;
	}
	if (stop >= 0)
		close(stop);
	return code;
}

static void report(const struct cli *cli, const struct capture *c, const char *file)
{
	json_t *object;

	if (cli->json && c->fd != STDOUT_FILENO) {
		object = xalloc(
			json_pack("{s:s, s:I}", "file", file, "packets", (json_int_t)c->packets));
		json_print(object);
		json_decref(object);
	} else {
		fprintf(stderr, "%" PRIu64 " packets captured\n", c->packets);
	}
}

int cmd_capture(struct cli *cli)
{
	struct capture c = {0};
	const char *file = cli->opt[OPT_WRITE];
	int code;

	if (!file || !*file)
		return cli_usage(cli, "-w FILE is missing: where the packets go, - for stdout");
	if (cli->opt[OPT_COUNT] && number_parse(cli->opt[OPT_COUNT], 1, INT64_MAX, &c.most))
		return cli_usage(cli, "--count wants a number from 1, not \"%s\"",
				 cli->opt[OPT_COUNT]);
	if (strcmp(file, "-") == 0 && isatty(STDOUT_FILENO))
		return cli_usage(cli, "pcapng is nothing for a terminal: -w FILE, or a pipe");
	if (capture_open(&c, file)) {
		cli_error("cannot write %s: %s", file, strerror(errno));
		return CLI_REFUSED;
	}
	code = capture_run(cli, &c, file);
	if (c.begun)
		report(cli, &c, file);
	else if (c.created)
		unlink(file);
	if (c.fd != STDOUT_FILENO && close(c.fd) && code == CLI_OK) {
		cli_error("cannot write %s: %s", file, strerror(errno));
		code = CLI_REFUSED;
	}
	free(c.buf);
	return code;
}
