/* SPDX-License-Identifier: BSD-2-Clause */
/* The guard's section of the configuration, beyond what the schema says. */
#ifndef CRIER_CONFIG_GUARD_H
#define CRIER_CONFIG_GUARD_H

#include "config.h"
#include "config_doc.h"

/* Prefixes that cannot be, or are on both lists.  0 or -EINVAL. */
int config_check_guard(struct config_doc *d, const struct config *c);

#endif
