/* SPDX-License-Identifier: BSD-2-Clause */
/* The YAML file (libcyaml). The schema takes every scalar as text, so that values
 * are judged by the same code, and with the same words, as on the command line;
 * what libcyaml itself finds wrong (unknown keys, lists where there should be
 * text …) comes through its log, innermost place last, and is put together to
 * one message here. */
#include "config.h"
#include "listeners.h"
#include "service.h"
#include "settings.h"
#include "yaml_where.h"
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, PATH_TEXT = 256 };

/* --- the schema ------------------------------------------------------------------ */

struct file_listener {
	char *address;
	char *service;
	char **backends;
	unsigned backends_count;
	char *banner;
	char *keep_alive_s;
	char *user_timeout_s;
};

struct file_config {
	char *value[SETTINGS];
	struct file_listener *listeners;
	unsigned listeners_count;
};

#define OPTIONAL_TEXT(key, structure, member)                                                      \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member,   \
			       0, CYAML_UNLIMITED)

static const cyaml_schema_value_t backend_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t listener_fields[] = {
	OPTIONAL_TEXT("address", struct file_listener, address),
	OPTIONAL_TEXT("service", struct file_listener, service),
	CYAML_FIELD_SEQUENCE("backends", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct file_listener, backends, &backend_schema, 0, CYAML_UNLIMITED),
	OPTIONAL_TEXT("banner", struct file_listener, banner),
	OPTIONAL_TEXT("keep_alive_s", struct file_listener, keep_alive_s),
	OPTIONAL_TEXT("user_timeout_s", struct file_listener, user_timeout_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t listener_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_listener, listener_fields),
};

static const cyaml_schema_field_t listeners_field =
	CYAML_FIELD_SEQUENCE("listeners", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct file_config, listeners, &listener_schema, 0, CYAML_UNLIMITED);

static void make_fields(cyaml_schema_field_t fields[SETTINGS + 2])
{
	static const cyaml_schema_field_t text = OPTIONAL_TEXT("", struct file_config, value[0]);
	static const cyaml_schema_field_t end = CYAML_FIELD_END;

	for (unsigned i = 0; i < SETTINGS; i++) {
		fields[i] = text;
		fields[i].key = settings[i].name;
		fields[i].data_offset = (uint32_t)offsetof(struct file_config, value[i]);
	}
	fields[SETTINGS] = listeners_field;
	fields[SETTINGS + 1] = end;
}

/* --- what libcyaml says ----------------------------------------------------------- */

/* Its first line is what, the next ones are where, from the inside out. */
struct report {
	char what[256];
	char path[PATH_TEXT];
};

static void prepend(struct report *r, const char *element, const char *separator)
{
	char outer[2 * PATH_TEXT];

	if (!*r->path || *r->path == '[')
		separator = "";
	snprintf(outer, sizeof(outer), "%s%s%s", element, separator, r->path);
	snprintf(r->path, sizeof(r->path), "%.*s", PATH_TEXT - 1, outer);
}

static void take_place(struct report *r, const char *line)
{
	char name[PATH_TEXT];
	unsigned number;

	if (sscanf(line, " in mapping field '%255[^']", name) == 1)
		prepend(r, name, ".");
	if (sscanf(line, " in sequence entry '%u'", &number) == 1 && number) {
		snprintf(name, sizeof(name), "[%u]", number - 1);
		prepend(r, name, ".");
	}
}

static void take_line(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	struct report *r = context;
	char line[512];

	(void)level;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	if (*r->what)
		take_place(r, line);
	else
		snprintf(r->what, sizeof(r->what), "%.*s", (int)sizeof(r->what) - 1, line);
}

static unsigned least_of(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's: how many letters differ. */
static unsigned distance(const char *a, const char *b)
{
	enum { LONGEST = 32 };
	unsigned row[LONGEST + 1];
	size_t length = strlen(b);

	if (length > LONGEST)
		return LONGEST;
	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= length; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = least_of(change, row[j] + 1, row[j - 1] + 1);
		}
	}
	return row[length];
}

