/* SPDX-License-Identifier: BSD-2-Clause */
#include "write.h"

static bool plain_here(void)
{
	return true;
}

static void plain_run4(const struct frame *f, struct out_frame *out, const uint64_t *word,
		       uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		frame_write4(f, &out[i], member4_addr(word[i]), member4_port(word[i]));
}

const struct write_way write_ways[] = {
	{"plain", plain_here, plain_run4},
	{NULL},
};

const struct write_way *write_way_best(void)
{
	const struct write_way *way = write_ways;

	while (!way->here())
		way++;
	return way;
}
