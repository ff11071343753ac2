/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The glue between a table and libfuse's low-level API: replies that count, the session
 * with the kernel, and notifications to it. An author of a server includes this file and
 * finode.h, and needs nothing else.
 *
 * A handler resolves its nodeids with finode_get(), does its work, and ends with exactly
 * one finode_reply_*(). A reply that tells the kernel of an inode counts the lookup before
 * it is written, since the kernel may forget it before the write returns; and takes the
 * count back if the reply did not reach the kernel.
 *
 * Each finode_reply_*() consumes the request, as libfuse's do, and holds no lock while it
 * writes. Errors are negative errno values; finode_reply_err() turns the sign for libfuse.
 *
 * Every function here may be called from any thread, unless it says otherwise.
 */
#ifndef FINODE_FUSE_H
#define FINODE_FUSE_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif
#include <fuse_lowlevel.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <finode/export.h>
#include <finode/file.h>
#include <finode/inode.h>
#include <finode/table.h>

FINODE_BEGIN_DECLS

struct finode_alias;
struct statx;

/* ---- Replies ---- */

/**
 * What an entry reply says of an inode beside its nodeid and generation. Start from
 * FINODE_ENTRY_INIT, or write FINODE_ENTRY(.attr = .., .entry_timeout = ..).
 */
struct finode_entry {
	/** sizeof(struct finode_entry), for growth. */
	size_t size;
	/** Attributes, as getattr would report them. Its type must be the inode's. */
	struct stat attr;
	/** How long the kernel may believe the name; in seconds. */
	double entry_timeout;
	/** How long it may believe the attributes. */
	double attr_timeout;
	/**
	 * The S_IFMT bits that the request asked to create: MKDIR S_IFDIR, SYMLINK
	 * S_IFLNK, MKNOD those of its mode. 0 for LOOKUP and LINK. The kernel does not take
	 * an entry of another type, and never forgets it: so such a reply is refused.
	 */
	mode_t created;
	/**
	 * FUSE_ATTR_* of linux/fuse.h, for example FUSE_ATTR_DAX. The library itself sets
	 * and clears FUSE_ATTR_SUBMOUNT.
	 */
	uint32_t attr_flags;
	uint32_t reserved; /**< 0 */
};

#define FINODE_ENTRY_INIT FINODE_SIZED_INIT(struct finode_entry, size)

#ifndef __cplusplus
/** A struct finode_entry with these members, which lives as long as the block. */
#define FINODE_ENTRY(...)                                                                  \
	((struct finode_entry){.size = sizeof(struct finode_entry), __VA_ARGS__})
#endif

/**
 * Answers LOOKUP, MKNOD, MKDIR, SYMLINK or LINK: `name` in `dir` is `inode`. In a table
 * with aliases finode_alias_add() is called first, with the st_nlink of the attributes. If
 * it fails, its error is the reply, and nothing is counted. (-ESTALE makes the kernel look
 * the name up again. -ELOOP is a directory below itself, which the kernel would not take.)
 *
 * An entry that the kernel would reject, and leak, is refused here: the requester gets
 * EIO, the log and `entries_refused` tell. That is: a type that is not the inode's or not
 * the created one, a struct that does not fit this library, a size over LLONG_MAX, the root
 * as anybody's child (but for LOOKUP of "." and "..").
 *
 * An inode of another mount than its directory's is the root of a submount, and announced
 * as such (FUSE_ATTR_SUBMOUNT) if this session's kernel takes those; see mount.h.
 *
 * `dir` and `inode` are borrowed: the caller keeps its references, and puts them later.
 * @return 0; -EIO if the entry was refused; what finode_alias_add() returned; -ENOMEM for
 *         the announcement of a submount; a negative errno, with nothing counted, if the
 *         reply did not reach the kernel (-ENOENT: the request was aborted)
 * @since 0.1
 */
FINODE_API int finode_reply_entry(fuse_req_t req, struct finode *dir, const char *name,
				  struct finode *inode, const struct finode_entry *entry);

/**
 * Answers CREATE: as finode_reply_entry() for a regular file that is now also open. The
 * flags in `fi` are told the kernel, and fi->fh is set to the file's. If the reply is
 * refused or does not reach the kernel, no RELEASE will come, so the file is closed here.
 * @param file  borrowed; NULL if the author keeps a file handle of their own in fi->fh.
 *              Then the author releases that on any return but 0.
 * @return as finode_reply_entry()
 * @since 0.1
 */
