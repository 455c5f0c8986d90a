/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef XTCP_VERSION_H
#define XTCP_VERSION_H

#define XTCP_VERSION "0.1.0"

#endif
