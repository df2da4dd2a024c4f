// SPDX-License-Identifier: BSD-2-Clause
/*
 * save: what crierd holds, as JSON lines.  The file appears whole or not at all:
 * it is written beside its place, checked for its last line, synced, then renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define TAIL_MAX 256

struct saving {
	int fd;
	int err; /* of write */
	uint64_t bytes;
	char tail[TAIL_MAX]; /* of what was written */
	size_t tail_len;
};

static void keep_tail(struct saving *s, const char *data, size_t len)
{
	size_t keep;

	if (len >= TAIL_MAX) {
		memcpy(s->tail, data + len - TAIL_MAX, TAIL_MAX);
		s->tail_len = TAIL_MAX;
		return;
	}
	keep = s->tail_len + len > TAIL_MAX ? TAIL_MAX - len : s->tail_len;
	memmove(s->tail, s->tail + s->tail_len - keep, keep);
	memcpy(s->tail + keep, data, len);
	s->tail_len = keep + len;
}

static int take_piece(void *arg, const char *data, size_t len)
{
	struct saving *s = arg;

	keep_tail(s, data, len);
	s->bytes += len;
	while (len > 0) {
		ssize_t n = write(s->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			s->err = errno;
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Whether the last line is the one that ends a save: {"end":true}. */
static bool ends_well(const struct saving *s)
{
	size_t end = s->tail_len, begin;
	json_t *line;
	bool good;

	while (end > 0 && s->tail[end - 1] == '\n')
		end--;
	begin = end;
	while (begin > 0 && s->tail[begin - 1] != '\n')
		begin--;
	line = json_loadb(s->tail + begin, end - begin, 0, NULL);
	good = json_is_true(json_object_get(line, "end"));
	json_decref(line);
	return good;
}

/* Streams the save into fd and checks it. */
static int save_to(struct cli *cli, struct saving *s, const char *name)
{
	enum api_end end = api_stream(cli->api, "/v1/save", -1, take_piece, s);

	if (end == API_FAILED)
		return cli_refused(cli);
	if (s->err) {
		cli_error("cannot write %s: %s", name, strerror(s->err));
		return CLI_REFUSED;
	}
	if (!ends_well(s)) {
		cli_error("crierd's answer ends too early, nothing can be restored from it: see "
			  "its log");
		return CLI_REFUSED;
	}
	return CLI_OK;
}

static void sync_folder(const char *path)
{
	char *copy = xalloc(strdup(path));
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

/* dir/.base.XXXXXX */
static char *temp_name(const char *path)
{
	char *a = xalloc(strdup(path)), *b = xalloc(strdup(path)), *name = NULL;

	if (asprintf(&name, "%s/.%s.XXXXXX", dirname(a), basename(b)) < 0)
		xalloc(NULL);
	free(a);
	free(b);
	return name;
}

static int save_file(struct cli *cli, struct saving *s, const char *path)
{
	char *temp = temp_name(path);
	int code;

	s->fd = mkostemp(temp, O_CLOEXEC);
	if (s->fd < 0) {
		cli_error("cannot write beside %s: %s", path, strerror(errno));
		free(temp);
		return CLI_REFUSED;
	}
	code = save_to(cli, s, path);
	if (code == CLI_OK && (fsync(s->fd) || rename(temp, path))) {
		cli_error("cannot write %s: %s", path, strerror(errno));
		code = CLI_REFUSED;
	}
	close(s->fd);
	if (code == CLI_OK)
		sync_folder(path);
	else
		unlink(temp);
	free(temp);
	return code;
}

/* Devices and pipes are written through: a rename would replace them. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int cmd_save(struct cli *cli)
{
	const char *path = cli->argv[0];
	struct saving s = {.fd = STDOUT_FILENO};
	json_t *object;
	int code;

	if (strcmp(path, "-") == 0)
		return save_to(cli, &s, "stdout");
	if (is_special(path)) {
		s.fd = open(path, O_WRONLY | O_CLOEXEC);
		if (s.fd < 0) {
			cli_error("cannot write %s: %s", path, strerror(errno));
			return CLI_REFUSED;
		}
		code = save_to(cli, &s, path);
		close(s.fd);
	} else {
		code = save_file(cli, &s, path);
	}
	if (code == CLI_OK && cli->json) {
		object = xalloc(
			json_pack("{s:s, s:I}", "saved", path, "bytes", (json_int_t)s.bytes));
		json_print(object);
		json_decref(object);
	} else if (code == CLI_OK) {
		printf("saved to %s, %" PRIu64 " bytes\n", path, s.bytes);
	}
	return code;
}
