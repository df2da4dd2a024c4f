/* SPDX-License-Identifier: BSD-2-Clause */
#include "align.h"

#include <complex.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define COARSE_RATE 8000
#define GAP_WINDOWS 50	  /* a second: 20 ms, as a packet */
#define GAP_POWER 0.05	  /* of what it should be */
#define SPEECH_POWER 0.05 /* of the mean: below it nobody speaks */

/* In place, n a power of two; sign -1 forward, 1 back (unscaled). */
static void fft(double complex *v, size_t n, int sign)
{
	size_t i, j, half, k;

	for (i = 1, j = 0; i < n; i++) {
		size_t bit = n >> 1;

		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			double complex t = v[i];

			v[i] = v[j];
			v[j] = t;
		}
	}
	for (half = 1; half < n; half *= 2) {
		for (k = 0; k < half; k++) {
			double angle = sign * M_PI * (double)k / (double)half;
			double complex w = cos(angle) + I * sin(angle);

			for (i = k; i < n; i += 2 * half) {
				double complex t = w * v[i + half];

				v[i + half] = v[i] - t;
				v[i] += t;
			}
		}
	}
}

static void mean_remove(float *v, size_t n)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += v[i];
	for (i = 0; i < n; i++)
		v[i] -= (float)(sum / (double)n);
}

static void decimate(double complex *out, const float *v, size_t n, size_t factor)
{
	size_t i, j;

	for (i = 0; i < n / factor; i++) {
		double sum = 0;

		for (j = 0; j < factor; j++)
			sum += v[i * factor + j];
		out[i] = sum;
	}
}

/* The offset of the greatest cross-correlation, to within factor samples. */
static int coarse_offset(long *out, const float *a, size_t na, const float *b, size_t nb,
			 size_t factor)
{
	double complex *fa, *fb;
	size_t n = 2, i, best = 0;

	while (n < na / factor + nb / factor + 1)
		n *= 2;
	fa = calloc(n, sizeof(*fa));
	fb = calloc(n, sizeof(*fb));
	if (!fa || !fb) {
		free(fa);
		free(fb);
		return -ENOMEM;
	}
	decimate(fa, a, na, factor);
	decimate(fb, b, nb, factor);
	fft(fa, n, -1);
	fft(fb, n, -1);
	for (i = 0; i < n; i++)
		fa[i] = conj(fa[i]) * fb[i];
	fft(fa, n, 1);
	for (i = 1; i < n; i++)
		if (creal(fa[i]) > creal(fa[best]))
			best = i;
	*out = best < nb / factor + 1 ? (long)best : (long)best - (long)n;
	*out *= (long)factor;
	free(fa);
	free(fb);
	return 0;
}

struct overlap {
	size_t a, b, n; /* where it begins in each, and how long it is */
};

static struct overlap overlap_at(long offset, size_t na, size_t nb)
{
	struct overlap o = {0};

	o.a = offset < 0 ? (size_t)-offset : 0;
	o.b = offset > 0 ? (size_t)offset : 0;
	if (o.a < na && o.b < nb)
		o.n = na - o.a < nb - o.b ? na - o.a : nb - o.b;
	return o;
}

static double dot(const float *a, const float *b, size_t n)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += (double)a[i] * b[i];
	return sum;
}

/* The longest run of windows in which a has power and b has not its share of it. */
static size_t longest_gap(const float *a, const float *b, size_t n, uint32_t rate)
{
	size_t window = rate / GAP_WINDOWS, at, run = 0, longest = 0;
	double pa = dot(a, a, n), pb = dot(b, b, n), wa, wb;

	if (!window || n < window || pa <= 0 || pb <= 0)
		return n;
	for (at = 0; at + window <= n; at += window) {
		wa = dot(a + at, a + at, window);
		wb = dot(b + at, b + at, window);
		if (wa < SPEECH_POWER * pa * (double)window / (double)n)
			continue; /* a pause neither begins a gap nor ends one */
		if (wb < GAP_POWER * wa * pb / pa)
			run += window;
		else
			run = 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

int align(struct alignment *out, float *a, size_t na, float *b, size_t nb, uint32_t rate)
{
	size_t factor = rate > COARSE_RATE ? rate / COARSE_RATE : 1;
	struct overlap o;
	double power, best = 0, sum;
	long coarse, offset;
	int rc;

	*out = (struct alignment){0};
	if (!na || !nb)
		return 0;
	mean_remove(a, na);
	mean_remove(b, nb);
	rc = coarse_offset(&coarse, a, na, b, nb, factor);
	if (rc)
		return rc;
	out->offset = coarse;
	for (offset = coarse - (long)factor; offset <= coarse + (long)factor; offset++) {
		o = overlap_at(offset, na, nb);
		sum = dot(a + o.a, b + o.b, o.n);
		if (sum > best) {
			best = sum;
			out->offset = offset;
		}
	}
	o = overlap_at(out->offset, na, nb);
	out->overlap = o.n;
	power = sqrt(dot(a + o.a, a + o.a, o.n)) * sqrt(dot(b + o.b, b + o.b, o.n));
	out->correlation = power > 0 ? dot(a + o.a, b + o.b, o.n) / power : 0;
	out->gap = longest_gap(a + o.a, b + o.b, o.n, rate);
	return 0;
}
