/* SPDX-License-Identifier: BSD-3-Clause */
/* See log.h. */
#include "base/log.h"

#include <stdlib.h>

#include "base/lock.h"
#include "core/table.h"

#define LINE_MAX_BYTES 512

void finode__log_default(enum finode_log_level level, const char *message, void *user)
{
	(void)user;
	if (level <= FINODE_LOG_WARNING)
		fprintf(stderr, "finode: %s\n", message);
}

__attribute__((format(printf, 3, 0))) static void log_va(struct finode_table *table,
							 enum finode_log_level level,
							 const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];

	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): its callers began it */
	vsnprintf(line, sizeof(line), format, args);
	finode__lock_check_none_held("the log callback");
	table->log(level, line, table->log_user);
}

void finode__log_first(struct finode_table *table, _Atomic uint64_t *counter,
		       const char *format, ...)
{
	va_list args;

	if (atomic_fetch_add_explicit(counter, 1, memory_order_relaxed) != 0)
		return;
	va_start(args, format);
	log_va(table, FINODE_LOG_WARNING, format, args);
	va_end(args);
}

void finode__misuse(struct finode_table *table, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_va(table, FINODE_LOG_ERROR, format, args);
	va_end(args);
#ifdef FINODE_DEBUG
	abort();
#endif
}
