/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners as users describe them, one piece at a time: address, service, and
 * what the service needs. */
#ifndef XTCP_LISTENERS_H
#define XTCP_LISTENERS_H

#include "complaint.h"
#include "config.h"

/* Each 0, or -EINVAL with a complaint. */
int listener_set_address(struct listener_config *l, const char *text, struct complaint *c);
int listener_set_service(struct listener_config *l, const char *name, struct complaint *c);
int listener_add_backend(struct listener_config *l, const char *text, struct complaint *c);
int listener_set_banner(struct listener_config *l, const char *text, struct complaint *c);
/* Has the service all that it needs, and nothing that it does not? */
int listener_check(const struct listener_config *l, struct complaint *c);

/* "ADDR:PORT=SERVICE[:ARG]": the whole of it. */
int listener_parse(struct listener_config *l, const char *text, struct complaint *c);

/* Room for one more, zeroed, in config; NULL and a complaint if there is none.
 * It counts only after listener_keep(), which looks for another one there. */
struct listener_config *listener_new(struct config *config, struct complaint *c);
int listener_keep(struct config *config, struct complaint *c);

#endif
