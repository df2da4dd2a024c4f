/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-load compare: is B the speech of A? */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "load.h"
#include "wav.h"
#include "xdp/log.h"

#define SECONDS_MAX 1200 /* the search holds both in memory, several times */

static const char usage_text[] =
	"usage: crier-load compare A.wav B.wav [OPTION...]\n"
	"\n"
	"Is B the speech of A?  Exit status 0 if it is, 1 if not.  Loudness and where it\n"
	"begins do not matter.\n"
	"  --threshold C    least correlation where they overlap (0.9)\n"
	"  --overlap F      least part of the shorter one that must overlap (0.5)\n"
	"  --max-gap MS     longest stretch in which A speaks and B does not (100)\n"
	"  --json\n";

struct compare_options {
	const char *a, *b;
	double threshold, overlap, max_gap_ms;
	int json;
};

static int real_option(const char *name, const char *text, double most, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *end || !(*out >= 0 && *out <= most)) {
		log_err("crier-load compare: --%s '%s': want 0 to %g", name, text, most);
		return LOAD_USAGE;
	}
	return 0;
}

static int options_parse(struct compare_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"threshold", required_argument, NULL, 't'},
		{"overlap", required_argument, NULL, 'o'},
		{"max-gap", required_argument, NULL, 'g'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt, rc = 0;

	*o = (struct compare_options){.threshold = 0.9, .overlap = 0.5, .max_gap_ms = 100};
	while (!rc && (opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(usage_text, stdout);
			exit(LOAD_OK);
		}
		if (opt == 't')
			rc = real_option("threshold", optarg, 1, &o->threshold);
		else if (opt == 'o')
			rc = real_option("overlap", optarg, 1, &o->overlap);
		else if (opt == 'g')
			rc = real_option("max-gap", optarg, 1e9, &o->max_gap_ms);
		else if (opt == 'j')
			o->json = 1;
		else
			rc = LOAD_USAGE;
	}
	if (!rc && optind + 2 != argc) {
		log_err("crier-load compare: two WAV files are needed; --help says more");
		rc = LOAD_USAGE;
	}
	if (!rc) {
		o->a = argv[optind];
		o->b = argv[optind + 1];
	}
	return rc;
}

static int both_read(const struct compare_options *o, struct wav *a, struct wav *b)
{
	const struct wav *longer;
	int rc = wav_read(a, o->a);

	if (!rc)
		rc = wav_read(b, o->b);
	if (rc)
		return rc;
	longer = (double)a->n / a->rate > (double)b->n / b->rate ? a : b;
	if (longer->n / longer->rate > SECONDS_MAX) {
		log_err("crier-load compare: %s: longer than %d s", longer == a ? o->a : o->b,
			SECONDS_MAX);
		return -EFBIG;
	}
	rc = wav_resample(a, b->rate);
	if (!rc)
		rc = wav_resample(b, a->rate);
	if (rc)
		log_err("crier-load compare: out of memory");
	return rc;
}

/* Why it is not the same; NULL: it is. */
static const char *objection(const struct compare_options *o, const struct wav *a,
			     const struct wav *b, const struct alignment *al)
{
	size_t shorter = a->n < b->n ? a->n : b->n;

	if (!shorter || (double)al->overlap < o->overlap * (double)shorter)
		return "they hardly overlap";
	if (al->correlation == 0)
		return "one of them is silent";
	if (al->correlation < o->threshold)
		return "it is not the same sound";
	if ((double)al->gap * 1000 / a->rate > o->max_gap_ms)
		return "there is a gap in it";
	return NULL;
}

static int report(const struct compare_options *o, const struct wav *a, const struct alignment *al,
		  const char *why)
{
	double offset_ms = (double)al->offset * 1000 / a->rate;
	double overlap_s = (double)al->overlap / a->rate;
	double gap_ms = (double)al->gap * 1000 / a->rate;
	json_t *j;

	if (!o->json) {
		printf("offset %.2f ms, correlation %.4f over %.2f s, longest gap %.0f ms: %s\n",
		       offset_ms, al->correlation, overlap_s, gap_ms, why ? why : "the same");
		return 0;
	}
	j = json_pack("{s:b, s:f, s:f, s:f, s:f, s:s*}", "ok", !why, "offset_ms", offset_ms,
		      "correlation", al->correlation, "overlap_s", overlap_s, "longest_gap_ms",
		      gap_ms, "wrong", why);
	if (!j || json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6))) {
		json_decref(j);
		return -EIO;
	}
	json_decref(j);
	putchar('\n');
	return 0;
}

int compare_main(int argc, char **argv)
{
	struct compare_options o;
	struct wav a = {0}, b = {0};
	struct alignment al;
	const char *why = NULL;
	int rc = options_parse(&o, argc, argv);

	if (rc)
		return rc;
	rc = both_read(&o, &a, &b);
	if (!rc) {
		rc = align(&al, a.v, a.n, b.v, b.n, a.rate);
		if (rc)
			log_err("crier-load compare: out of memory");
	}
	if (!rc) {
		why = objection(&o, &a, &b, &al);
		rc = report(&o, &a, &al, why);
	}
	wav_free(&a);
	wav_free(&b);
	return rc || why ? LOAD_WRONG : LOAD_OK;
}