/* The key that was meant, or that all of them are these. */
static void unknown_key(const char *key, const cyaml_schema_field_t *fields, struct complaint *c)
{
	char known[512] = "";
	const char *meant = NULL;
	unsigned best = 3;

	for (; fields->key; fields++) {
		unsigned d = distance(key, fields->key);

		if (d < best) {
			best = d;
			meant = fields->key;
		}
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 *known ? ", " : "", fields->key);
	}
	if (meant)
		complain(c, "unknown key '%s'; '%s' was meant?", key, meant);
	else
		complain(c, "unknown key '%s'; there are %s", key, known);
}

static const char *kind_name(const char *cyaml)
{
	if (strstr(cyaml, "SEQUENCE"))
		return "a list";
	if (strstr(cyaml, "MAPPING"))
		return "a group of keys";
	if (strstr(cyaml, "ALIAS"))
		return "an alias";
	return "a single value";
}

/* libcyaml's words in ours; completes the path where it names the key only in
 * the message. */
static void translate(struct report *r, const cyaml_schema_field_t *top, struct complaint *c)
{
	const char *what = strncmp(r->what, "Load: ", 6) ? r->what : r->what + 6;
	char first[128];
	char second[64];

	if (sscanf(what, "Unexpected key: %127[^\n]", first) == 1) {
		unknown_key(first, *r->path ? listener_fields : top, c);
		if (*r->path)
			strncat(r->path, ".", sizeof(r->path) - strlen(r->path) - 1);
		strncat(r->path, first, sizeof(r->path) - strlen(r->path) - 1);
	} else if (sscanf(what, "Mapping field already seen: %127s", first) == 1) {
		complain(c, "key '%s' is there twice", first);
	} else if (sscanf(what, "Expecting %127[^,], got event: %63s", first, second) == 2) {
		complain(c, "should be %s, but is %s", kind_name(first), kind_name(second));
	} else {
		complain(c, "%s", what);
	}
}

/* --- from the structure to struct config ------------------------------------------- */

/* The path of what is looked at, for yaml_where(). */
struct reading {
	struct config *config;
	struct complaint *complaint;
	char path[PATH_TEXT];
};

__attribute__((format(printf, 2, 3))) static void at(struct reading *r, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(r->path, sizeof(r->path), format, arguments);
	va_end(arguments);
}

static int read_settings(struct reading *r, const struct file_config *file)
{
	for (unsigned i = 0; i < SETTINGS; i++) {
		at(r, "%s", settings[i].name);
		if (file->value[i] &&
		    setting_set(&settings[i], r->config, file->value[i], r->complaint))
			return -EINVAL;
	}
	return 0;
}

static int read_backends(struct reading *r, struct listener_config *l, unsigned number,
			 const struct file_listener *file)
{
	for (unsigned i = 0; i < file->backends_count; i++) {
		at(r, "listeners[%u].backends[%u]", number, i);
		if (listener_add_backend(l, file->backends[i], r->complaint))
			return -EINVAL;
	}
	return 0;
}

static int read_banner(struct reading *r, struct listener_config *l, unsigned number,
		       const struct file_listener *file)
{
	at(r, "listeners[%u].banner", number);
	return file->banner ? listener_set_banner(l, file->banner, r->complaint) : 0;
}

/* RFC 9293, 3.8.3 and 3.8.4: MUST-21, MUST-24, MUST-27. */
static int read_patience(struct reading *r, struct listener_config *l, unsigned number,
			 const struct file_listener *file)
{
	at(r, "listeners[%u].keep_alive_s", number);
	if (file->keep_alive_s &&
	    setting_number("keep_alive_s", &l->keep_alive_s, file->keep_alive_s, r->complaint))
		return -EINVAL;
	at(r, "listeners[%u].user_timeout_s", number);
	return file->user_timeout_s ? setting_number("user_timeout_s", &l->user_timeout_s,
						     file->user_timeout_s, r->complaint)
				    : 0;
}

