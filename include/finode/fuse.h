/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The glue between a table and libfuse's low-level API: replies that count, the session
 * with the kernel, and notifications to it. An author of a server includes this file and
 * finode.h, and needs nothing else.
 *
 * A handler resolves its nodeids with finode_get(), does its work, and ends with exactly
 * one finode_reply_*(). Those count the lookup before the reply is written, as the kernel
 * may forget it before the write returns, and take it back if the reply did not reach the
 * kernel (protocol notes, rules 1 and 2).
 *
 * Each finode_reply_*() consumes the request, as libfuse's do, and holds no lock while it
 * writes. Errors are negative errno values; finode_reply_err() is where the sign turns.
 *
 * Every function here may be called from any thread, unless it says otherwise.
 */
#ifndef FINODE_FUSE_H
#define FINODE_FUSE_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif
#include <fuse_lowlevel.h>

#include <stdint.h>
#include <sys/stat.h>

#include <finode/export.h>
#include <finode/file.h>
#include <finode/inode.h>
#include <finode/table.h>

FINODE_BEGIN_DECLS

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
	/** How long the kernel may believe the name, and the attributes; in seconds. */
	double entry_timeout;
	double attr_timeout;
	/**
	 * The S_IFMT bits that the request asked to create: MKDIR S_IFDIR, SYMLINK
	 * S_IFLNK, MKNOD those of its mode. 0 for LOOKUP and LINK. The kernel drops an
	 * entry of another type without ever forgetting it (protocol notes, section 1).
	 */
	mode_t created;
	/**
	 * FUSE_ATTR_* of linux/fuse.h beside FUSE_ATTR_SUBMOUNT, which is the library's:
	 * for example FUSE_ATTR_DAX.
	 */
	uint32_t attr_flags;
	uint32_t reserved; /**< 0 */
};

#define FINODE_ENTRY_INIT                                                                  \
	{                                                                                  \
		.size = sizeof(struct finode_entry)                                        \
	}

#ifndef __cplusplus
/** An entry with these members, as long as the block. */
#define FINODE_ENTRY(...)                                                                  \
	((struct finode_entry){.size = sizeof(struct finode_entry), __VA_ARGS__})
#endif

/**
 * Answers LOOKUP, MKNOD, MKDIR, SYMLINK or LINK: `name` in `dir` is `inode`. In a table
 * with aliases the name is recorded first, finode_alias_add(), with the st_nlink of the
 * attributes; if that fails, its error is the reply, with nothing counted: -ESTALE makes
 * the kernel look the name up again, and -ELOOP is a directory below itself, which the
 * kernel would not take.
 *
 * An entry that the kernel would reject, and leak, is refused here: the requester gets
 * EIO, the log and `entries_refused` tell. That is: a type that is not the inode's or not
 * the created one, a size over LLONG_MAX, the root as anybody's child (but for LOOKUP of
 * "." and "..").
 *
 * An inode of another mount than its directory's is the root of a submount, and announced
 * as such (FUSE_ATTR_SUBMOUNT) if this session's kernel takes those; see mount.h.
 *
 * All three objects are borrowed: the caller keeps, and later puts, its references.
 * @return 0; -EIO if the entry was refused; what finode_alias_add() returned; -ENOMEM for
 *         the announcement of a submount; a negative errno, with nothing counted, if the
 * reply did not reach the kernel (-ENOENT: the request was aborted)
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
 * Answers TMPFILE: as finode_reply_create(), for a file that no name leads to. It counts
 * one lookup like any other; a later linkat() is a LINK to the same nodeid.
 * @return as finode_reply_entry()
 * @since 0.1
 */
FINODE_API int finode_reply_tmpfile(fuse_req_t req, struct finode *dir,
				    struct finode *inode, const struct finode_entry *entry,
				    struct finode_file *file, struct fuse_file_info *fi);

/**
 * Answers LOOKUP: there is no `name` in `dir`, and the kernel may believe that for
 * `entry_timeout` seconds without asking again. With 0 it is the error ENOENT, which the
 * kernel does not cache. Counts nothing. In a table with aliases, what was known of the
 * name is dropped first.
 * @param dir  borrowed
 * @return 0, or a negative errno if the reply did not reach the kernel
 * @since 0.1
 */
FINODE_API int finode_reply_negative(fuse_req_t req, struct finode *dir, const char *name,
				     double entry_timeout);

/**
 * Answers GETATTR or SETATTR. Attributes of another type than the inode's would make the
 * kernel drop the inode as bad: the backing object was replaced behind the server's back,
 * so the requester gets ESTALE, which makes the kernel look the name up anew.
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

/* ---- Directories ---- */