FINODE_API int finode_reply_create(fuse_req_t req, struct finode *dir, const char *name,
				   struct finode *inode, const struct finode_entry *entry,
				   struct finode_file *file, struct fuse_file_info *fi);

/**
 * Answers TMPFILE: as finode_reply_create(), for a file without a name. It counts one
 * lookup as any other entry; a later linkat() comes as a LINK of the same nodeid.
 * @return as finode_reply_entry()
 * @since 0.1
 */
FINODE_API int finode_reply_tmpfile(fuse_req_t req, struct finode *dir,
				    struct finode *inode, const struct finode_entry *entry,
				    struct finode_file *file, struct fuse_file_info *fi);

/**
 * Answers LOOKUP: there is no `name` in `dir`, and the kernel may believe that for
 * `entry_timeout` seconds. With 0 the reply is the error ENOENT, which the kernel does not
 * cache. Counts nothing. In a table with aliases finode_alias_drop() is called first.
 * @param dir  borrowed
 * @return 0, or a negative errno if the reply did not reach the kernel
 * @since 0.1
 */
FINODE_API int finode_reply_negative(fuse_req_t req, struct finode *dir, const char *name,
				     double entry_timeout);

/**
 * Answers GETATTR or SETATTR. Attributes of another type than the inode's mean that the
 * backing object was replaced behind the server's back. The kernel would drop the inode as
 * bad, so the requester gets ESTALE, which makes the kernel look the name up again.
 * @param inode  borrowed
 * @return 0; -ESTALE or -EIO (a size over LLONG_MAX) if the attributes were refused; a
 *         negative errno if the reply did not reach the kernel
 * @since 0.1
 */
FINODE_API int finode_reply_attr(fuse_req_t req, struct finode *inode,
				 const struct stat *attr, double attr_timeout);

/**
 * Answers STATX with what statx(2) says of the backing object; checks as
 * finode_reply_attr(). Mount ids, device numbers and other fields that do not belong to a
 * file of this filesystem are left out.
 * @param inode  borrowed
 * @return as finode_reply_attr()
 * @since 0.1
 */
FINODE_API int finode_reply_statx(fuse_req_t req, struct finode *inode,
				  const struct statx *attr, double attr_timeout);

/**
 * Answers OPEN or OPENDIR. Sets fi->fh to the file's; closes the file if the reply does
 * not reach the kernel.
 * @param file  borrowed; NULL if the author keeps nothing for an open file, or has a handle
 *              of their own in fi->fh, which they then release if this fails
 * @return 0, or a negative errno
 * @since 0.1
 */
FINODE_API int finode_reply_open(fuse_req_t req, struct finode_file *file,
				 struct fuse_file_info *fi);

/**
 * Answers any request with an error; with 0, a request whose success has no data. A value
 * that is neither 0 nor a negative errno above -512 becomes -EIO.
 * @return 0, or a negative errno if the reply did not reach the kernel
 * @since 0.1
 */
FINODE_API int finode_reply_err(fuse_req_t req, int err);

/* ---- Directories ---- */

/**
 * The reply to READDIR or READDIRPLUS while it is filled. It is on the stack of the
 * handler, begins with finode_dirbuf_init() and ends with finode_dirbuf_reply() or
 * finode_dirbuf_drop(). FINODE_AUTO_DIRBUF drops it at the end of the scope, if it has not
 * ended before:
 *
 *      FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
 *
 * The members are the library's own.
 */
struct finode_dirbuf {
	/** sizeof(struct finode_dirbuf), for growth. */
	size_t struct_size;
	struct finode *dir;
	char *bytes;
	size_t size;
	size_t used;
	int plus;
	uint64_t reserved[3]; /**< 0 */
};

#define FINODE_DIRBUF_INIT FINODE_SIZED_INIT(struct finode_dirbuf, struct_size)

