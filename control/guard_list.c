/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/guard_list.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/guard_tree.h"
#include "xdp/addr.h"

#define QUOTE_MAX 60

/* ---- as text ---- */

__attribute__((format(printf, 4, 5))) static int wrong(char err[GUARD_ERR_LEN], const char *s,
						       size_t len, const char *fmt, ...)
{
	char quoted[QUOTE_MAX + 1];
	size_t n = len < QUOTE_MAX ? len : QUOTE_MAX;
	va_list ap;
	int at;

	for (size_t i = 0; i < n; i++) /* nothing that a terminal would obey */
		quoted[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	quoted[n] = '\0';
	at = snprintf(err, GUARD_ERR_LEN, "\"%s%s\": ", quoted, len > n ? "..." : "");
	va_start(ap, fmt);
	vsnprintf(err + at, GUARD_ERR_LEN - (size_t)at, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* The address with nothing but zeros beyond the prefix. */
static struct crier_addr masked(struct crier_addr a, uint32_t bits)
{
	for (uint32_t i = bits / 8; i < sizeof(a.b); i++)
		a.b[i] &= (uint8_t)(i == bits / 8 ? 0xff00 >> bits % 8 : 0);
	return a;
}

/* One to three digits without leading zeros; -1 otherwise. */
static int length_parse(const char *s, size_t len)
{
	int n = 0;

	if (!len || len > 3 || (len > 1 && *s == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + s[i] - '0';
	}
	return n;
}

int guard_prefix_parse(const char *s, size_t len, struct crier_guard_prefix *out,
		       char err[GUARD_ERR_LEN])
{
	const char *slash = memchr(s, '/', len);
	struct crier_guard_prefix right;
	size_t addr_len = slash ? (size_t)(slash - s) : len;
	int most, bits, ret;

	*out = (struct crier_guard_prefix){.len = 0};
	ret = addr_parse(s, addr_len, &out->addr);
	if (ret)
		return wrong(err, s, len, "%s; a prefix is ADDRESS/LENGTH or ADDRESS",
			     endpoint_strerror(ret));
	out->family6 = !addr_is_v4(&out->addr);
	most = out->family6 ? 128 : 32;
	if (slash && !out->family6 && memchr(s, ':', addr_len))
		return wrong(err, s, len, "write an IPv4 prefix as 192.0.2.0/24");
	bits = slash ? length_parse(slash + 1, len - addr_len - 1) : most;
	if (bits < 0 || bits > most)
		return wrong(err, s, len, "the length of an IPv%d prefix is 0 to %d",
			     out->family6 ? 6 : 4, most);
	out->len = (uint8_t)bits;
	right = *out;
	right.addr = masked(out->addr, (uint32_t)bits + (out->family6 ? 0 : 96));
	if (!addr_equal(&right.addr, &out->addr)) {
		char text[PREFIX_STRLEN];

		return wrong(err, s, len, "bits are set beyond its length: %s is the prefix",
			     guard_prefix_format(text, &right));
	}
	return 0;
}

const char *guard_prefix_format(char buf[PREFIX_STRLEN], const struct crier_guard_prefix *p)
{
	char text[ADDR_STRLEN];

	snprintf(buf, PREFIX_STRLEN, "%s/%u", addr_format(text, &p->addr), (unsigned)p->len);
	return buf;
}

const char *guard_value_name(uint32_t value)
{
	return value == CRIER_GUARD_ALLOW ? "allow" : "block";
}

uint32_t guard_value_find(const char *name)
{
	if (strcmp(name, "block") == 0)
		return CRIER_GUARD_BLOCK;
	return strcmp(name, "allow") == 0 ? CRIER_GUARD_ALLOW : CRIER_GUARD_NONE;
}

/* ---- merging ---- */

struct merge {
	enum guard_op op;
	uint32_t lists, most;
	struct crier_guard_prefix *out;
	struct guard_counts *counts;
	struct guard_line *bad;
	int clash;
};

static int compare_lines(const void *a, const void *b)
{
	const struct guard_line *x = a, *y = b;
	int order = guard_prefix_compare(&x->p, &y->p);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void emit(struct merge *m, const struct crier_guard_prefix *p)
{
	struct guard_counts *c = m->counts;

	if (c->prefixes < m->most)
		m->out[c->prefixes] = *p;
	c->prefixes++;
	c->allow += p->value == CRIER_GUARD_ALLOW;
	c->block += p->value == CRIER_GUARD_BLOCK;
}

/* The first line that clashes is the one to name. */
static void clash(struct merge *m, const struct guard_line *line, int why)
{
	if (m->clash && line->line >= m->bad->line)
		return;
	*m->bad = *line;
	m->clash = why;
}

static bool is_replaced(const struct merge *m, const struct crier_guard_prefix *p)
{
	return m->op == GUARD_REPLACE && m->lists >> p->value & 1;
}

static void merge_old(struct merge *m, const struct crier_guard_prefix *old)
{
	if (is_replaced(m, old))
		m->counts->deleted++;
	else
		emit(m, old);
}

static void merge_given(struct merge *m, const struct guard_line *line)
{
	if (m->op == GUARD_DELETE) {
		m->counts->missing++;
		return;
	}
	m->counts->added++;
	emit(m, &line->p);
}

static void merge_both(struct merge *m, const struct crier_guard_prefix *old,
		       const struct guard_line *line)
{
	if (m->op == GUARD_DELETE) {
		m->counts->deleted++;
		return;
	}
	if (old->value == line->p.value) {
		m->counts->existing++;
		emit(m, old);
		return;
	}
	if (!is_replaced(m, old)) {
		clash(m, line, -EEXIST);
		return;
	}
	m->counts->deleted++;
	merge_given(m, line);
}

/* How many lines from the first on are of the same prefix. */
static uint32_t same_lines(struct merge *m, const struct guard_line *line, uint32_t n)
{
	uint32_t i = 1;

	for (; i < n && guard_prefix_compare(&line->p, &line[i].p) == 0; i++)
		if (m->op != GUARD_DELETE && line[i].p.value != line->p.value)
			clash(m, &line[i], -EINVAL);
	if (m->op != GUARD_DELETE)
		m->counts->existing += i - 1;
	return i;
}

int guard_list_merge(enum guard_op op, uint32_t lists, const struct crier_guard_prefix *old,
		     uint32_t old_n, struct guard_line *given, uint32_t given_n,
		     struct crier_guard_prefix *out, uint32_t most, struct guard_counts *counts,
		     struct guard_line *bad)
{
	struct merge m = {
		.op = op, .lists = lists, .most = most, .out = out, .counts = counts, .bad = bad};
	uint32_t i = 0, k = 0;

	*counts = (struct guard_counts){0};
	if (given_n > 1)
		qsort(given, given_n, sizeof(*given), compare_lines);
	while (i < old_n || k < given_n) {
		int order = i == old_n	   ? 1
			    : k == given_n ? -1
					   : guard_prefix_compare(&old[i], &given[k].p);

		if (order < 0)
			merge_old(&m, &old[i]);
		else if (order > 0)
			merge_given(&m, &given[k]);
		else
			merge_both(&m, &old[i], &given[k]);
		i += order <= 0;
		k += order >= 0 ? same_lines(&m, &given[k], given_n - k) : 0;
	}
	if (m.clash)
		return m.clash;
	return counts->prefixes > most ? -ENOSPC : 0;
}

uint32_t guard_list_after(const struct crier_guard_prefix *list, uint32_t n,
			  const struct crier_guard_prefix *p)
{
	uint32_t from = 0;

	while (from < n) {
		uint32_t middle = from + (n - from) / 2;

		if (guard_prefix_compare(&list[middle], p) <= 0)
			from = middle + 1;
		else
			n = middle;
	}
	return from;
}
