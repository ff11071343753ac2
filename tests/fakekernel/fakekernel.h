/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fake kernel: drives a real libfuse low-level session in this process through a
 * SOCK_SEQPACKET pair, without /dev/fuse and without root, and gives the orders of events
 * that a real kernel gives once a year.
 *
 * It keeps its own books: for each nodeid the count that a kernel would believe, the
 * generation and the type that it was told. A client (one for each test thread) makes
 * requests and waits for their replies; it may have a reply refused, as for an aborted
 * request: the server's write fails with ENOENT, and the books do not count. FORGETs are
 * taken out of the books at once and sent when the client likes: held back, split, merged
 * into batches, out of order, by another worker of the session. fk_compare() holds the
 * books against the table.
 */
#ifndef TESTS_FAKEKERNEL_H
#define TESTS_FAKEKERNEL_H

#include <finode.h>
#include <finode/fuse.h>
#include <stdbool.h>

struct fakekernel;
struct statx;

struct fk_options {
	/* The server. Its table is what the books are compared with. */
	struct finode_session_config server;
	unsigned int workers; /* threads of the session, 1 to 8 */
	bool foreign_loop;    /* they are not those of finode_session_loop() */
	uint32_t minor;	      /* of the protocol; 0 for the newest that is known */
	uint64_t no_flags;    /* of INIT that are not to be offered */
	/*
	 * What becomes of the first lookup of a submount's root. In kernels from 5.15.146,
	 * 6.1.70, 6.6.9, 6.7 on the mountpoint and the submount share it: it is forgotten
	 * by itself, once both have gone. In older ones it is the mountpoint's, and so
	 * forgotten while the submount is in use.
	 */
	bool old_submounts;
};

/* Starts the session and sends INIT. Returns NULL if it could not. */
struct fakekernel *fk_start(const struct fk_options *options);

/*
 * From now on calls fn(arg) in the server's thread before each reply is written, so before
 * the kernel can know of it; NULL for no more.
 */
void fk_before_replies(struct fakekernel *fk, void (*fn)(void *arg), void *arg);

/*
 * From now on calls fn(arg, code, ..) in the server's thread for each notification, with
 * what follows its header. It returns what the kernel would: 0, or a positive errno.
 */
typedef int (*fk_notify_fn)(void *arg, int code, const void *body, size_t size);
void fk_on_notify(struct fakekernel *fk, fk_notify_fn fn, void *arg);

/* The session of the server, and what its reply to INIT said. */
struct finode_session *fk_session(struct fakekernel *fk);
uint64_t fk_init_flags(const struct fakekernel *fk);
uint32_t fk_init_stack_depth(const struct fakekernel *fk);

/*
 * Sends DESTROY, then INIT again to a new libfuse session over the same table (libfuse
 * answers a second INIT on one session with EIO). The books are empty then.
 */
int fk_reinit(struct fakekernel *fk);
/* From the next INIT on these flags are not offered. */
void fk_offer_all_but(struct fakekernel *fk, uint64_t no_flags);

/* Cuts the connection, with a DESTROY before if asked for; waits for the workers. */
void fk_stop(struct fakekernel *fk, bool destroy);

/*
 * Waits until all that was sent has been processed, then compares: each nodeid's count, and
 * that the table has no inode that the books do not know. Returns 0, or -1 with the first
 * difference in `why`. For use without held FORGETs and without lies.
 */
int fk_compare(struct fakekernel *fk, char *why, size_t size);

/* What the fake kernel itself found wrong (a nodeid that changed its type, ..); or NULL. */
const char *fk_complaint(struct fakekernel *fk);

/* How many messages were sent, of all kinds. */
uint64_t fk_messages(const struct fakekernel *fk);

#define FK_HELD_MAX 256

struct fk_client {
	struct fakekernel *fk;
	uint64_t random;	     /* state of the generator */
	unsigned int refuse_percent; /* how many replies are refused, 0 to 100 */
	unsigned int lie_percent; /* how often fk_client_play() forgets what it may not */
	bool refused;		  /* was the last one? */
	unsigned int mounts; /* fk_client_play() crosses into as many: "m0", "m1", .. */
	bool mounts_stay;    /* and complains of a root in use that does not answer */
	struct fuse_forget_data held[FK_HELD_MAX];
	unsigned int held_count;
};

/* What an entry reply said. */
struct fk_entry {
	uint64_t nodeid;
	uint64_t generation;
	uint64_t ino;
	uint64_t size;
	mode_t mode;
	uint32_t nlink;
	uint64_t fh;	      /* of CREATE */
	uint32_t open_flags;  /* of CREATE */
	int32_t backing_id;   /* of CREATE */
	double entry_timeout; /* seconds, of a negative entry too */
	bool submount;	      /* announced as the root of one */
};

