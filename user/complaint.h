/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with what a user wrote: made where it is found, completed on the
 * way up with where it stands, and printed once. */
#ifndef XTCP_COMPLAINT_H
#define XTCP_COMPLAINT_H

struct complaint {
	char text[1024];
};

/* Always -EINVAL, for the caller to return. */
__attribute__((format(printf, 2, 3))) int complain(struct complaint *c, const char *format, ...);

/* Puts "format: " in front of what is there. */
__attribute__((format(printf, 2, 3))) int complain_where(struct complaint *c, const char *format,
							 ...);

#endif