/**
 * The reply to READDIR or READDIRPLUS while it is filled. On the stack of the handler, from
 * finode_dirbuf_init() to finode_dirbuf_reply() or finode_dirbuf_drop(), which
 * FINODE_AUTO_DIRBUF calls by itself; the fields are the library's.
 *
 *      FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
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

#define FINODE_DIRBUF_INIT                                                                 \
	{                                                                                  \
		.struct_size = sizeof(struct finode_dirbuf)                                \
	}

/**
 * Begins a reply.
 * @param buf   FINODE_DIRBUF_INIT, or one that has ended
 * @param dir   borrowed until the reply
 * @param size  what the request allows; more than 1 MiB is taken as 1 MiB
 * @param plus  true for READDIRPLUS: entries are lookups, and counted
 * @return 0; -ENOMEM; -EINVAL, with a line in the log, for a buffer without its size
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_dirbuf_init(struct finode_dirbuf *buf,
						   struct finode *dir, size_t size,
						   int plus);

/**
 * Adds an entry if it still fits. In a READDIRPLUS reply an entry with an inode counts one
 * lookup, taken back if the reply fails; "." and ".." never count, nor does an entry
 * without an inode, which tells the kernel a name and no more. A bogus entry, see
 * finode_reply_entry(), is placed without its inode: the name is listed, and looked up; so
 * is one whose name could not be recorded in a table with aliases. A name that
 * finode_name_check() does not take is left out. Both are in `entries_refused`.
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
 * Does an entry of this name still fit? Who has to open or to look up what an entry names
 * asks before that.
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

/** FORGET and its end: finode_forget() and fuse_reply_none(). @since 0.1 */
FINODE_API void finode_reply_forget(fuse_req_t req, struct finode_table *table,
				    uint64_t nodeid, uint64_t nlookup);

/** BATCH_FORGET and its end. Implement forget_multi with it. @since 0.1 */
FINODE_API void finode_reply_forget_multi(fuse_req_t req, struct finode_table *table,
					  size_t count,
					  const struct fuse_forget_data *forgets);

/* ---- The session ---- */

/**
 * A connection to the kernel, with libfuse's session inside, that works the same with
 * every libfuse from 3.14 on:
 *
 *   - it tells what the kernel offered in its INIT, finode_session_kernel();
 *   - it asks for parallel lookups and readdirs in one directory, which libfuse before 3.17
 *     forgets to send and later ones leave out;
 *   - it delivers TMPFILE and STATX, which libfuse knows since 3.17 and since 3.18, and
 *     SYNCFS, which it does not know yet;
 *   - it looks at each message before libfuse does, which believes every length in it
 *     (before 3.18; since then, over a transport of the author's own);
 *   - it sends notifications, see below.
 *
 * Mount options, signal handlers and loops stay libfuse's, on `fuse`. The session is the
 * userdata of every operation of the author's: fuse_req_userdata() in handlers, the first
 * argument of init() and destroy(). docs/session.md has the whole.
 */
struct finode_session {
	/** For fuse_session_loop_mt(), fuse_session_exit() and the like. Not for
	 * fuse_session_mount(), _unmount(), _destroy() and _custom_io(). */
	struct fuse_session *fuse;
	struct finode_table *table; /**< config.table */
	void *user;		    /**< config.user */
};

/** How a session is to be. Start from FINODE_SESSION_CONFIG_INIT. */
struct finode_session_config {
	/** sizeof(struct finode_session_config), for growth. */
	size_t size;
	/** The table of the session. Required; it must outlive the session. */
	struct finode_table *table;
	/** The author's operations, copied, and the size of the struct. Required. */
	const struct fuse_lowlevel_ops *ops;
	size_t ops_size;
	/** Anything of the author's: session->user. */
	void *user;

	/**
	 * TMPFILE, open(2) with O_TMPFILE in `dir`. End with finode_reply_tmpfile(). NULL:
	 * the caller gets EOPNOTSUPP. (protocol 7.37)
	 */
	void (*tmpfile)(fuse_req_t req, fuse_ino_t dir, mode_t mode,
			struct fuse_file_info *fi);
	/**
	 * STATX, for birth times and other things that GETATTR cannot say. `flags` and
	 * `mask` are statx(2)'s; `fi` is NULL unless the caller has the file open. End with
	 * finode_reply_statx(). NULL: the kernel uses GETATTR. (protocol 7.39)
	 */
	void (*statx)(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		      struct fuse_file_info *fi);
	/**
	 * SYNCFS: write everything of the filesystem whose root is `nodeid` to its disk.
	 * End with finode_reply_err(). Only sent over virtio-fs, and by kernel 7.3 for
	 * fuseblk; a kernel of /dev/fuse does not ask, and libfuse 3.18 would not deliver
	 * it from there. NULL: finode_mount_syncfs(), if the table's mounts have sync().
	 * (protocol 7.34)
	 */
	void (*syncfs)(fuse_req_t req, fuse_ino_t nodeid);

