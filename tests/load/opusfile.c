/* SPDX-License-Identifier: BSD-2-Clause */
#include "opusfile.h"

#include <errno.h>
#include <ogg/ogg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp/log.h"

#define READ_BYTES 65536
#define MAX_SAMPLES 5760 /* 120 ms: RFC 6716 section 3.2.5, R5 */

struct reader {
	const char *path;
	FILE *in;
	ogg_sync_state sync;
	ogg_stream_state stream;
	int have_stream;
	unsigned int headers; /* of OpusHead, OpusTags: how many were read */
	size_t room;	      /* allocated packets */
};

uint32_t opus_samples(const uint8_t *data, size_t len)
{
	static const uint16_t silk[4] = {480, 960, 1920, 2880};
	static const uint16_t celt[4] = {120, 240, 480, 960};
	uint32_t config, frame, frames, samples;

	if (!len)
		return 0;
	config = data[0] >> 3;
	if (config < 12)
		frame = silk[config & 3];
	else if (config < 16)
		frame = config & 1 ? 960 : 480;
	else
		frame = celt[config & 3];
	switch (data[0] & 3) {
	case 0:
		frames = 1;
		break;
	case 3:
		if (len < 2)
			return 0;
		frames = data[1] & 63;
		break;
	default:
		frames = 2;
	}
	samples = frame * frames;
	return samples <= MAX_SAMPLES ? samples : 0;
}

static int head_read(struct reader *r, struct opus_file *f, const ogg_packet *op)
{
	if (op->bytes < 19 || memcmp(op->packet, "OpusHead", 8) || op->packet[8] >> 4) {
		log_err("crier-load: %s: not an Ogg Opus file", r->path);
		return -EINVAL;
	}
	f->channels = op->packet[9];
	if (op->packet[18] || f->channels < 1 || f->channels > 2) {
		log_err("crier-load: %s: channel mapping %u with %u channels: RTP carries mono "
			"or stereo only",
			r->path, op->packet[18], f->channels);
		return -EINVAL;
	}
	return 0;
}

static int packet_add(struct reader *r, struct opus_file *f, const ogg_packet *op)
{
	struct opus_packet *p;
	size_t room;

	if (f->count == r->room) {
		room = r->room ? 2 * r->room : 1024;
		p = reallocarray(f->packet, room, sizeof(*p));
		if (!p)
			return -ENOMEM;
		f->packet = p;
		r->room = room;
	}
	p = &f->packet[f->count];
	p->len = (uint32_t)op->bytes;
	p->samples = opus_samples(op->packet, p->len);
	if (!p->samples) {
		log_err("crier-load: %s: packet %zu is no Opus packet", r->path, f->count + 1);
		return -EINVAL;
	}
	p->data = malloc(p->len);
	if (!p->data)
		return -ENOMEM;
	memcpy(p->data, op->packet, p->len);
	f->count++;
	return 0;
}

static int page_take(struct reader *r, struct opus_file *f, ogg_page *page)
{
	ogg_packet op;
	int rc, got;

	if (!r->have_stream) {
		if (ogg_stream_init(&r->stream, ogg_page_serialno(page)))
			return -ENOMEM;
		r->have_stream = 1;
	}
	if (ogg_page_serialno(page) != r->stream.serialno)
		return 0;
	if (ogg_stream_pagein(&r->stream, page))
		return -EINVAL;
	while ((got = ogg_stream_packetout(&r->stream, &op))) {
		if (got < 0) {
			log_warn("crier-load: %s: a hole in the file, packets are missing",
				 r->path);
			continue;
		}
		rc = 0;
		if (r->headers == 0)
			rc = head_read(r, f, &op);
		else if (r->headers > 1)
			rc = packet_add(r, f, &op);
		if (rc)
			return rc;
		r->headers += r->headers < 2;
	}
	return 0;
}

static int pages_read(struct reader *r, struct opus_file *f)
{
	ogg_page page;
	char *buf;
	size_t n;
	int rc, got;

	for (;;) {
		while ((got = ogg_sync_pageout(&r->sync, &page))) {
			if (got < 0)
				continue; /* bytes skipped until the next page */
			rc = page_take(r, f, &page);
			if (rc)
				return rc;
		}
		buf = ogg_sync_buffer(&r->sync, READ_BYTES);
		if (!buf)
			return -ENOMEM;
		n = fread(buf, 1, READ_BYTES, r->in);
		if (!n)
			break;
		ogg_sync_wrote(&r->sync, (long)n);
	}
	if (ferror(r->in)) {
		log_err("crier-load: %s: %s", r->path, strerror(errno));
		return -EIO;
	}
	if (!f->count) {
		log_err("crier-load: %s: %s", r->path,
			r->headers ? "no audio in it" : "not an Ogg Opus file");
		return -EINVAL;
	}
	return 0;
}

int opus_file_read(struct opus_file *f, const char *path)
{
	struct reader r = {.path = path};
	int rc;

	memset(f, 0, sizeof(*f));
	r.in = fopen(path, "rb");
	if (!r.in) {
		rc = -errno;
		log_err("crier-load: %s: %s", path, strerror(errno));
		return rc;
	}
	ogg_sync_init(&r.sync);
	rc = pages_read(&r, f);
	if (rc == -ENOMEM)
		log_err("crier-load: %s: out of memory", path);
	if (r.have_stream)
		ogg_stream_clear(&r.stream);
	ogg_sync_clear(&r.sync);
	fclose(r.in);
	return rc;
}

void opus_file_free(struct opus_file *f)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		free(f->packet[i].data);
	free(f->packet);
	memset(f, 0, sizeof(*f));
}
