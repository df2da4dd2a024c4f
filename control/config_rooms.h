/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration's rooms must be beyond their schema. */
#ifndef CRIER_CONFIG_ROOMS_H
#define CRIER_CONFIG_ROOMS_H

#include <stdbool.h>

#include "config.h"
#include "config_doc.h"

/* Letters, digits, '.', '_' and '-'; neither "." nor "..". */
bool config_is_name(const char *s);

/* 0, or -EINVAL with the first mistake and its line. */
int config_check_rooms(struct config_doc *d, const struct config *c);

#endif