/**
 * Begins a reply.
 * @param buf   FINODE_DIRBUF_INIT, or one that has ended
 * @param dir   borrowed until the reply
 * @param size  what the request allows; more than 1 MiB is taken as 1 MiB
 * @param plus  true for READDIRPLUS: entries are lookups, and counted
 * @return 0; -ENOMEM; -EINVAL, with a line in the log, for a buffer that has no size, or
 *         does not fit this library
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dirbuf_init(struct finode_dirbuf *buf,
						   struct finode *dir, size_t size,
						   int plus);

/**
 * Adds an entry if it still fits.
 *
 * In a READDIRPLUS reply an entry with an inode counts one lookup, which is taken back if
 * the reply fails, and in a table with aliases finode_alias_add() is called for it. "." and
 * ".." never count. Nor does an entry without an inode, which tells the kernel a name and
 * no more. An entry that finode_reply_entry() would refuse, or whose alias cannot be added,
 * is listed without its inode, so the kernel looks the name up. A name that
 * finode_name_check() does not take is left out. `entries_refused` counts what is refused.
 *
 * @param off    the offset with which the next READDIR goes on after this entry
 * @param inode  borrowed; NULL in a plain READDIR, or where nothing is known of the inode
 * @param entry  its st_ino and type are what readdir reports, so st_ino must be getattr's
 * @return 0; 1 if the entry did not fit: nothing was counted, reply now
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dirbuf_add(struct finode_dirbuf *buf,
						  const char *name, off_t off,
						  struct finode *inode,
						  const struct finode_entry *entry);

/**
 * Does an entry of this name still fit? Ask this before looking up what the entry names.
 * @return 1 or 0
 * @since 0.1
 */
FINODE_API int finode_dirbuf_fits(const struct finode_dirbuf *buf, const char *name);

/**
 * Answers the request with what was added; nothing added means the end of the directory.
 * If the reply does not reach the kernel, every count is taken back. Ends the buffer.
 * @return 0, or a negative errno
 * @since 0.1
 */
FINODE_API int finode_dirbuf_reply(struct finode_dirbuf *buf, fuse_req_t req);

/**
 * Ends the buffer without a reply, taking every count back; finode_reply_err() is the
 * caller's. Does nothing to a buffer that was never begun or has ended.
 * @since 0.1
 */
FINODE_API void finode_dirbuf_drop(struct finode_dirbuf *buf);

/** Declares a struct finode_dirbuf that is dropped when it goes out of scope. */
#define FINODE_AUTO_DIRBUF __attribute__((cleanup(finode_dirbuf_drop)))

/* ---- FORGET ---- */

/** Answers FORGET: finode_forget() and fuse_reply_none(). @since 0.1 */
FINODE_API void finode_reply_forget(fuse_req_t req, struct finode_table *table,
				    uint64_t nodeid, uint64_t nlookup);

/** Answers BATCH_FORGET; for the author's forget_multi(). @since 0.1 */
FINODE_API void finode_reply_forget_multi(fuse_req_t req, struct finode_table *table,
					  size_t count,
					  const struct fuse_forget_data *forgets);

/* ---- The session ---- */

/**
 * A connection to the kernel, with libfuse's session inside. It works the same with every
 * libfuse from 3.14 on:
 *
 *   - it tells what the kernel offered in its INIT, finode_session_kernel();
 *   - it asks for parallel lookups and readdirs in one directory, which libfuse before 3.17
 *     forgets to send and later ones leave out;
 *   - it delivers TMPFILE and STATX, which libfuse knows since 3.17 and since 3.18, and
 *     SYNCFS, which libfuse does not know yet;
 *   - it checks each message before libfuse, which believes every length in it;
 *   - it sends notifications, see below.
 *
 * Mount options and signal handlers stay libfuse's, and are used with `fuse`. The
 * session is the userdata of every operation of the author's: fuse_req_userdata() in
 * handlers, the first argument of init() and destroy(). docs/session.md has the rest.
 */
struct finode_session {
	/**
	 * For fuse_session_loop_mt(), fuse_session_exit() and the like; not for
	 * fuse_session_mount(), _unmount(), _destroy() and _custom_io().
	 */
	struct fuse_session *fuse;
	struct finode_table *table; /**< config.table */
	void *user;		    /**< config.user */
};

/** What a session is to be like. Start from FINODE_SESSION_CONFIG_INIT. */
struct finode_session_config {
	/** sizeof(struct finode_session_config), for growth. */
	size_t size;
	/** The table of the session. Required; it must outlive the session. */
	struct finode_table *table;
	/**
	 * The author's operations; copied. Required. Without forget() the session has
	 * FORGETs counted by itself.
	 */
	const struct fuse_lowlevel_ops *ops;
	/** sizeof(struct fuse_lowlevel_ops). Required. */
	size_t ops_size;
	/** Anything of the author's: session->user. */
	void *user;

