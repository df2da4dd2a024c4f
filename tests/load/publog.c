/* SPDX-License-Identifier: BSD-2-Clause */
#include "publog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "xdp/log.h"

#define LINE_MAX_BYTES 512

static int grow(void **array, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? 2 * *room : 256;
	void *p;

	if (count < *room)
		return 0;
	p = reallocarray(*array, more, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = more;
	return 0;
}

static struct publog_stream *stream_at(struct publog *log, size_t n)
{
	return n < log->streams ? &log->stream[n] : NULL;
}

static int take_stream(struct publog *log, const char *line)
{
	struct publog_stream s = {0}, *more;
	char kind[8];
	size_t n;

	if (sscanf(line, "stream %zu %63s %" SCNu32 " %" SCNx32 " %7s", &n, s.room, &s.slot,
		   &s.ssrc, kind) != 5 ||
	    n != log->streams)
		return -EINVAL;
	more = reallocarray(log->stream, n + 1, sizeof(s));
	if (!more)
		return -ENOMEM;
	log->stream = more;
	log->stream[n] = s;
	log->streams++;
	return 0;
}

/* The hot line of a long log: sscanf would cost a second a million. */
static int take_pkt(struct publog *log, const char *line)
{
	struct publog_packet p;
	struct publog_stream *s;
	char *end;

	p.ns = strtoull(line + 4, &end, 10);
	s = stream_at(log, strtoull(end, &end, 10));
	p.pos = (uint32_t)strtoull(end, &end, 10);
	strtoull(end, &end, 10); /* sequence number */
	strtoull(end, &end, 10); /* timestamp */
	strtoull(end, &end, 16); /* SSRC */
	p.len = (uint32_t)strtoull(end, &end, 10);
	if (*end != ' ' || !s)
		return -EINVAL;
	p.hash = strtoull(end, &end, 16);
	if (*end != '\n')
		return -EINVAL;
	if (grow((void **)&s->pkt, &s->pkts_room, s->pkts, sizeof(p)))
		return -ENOMEM;
	if (!log->start_ns)
		log->start_ns = p.ns;
	s->pkt[s->pkts++] = p;
	return 0;
}

static int take_rtcp(struct publog *log, const char *line)
{
	struct publog_report r;
	struct publog_stream *s;
	uint32_t len;
	size_t n;

	if (sscanf(line, "rtcp %" SCNu64 " %zu %" SCNx64 " %" SCNu32 " %" SCNx64, &r.ns, &n, &r.ntp,
		   &len, &r.hash) != 5)
		return -EINVAL;
	s = stream_at(log, n);
	if (!s)
		return -EINVAL;
	if (grow((void **)&s->report, &s->reports_room, s->reports, sizeof(r)))
		return -ENOMEM;
	s->report[s->reports++] = r;
	return 0;
}

static int take_line(struct publog *log, const char *line)
{
	if (log->line == 1)
		return strcmp(line, "crier-load-log 1\n") ? -EINVAL : 0;
	if (!strncmp(line, "pkt ", 4))
		return take_pkt(log, line);
	if (!strncmp(line, "rtcp ", 5))
		return take_rtcp(log, line);
	if (!strncmp(line, "stream ", 7))
		return take_stream(log, line);
	if (!strncmp(line, "bad ", 4)) {
		log->bad++;
		return 0;
	}
	if (!strncmp(line, "failed ", 7)) {
		log->failed++;
		return 0;
	}
	if (sscanf(line, "end %" SCNu64, &log->end_ns) == 1) {
		log->ended = 1;
		return 0;
	}
	return -EINVAL;
}

int publog_read(struct publog *log, const char *path)
{
	FILE *in = fopen(path, "r");
	char line[LINE_MAX_BYTES];
	int rc = 0;

	if (!in) {
		if (errno == ENOENT)
			return 0;
		rc = -errno;
		log_err("crier-load: %s: %s", path, strerror(errno));
		return rc;
	}
	if (fseek(in, log->offset, SEEK_SET))
		rc = -errno;
	while (!rc && fgets(line, sizeof(line), in)) {
		size_t len = strlen(line);

		if (line[len - 1] != '\n' && len + 1 < sizeof(line))
			break; /* still being written */
		log->line++;
		log->offset += (long)len;
		rc = take_line(log, line);
	}
	if (rc == -EINVAL)
		log_err("crier-load: %s: line %lu is not of a publisher's log", path, log->line);
	else if (rc)
		log_err("crier-load: %s: %s", path, strerror(-rc));
	fclose(in);
	return rc;
}

void publog_free(struct publog *log)
{
	size_t i;

	for (i = 0; i < log->streams; i++) {
		free(log->stream[i].pkt);
		free(log->stream[i].report);
	}
	free(log->stream);
	memset(log, 0, sizeof(*log));
}
