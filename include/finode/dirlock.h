/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * A lock for each directory: look-ups share it, changes take it alone.
 *
 * A look-up asks the backend and then tells the table (and the kernel) what it has seen.
 * If an unlink or a rename of the same name comes in between, the old name is put back
 * after it was removed. The kernel's VFS keeps its own look-ups and changes apart by a lock
 * on the directory, but it does not do so for READDIRPLUS, for other clients of the
 * backend, or for requests that the server makes by itself. A server for which that
 * matters does as the VFS does:
 *
 *      FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
 *      int err = finode_dir_change(dir, &lock);
 *
 *      if (!err)
 *              err = backend_unlink(dir, name);
 *      if (!err)
 *              finode_alias_remove(dir, name);
 *
 * Using it is the author's choice; the table's own functions never take it. It may be held
 * over a slow call of the backend, and another thread than the one that took it may release
 * it. A thread that holds one guard must not take another one: a second share would queue
 * behind a change that waits for the first. A handler that needs two directories takes both
 * with one guard.
 *
 * Threads that wait get the lock in the order in which they came, so neither look-ups nor
 * changes starve: a look-up that comes while a change waits gets it after that change. A
 * release gives it to one change, or at once to all look-ups up to the next change, and
 * wakes only those: one wake-up for each, however many wait. A wait allocates nothing and
 * is not interrupted: a signal does not end it, and pthread_cancel() acts after it.
 *
 * Only directories of tables with aliases have this lock.
 */
#ifndef FINODE_DIRLOCK_H
#define FINODE_DIRLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <finode/export.h>
#include <finode/inode.h>

FINODE_BEGIN_DECLS

/**
 * A guard: which directories are locked. It is on the stack of a handler and holds a
 * reference to each of them. Initialise it with FINODE_DIRLOCK_INIT, never member by
 * member.
 */
struct finode_dirlock {
	/** All members are the library's own; and there is room to grow. */
	struct finode *dirs[2];
	uint64_t reserved[2];
	bool changes;
};

#define FINODE_DIRLOCK_INIT                                                                \
	{                                                                                  \
		{NULL, NULL}, {0, 0}, false                                                \
	}

/**
 * Locks a directory for a look-up, or to read it. Waits while another thread changes it, or
 * waits to change it and came first. The caller holds `dir` and keeps it.
 * @param lock  FINODE_DIRLOCK_INIT or released; locked only after success
 * @return 0; -ENOTDIR; -EINVAL if the table keeps no aliases, with a line in the log;
 *         -EOVERFLOW for 2^31 references to the directory
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dir_share(struct finode *dir,
						 struct finode_dirlock *lock);

/**
 * Locks a directory to change its entries. Waits while any other thread has it. Else as
 * finode_dir_share().
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dir_change(struct finode *dir,
						  struct finode_dirlock *lock);

/**
 * Locks two directories to change their entries, for a rename: in an order that is the same
 * for all threads. If both are the same directory, it is locked once.
 * @return as finode_dir_share(); -EXDEV if they are of different tables
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dir_change_two(struct finode *dir,
						      struct finode *other,
						      struct finode_dirlock *lock);

/**
 * Unlocks what the guard has locked, and puts its references, so it may block in evict().
 * Does nothing if nothing is locked.
 * @since 0.1
 */
FINODE_API void finode_dir_unlock(struct finode_dirlock *lock);

/** Declares a struct finode_dirlock that is unlocked when it goes out of scope. */
#define FINODE_DIR_AUTOUNLOCK __attribute__((cleanup(finode_dir_unlock)))

FINODE_END_DECLS

#endif
