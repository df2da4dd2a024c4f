/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings: what an SRE tunes at run time, with meaning and bounds. */
#ifndef CRIER_CONTROL_SETTINGS_H
#define CRIER_CONTROL_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "xdp/tables.h"

struct setting_info {
	const char *name;
	uint64_t def, least, most;
	const char *help;
};

/* By enum crier_setting. */
extern const struct setting_info settings_info[CRIER_SET_N];

/* enum crier_setting, or -ENOENT. */
int setting_find(const char *name);

/* In effect with the next packet.  0 or -ERANGE with a sentence in err. */
int setting_put(struct tables *t, uint32_t key, uint64_t value, char *err, size_t size);

#endif