	/**
	 * TMPFILE: open(2) with O_TMPFILE in `dir`. Ends with finode_reply_tmpfile(). NULL:
	 * the caller gets EOPNOTSUPP. (protocol 7.37)
	 */
	void (*tmpfile)(fuse_req_t req, fuse_ino_t dir, mode_t mode,
			struct fuse_file_info *fi);
	/**
	 * STATX: birth times and other things that GETATTR cannot say. `flags` and `mask`
	 * are statx(2)'s; `fi` is NULL unless the caller has the file open. Ends with
	 * finode_reply_statx(). NULL: the kernel uses GETATTR. (protocol 7.39)
	 */
	void (*statx)(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		      struct fuse_file_info *fi);
	/**
	 * SYNCFS: write everything of the filesystem whose root is `nodeid` to its disk.
	 * Ends with finode_reply_err(). Kernels send it over virtio-fs, and 7.3 for
	 * fuseblk; a kernel of /dev/fuse does not, and libfuse 3.18 would not deliver it
	 * from there. NULL: finode_mount_syncfs(), if the table's mounts have sync().
	 * (protocol 7.34)
	 */
	void (*syncfs)(fuse_req_t req, fuse_ino_t nodeid);

	/**
	 * Not 0: the kernel sends one LOOKUP or READDIR of a directory at a time. For
	 * handlers that need that; the functions of this library do not.
	 */
	int serial_dirops;
	/** How many notifications may wait; 0 for 65536. */
	unsigned int notify_limit;
	/**
	 * Not 0: the kernel is asked to read and write by itself what finode_backing_open()
	 * has registered. Not together with a writeback cache. (protocol 7.40, Linux 6.9)
	 */
	int passthrough;

	/**
	 * The end of what finode_notify_retrieve() has begun, once for each that returned
	 * 0: `data` is what the kernel had in its pages from `off` on, which may be less
	 * than was asked for; NULL if it had nothing, did not know the inode, or the
	 * session has ended. Borrowed for the call. Called from any thread of the session,
	 * with no lock held.
	 */
	void (*retrieved)(struct finode_session *session, uint64_t cookie, uint64_t nodeid,
			  off_t off, const void *data, size_t size);
	/** How many bytes of finode_notify_store() may wait; 0 for 64 MiB. */
	size_t notify_bytes;
	/**
	 * How long the end may take, in ms, from the moment that the loop or
	 * finode_session_unmount() begins with it; 0 for 10,000. Then what is waited for is
	 * aborted.
	 */
	unsigned int end_timeout_ms;
};

#define FINODE_SESSION_CONFIG_INIT FINODE_SIZED_INIT(struct finode_session_config, size)

/**
 * Makes a session, not yet connected.
 * @param args    for libfuse, as of fuse_session_new(): mount options are taken out
 * @param config  borrowed for the call
 * @return 0; -ENOMEM; -EINVAL if something required is missing or does not fit this
 *         version of the library, or if libfuse refused an argument, which it tells on
 *         stderr; with a line in the log of the table, or of libfuse if there is no table
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_create(
	struct fuse_args *args, const struct finode_session_config *config,
	struct finode_session **out);

/**
 * Mounts, as fuse_session_mount(), and puts the session between libfuse and the kernel.
 * @return 0; -EIO if the mount failed, which libfuse has told on stderr; -ENOMEM;
 *         -EALREADY if the session is connected
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_mount(struct finode_session *session,
						     const char *mountpoint);

/**
 * Instead of mounting: speaks over `fd`, one message at a time. If `io` is NULL, `fd` is a
 * /dev/fuse that someone else has mounted, or a socket that keeps messages apart
 * (SOCK_SEQPACKET). Else `io` reads and writes, and gets the session as its userdata. What
 * comes from there is as untrusted as a guest.
 * @param fd  consumed on success: closed with the session. Also with `io` it must be
 *            readable for poll(2) when there is a message, since `io->read` is called only
 *            then, by one thread at a time.
 * @param io  borrowed for the call; read and writev are required
 * @return 0; -EINVAL for an `io` that lacks a function, with a line in the log; -EBADF;
 *         -ENOMEM; -EALREADY; -ENOTSUP for an `io` where libfuse was built without custom
 *         io, as 3.18.3 and later are unless somebody asks for it
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_attach(struct finode_session *session,
						      int fd,
						      const struct fuse_custom_io *io);

/** How finode_session_loop() is to be. Start from FINODE_LOOP_CONFIG_INIT. */
struct finode_loop_config {
	/** sizeof(struct finode_loop_config), for growth. */
	size_t size;
	/**
	 * How many threads there may be, and how many of them stay when there is less to
	 * do; 0 for 10, and for as many as there may be.
	 */
	unsigned int threads_most, threads_least;
	/**
	 * Not 0: each thread reads an fd of its own, a clone of the connection's. Where
	 * that cannot be (over a socket, and with a libfuse without custom io), all read
	 * the one, and the log tells.
	 */
	int clone_fd;
};

