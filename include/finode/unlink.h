/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The last name: letting go of a backing object before the kernel forgets its inode.
 *
 * The FORGET of a removed file comes after the reply to its UNLINK, at some time. Until
 * then a server that keeps something open for the inode (an fd, a lease) keeps the backing
 * object alive; on NFS and its like the directory of the file cannot even be removed
 * meanwhile, since a .nfsXXXX file stands in it. So an author may let go when the last name
 * has gone:
 *
 *      FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
 *      FINODE_AUTOPUT struct finode *inode = finode_alias_lookup(dir, name);
 *      ..
 *      if (unlinkat(fd_of(dir), name, 0) == 0) {
 *              finode_alias_remove(dir, name);
 *              if (inode && links_of(inode) == 0)
 *                      finode_unlinked(inode);         // may run ops->unlinked()
 *      }
 *      finode_reply_err(req, err);
 *
 * An inode whose object was let go is still an inode: it has its nodeid and its count, and
 * evict() will run for it. What is needed of the backing object is gone, and finode_pin()
 * says so (-ESTALE). If a look-up finds the object again, by a hardlink that nobody knew
 * of, finode_obtain() calls ops->rebind() with what was found, and the inode is usable as
 * before.
 *
 * Other requests may be using the object at any moment. So in a table whose ops have
 * unlinked(), every use of it is between finode_pin() and finode_unpin(): letting go waits
 * for them. A look-up that has obtained the inode and not yet named it is told in time:
 * finode_alias_add(), and so finode_reply_entry(), return -ESTALE if the object was let go
 * in between, and the kernel looks the name up again.
 *
 * What an author must see to:
 *
 *   - The links are asked for after finode_alias_remove(): of two who remove two links at
 *     once, one must see both gone.
 *   - match() is asked before rebind(), and must tell an object that was let go from
 * another one that has its key by now: by a generation, a birth time or a file handle.
 *   - With the locks of directories (dirlock.h): what a look-up has opened itself is closed
 *     before the directory is unlocked, so declare the lock first.
 *   - A file that was open when its name went is kept, also past its last close, until its
 *     FORGET, which follows that at once.
 *   - unlinked() and rebind() do not pin the inode that they run for: they would wait for
 *     themselves.
 *
 * Only in tables with aliases; `unlinked` and `rebind` of struct finode_ops go together.
 */
#ifndef FINODE_UNLINK_H
#define FINODE_UNLINK_H

#include <stdbool.h>

#include <finode/export.h>
#include <finode/inode.h>

FINODE_BEGIN_DECLS

/**
 * The backing object is in use: it is not let go before finode_unpin(). Waits while
 * unlinked() or rebind() of this inode runs. The caller holds the inode. For a system call
 * or two: whoever wants to let go waits for it. May be nested, and in any order; but take
 * the locks of directories before. Does nothing where there is nothing to let go.
 * @return 0; -ESTALE if the object was let go: reply it
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_pin(struct finode *inode);

/**
 * The end of what finode_pin() began, once for each success, in the same thread.
 * @since 0.1
 */
FINODE_API void finode_unpin(struct finode *inode);

/**
 * The backend has no link of the inode left, as far as the author can tell: a link that
 * turns up later only costs a rebind(). Runs ops->unlinked() unless another name of the
 * inode is known, or it is open (finode_file_open()), or the object was let go already, or
 * it is the root. To be called after the names were removed from the table, and before the
 * reply. The caller holds the inode, and must not hold a pin of this or any other inode:
 * the thread would wait for itself, or two for each other. That is noticed: the object is
 * kept, and the log tells.
 *
 * May block: in unlinked(), and for those who have pinned the inode.
 * @return true if the object is let go; false if it is kept
 * @since 0.1
 */
FINODE_API bool finode_unlinked(struct finode *inode);

/** @cond the cleanup behind FINODE_AUTOUNPIN */
static inline void finode_autounpin(struct finode **inode)
{
	if (*inode)
		finode_unpin(*inode);
}
/** @endcond */

/** Declares a `struct finode *`, NULL or pinned, that is unpinned at the end of its scope.
 */
#define FINODE_AUTOUNPIN __attribute__((cleanup(finode_autounpin)))

FINODE_END_DECLS

#endif
