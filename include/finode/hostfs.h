/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * hostfs: the base class of servers that show a directory of the host.
 *
 * It is a complete passthrough filesystem to derive from, for overlays, audit, encryption,
 * quota; and a library of its own, finode-hostfs, on top of libfinode.
 *
 *      static struct fuse_lowlevel_ops base, ops;
 *      static struct hostfs fs;
 *
 *      static void my_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
 *      {
 *              if (allowed(req, parent, name))
 *                      base.unlink(req, parent, name);
 *              else
 *                      finode_reply_err(req, -EPERM);
 *      }
 *      ..
 *      hostfs_ops(&base, sizeof(base));
 *      ops = base;
 *      ops.unlink = my_unlink;
 *      config.source = "/srv/data";
 *      err = hostfs_init(&fs, &config);
 *      hostfs_session_config(&fs, &ops, sizeof(ops), &session_config);
 *      err = finode_session_create(&args, &session_config, &session);
 *
 * docs/hostfs.md has the rules: what stands behind an inode, with whose rights an operation
 * runs, why nothing leads out of the source, and what a server run by an ordinary user
 * cannot do. examples/readonly.c and examples/audit.c are servers derived from this one,
 * and examples/passthrough.c is this one.
 *
 * Structs grow at their end. Those that say their size (struct hostfs_config, struct
 * hostfs_inode_ops, struct hostfs_stats) may come from a program that was built with an
 * older header: what that does not know is 0. A newer program's may be larger than the
 * library's, as long as everything that the library does not know is 0. Structs that a
 * program embeds have spare words: no later library of the same SONAME makes them larger.
 * docs/abi.md has the rest.
 *
 * Errors are negative errno values. Functions may be called from any thread, except
 * hostfs_init() and hostfs_finish(), which run while no other thread uses the object.
 */
#ifndef FINODE_HOSTFS_H
#define FINODE_HOSTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <finode/export.h>
#include <finode/file.h>
#include <finode/fuse.h>
#include <finode/inode.h>
#include <finode/table.h>

FINODE_BEGIN_DECLS

struct hostfs_inode;
struct hostfs_state;

/* ---- Life ---- */

/** What stands behind an inode while nobody uses it. */
enum hostfs_policy {
	/**
	 * Decided for each mount: a file handle if its filesystem has them and this process
	 * may open them, else an fd.
	 */
	HOSTFS_AUTO,
	/** An O_PATH fd for each inode. */
	HOSTFS_FDS,
	/** A file handle; it is an error if this process may not open handles. */
	HOSTFS_HANDLES
};

/** What to ask of the kernel, and how to open files: bits of hostfs_config.flags. */
enum hostfs_flag {
	HOSTFS_WRITEBACK = 1 << 0,	/**< the kernel gathers writes */
	HOSTFS_KEEP_CACHE = 1 << 1,	/**< pages stay valid from one open to the next */
	HOSTFS_DIRECT_IO = 1 << 2,	/**< no page cache in the kernel of the mount */
	HOSTFS_NO_OPEN = 1 << 3,	/**< no OPEN and OPENDIR, after the first */
	HOSTFS_EXPORT = 1 << 4,		/**< LOOKUP of "." and "..", for NFS; keeps names */
	HOSTFS_ALIASES = 1 << 5,	/**< keeps names, for finode_path() */
	HOSTFS_REMOTE_LOCKS = 1 << 6,	/**< locks are the host's, not the kernel's own */
	HOSTFS_NO_XATTR = 1 << 7,	/**< no extended attributes, and no ACLs */
	HOSTFS_NO_SPLICE = 1 << 8,	/**< the server copies data, without pipes */
	HOSTFS_NO_READDIRPLUS = 1 << 9, /**< directories are listed without attributes */
	HOSTFS_CACHE_DIRS = 1 << 10,	/**< the kernel keeps listings of directories */
	HOSTFS_CACHE_SYMLINKS = 1 << 11, /**< the kernel keeps targets of symlinks */
	/**
	 * The kernel reads and writes the data of files without the server, where it can
	 * and the server's privileges allow (Linux 6.9, CAP_SYS_ADMIN).
	 */
	HOSTFS_PASSTHROUGH = 1 << 12
};

