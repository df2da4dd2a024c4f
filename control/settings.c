/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct setting_info settings_info[CRIER_SET_N] = {
#define SETTING_INFO(name, def, least, most, help) {#name, def, least, most, help},
	CRIER_SETTINGS(SETTING_INFO)
#undef SETTING_INFO
};

int setting_find(const char *name)
{
	for (int key = 0; key < CRIER_SET_N; key++)
		if (strcmp(settings_info[key].name, name) == 0)
			return key;
	return -ENOENT;
}

int setting_put(struct tables *t, uint32_t key, uint64_t value, char *err, size_t size)
{
	const struct setting_info *i = &settings_info[key];

	if (value < i->least || value > i->most) {
		snprintf(err, size, "%s is %" PRIu64 " to %" PRIu64 ": %s", i->name, i->least,
			 i->most, i->help);
		return -ERANGE;
	}
	tbl_store(&t->config->setting[key], value);
	return 0;
}
