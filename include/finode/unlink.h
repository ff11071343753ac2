/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The last name: releasing a backing object before the kernel forgets its inode.
 *
 * The FORGET of a removed file comes some time after the reply to its UNLINK. Until then a
 * server that keeps something open for the inode (an fd, a lease) keeps the backing object
 * alive. On NFS and its like the directory of the file cannot even be removed, since a
 * .nfsXXXX file is in it. So an author may release the object when its last name has gone:
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
 * An inode whose object was released is still an inode: it has its nodeid and its count,
 * and evict() will run for it. But its backing object cannot be used any more: finode_pin()
 * returns -ESTALE. If a look-up finds the object again, by a hardlink that nobody knew of,
 * finode_obtain() calls ops->rebind() with what was found, and the inode is usable as
 * before.
 *
 * Other requests may be using the object at any moment. So in a table whose ops have
 * unlinked(), every use of it must be between finode_pin() and finode_unpin():
 * finode_unlinked() waits for them. A look-up may have obtained the inode and not yet given
 * it its name when the object is released. Then finode_alias_add(), and so
 * finode_reply_entry(), return -ESTALE, and the kernel looks the name up again.
 *
 * What an author must do:
 *
 *   - Ask the backend for the link count after finode_alias_remove(). If two threads remove
 *     two links at once, one of them must see that both have gone.
 *   - match() is called before rebind(). It must tell an object that was released from
 *     another one that has its key by now: by a generation, a birth time or a file handle.
 *   - With the locks of directories (dirlock.h): what a look-up has opened itself must be
 *     closed before it unlocks the directory. So declare the lock first.
 *   - A file that was open when its name went is kept until its FORGET, which comes soon
 *     after its last close. There is nothing to do for it.
 *   - unlinked() and rebind() must not pin, open or obtain the inode that they run for, or
 *     call finode_unlinked() of it: they would wait for themselves, without end.
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
 * Keeps the backing object of the inode from being released, until finode_unpin(). Waits
 * while unlinked() or rebind() of this inode runs. The caller holds the inode. Pin for a
 * system call or two, since finode_unlinked() waits for it. Pins may be nested, and taken
 * in any order; but take the locks of directories before. Does nothing in a table whose ops
 * have no unlinked().
 * @return 0; -ESTALE if the object was released: reply that
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_pin(struct finode *inode);

/**
 * Ends what finode_pin() began: once for each success, and in the same thread.
 * @since 0.1
 */
FINODE_API void finode_unpin(struct finode *inode);

/**
 * Tells that the backend has no link of the inode left, as far as the author can see: if a
 * link turns up later, that costs a rebind() and nothing else. Runs ops->unlinked(), unless
 * another name of the inode is known, or it is open (finode_file_open()), or its object was
 * released already, or it is the root. Call it after the names were removed from the table,
 * and before the reply. The caller holds the inode. The thread must not hold a pin of this
 * or any other inode: it would wait for itself, or two threads for each other. If it does,
 * the object is kept, and a line in the log says so.
 *
 * May block: in unlinked(), and for those who have pinned the inode.
 * @return true if the object was released here; false if it is kept, or was released before
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

/** Declares a `struct finode *`, NULL or pinned, that is unpinned at the end of scope. */
#define FINODE_AUTOUNPIN __attribute__((cleanup(finode_autounpin)))

FINODE_END_DECLS

#endif
