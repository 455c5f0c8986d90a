/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to people, on stderr: "xtcpd: error: …". */
#ifndef XTCP_LOG_H
#define XTCP_LOG_H

__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);

#endif
