/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line at a time to the author's log callback, never with a lock held.
 */
#ifndef FINODE_LIB_LOG_H
#define FINODE_LIB_LOG_H

#include <stdint.h>

#include "base/private.h"
#include "finode/log.h"

struct log {
	finode_log_fn fn;
	void *user;
};

/* Where nothing else was asked for: warnings and errors to stderr. */
void finode__log_default(enum finode_log_level level, const char *message, void *user);

FINODE_PRIVATE __attribute__((format(printf, 3, 4))) void finode__log(
	const struct log *log, enum finode_log_level level, const char *format, ...);

/* Counts an event that a guest could repeat without end, and logs the first one. */
FINODE_PRIVATE __attribute__((format(printf, 3, 4))) void finode__log_first(
	const struct log *log, _Atomic uint64_t *counter, const char *format, ...);

/* A mistake of the author's: an error in the log, and abort() in debug builds. */
__attribute__((format(printf, 2, 3))) void finode__misuse(const struct log *log,
							  const char *format, ...);

/*
 * A call that is refused with -EINVAL: an error in the log, once for each counter. Returns
 * -EINVAL.
 */
FINODE_PRIVATE __attribute__((format(printf, 3, 4))) int finode__refuse(
	const struct log *log, _Atomic uint64_t *counter, const char *format, ...);

#endif
