/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Open files: what `fi->fh` names, for files and for directories.
 *
 * A file handle that the kernel, or a guest, sends back is resolved like a nodeid: it is
 * a checked number, never a pointer, and an unknown one is EBADF (guarantee A). The library
 * allocates the author's object, whose base is a struct finode_file. An open file holds a
 * reference to its inode. It lives until it is closed and the last request that uses it has
 * put it.
 */
#ifndef FINODE_FILE_H
#define FINODE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <finode/export.h>
#include <finode/inode.h>

FINODE_BEGIN_DECLS

struct finode_table;

/**
 * The base object, embedded anywhere in the author's struct. Read-only for the author, but
 * for backing_id; set before init() and never changed.
 */
struct finode_file {
	/** The number for fi->fh. Never 0. */
	uint64_t fh;
	/** The inode that is open; the file holds a reference. */
	struct finode *inode;
	/**
	 * The author's, to be set before the reply: 0, or what finode_backing_open() has
	 * returned. Then the kernel reads and writes the file by itself.
	 */
	int32_t backing_id;
	/** The library's own, and room to grow. */
	uint32_t library[7];
};

/**
 * The author's side of an open file. Fill it in with FINODE_FILE_OPS_FOR and designated
 * initialisers; the table copies it. Callbacks run with no lock of the library held.
 */
struct finode_file_ops {
	size_t ops_size;     /**< sizeof(struct finode_file_ops), for growth */
	size_t object_size;  /**< of the author's object */
	size_t object_align; /**< of its type */
	size_t base_offset;  /**< of the struct finode_file in it */
	size_t base_size;    /**< sizeof(struct finode_file), as it was compiled */

	/**
	 * Makes a zeroed object whole. What it takes out of `arg` belongs to the object
	 * from now on. Optional.
	 * @return 0; or a negative errno, which finode_file_open() returns. Then the object
	 *         is gone and release() is not called.
	 */
	int (*init)(struct finode_file *base, void *arg);
	/**
	 * The file is closed and nobody uses it: releases what init() took. Exactly once
	 * for each successful init(). Optional.
	 */
	void (*release)(struct finode_file *base);
};

/** Begins a struct finode_file_ops, as FINODE_OPS_FOR a struct finode_ops. */
#define FINODE_FILE_OPS_FOR(type_, member_)                                                \
	.ops_size = sizeof(struct finode_file_ops), FINODE_OBJECT_FOR(type_, member_)

#ifdef __cplusplus
/** For C++ without designated initialisers: such ops without callbacks, to be added. */
#define FINODE_FILE_OPS_INIT(type_, member_)                                               \
	FINODE_OBJECT_OPS_INIT(struct finode_file_ops, type_, member_)
#endif

/**
 * Makes an open file of an inode, which the caller holds and keeps. Being open is one
 * reference to the file, which finode_file_close() drops.
 * @param arg  for init()
 * @param out  a new reference, beside that one; NULL on failure
 * @return 0; -ENOMEM, with nothing left behind; -EINVAL if the table has no file_ops,
 *         with a line in the log; -ESTALE if the backing object was released (unlink.h),
 *         or the table is being destroyed; -EIO if init() returned what it must not;
 *         -EOVERFLOW for 2^31 references to the inode at once; else what init() returned
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_file_open(struct finode *inode, void *arg,
						 struct finode_file **out);

/**
 * Resolves a file handle: any 64-bit value is safe. Lock-free.
 * @return a new reference; NULL if it names no open file: reply EBADF
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode_file *finode_file_get(struct finode_table *table,
								uint64_t fh);

/**
 * Consumes a reference; NULL is fine. If it was the last one, release() runs in this call.
 * @since 0.1
 */
FINODE_API void finode_file_put(struct finode_file *file);

/**
 * For RELEASE: the file handle is invalid from now on. Requests that have resolved it
 * before may finish with it; release() runs in the last of them, or in this call.
 * @return 0; -EBADF if it names no open file
 * @since 0.1
 */
FINODE_API int finode_file_close(struct finode_table *table, uint64_t fh);

/**
 * Walks the open files of an inode, the newest first. Begin with NULL, and go on with what
 * the last call returned, which is consumed. No lock is held between the calls. A file that
 * is opened during the walk is not returned; one that is closed may be. The caller holds
 * `inode` and keeps it. May block in release() of a file that was closed meanwhile.
 * @return a new reference to the next file, for finode_file_next() or finode_file_put();
 *         NULL at the end
 * @since 0.1
 */
FINODE_API struct finode_file *finode_file_next(struct finode *inode,
						struct finode_file *previous);

/**
 * Does the inode have an open file? One that was closed does not count, also if a request
 * still uses it. The caller holds `inode`. Never waits.
 * @since 0.1
 */
FINODE_API bool finode_is_open(struct finode *inode);

/** @cond the cleanup behind FINODE_FILE_AUTOPUT */
static inline void finode_file_autoput(struct finode_file **file)
{
	finode_file_put(*file);
}
/** @endcond */

/** Declares a `struct finode_file *` that is put when it goes out of scope. */
#define FINODE_FILE_AUTOPUT __attribute__((cleanup(finode_file_autoput)))

FINODE_END_DECLS

#endif