#define FINODE_LOOP_CONFIG_INIT                                                            \
	{                                                                                  \
		.size = sizeof(struct finode_loop_config)                                  \
	}

/**
 * Serves requests until the connection ends, or somebody says that the session shall: a
 * signal with the handlers of fuse_set_signal_handlers(), fuse_session_exit(), or
 * finode_session_exit(), which is noticed at once. Reads each message by itself, checks it,
 * and has libfuse call the author's operations, in threads of its own; the calling thread
 * only waits, and gets the process's signals. To be called after the server has forked, if
 * it does, and not by two threads at once.
 *
 * At the end nobody reads any more, and the threads that are in operations are waited for,
 * as long as config.end_timeout_ms says. If some are left, the connection is aborted, and
 * the session, which they still use, is never freed: the process had better exit.
 * @param config  borrowed for the call; NULL for the defaults
 * @return 0; -ENOTCONN if the session is not connected; -EINVAL for the config, with a line
 *         in the log; -ENOMEM, -EAGAIN without memory or a thread to begin with;
 *         -ETIMEDOUT if threads are left; an error of reading
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_loop(
	struct finode_session *session, const struct finode_loop_config *config);

/** Ends finode_session_loop(). From any thread, and from a signal handler. @since 0.1 */
FINODE_API void finode_session_exit(struct finode_session *session);

/**
 * Ends the connection for good: drops the notifications that still wait, unmounts, and has
 * the table forget all that the kernel knew, finode_table_forget_all(). To be called after
 * the loop has ended.
 *
 * It is over in bounded time (config.end_timeout_ms). If a notification is being written
 * that waits for a LOOKUP which nobody reads any more, requests are answered with ENOTCONN
 * until it is through; if it waits for one that was read and never answered, the connection
 * is aborted then, with a line in the log.
 *
 * From then on finode_notify_*() and finode_backing_*() return -ENOTCONN, and a session
 * does not connect again. Does nothing to a session that is not connected.
 * @since 0.1
 */
FINODE_API void finode_session_unmount(struct finode_session *session);

/**
 * Unmounts if need be, and frees. The table stays, and evict() of what is left in it may
 * still call finode_notify_*() and finode_backing_*() with this session: until the table is
 * destroyed they return -ENOTCONN. NULL is fine.
 * @since 0.1
 */
FINODE_API void finode_session_destroy(struct finode_session *session);

/** The session that a request came from, borrowed. It must be one of this library's. */
static inline struct finode_session *finode_session_of(fuse_req_t req)
{
	return (struct finode_session *)fuse_req_userdata(req);
}

/** What a kernel can do, as bits of finode_kernel.features. */
enum finode_kernel_feature {
	FINODE_KERNEL_SUBMOUNTS = 1 << 0,	/**< FUSE_ATTR_SUBMOUNT: virtio-fs only */
	FINODE_KERNEL_PARALLEL_DIROPS = 1 << 1, /**< several LOOKUPs in a directory */
	FINODE_KERNEL_EXPORT = 1 << 2,		/**< LOOKUP of "." and "..", for NFS */
	FINODE_KERNEL_RESEND = 1 << 3,		/**< notify_resend() */
	FINODE_KERNEL_PASSTHROUGH = 1 << 4,	/**< reads and writes past the server */
	FINODE_KERNEL_EXPIRE = 1 << 5,		/**< notify_expire_entry() */
	FINODE_KERNEL_EPOCH = 1 << 6,		/**< notify_increment_epoch(), 7.44 */
	FINODE_KERNEL_PRUNE = 1 << 7		/**< notify_prune(), 7.45 */
};

