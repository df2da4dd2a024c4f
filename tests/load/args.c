/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "xdp/log.h"

volatile sig_atomic_t load_stop;

static void stop(int sig)
{
	(void)sig;
	load_stop = 1;
}

void stop_on_signals(void)
{
	struct sigaction sa = {.sa_handler = stop};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

int arg_u64(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || *out < least || *out > most) {
		log_err("crier-load: --%s '%s': want a number from %llu to %llu", option, text,
			(unsigned long long)least, (unsigned long long)most);
		return -1;
	}
	return 0;
}

int arg_seconds(const char *option, const char *text, uint64_t *out_ns)
{
	char *end;
	double s;

	errno = 0;
	s = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(s) || s < 0 || s > 1e6) {
		log_err("crier-load: --%s '%s': want seconds, 0 to 1000000", option, text);
		return -1;
	}
	*out_ns = (uint64_t)(s * 1e9 + 0.5);
	return 0;
}
