/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The glue between a table and libfuse's low-level API: replies that count.
 *
 * A handler resolves its nodeids with finode_get(), does its work, and ends with exactly
 * one finode_reply_*(). Those count the lookup before the reply is written, as the kernel
 * may forget it before the write returns, and take it back if the reply did not reach the
 * kernel (protocol notes, rules 1 and 2).
 *
 * Each finode_reply_*() consumes the request, as libfuse's do, and holds no lock while it
 * writes. Errors are negative errno values; finode_reply_err() is where the sign turns.
 */
#ifndef FINODE_FUSE_H
#define FINODE_FUSE_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif
#include <fuse_lowlevel.h>

#include <sys/stat.h>

#include <finode/export.h>
#include <finode/file.h>
#include <finode/inode.h>
#include <finode/table.h>

FINODE_BEGIN_DECLS

/** What an entry reply says of an inode beside its nodeid and generation. */
struct finode_entry {
	/** Attributes, as getattr would report them. Its type must be the inode's. */
	struct stat attr;
	/** How long the kernel may believe the name, and the attributes; in seconds. */
	double entry_timeout;
	double attr_timeout;
	/**
	 * The S_IFMT bits that the request asked to create: MKDIR S_IFDIR, SYMLINK
	 * S_IFLNK, MKNOD those of its mode. 0 for LOOKUP and LINK. The kernel drops an
	 * entry of another type without ever forgetting it (protocol notes, section 1).
	 */
	mode_t created;
};

/**
 * Answers LOOKUP, MKNOD, MKDIR, SYMLINK or LINK: `name` in `dir` is `inode`.
 *
 * An entry that the kernel would reject, and leak, is refused here: the requester gets
 * EIO, the log and `entries_refused` tell. That is: a type that is not the inode's or not
 * the created one, a size over LLONG_MAX, the root as anybody's child (but for LOOKUP of
 * "." and "..").
 *
 * All three objects are borrowed: the caller keeps, and later puts, its references.
 * @return 0; -EIO if the entry was refused; a negative errno, with nothing counted, if
 *         the reply did not reach the kernel (-ENOENT: the request was aborted)
 * @since 0.1
 */
FINODE_API int finode_reply_entry(fuse_req_t req, struct finode *dir, const char *name,
				  struct finode *inode, const struct finode_entry *entry);

/**
 * Answers CREATE: as finode_reply_entry() for a regular file that is now also open. Flags
 * are taken from `fi`, and its fh is set to the file's. If the reply is refused or does
 * not reach the kernel, no RELEASE will come, so the file is closed here.
 * @param file  borrowed; NULL if the author keeps a file handle of their own in fi->fh,
 *              which they then release on any return but 0
 * @return as finode_reply_entry()
 * @since 0.1
 */
FINODE_API int finode_reply_create(fuse_req_t req, struct finode *dir, const char *name,
				   struct finode *inode, const struct finode_entry *entry,
				   struct finode_file *file, struct fuse_file_info *fi);

/**
 * Answers OPEN or OPENDIR. Sets fi->fh to the file's; closes the file if the reply does
 * not reach the kernel.
 * @param file  borrowed
 * @return 0, or a negative errno
 * @since 0.1
 */
FINODE_API int finode_reply_open(fuse_req_t req, struct finode_file *file,
				 struct fuse_file_info *fi);

/**
 * Answers any request with an error, or, with 0, those whose success has no data. A value
 * that is no negative errno below 512 becomes EIO.
 * @return 0, or a negative errno if the reply did not reach the kernel
 * @since 0.1
 */
FINODE_API int finode_reply_err(fuse_req_t req, int err);

/**
 * The reply to READDIR or READDIRPLUS while it is filled. On the stack of the handler, from
 * finode_dirbuf_init() to finode_dirbuf_reply() or finode_dirbuf_drop(); the fields are the
 * library's.
 */
struct finode_dirbuf {
	struct finode *dir;
	char *bytes;
	size_t size;
	size_t used;
	int plus;
};

/**
 * Begins a reply.
 * @param dir   borrowed until the reply
 * @param size  what the request allows; more than 1 MiB is taken as 1 MiB
 * @param plus  true for READDIRPLUS: entries are lookups, and counted
 * @return 0, or -ENOMEM
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dirbuf_init(struct finode_dirbuf *buf,
						   struct finode *dir, size_t size,
						   int plus);

/**
 * Adds an entry if it still fits. In a READDIRPLUS reply an entry with an inode counts one
 * lookup, taken back if the reply fails; "." and ".." never count, nor does an entry
 * without an inode, which tells the kernel a name and no more. A bogus entry, see
 * finode_reply_entry(), is placed without its inode: the name is listed, and looked up. A
 * name that finode_name_check() does not take is left out. Both are in `entries_refused`.
 *
 * @param off    where the directory goes on after this entry: the offset of the next call
 * @param inode  borrowed; NULL in a plain READDIR, or where nothing is known of the inode
 * @param entry  its st_ino and type are what readdir reports, so st_ino must be getattr's
 * @return 0; 1 if it did not fit: nothing was counted, reply now
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dirbuf_add(struct finode_dirbuf *buf,
						  const char *name, off_t off,
						  struct finode *inode,
						  const struct finode_entry *entry);

/**
 * Answers the request with what was added; nothing added means the end of the directory.
 * If the reply does not reach the kernel, every count is taken back. Ends the buffer.
 * @return 0, or a negative errno
 * @since 0.1
 */
FINODE_API int finode_dirbuf_reply(struct finode_dirbuf *buf, fuse_req_t req);

/**
 * Ends the buffer without a reply, taking every count back; finode_reply_err() is the
 * caller's. Does nothing to a buffer that was never begun (zeroed) or has ended.
 * @since 0.1
 */
FINODE_API void finode_dirbuf_drop(struct finode_dirbuf *buf);

/** FORGET and its end: finode_forget() and fuse_reply_none(). @since 0.1 */
FINODE_API void finode_reply_forget(fuse_req_t req, struct finode_table *table,
				    uint64_t nodeid, uint64_t nlookup);

/** BATCH_FORGET and its end. Implement forget_multi with it. @since 0.1 */
FINODE_API void finode_reply_forget_multi(fuse_req_t req, struct finode_table *table,
					  size_t count,
					  const struct fuse_forget_data *forgets);

/** For config.log: to fuse_log(). @since 0.1 */
FINODE_API void finode_log_to_fuse(enum finode_log_level level, const char *message,
				   void *user);

FINODE_END_DECLS

#endif