/**
 * The derived server's part of an inode: config.inode_ops, which is optional. Fill it in
 * with HOSTFS_INODE_OPS_FOR and designated initialisers; the hostfs copies it.
 */
struct hostfs_inode_ops {
	size_t ops_size;     /**< sizeof(struct hostfs_inode_ops), for growth */
	size_t object_size;  /**< of the derived object */
	size_t base_offset;  /**< of the struct hostfs_inode in it */
	size_t base_size;    /**< sizeof(struct hostfs_inode), as the author has it */
	size_t object_align; /**< of the derived type */

	/**
	 * Makes a zeroed object whole, as init() of struct finode_ops. The base is ready,
	 * and hostfs_get() works. `attr` is the host's statx of the object. Optional.
	 * @return 0; or a negative errno, which the requester gets
	 */
	int (*init)(struct hostfs_inode *inode, const struct statx *attr);
	/** The last moment, called once for each successful init(). Optional. */
	void (*evict)(struct hostfs_inode *inode);
};

/**
 * Begins a struct hostfs_inode_ops: the derived type, and which member of it is the base.
 * hostfs_init() refuses what does not fit the library.
 */
#define HOSTFS_INODE_OPS_FOR(type_, member_)                                               \
	.ops_size = sizeof(struct hostfs_inode_ops), .object_size = sizeof(type_),         \
	.base_offset = offsetof(type_, member_), .base_size = sizeof(struct hostfs_inode), \
	.object_align = __alignof__(type_)

#ifdef __cplusplus
/** For C++ without designated initialisers: such ops without callbacks, to be added. */
#define HOSTFS_INODE_OPS_INIT(type_, member_)                                              \
	FINODE_OBJECT_OPS_INIT(struct hostfs_inode_ops, type_, member_)
#endif

/**
 * What a hostfs is to be like. Start from HOSTFS_CONFIG_INIT. hostfs_init() copies it, and
 * needs it no longer.
 */
struct hostfs_config {
	/** sizeof(struct hostfs_config), for growth. */
	size_t size;
	/** The directory to show. Required. Only here symlinks are followed. */
	const char *source;
	/** What stands behind inodes. */
	enum hostfs_policy policy;
	/** enum hostfs_flag */
	unsigned int flags;
	/**
	 * How many file descriptors to use at most, for inodes, open files and mounts
	 * together. 0 for what the process may have, less a reserve.
	 */
	unsigned long fds;
	/**
	 * How long the kernel may believe a name, attributes, and that there is no such
	 * name; in seconds.
	 */
	double entry_timeout, attr_timeout, negative_timeout;
	/** The derived server's part of inodes; NULL if it has none. */
	const struct hostfs_inode_ops *inode_ops;
	/** As of struct finode_config. NULL: fuse_log(). */
	finode_log_fn log;
	void *log_user;
};

#ifndef __cplusplus
#define HOSTFS_CONFIG_INIT                                                                 \
	{                                                                                  \
		.size = sizeof(struct hostfs_config), .entry_timeout = 1.0,                \
		.attr_timeout = 1.0                                                        \
	}
#else
#define HOSTFS_CONFIG_INIT                                                                 \
	[] {                                                                               \
		struct hostfs_config config_ =                                             \
			FINODE_SIZED_INIT(struct hostfs_config, size);                     \
		config_.entry_timeout = config_.attr_timeout = 1.0;                        \
		return config_;                                                            \
	}()
#endif