	/**
	 * Not 0: the kernel shall send one LOOKUP or READDIR of a directory at a time. For
	 * handlers that need it; those of this library's functions do not.
	 */
	int serial_dirops;
	/** How many notifications may wait; 0 for 65536. */
	unsigned int notify_limit;
	/**
	 * Not 0: ask the kernel to read and write by itself what finode_backing_open() has
	 * registered. Not together with a writeback cache. (protocol 7.40, Linux 6.9)
	 */
	int passthrough;
};

#define FINODE_SESSION_CONFIG_INIT                                                         \
	{                                                                                  \
		.size = sizeof(struct finode_session_config)                               \
	}

/**
 * Makes a session, not yet connected.
 * @param args    for libfuse, as of fuse_session_new(): mount options are taken out
 * @param config  borrowed for the call
 * @return 0; -ENOMEM; -EINVAL if something required is missing or out of range, or if
 *         libfuse refused an argument, which it tells on stderr
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_create(
	struct fuse_args *args, const struct finode_session_config *config,
	struct finode_session **out);

/**
 * Mounts: fuse_session_mount(), with the session between libfuse and the kernel.
 * @return 0; -EIO if the mount failed, which libfuse has told on stderr; -ENOMEM;
 *         -EALREADY if the session is connected
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_mount(struct finode_session *session,
						     const char *mountpoint);

/**
 * Instead of mounting: speaks over `fd`, one message at a time. With `io` NULL that is a
 * /dev/fuse that someone else has mounted, or a socket that keeps messages apart
 * (SOCK_SEQPACKET); else `io` does the reading and writing, and gets the session as its
 * userdata. What comes from there is as untrusted as a guest.
 * @param fd  consumed on success: closed with the session
 * @param io  borrowed for the call; read and writev are required
 * @return 0; -EINVAL; -EBADF; -ENOMEM; -EALREADY; -ENOTSUP for an `io` where libfuse was
 *         built without custom io, as 3.18.3 and later are unless somebody asks for it
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_session_attach(struct finode_session *session,
						      int fd,
						      const struct fuse_custom_io *io);

/**
 * Ends the connection: drops the notifications that still wait, unmounts. To be called
 * after the loop has ended. If a notification is being written that waits for a LOOKUP
 * which nobody reads any more, requests are answered with ENOTCONN until the write returns.
 * Does nothing to a session that is not connected.
 * @since 0.1
 */
FINODE_API void finode_session_unmount(struct finode_session *session);

/** Unmounts if need be, and frees. The table stays. NULL is fine. @since 0.1 */
FINODE_API void finode_session_destroy(struct finode_session *session);

/** The session that a request came from, borrowed; if it is one of this library's. */
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
	/** FUSE_* flags of linux/fuse.h, the high word too; 0 with libfuse from 3.18 on,
	 * which keeps the message to itself. */
	uint64_t flags;
	unsigned int features; /**< the same in this library's words, enum above */
};

/**
 * What the kernel offered; known when the author's init() runs, and all 0 before. The
 * pointer is borrowed, for as long as the session lives.
 * @since 0.1
 */
FINODE_API const struct finode_kernel *finode_session_kernel(
	const struct finode_session *session);

/* ---- Passthrough ---- */

/**
 * Registers an open file of the host that the kernel is to read, write and map by itself,
 * for an inode that shows it. The author sets `backing_id` of each struct finode_file that
 * is to use it, and the replies to OPEN and CREATE say so. All files of an inode that are
 * open at once must have the same id, or none: the kernel refuses a mixture with EIO.
 * @param fd  of a regular file, borrowed: the kernel takes a reference of its own
 * @return an id above 0, to be closed with finode_backing_close() when no file uses it;
 *         -EOPNOTSUPP if it was not asked for (config.passthrough), not offered, or there
 * is a writeback cache; -EPERM without CAP_SYS_ADMIN; -ELOOP for a file of a stacked
 *         filesystem; other errors of the kernel's
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_backing_open(struct finode_session *session, int fd);

/** Ends what finode_backing_open() has begun. @return 0 or a negative errno. @since 0.1 */
FINODE_API int finode_backing_close(struct finode_session *session, int id);

