/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/crierd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdp/log.h"

void crierd_warn(struct crierd *d, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	log_warn("crierd: %s", text ? text : fmt);
	if (text && d->warnings < CRIERD_WARNINGS)
		d->warning[d->warnings++] = text;
	else
		free(text);
}
