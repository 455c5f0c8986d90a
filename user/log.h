/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to people, on stderr: "xtcpd: error: …". */
#ifndef XTCP_LOG_H
#define XTCP_LOG_H

#include <stdbool.h>
#include <stdint.h>

__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);

enum { LOG_LIMIT_PER_SECOND = 5 };

/* For messages that a peer can provoke: one per kind and thread, zeroed. */
struct log_limit {
	int64_t second;
	uint32_t count;
};

/* Whether another message of this kind may be written in this second. */
bool log_may(struct log_limit *limit);

#endif