/* ---- Notifications: what the server tells the kernel ---- */

/*
 * Each call puts one message into a queue and returns. A thread of the session's own,
 * started by the first call, writes them in their order, for some of them wait in the
 * kernel: for a LOOKUP in the parent (entries), for pages being written (data). So they are
 * safe from anywhere: from handlers, also for the very entry that is being answered, and
 * with locks of the author's held. A message that already waits is not queued again.
 *
 * They all return 0 if the message is queued, and
 *   -ENOBUFS     too many wait (config.notify_limit): nothing was queued
 *   -ENOMEM, -EAGAIN  no memory, no thread
 *   -ENOTCONN    the kernel has not sent INIT yet, or the session has ended
 *   -EOPNOTSUPP  this kernel does not know the message, see finode_session_kernel()
 *   -EINVAL, -ENAMETOOLONG  what finode_name_check() says of the name
 *
 * That the kernel does not know the inode or the name (ENOENT) is success. Whatever else
 * it answers is counted as failed, and logged the first time. Notifications change no
 * counts; only FORGET does. @since 0.1, all of them
 */

/**
 * Attributes, and ACLs, of an inode are no longer true; with off >= 0 also its pages from
 * `off` on, `len` bytes, or all the rest if len is 0.
 */
FINODE_API int finode_notify_inval_inode(struct finode_session *session, uint64_t nodeid,
					 off_t off, off_t len);

/**
 * A name is no longer true: it is looked up again, and what was mounted below it is
 * unmounted. The inode is forgotten if nobody uses it.
 */
FINODE_API int finode_notify_inval_entry(struct finode_session *session, uint64_t parent,
					 const char *name);

/**
 * The time for which the name may be believed is over: the next use looks it up, and
 * nothing else happens. Kernels without FINODE_KERNEL_EXPIRE do as for inval_entry.
 */
FINODE_API int finode_notify_expire_entry(struct finode_session *session, uint64_t parent,
					  const char *name);

/** A name was removed behind the kernel's back: also tells inotify, unlike inval_entry. */
FINODE_API int finode_notify_delete(struct finode_session *session, uint64_t parent,
				    uint64_t child, const char *name);

/**
 * Asks the kernel to drop an inode that nobody uses, so that its FORGET comes. Needs no
 * name and disturbs nobody who has it open (protocol 7.45).
 * @param parent, name  for older kernels, where the name is invalidated instead: that
 *        works on an inode in use too, and unmounts what is mounted below it, so leave the
 *        name out (NULL) for a directory. Without a name there, one that the table knows of
 *        an inode that is no directory; and if it knows none, -EOPNOTSUPP.
 */
FINODE_API int finode_notify_prune(struct finode_session *session, uint64_t nodeid,
				   uint64_t parent, const char *name);

/** No name that the kernel knows is true for certain: each is looked up at its next use. */
FINODE_API int finode_notify_increment_epoch(struct finode_session *session);

/** Asks for every request that was read and never answered, by a server that died. */
FINODE_API int finode_notify_resend(struct finode_session *session);

/**
 * Waits until all that was queued before has been written. Must not be called from a
 * handler: a message may wait for that handler's own reply.
 * @return 0; -EDEADLK if it was called from a handler (noticed in libfuse's loops before
 *         3.18, not in an author's own threads); -ENOTCONN if the session ended before
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
	FINODE_NOTIFY_KINDS
};

/** Counters since the session was made. */
struct finode_session_stats {
	struct {
		uint64_t queued;  /**< calls that returned 0; the sum of those below */
		uint64_t waiting; /**< now */
		uint64_t merged;  /**< that found an equal one waiting */
		uint64_t sent;	  /**< that the kernel took */
		uint64_t unknown; /**< of what the kernel does not know (ENOENT) */
		uint64_t failed;  /**< that the kernel refused otherwise */
		uint64_t dropped; /**< that the end of the session has taken */
	} notify[FINODE_NOTIFY_KINDS];
	uint64_t notify_full; /**< calls that returned -ENOBUFS */
	uint64_t malformed;   /**< messages that were not passed on to libfuse */
};

/**
 * Reads the counters. @param size is sizeof(*stats): a program built with an older header
 * gets the counters that it knows.
 * @since 0.1
 */
FINODE_API void finode_session_stats(struct finode_session *session,
				     struct finode_session_stats *stats, size_t size);

/* ---- Logging ---- */

/** For config.log: to fuse_log(). @since 0.1 */
FINODE_API void finode_log_to_fuse(enum finode_log_level level, const char *message,
				   void *user);

FINODE_END_DECLS

#endif
