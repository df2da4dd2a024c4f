/* SPDX-License-Identifier: BSD-2-Clause */
#include "config_guard.h"

#include <stdlib.h>
#include <string.h>

#include "guard_list.h"

/* The node of prefix i, counted over both lists. */
static const yaml_node_t *node_of(struct config_doc *d, const struct config_guard *g, uint32_t i)
{
	const yaml_node_t *n = doc_key(d, doc_root(d), "guard");
	bool block = i < g->block_count;

	return doc_item(d, doc_key(d, n, block ? "block" : "allow"),
			block ? i : i - g->block_count);
}

static int lists_check(struct config_doc *d, const struct config_guard *g, struct guard_line *line,
		       struct crier_guard_prefix *out, uint32_t n)
{
	char err[GUARD_ERR_LEN], text[PREFIX_STRLEN];
	struct guard_counts counts;
	struct guard_line bad;

	for (uint32_t i = 0; i < n; i++) {
		bool block = i < g->block_count;
		const char *s = block ? g->block[i] : g->allow[i - g->block_count];

		if (guard_prefix_parse(s, strlen(s), &line[i].p, err) != 0)
			return doc_refuse(d, node_of(d, g, i), "guard: %s", err);
		line[i].p.value = block ? CRIER_GUARD_BLOCK : CRIER_GUARD_ALLOW;
		line[i].line = i + 1;
	}
	if (guard_list_merge(GUARD_ADD, 0, NULL, 0, line, n, out, n, &counts, &bad) == 0)
		return 0;
	return doc_refuse(d, node_of(d, g, (uint32_t)bad.line - 1), "guard: %s is on both lists",
			  guard_prefix_format(text, &bad.p));
}

int config_check_guard(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *section = doc_key(d, doc_root(d), "guard");
	uint32_t n = c->guard.block_count + c->guard.allow_count;
	struct crier_guard_prefix *out = calloc(n + 1, sizeof(*out));
	struct guard_line *line = calloc(n + 1, sizeof(*line));
	int rc;

	if (c->guard.mode && c->settings.value[CRIER_SET_guard_mode])
		rc = doc_refuse(d, doc_key(d, section, "mode"),
				"guard: mode is the setting guard_mode, which is given too");
	else if (!out || !line)
		rc = doc_refuse(d, section, "out of memory");
	else
		rc = lists_check(d, &c->guard, line, out, n);
	free(line);
	free(out);
	return rc;
}
