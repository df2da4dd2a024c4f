/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A YAML document as a tree that knows its lines, and its check against a libcyaml
 * schema.  libcyaml fills structs well but names the line of the token before a wrong
 * one, and takes any word for a boolean; so the tree is checked first.
 */
#ifndef CRIER_CONFIG_DOC_H
#define CRIER_CONFIG_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cyaml/cyaml.h>
#include <yaml.h>

struct config_doc {
	yaml_document_t yaml;
	const char *name; /* of the file */
	char *err;	  /* of err_len bytes */
	size_t err_len;
};

/* 0; -ENODATA: nothing in it but comments; -EINVAL with a sentence in err. */
int config_doc_open(struct config_doc *d, const char *name, const uint8_t *text, size_t len,
		    char *err, size_t err_len);
void config_doc_close(struct config_doc *d);

yaml_node_t *doc_root(struct config_doc *d);
/* The value of a key, item i of a list; NULL if there is none, or node is NULL. */
yaml_node_t *doc_key(struct config_doc *d, const yaml_node_t *node, const char *key);
yaml_node_t *doc_item(struct config_doc *d, const yaml_node_t *node, uint32_t i);

/* Writes "FILE:LINE: ..." to err; node NULL: without a line.  Always -EINVAL. */
int doc_refuse(struct config_doc *d, const yaml_node_t *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Refuses the key's value if it is there and out of bounds. */
int doc_bounds(struct config_doc *d, const yaml_node_t *in, const char *key, uint64_t value,
	       uint64_t least, uint64_t most);

/* Unknown, missing and doubled keys, and values of the wrong type.  0 or -EINVAL. */
int config_doc_check(struct config_doc *d, const cyaml_schema_value_t *schema);

#endif
