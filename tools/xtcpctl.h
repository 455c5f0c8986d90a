/* SPDX-License-Identifier: BSD-2-Clause */
/* xtcpctl: what its files share. */
#ifndef XTCP_XTCPCTL_H
#define XTCP_XTCPCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* --- xtcpctl_http.c: the control API, user/control.h --- */

/* GET, or POST of `body` if there is one. The answer, or NULL after a message. */
json_t *control_ask(const char *socket, const char *path, const json_t *body);

/* --- xtcpctl_list.c, xtcpctl_show.c: answers for people --- */

void show_connections(const json_t *answer, FILE *f);
void show_traces(const json_t *answer, FILE *f);
void show_counters(const json_t *answer, FILE *f);
void show_status(const json_t *answer, FILE *f);

/* Members of objects, with something harmless where there are none. */
const char *member_text(const json_t *object, const char *key);
json_int_t member_number(const json_t *object, const char *key);
double member_real(const json_t *object, const char *key);
bool member_flag(const json_t *object, const char *key);

/* "12.3 MiB", "512 B" */
enum { BYTES_TEXT = 32 };
const char *bytes_text(json_int_t bytes, char text[BYTES_TEXT]);
/* "1.2 s", "340 ms" */
const char *duration_text(json_int_t ms, char text[BYTES_TEXT]);

#endif
