/* SPDX-License-Identifier: BSD-2-Clause */
#include "config_doc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *text_of(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

int doc_refuse(struct config_doc *d, const yaml_node_t *node, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (node)
		n = snprintf(d->err, d->err_len, "%s:%zu: ", d->name, node->start_mark.line + 1);
	else
		n = snprintf(d->err, d->err_len, "%s: ", d->name);
	if (n < 0 || (size_t)n >= d->err_len)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(d->err + n, d->err_len - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int config_doc_open(struct config_doc *d, const char *name, const uint8_t *text, size_t len,
		    char *err, size_t err_len)
{
	yaml_parser_t parser;
	const yaml_node_t *root;
	int rc = 0;

	*d = (struct config_doc){.name = name, .err = err, .err_len = err_len};
	if (!yaml_parser_initialize(&parser)) {
		snprintf(err, err_len, "%s: out of memory", name);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&parser, text, len);
	if (!yaml_parser_load(&parser, &d->yaml)) {
		snprintf(err, err_len, "%s:%zu: not YAML: %s", name,
			 (parser.problem_mark.line ? parser.problem_mark.line
						   : parser.context_mark.line) +
				 1,
			 parser.problem ? parser.problem : "unreadable");
		yaml_parser_delete(&parser);
		return -EINVAL;
	}
	yaml_parser_delete(&parser);
	root = doc_root(d);
	if (root == NULL || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0))
		rc = -ENODATA;
	if (rc)
		yaml_document_delete(&d->yaml);
	return rc;
}

void config_doc_close(struct config_doc *d)
{
	yaml_document_delete(&d->yaml);
}

yaml_node_t *doc_root(struct config_doc *d)
{
	return yaml_document_get_root_node(&d->yaml);
}

yaml_node_t *doc_key(struct config_doc *d, const yaml_node_t *node, const char *key)
{
	if (node == NULL || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
	     p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = yaml_document_get_node(&d->yaml, p->key);

		if (k && k->type == YAML_SCALAR_NODE && strcmp(text_of(k), key) == 0)
			return yaml_document_get_node(&d->yaml, p->value);
	}
	return NULL;
}

yaml_node_t *doc_item(struct config_doc *d, const yaml_node_t *node, uint32_t i)
{
	if (node == NULL || node->type != YAML_SEQUENCE_NODE ||
	    i >= (size_t)(node->data.sequence.items.top - node->data.sequence.items.start))
		return NULL;
	return yaml_document_get_node(&d->yaml, node->data.sequence.items.start[i]);
}

int doc_bounds(struct config_doc *d, const yaml_node_t *in, const char *key, uint64_t value,
	       uint64_t least, uint64_t most)
{
	const yaml_node_t *node = doc_key(d, in, key);

	if (node == NULL || (value >= least && value <= most))
		return 0;
	return doc_refuse(d, node, "%s is %llu, and must be %llu to %llu", key,
			  (unsigned long long)value, (unsigned long long)least,
			  (unsigned long long)most);
}

static int check(struct config_doc *d, const yaml_node_t *node, const char *what,
		 const cyaml_schema_value_t *schema);

static const cyaml_schema_field_t *field_find(const cyaml_schema_value_t *schema, const char *key)
{
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++) {
		if (strcmp(f->key, key) == 0)
			return f;
	}
	return NULL;
}

/* The keys that may stand here, for a message. */
static const char *known_keys(const cyaml_schema_value_t *schema, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key && n < len; f++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", n ? ", " : "", f->key);
	return buf;
}

static int check_mapping(struct config_doc *d, const yaml_node_t *node, const char *what,
			 const cyaml_schema_value_t *schema)
{
	const yaml_node_pair_t *start = node->data.mapping.pairs.start;
	char keys[256];

	for (const yaml_node_pair_t *p = start; p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = yaml_document_get_node(&d->yaml, p->key);
		const yaml_node_t *v = yaml_document_get_node(&d->yaml, p->value);
		const cyaml_schema_field_t *f;
		int rc;

		if (k->type != YAML_SCALAR_NODE)
			return doc_refuse(d, k, "%s: a key must be a word", what);
		f = field_find(schema, text_of(k));
		if (f == NULL)
			return doc_refuse(d, k, "%s: there is no key \"%.40s\"; known are %s", what,
					  text_of(k), known_keys(schema, keys, sizeof(keys)));
		for (const yaml_node_pair_t *q = start; q < p; q++) {
			const yaml_node_t *before = yaml_document_get_node(&d->yaml, q->key);

			if (strcmp(text_of(before), f->key) == 0)
				return doc_refuse(d, k, "%s: %s is given twice", what, f->key);
		}
		rc = check(d, v, f->key, &f->value);
		if (rc)
			return rc;
	}
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++) {
		if (!(f->value.flags & CYAML_FLAG_OPTIONAL) && doc_key(d, node, f->key) == NULL)
			return doc_refuse(d, node, "%s: %s is missing", what, f->key);
	}
	return 0;
}