/** What the kernel said in its INIT. */
struct finode_kernel {
	uint32_t major, minor; /**< the protocol's version */
	/**
	 * FUSE_* flags of linux/fuse.h, with the high word. 0 where one of libfuse's own
	 * loops reads the message and does not show it (3.18).
	 */
	uint64_t flags;
	unsigned int features; /**< bits of enum finode_kernel_feature */
};

/**
 * What the kernel offered: known when the author's init() runs, and all 0 before, and after
 * DESTROY. `size` is sizeof(*kernel).
 * @since 0.1
 */
FINODE_API void finode_session_kernel(struct finode_session *session,
				      struct finode_kernel *kernel, size_t size);

/** Can the kernel do this? False before INIT, and after DESTROY. @since 0.1 */
FINODE_API bool finode_session_kernel_has(const struct finode_session *session,
					  enum finode_kernel_feature feature);

/* ---- Passthrough ---- */

/**
 * Registers an open file of the host that the kernel is to read, write and map by itself,
 * for an inode that shows it. The author stores the id in `backing_id` of each struct
 * finode_file that is to use it, and the replies to OPEN and CREATE tell the kernel. All
 * files of an inode that are open at once must have the same id, or none: the kernel
 * refuses a mixture with EIO.
 * @param fd  of a regular file, borrowed: the kernel takes a reference of its own
 * @return an id above 0, to be closed with finode_backing_close() when no file uses it;
 *         -EOPNOTSUPP if passthrough was not asked for (config.passthrough), not offered,
 *         or there is a writeback cache; -EPERM without CAP_SYS_ADMIN; -ELOOP for a file of
 *         a stacked filesystem; other errors of the kernel's
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_backing_open(struct finode_session *session, int fd);

/** Ends a registration by its id. @return 0 or a negative errno. @since 0.1 */
FINODE_API int finode_backing_close(struct finode_session *session, int id);

/* ---- Notifications: what the server tells the kernel ---- */

/*
 * Each call puts one message into a queue and returns. A thread of the session's own, which
 * the first call starts, writes them in their order. Some of them wait in the kernel: for a
 * LOOKUP in the parent (entries), or for pages that are being written (data). The calls
 * themselves do not: they may be made from handlers, also for the very entry that is being
 * answered, and with locks of the author's held. A message that already waits is not queued
 * again.
 *
 * They all return 0 if the message is queued, and
 *   -ENOBUFS     too many wait (config.notify_limit): nothing was queued
 *   -ENOMEM, -EAGAIN  no memory, no thread
 *   -ENOTCONN    the kernel has not got the reply to its INIT yet, so in init(), or the
 *                session has ended
 *   -EOPNOTSUPP  this kernel does not know the message, see finode_session_kernel()
 *   -EINVAL, -ENAMETOOLONG  what finode_name_check() says of the name; -EINVAL with a line
 *                in the log
 *
 * If the kernel does not know the inode or the name (ENOENT), that is success: nothing it
 * believes can be wrong. Any other error of the kernel's is counted as failed, and logged
 * the first time. Notifications change no lookup counts; only FORGET does. All of them are
 * there @since 0.1.
 */

/**
 * The attributes and ACLs of an inode are no longer true. With off >= 0 neither are `len`
 * bytes of its data from `off` on; with len 0, all from there on.
 */
FINODE_API int finode_notify_inval_inode(struct finode_session *session, uint64_t nodeid,
					 off_t off, off_t len);

/**
 * A name is no longer true: the kernel looks it up again. It unmounts what is mounted below
 * it, and forgets the inode if nobody uses it.
 */
FINODE_API int finode_notify_inval_entry(struct finode_session *session, uint64_t parent,
					 const char *name);

/**
 * The time for which the kernel may believe a name is over: its next use looks it up, and
 * nothing else happens. A kernel without FINODE_KERNEL_EXPIRE does as for
 * finode_notify_inval_entry().
 */
FINODE_API int finode_notify_expire_entry(struct finode_session *session, uint64_t parent,
					  const char *name);

/** The same for a name that the table knows; the caller holds it and keeps it. */
FINODE_API int finode_notify_inval_alias(struct finode_session *session,
					 const struct finode_alias *alias);

