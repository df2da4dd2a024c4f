/* SPDX-License-Identifier: BSD-2-Clause */
#include "wav.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdp/log.h"

#define PCM 1
#define EXTENSIBLE 0xfffe
#define RATE_MAX 384000
#define BYTES_MAX (512UL << 20)
#define SINC_LOBES 16

struct format {
	uint16_t tag, channels, bits;
	uint32_t rate;
	bool known;
};

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static int file_read(const char *path, uint8_t **out, size_t *len)
{
	FILE *in = fopen(path, "rb");
	size_t room = 0, got;
	uint8_t *more;
	int rc = 0;

	*out = NULL;
	*len = 0;
	if (!in) {
		log_err("crier-load compare: %s: %s", path, strerror(errno));
		return -errno;
	}
	do {
		if (*len == room) {
			room = room ? 2 * room : 1 << 20;
			more = room > BYTES_MAX ? NULL : realloc(*out, room);
			if (!more) {
				log_err("crier-load compare: %s: too long", path);
				rc = -EFBIG;
				break;
			}
			*out = more;
		}
		got = fread(*out + *len, 1, room - *len, in);
		*len += got;
	} while (got);
	if (!rc && ferror(in)) {
		log_err("crier-load compare: %s: %s", path, strerror(errno));
		rc = -EIO;
	}
	fclose(in);
	return rc;
}

static void format_read(struct format *f, const uint8_t *p, size_t len)
{
	f->tag = (uint16_t)get16(p);
	f->channels = (uint16_t)get16(p + 2);
	f->rate = get32(p + 4);
	f->bits = (uint16_t)get16(p + 14);
	if (f->tag == EXTENSIBLE && len >= 26)
		f->tag = (uint16_t)get16(p + 24);
	f->known = true;
}

static int samples_read(struct wav *w, const struct format *f, const uint8_t *p, size_t len)
{
	size_t i, step = 2U * f->channels;

	w->rate = f->rate;
	w->n = len / step;
	w->v = malloc((w->n + 1) * sizeof(*w->v));
	if (!w->v)
		return -ENOMEM;
	for (i = 0; i < w->n; i++, p += step) {
		float v = (int16_t)get16(p);

		if (f->channels == 2)
			v = (v + (int16_t)get16(p + 2)) / 2;
		w->v[i] = v / 32768;
	}
	return 0;
}

/* Chunk by chunk (RIFF): "fmt " comes before "data". */
static int chunks_read(struct wav *w, const char *path, const uint8_t *p, size_t len)
{
	struct format f = {0};
	size_t at = 12, size;

	if (len < 12 || memcmp(p, "RIFF", 4) || memcmp(p + 8, "WAVE", 4)) {
		log_err("crier-load compare: %s: not a WAV file", path);
		return -EINVAL;
	}
	while (at + 8 <= len) {
		size = get32(p + at + 4);
		if (!memcmp(p + at, "data", 4) && f.known) {
			if (!size || size > len - at - 8)
				size = len - at - 8;
			return samples_read(w, &f, p + at + 8, size);
		}
		if (size > len - at - 8)
			break;
		if (!memcmp(p + at, "fmt ", 4) && size >= 16) {
			format_read(&f, p + at + 8, size);
			if (f.tag != PCM || f.bits != 16 || f.channels < 1 || f.channels > 2 ||
			    !f.rate || f.rate > RATE_MAX) {
				log_err("crier-load compare: %s: %u bits, %u channels, format %u: "
					"want 16-bit PCM, mono or stereo",
					path, f.bits, f.channels, f.tag);
				return -EINVAL;
			}
		}
		at += 8 + size + (size & 1);
	}
	log_err("crier-load compare: %s: no sound in it", path);
	return -EINVAL;
}

int wav_read(struct wav *w, const char *path)
{
	uint8_t *p;
	size_t len;
	int rc;

	memset(w, 0, sizeof(*w));
	rc = file_read(path, &p, &len);
	if (!rc)
		rc = chunks_read(w, path, p, len);
	free(p);
	return rc;
}

/* A low pass at the new half rate, as a windowed sinc about each new sample. */
int wav_resample(struct wav *w, uint32_t rate)
{
	double ratio = (double)w->rate / rate;
	long reach = (long)ceil(SINC_LOBES * ratio), j;
	size_t i, n = (size_t)((double)w->n / ratio);
	float *out;

	if (rate >= w->rate)
		return 0;
	out = malloc((n + 1) * sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		double centre = (double)i * ratio, sum = 0, weight = 0;

		for (j = (long)centre - reach; j <= (long)centre + reach; j++) {
			double x = ((double)j - centre) / ratio, k;

			if (j < 0 || (size_t)j >= w->n || fabs(x) >= SINC_LOBES)
				continue;
			k = fabs(x) < 1e-9 ? 1 : sin(M_PI * x) / (M_PI * x);
			k *= 0.5 + 0.5 * cos(M_PI * x / SINC_LOBES);
			sum += k * w->v[j];
			weight += k;
		}
		out[i] = (float)(weight > 0.1 ? sum / weight : 0);
	}
	free(w->v);
	w->v = out;
	w->n = n;
	w->rate = rate;
	return 0;
}

void wav_free(struct wav *w)
{
	free(w->v);
	memset(w, 0, sizeof(*w));
}
