/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The log: what the library tells people, one line at a time, to a function of the
 * author's.
 */
#ifndef FINODE_LOG_H
#define FINODE_LOG_H

#include <finode/export.h>

FINODE_BEGIN_DECLS

enum finode_log_level {
	FINODE_LOG_ERROR,   /**< a mistake in the author's code: which one */
	FINODE_LOG_WARNING, /**< the kernel, a guest or the backend broke a rule */
	FINODE_LOG_INFO,
	FINODE_LOG_DEBUG
};

/**
 * Receives one line without a line end. Called from any thread, with no lock of the
 * library held. What could repeat without end is logged once for each table; after that the
 * statistics count it.
 */
typedef void (*finode_log_fn)(enum finode_log_level level, const char *message, void *user);

FINODE_END_DECLS

#endif