static int check_uint(struct config_doc *d, const yaml_node_t *node, const char *what,
		      uint32_t size)
{
	const char *s = text_of(node);
	uint64_t most = size >= 8 ? UINT64_MAX : (1ULL << size * 8) - 1;
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(s, &end, 0);
	if (s[0] < '0' || s[0] > '9' || *end)
		return doc_refuse(d, node, "%s is \"%.40s\", and must be a number", what, s);
	if (errno || value > most)
		return doc_refuse(d, node, "%s is %.40s, and can be %llu at most", what, s,
				  (unsigned long long)most);
	return 0;
}

static int check_bool(struct config_doc *d, const yaml_node_t *node, const char *what)
{
	static const char *const words[] = {"true", "yes", "on", "false", "no", "off"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text_of(node), words[i]) == 0)
			return 0;
	}
	return doc_refuse(d, node, "%s is \"%.40s\", and must be true or false", what,
			  text_of(node));
}

static int check_enum(struct config_doc *d, const yaml_node_t *node, const char *what,
		      const cyaml_schema_value_t *schema)
{
	char words[128] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < schema->enumeration.count; i++) {
		if (strcmp(text_of(node), schema->enumeration.strings[i].str) == 0)
			return 0;
		if (n < sizeof(words))
			n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s", n ? ", " : "",
					      schema->enumeration.strings[i].str);
	}
	return doc_refuse(d, node, "%s is \"%.40s\", and must be one of %s", what, text_of(node),
			  words);
}

static int check_string(struct config_doc *d, const yaml_node_t *node, const char *what,
			const cyaml_schema_value_t *schema)
{
	size_t len = strlen(text_of(node));

	if (len != node->data.scalar.length)
		return doc_refuse(d, node, "%s holds a NUL", what);
	if (len < schema->string.min)
		return doc_refuse(d, node, "%s is empty", what);
	if (len > schema->string.max)
		return doc_refuse(d, node, "%s is longer than %u characters", what,
				  schema->string.max);
	return 0;
}

static int check_scalar(struct config_doc *d, const yaml_node_t *node, const char *what,
			const cyaml_schema_value_t *schema)
{
	switch (schema->type) {
	case CYAML_UINT:
		return check_uint(d, node, what, schema->data_size);
	case CYAML_BOOL:
		return check_bool(d, node, what);
	case CYAML_ENUM:
		return check_enum(d, node, what, schema);
	default:
		return check_string(d, node, what, schema);
	}
}

static int check_sequence(struct config_doc *d, const yaml_node_t *node, const char *what,
			  const cyaml_schema_value_t *schema)
{
	const yaml_node_item_t *start = node->data.sequence.items.start;
	int rc = 0;

	for (const yaml_node_item_t *i = start; rc == 0 && i < node->data.sequence.items.top; i++)
		rc = check(d, yaml_document_get_node(&d->yaml, *i), what, schema->sequence.entry);
	return rc;
}

static int check(struct config_doc *d, const yaml_node_t *node, const char *what,
		 const cyaml_schema_value_t *schema)
{
	switch (schema->type) {
	case CYAML_MAPPING:
		if (node->type != YAML_MAPPING_NODE)
			return doc_refuse(d, node, "%s: \"key: value\" pairs must stand here",
					  what);
		return check_mapping(d, node, what, schema);
	case CYAML_SEQUENCE:
		if (node->type != YAML_SEQUENCE_NODE)
			return doc_refuse(d, node, "%s: a list must stand here", what);
		return check_sequence(d, node, what, schema);
	default:
		if (node->type != YAML_SCALAR_NODE)
			return doc_refuse(d, node, "%s: a single value must stand here", what);
		return check_scalar(d, node, what, schema);
	}
}

int config_doc_check(struct config_doc *d, const cyaml_schema_value_t *schema)
{
	return check(d, doc_root(d), "the file", schema);
}
