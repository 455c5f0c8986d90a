/* SPDX-License-Identifier: BSD-2-Clause */
/* The settings of struct config, each under one name: `ring_mib:` in the file is
 * `--ring-mib` on the command line. One table, from which the options, the keys,
 * the help and the messages are made. */
#ifndef XTCP_SETTINGS_H
#define XTCP_SETTINGS_H

#include "complaint.h"
#include "config.h"

enum setting_kind { SETTING_TEXT, SETTING_NUMBER, SETTING_FLAG, SETTING_CHOICE };

struct setting {
	const char *name; /* as in the file */
	enum setting_kind kind;
	size_t offset;	/* into struct config */
	uint32_t least; /* NUMBER, and TEXT's length */
	uint32_t most;
	bool power_of_two;
	const char *const *choices; /* CHOICE: NULL-terminated, by value */
	uint32_t initial;
	const char *initial_text; /* TEXT */
	const char *argument;	  /* for --help */
	const char *help;
};

enum { SETTINGS = 28 };

extern const struct setting settings[SETTINGS];

void settings_default(struct config *config);
/* 0, or -EINVAL with a complaint that does not name the setting. */
int setting_set(const struct setting *s, struct config *config, const char *text,
		struct complaint *c);
/* What would be right for the NUMBER of that name. */
int setting_number(const char *name, uint32_t *value, const char *text, struct complaint *c);
/* As text, for messages and --help. */
void setting_initial(const struct setting *s, char *text, size_t size);

#endif
