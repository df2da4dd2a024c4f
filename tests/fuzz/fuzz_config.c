/* SPDX-License-Identifier: BSD-2-Clause */
/* crierd.yaml: any bytes are either taken or refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[CONFIG_ERR_LEN] = "";
	struct config *c = config_parse("f", data, size, err);

	if (c == NULL && err[0] == '\0')
		abort();
	if (c && (c->node == NULL || c->media_port == 0 || c->crier0.address == NULL))
		abort();
	for (uint32_t i = 0; c && i < c->rooms_count; i++) {
		for (uint32_t k = 0; k < c->rooms[i].streams_count; k++) {
			if (c->rooms[i].streams[k].from == NULL || c->rooms[i].streams[k].port == 0)
				abort();
		}
	}
	config_free(c);
	return 0;
}