/** The base object, embedded anywhere in the author's struct. Read-only for the author. */
struct hostfs {
	/** Its inodes and open files. */
	struct finode_table *table;
	/** The library's own. */
	struct hostfs_state *state;
	/** Room to grow; 0. */
	uint64_t reserved[1];
};

/**
 * Opens the source and makes the table with its root. Raises RLIMIT_NOFILE of the process
 * to its hard limit unless config.fds says how many to use, and sets the umask of the
 * process to 0.
 * @param fs  uninitialised memory; must stay where it is until hostfs_finish()
 * @return 0; -ENOTDIR, -ENOENT, -EACCES and what else open(2) says of the source; -ENOMEM;
 *         -EINVAL if something required is missing, out of range or unknown, with a line
 *         in the log that says what; -EPERM for HOSTFS_HANDLES where this process may not
 *         open handles, -EOPNOTSUPP where the filesystem of the source has none
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int hostfs_init(struct hostfs *fs,
					    const struct hostfs_config *config);

/**
 * Ends what hostfs_init() began: closes everything. Call it after the session has ended,
 * and only if hostfs_init() succeeded.
 * @since 0.1
 */
FINODE_API void hostfs_finish(struct hostfs *fs);

/**
 * Fills in all operations. Those of a later libfuse than the library was built with stay
 * as they are: NULL, if the author cleared the struct.
 * @param size  sizeof(*ops)
 * @since 0.1
 */
FINODE_API void hostfs_ops(struct fuse_lowlevel_ops *ops, size_t size);

/**
 * Fills in a session's config: the table, the operations, those that libfuse may not know,
 * and the hostfs as its user, which hostfs_of() finds.
 * @param ops  the author's operations, borrowed until the session is created
 * @since 0.1
 */
FINODE_API void hostfs_session_config(struct hostfs *fs,
				      const struct fuse_lowlevel_ops *ops, size_t ops_size,
				      struct finode_session_config *config);

/** The hostfs that a request is for, in a session that was configured as above. */
static inline struct hostfs *hostfs_of(fuse_req_t req)
{
	return (struct hostfs *)finode_session_of(req)->user;
}

/* ---- Backing: what stands behind an inode ---- */

/** The base object of an inode. Read-only for the author. */
struct hostfs_inode {
	struct finode base;
	/** The library's own. */
	uint64_t library[3];
	/** Room to grow; 0. */
	uint64_t reserved[1];
};

/** From the library's base to the base of hostfs. */
static inline struct hostfs_inode *hostfs_inode(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct hostfs_inode, base);
}

/**
 * Gets an fd of the host's object, opened with O_PATH, which stays valid until
 * hostfs_put(). The library owns it: do not close it. The call may open it, from a handle,
 * and close another one that nobody uses. The caller holds the inode. Call it with the
 * server's own rights, not between hostfs_caller_begin() and its end.
 * @return 0; -ESTALE if the object has gone; -ENFILE if the budget of fds is used up;
 *         what open_by_handle_at(2) says
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int hostfs_get(struct finode *inode, int *fd);

/** Ends what hostfs_get() began: once for each success. Never blocks. @since 0.1 */
FINODE_API void hostfs_put(struct finode *inode);

/** Room for hostfs_path(). */
#define HOSTFS_PATH_MAX 32

/**
 * Builds a path to what an fd of this process is open of, for system calls that take no fd
 * opened with O_PATH. It is true until the fd is closed. If that is a symlink, the path
 * leads to the symlink itself.
 * @return buf
 * @since 0.1
 */
FINODE_API const char *hostfs_path(int fd, char buf[HOSTFS_PATH_MAX]);

/** An open file or directory. Read-only for the author. */
struct hostfs_file {
	struct finode_file base;
	/** The host's file, open as the caller asked. */
	int fd;
	/** The library's own. */
	uint64_t library[2];
	/** Room to grow; 0. */
	uint64_t reserved[1];
};

