/* SPDX-License-Identifier: BSD-2-Clause */
/* See yaml_where.h. */
#include "yaml_where.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static void open_parser(yaml_parser_t *parser, const struct yaml_text *yaml)
{
	yaml_parser_initialize(parser);
	yaml_parser_set_input_string(parser, (const unsigned char *)yaml->bytes, yaml->length);
}

/* "address: [::]:7" begins a list. */
static const char *hint(const yaml_parser_t *parser)
{
	if (parser->context && strstr(parser->context, "flow"))
		return "; a value that begins with [ needs quotes: \"[::]:7\"";
	return "";
}

int yaml_check(const struct yaml_text *yaml, unsigned *line, struct complaint *c)
{
	yaml_parser_t parser;
	yaml_document_t document;
	int result = 0;

	open_parser(&parser, yaml);
	if (yaml_parser_load(&parser, &document)) {
		yaml_document_delete(&document);
	} else {
		*line = (unsigned)parser.problem_mark.line + 1;
		result = complain(c, "not YAML: %s%s%s%s",
				  parser.problem ? parser.problem : "unreadable",
				  parser.context ? " " : "", parser.context ? parser.context : "",
				  hint(&parser));
	}
	yaml_parser_delete(&parser);
	return result;
}

/* A step of the walk: the node, and the line of what names it. */
struct place {
	yaml_node_t *node;
	unsigned line;
};

static bool key_is(const yaml_node_t *key, const char *name, size_t length)
{
	return key->type == YAML_SCALAR_NODE && key->data.scalar.length == length &&
	       !memcmp(key->data.scalar.value, name, length);
}

static bool step_into_key(yaml_document_t *document, struct place *at, const char *name,
			  size_t length)
{
	struct place found = {NULL, 0};

	if (at->node->type != YAML_MAPPING_NODE)
		return false;
	for (yaml_node_pair_t *pair = at->node->data.mapping.pairs.start;
	     pair < at->node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(document, pair->key);

		if (!key_is(key, name, length))
			continue;
		found.node = yaml_document_get_node(document, pair->value);
		found.line = (unsigned)key->start_mark.line + 1;
	}
	if (!found.node)
		return false;
	*at = found;
	return true;
}

static bool step_into_entry(yaml_document_t *document, struct place *at, unsigned long number)
{
	yaml_node_item_t *item;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return false;
	item = at->node->data.sequence.items.start;
	if (number >= (unsigned long)(at->node->data.sequence.items.top - item))
		return false;
	at->node = yaml_document_get_node(document, item[number]);
	at->line = (unsigned)at->node->start_mark.line + 1;
	return true;
}

/* One element of the path; returns what follows it, or NULL: not there. */
static const char *step(yaml_document_t *document, struct place *at, const char *path)
{
	char *end;
	size_t length;

	if (*path == '[') {
		unsigned long number = strtoul(path + 1, &end, 10);

		return step_into_entry(document, at, number) ? end + 1 : NULL;
	}
	if (*path == '.')
		path++;
	length = strcspn(path, ".[");
	return step_into_key(document, at, path, length) ? path + length : NULL;
}

unsigned yaml_where(const struct yaml_text *yaml, const char *path)
{
	yaml_parser_t parser;
	yaml_document_t document;
	struct place at = {NULL, 1};

	open_parser(&parser, yaml);
	if (yaml_parser_load(&parser, &document)) {
		at.node = yaml_document_get_root_node(&document);
		while (at.node && path && *path)
			path = step(&document, &at, path);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return at.line;
}