void fk_client_init(struct fk_client *client, struct fakekernel *fk, uint64_t seed);

/*
 * Requests. They return 0 or a negative errno; -ECONNABORTED if the reply was refused.
 * Those that return an entry count it in the books.
 */
int fk_lookup(struct fk_client *c, uint64_t parent, const char *name, struct fk_entry *out);
int fk_mknod(struct fk_client *c, uint64_t parent, const char *name, mode_t mode,
	     struct fk_entry *out);
int fk_mkdir(struct fk_client *c, uint64_t parent, const char *name, struct fk_entry *out);
int fk_symlink(struct fk_client *c, uint64_t parent, const char *name, const char *target,
	       struct fk_entry *out);
int fk_link(struct fk_client *c, uint64_t nodeid, uint64_t parent, const char *name,
	    struct fk_entry *out);
int fk_create(struct fk_client *c, uint64_t parent, const char *name, struct fk_entry *out);
int fk_tmpfile(struct fk_client *c, uint64_t parent, struct fk_entry *out);
int fk_unlink(struct fk_client *c, uint64_t parent, const char *name);
int fk_rmdir(struct fk_client *c, uint64_t parent, const char *name);
int fk_rename(struct fk_client *c, uint64_t parent, const char *name, uint64_t newparent,
	      const char *newname, unsigned int flags);
int fk_getattr(struct fk_client *c, uint64_t nodeid, struct fk_entry *out);
int fk_statx(struct fk_client *c, uint64_t nodeid, uint32_t flags, uint32_t mask,
	     struct statx *out);
int fk_syncfs(struct fk_client *c, uint64_t nodeid);
int fk_open(struct fk_client *c, uint64_t nodeid, bool directory, uint64_t *fh);
int fk_release(struct fk_client *c, uint64_t nodeid, bool directory, uint64_t fh);

/* One READDIR(PLUS). Calls fn for each entry, whose nodeid is 0 where there is none. */
typedef void (*fk_dirent_fn)(void *arg, const char *name, uint64_t off,
			     const struct fk_entry *entry);
int fk_readdir(struct fk_client *c, uint64_t nodeid, uint64_t fh, uint64_t off, size_t size,
	       bool plus, fk_dirent_fn fn, void *arg);

/* Any message at all; the reply, if one is wanted, into `out`. Returns its size or -errno.
 */
ssize_t fk_raw(struct fk_client *c, uint32_t opcode, uint64_t nodeid, const void *in,
	       size_t in_size, void *out, size_t out_size);

/* A message that has no reply. */
void fk_send(struct fk_client *c, uint32_t opcode, uint64_t nodeid, const void *in,
	     size_t in_size);

/* Takes up to n from the books and sends the FORGET; returns how much it was. */
uint64_t fk_forget(struct fk_client *c, uint64_t nodeid, uint64_t n);
/* The same, but holds it back. */
uint64_t fk_forget_later(struct fk_client *c, uint64_t nodeid, uint64_t n);
/* Sends what was held back: shuffled, split, single or in batches, as the seed wills. */
void fk_send_held(struct fk_client *c);
/* A FORGET that the books know nothing of: a lie. */
void fk_forget_lie(struct fk_client *c, uint64_t nodeid, uint64_t n);
/* What the books say of a nodeid, and of a name: the nodeid that it leads to, or 0. */
uint64_t fk_count(struct fakekernel *fk, uint64_t nodeid);
uint64_t fk_cached(struct fakekernel *fk, uint64_t parent, const char *name);
/* FORGETs everything that is in the books, in batches. */
void fk_forget_everything(struct fk_client *c);

/*
 * A directory whose entry had `submount` set is a mountpoint for the kernel, which mounts a
 * filesystem on it when somebody goes in, and may forget the name while somebody is in
 * there. All return 0; or -ENOENT if there is no such mountpoint, or nobody in it.
 */
int fk_enter_submount(struct fk_client *c, uint64_t nodeid);
int fk_evict_mountpoint(struct fk_client *c, uint64_t nodeid);
int fk_leave_submount(struct fk_client *c, uint64_t nodeid);
/* Asks for the attributes of all it counts, and drops what is ESTALE. Returns how many. */
unsigned int fk_drop_stale(struct fk_client *c);

/*
 * Plays a user of the filesystem: `steps` random operations on a few names in two
 * directories, with FORGETs held back and sent at random; in worlds with mounts, also in
 * submounts, whose mountpoints go and come. Ends with nothing held back, in no submount.
 */
void fk_client_play(struct fk_client *c, unsigned long steps);

#endif
