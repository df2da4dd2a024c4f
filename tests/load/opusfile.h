/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An Ogg Opus file (RFC 7845) as a list of its packets, all in memory.  Only the
 * first logical stream; one Opus stream, mono or stereo (mapping family 0), which is
 * what RTP carries (RFC 7587).
 */
#ifndef CRIER_LOAD_OPUSFILE_H
#define CRIER_LOAD_OPUSFILE_H

#include <stddef.h>
#include <stdint.h>

struct opus_packet {
	uint8_t *data;
	uint32_t len;
	uint32_t samples; /* at 48 kHz, from the TOC (RFC 6716 section 3.1) */
};

struct opus_file {
	struct opus_packet *packet;
	size_t count;
	uint32_t channels;
};

/* 0, or -errno with the reason logged.  Free with opus_file_free() in either case. */
int opus_file_read(struct opus_file *f, const char *path);
void opus_file_free(struct opus_file *f);

/* Duration of an Opus packet in samples at 48 kHz; 0: no valid packet. */
uint32_t opus_samples(const uint8_t *data, size_t len);

#endif