static int read_listener(struct reading *r, unsigned number, const struct file_listener *file)
{
	struct listener_config *l;

	at(r, "listeners[%u]", number);
	l = listener_new(r->config, r->complaint);
	if (!l)
		return -EINVAL;
	if (!file->address)
		return complain(r->complaint, "a listener needs 'address: ADDR:PORT'");
	if (!file->service)
		return complain(r->complaint, "a listener needs 'service:', one of %s",
				services_names());
	at(r, "listeners[%u].address", number);
	if (listener_set_address(l, file->address, r->complaint))
		return -EINVAL;
	at(r, "listeners[%u].service", number);
	if (listener_set_service(l, file->service, r->complaint))
		return -EINVAL;
	if (read_backends(r, l, number, file) || read_banner(r, l, number, file) ||
	    read_patience(r, l, number, file))
		return -EINVAL;
	at(r, "listeners[%u].service", number);
	if (listener_check(l, r->complaint))
		return -EINVAL;
	at(r, "listeners[%u].address", number);
	return listener_keep(r->config, r->complaint);
}

static int read_all(struct reading *r, const struct file_config *file)
{
	if (read_settings(r, file))
		return -EINVAL;
	for (unsigned i = 0; i < file->listeners_count; i++)
		if (read_listener(r, i, &file->listeners[i]))
			return -EINVAL;
	return 0;
}

/* --- the file ------------------------------------------------------------------------ */

static char *read_file(const char *path, size_t *length, struct complaint *c)
{
	FILE *f = fopen(path, "re");
	struct stat status;
	char *bytes;

	if (!f || fstat(fileno(f), &status)) {
		complain(c, "%s: %s", path, strerror(errno));
		goto close;
	}
	if (S_ISDIR(status.st_mode)) {
		complain(c, "%s: is a directory", path);
		goto close;
	}
	bytes = malloc(FILE_MAX + 1);
	*length = bytes ? fread(bytes, 1, FILE_MAX + 1, f) : 0;
	fclose(f);
	if (!bytes || *length <= FILE_MAX)
		return bytes;
	free(bytes);
	complain(c, "%s: is longer than %d bytes", path, FILE_MAX);
	return NULL;
close:
	if (f)
		fclose(f);
	return NULL;
}

static int parse(struct reading *r, const struct yaml_text *yaml)
{
	cyaml_schema_field_t fields[SETTINGS + 2];
	const cyaml_schema_value_t schema = {
		CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_config, fields),
	};
	struct report report = {"", ""};
	const cyaml_config_t cyaml = {
		.log_fn = take_line,
		.log_ctx = &report,
		.log_level = CYAML_LOG_WARNING,
		.mem_fn = cyaml_mem,
	};
	struct file_config *file = NULL;
	int result;

	make_fields(fields);
	if (cyaml_load_data((const uint8_t *)yaml->bytes, yaml->length, &cyaml, &schema,
			    (cyaml_data_t **)&file, NULL) != CYAML_OK) {
		translate(&report, fields, r->complaint);
		at(r, "%s", report.path);
		return -EINVAL;
	}
	if (*report.what)
		result = complain(r->complaint, "one YAML document is read, but there are more");
	else
		result = file ? read_all(r, file) : 0;
	cyaml_free(&cyaml, &schema, file, 0);
	return result;
}

int config_load(struct config *config, const char *path, struct complaint *c)
{
	struct reading r = {.config = config, .complaint = c};
	struct yaml_text yaml;
	unsigned line;
	char *bytes = read_file(path, &yaml.length, c);

	if (!bytes)
		return -EINVAL;
	yaml.bytes = bytes;
	if (yaml_check(&yaml, &line, c)) {
		complain_where(c, "%s:%u", path, line);
		free(bytes);
		return -EINVAL;
	}
	if (parse(&r, &yaml)) {
		line = yaml_where(&yaml, r.path);
		complain_where(c, "%s:%u%s%s", path, line, *r.path ? ": " : "", r.path);
		free(bytes);
		return -EINVAL;
	}
	free(bytes);
	return 0;
}
