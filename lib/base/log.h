/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line at a time to the author's log callback, never with a lock held.
 */
#ifndef FINODE_LIB_LOG_H
#define FINODE_LIB_LOG_H

#include <stdarg.h>
#include <stdatomic.h>

#include "finode/table.h"

/* Where nothing else was asked for: warnings and errors to stderr. */
void finode__log_default(enum finode_log_level level, const char *message, void *user);

/* Counts an event that a guest could repeat without end, and logs the first one. */
__attribute__((format(printf, 3, 4))) void finode__log_first(struct finode_table *table,
							     _Atomic uint64_t *counter,
							     const char *format, ...);

/* A mistake of the author's: an error in the log, and abort() in debug builds. */
__attribute__((format(printf, 2, 3))) void finode__misuse(struct finode_table *table,
							  const char *format, ...);

#endif
