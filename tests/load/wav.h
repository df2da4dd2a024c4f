/* SPDX-License-Identifier: BSD-2-Clause */
/* A WAV file's sound as one channel of floats: 16-bit PCM, mono or stereo. */
#ifndef CRIER_LOAD_WAV_H
#define CRIER_LOAD_WAV_H

#include <stddef.h>
#include <stdint.h>

struct wav {
	float *v;
	size_t n;
	uint32_t rate;
};

/*
 * 0, or -errno with the reason logged.  A length of 0 or beyond the file's end, as
 * writers leave it that could not seek or were killed, means up to the end.
 */
int wav_read(struct wav *w, const char *path);

/* Convert to a lower rate; 0 or -ENOMEM. */
int wav_resample(struct wav *w, uint32_t rate);

void wav_free(struct wav *w);

#endif