/** From the library's base to the file of hostfs. */
static inline struct hostfs_file *hostfs_file(struct finode_file *base)
{
	return FINODE_CONTAINER_OF(base, struct hostfs_file, base);
}

/**
 * Counts n fds of the derived server's own in the budget; with n < 0, counts them out
 * again. For a positive n something idle is closed if need be.
 * @return 0; -ENFILE with nothing counted
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int hostfs_count_fds(struct hostfs *fs, int n);

/* ---- Whose rights ---- */

/** Whose rights the thread that serves a request has; on its stack. */
struct hostfs_caller {
	fuse_req_t req; /**< NULL while the thread acts as the server */
	bool groups;	/**< with the caller's supplementary groups */
	bool caps;	/**< without the server's capabilities */
	/** Room to grow; 0. */
	uint64_t reserved[1];
};

#define HOSTFS_CALLER_INIT                                                                 \
	{                                                                                  \
		NULL, false, false,                                                        \
		{                                                                          \
			0                                                                  \
		}                                                                          \
	}

/**
 * Gives this thread the rights of whoever made the request, until hostfs_caller_end(): its
 * system calls on files have the caller's fsuid, fsgid and umask, and no capabilities
 * unless the caller is root. A server that may not change its identity takes the umask
 * only. Must not be nested.
 *
 * The caller's supplementary groups cost a read of /proc, so they are taken only if the
 * first attempt was refused:
 *
 *      do
 *              err = unlinkat(fd, name, 0) < 0 ? -errno : 0;
 *      while (hostfs_caller_retry(&caller, err));
 *
 * @param groups  take them at once: for calls that succeed without them and have another
 *                result
 * @since 0.1
 */
FINODE_API void hostfs_caller_begin(struct hostfs_caller *caller, fuse_req_t req,
				    bool groups);

/**
 * Takes the caller's supplementary groups, if the lack of them may be why the call was
 * refused.
 * @param err  what the call has returned: 0 or a negative errno
 * @return true: make the call again; false: err is the result
 * @since 0.1
 */
FINODE_API bool hostfs_caller_retry(struct hostfs_caller *caller, int err);

/** The thread acts as the server again. Does nothing if it does already. @since 0.1 */
FINODE_API void hostfs_caller_end(struct hostfs_caller *caller);

/** Declares a struct hostfs_caller that ends when it goes out of scope. */
#define HOSTFS_AUTO_CALLER __attribute__((cleanup(hostfs_caller_end)))

/* ---- Figures ---- */

/** Counters since hostfs_init(), except those that say "now". */
struct hostfs_stats {
	uint64_t fds;	      /**< now: of inodes, files and mounts */
	uint64_t fds_budget;  /**< how many there may be */
	uint64_t fds_kept;    /**< now: of inodes, and not to be closed */
	uint64_t opened;      /**< from handles */
	uint64_t closed;      /**< to make room */
	uint64_t refused;     /**< ENFILE, since nothing was idle */
	uint64_t stale;	      /**< handles that no longer open */
	uint64_t prunes;      /**< times that the kernel was asked to forget */
	uint64_t switches;    /**< of a thread's identity, there and back */
	uint64_t groups_read; /**< of callers, from /proc */
	uint64_t mountpoints; /**< of the host that the last reading of its mounts found */
	uint64_t locks;	      /**< now: owners of POSIX locks that the host knows */
	uint64_t lock_waits;  /**< blocking locks that had to wait */
	/** Opens of files that the kernel reads and writes by itself. */
	uint64_t passthrough_opens;
	uint64_t handles;   /**< 1 if the source's inodes are behind handles */
	uint64_t as_caller; /**< 1 if the server can act with its callers' rights */
};

/**
 * Reads the counters. Those that the library does not know are 0.
 * @param size  sizeof(*stats)
 * @since 0.1
 */
FINODE_API void hostfs_stats(struct hostfs *fs, struct hostfs_stats *stats, size_t size);

FINODE_END_DECLS

#endif