/** A name was removed behind the kernel's back. The kernel tells inotify of that, too. */
FINODE_API int finode_notify_delete(struct finode_session *session, uint64_t parent,
				    uint64_t child, const char *name);

/**
 * Asks the kernel to drop an inode that nobody uses, so that its FORGET comes. An inode in
 * use is left alone (protocol 7.45).
 * @param parent, name  for older kernels: there this name of the inode is invalidated
 *        instead, as by finode_notify_inval_entry(). That also affects an inode in use, and
 *        unmounts what is mounted below it, so give no name (NULL) for a directory. Without
 *        a name, one that the table knows is taken, unless it is a directory's; if it knows
 *        none, the result is -EOPNOTSUPP.
 */
FINODE_API int finode_notify_prune(struct finode_session *session, uint64_t nodeid,
				   uint64_t parent, const char *name);

/** All names that the kernel knows may be wrong: it looks each one up at its next use. */
FINODE_API int finode_notify_increment_epoch(struct finode_session *session);

/**
 * Puts data into the kernel's pages of an inode, as if it had been read, and makes the
 * inode as large as that if it is smaller. Copied; two calls are never taken for one.
 * @param size  1 byte to 1 MiB
 * @return as above; -ENOBUFS also if config.notify_bytes wait; -EINVAL for off or size
 */
FINODE_API int finode_notify_store(struct finode_session *session, uint64_t nodeid,
				   off_t off, const void *data, size_t size);

/**
 * Asks for what the kernel has in its pages of an inode. What comes is handed to
 * config.retrieved, with `cookie`, once for each call that returned 0.
 * @param size  1 byte to 1 MiB
 * @return as above; -EINVAL also without config.retrieved
 */
FINODE_API int finode_notify_retrieve(struct finode_session *session, uint64_t nodeid,
				      off_t off, size_t size, uint64_t cookie);

/** Asks the kernel to send again all requests that were read and never answered. */
FINODE_API int finode_notify_resend(struct finode_session *session);

/**
 * Waits until all that was queued before has been written. Must not be called from a
 * handler: a message may wait for that handler's own reply.
 * @return 0; -EDEADLK if it was called from a handler (noticed in finode_session_loop(),
 *         not in an author's own threads); -ENOTCONN if the session has ended, before or
 *         meanwhile
 * @since 0.1
 */
FINODE_API int finode_notify_flush(struct finode_session *session);

/** The kinds of messages. */
enum finode_notify_kind {
	FINODE_NOTIFY_INVAL_INODE,
	FINODE_NOTIFY_INVAL_ENTRY,
	FINODE_NOTIFY_EXPIRE_ENTRY,
	FINODE_NOTIFY_DELETE,
	FINODE_NOTIFY_PRUNE,
	FINODE_NOTIFY_INCREMENT_EPOCH,
	FINODE_NOTIFY_RESEND,
	FINODE_NOTIFY_STORE,
	FINODE_NOTIFY_RETRIEVE,
	FINODE_NOTIFY_KINDS,
	FINODE_NOTIFY_KINDS_MAX = 16 /**< room for more */
};

/** Counters since the session was made. */
struct finode_session_stats {
	/** For each kind of message: */
	struct {
		/** Calls that returned 0: those below, and what is being written now. */
		uint64_t queued;
		uint64_t waiting; /**< now */
		uint64_t merged;  /**< an equal one was waiting */
		uint64_t sent;	  /**< the kernel took it */
		uint64_t unknown; /**< the kernel does not know what it is about (ENOENT) */
		uint64_t failed;  /**< the kernel refused it otherwise */
		uint64_t dropped; /**< the session ended before */
	} notify[FINODE_NOTIFY_KINDS_MAX];
	uint64_t notify_full; /**< calls that returned -ENOBUFS */
	uint64_t malformed;   /**< messages that were not passed on to libfuse */
};

/**
 * Reads the counters.
 * @param size  sizeof(*stats), as for finode_table_stats()
 * @since 0.1
 */
FINODE_API void finode_session_stats(struct finode_session *session,
				     struct finode_session_stats *stats, size_t size);

/* ---- Logging ---- */

/** A function for config.log that writes to fuse_log(). @since 0.1 */
FINODE_API void finode_log_to_fuse(enum finode_log_level level, const char *message,
				   void *user);

FINODE_END_DECLS

#endif
