/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Names: by which (directory, name) the server knows an inode.
 *
 * An alias is one (directory, name) that names an inode. A file may have many (hardlinks),
 * a directory has one. A table keeps them if config.aliases says so;
 * then an author can answer "..", build a path, follow a rename, and see which names an
 * inode still has. docs/names.md has a picture of it.
 *
 * Names are a cache of what the backend was seen to say, and never more than that: a name
 * that is not known may exist. So every name may be dropped at any time, and the rule for
 * an author is: tell the table what a request to the backend has shown.
 *
 *   a look-up found an inode        finode_alias_add()
 *   a look-up found nothing         finode_alias_drop()
 *   unlink, rmdir                   finode_alias_remove()
 *   rename of any kind              finode_alias_rename()
 *
 * Each of these is one step for every reader, and names are a tree at every moment
 * (guarantee G): a directory that is found under another name moves there, and none ever
 * becomes its own ancestor, whatever the backend claims.
 *
 * Names are current: of an inode that the backend says has n links, at most n names are
 * known, the last that were seen; the older ones are stale and go. For that a look-up tells
 * the link count; the glue's replies do.
 *
 * What is known can be walked over: the names of an inode with finode_alias_next(), the
 * names in a directory with finode_child_next(). No lock is held between the steps of a
 * walk, so that a server may do there what it likes, however long that takes.
 *
 * An alias holds a reference to its directory, and none to its inode: when the inode is
 * evicted or retired, its aliases go. dirlock.h has the lock that keeps a slow look-up
 * from putting a name back that was removed meanwhile.
 *
 * Names must pass finode_name_check(); what it returns is returned. In a table without
 * aliases the functions here return -EINVAL, with a line in the log, or find nothing. None
 * may be called with a lock held that the author's init() or evict() takes.
 */
#ifndef FINODE_ALIAS_H
#define FINODE_ALIAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <finode/export.h>
#include <finode/inode.h>

FINODE_BEGIN_DECLS

/**
 * One name. Read-only for the author, and none of it changes while anybody can see it: a
 * rename makes a new alias and ends the old one.
 */
struct finode_alias {
	/** The alias holds a reference. */
	struct finode *dir;
	/** Borrowed; valid for whoever holds the alias. */
	struct finode *inode;
	/** Ends with a NUL; as long as the alias. */
	const char *name;
	/** The library's own. */
	uint64_t library[4];
};

/**
 * `name` in `dir` names `inode`: a look-up, or the creation of an entry, has shown it.
 * Nothing happens if that is known. If the name named another inode, that alias was stale
 * and goes; if a directory was known by another name, it has moved and the other name goes.
 * The inode may be of another mount than the directory, as the root of a submount is.
 *
 * If that makes more names than the inode has links, the oldest ones are stale and go:
 * those that were seen the longest time ago. (Not of an inode that finode_obtain_at() has
 * made: its names are all that it has.)
 *
 * The caller holds both and keeps them. May block in evict() of what loses its last
 * reference.
 *
 * @param nlink  how many links the backend says the inode has, as st_nlink; 0 if it does
 *               not say. A directory has one name, whatever it says.
 * @return 0, also if it was known; or, with nothing changed:
 *         -ELOOP if `inode` is the root, `dir` itself or an ancestor of it;
 *         -ENOTDIR if `dir` is no directory; -ESTALE if the inode was retired: look up
 *         again (also from the inode's own init() and evict()); -ENOMEM; -EINVAL or
 *         -ENAMETOOLONG for the name; -EXDEV if the two are of different tables;
 *         -EOVERFLOW for 2^31 references to `dir`
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_alias_add(struct finode *dir, const char *name,
						 struct finode *inode, uint64_t nlink);

/**
 * The entry was removed from the directory. Needs no memory. May block in evict() of the
 * directory's last user. The caller holds `dir` and keeps it.
 * @return 0; -ENOENT if the name was not known; -ENOTDIR; -EINVAL or -ENAMETOOLONG for the
 *         name
 * @since 0.1
 */
FINODE_API int finode_alias_remove(struct finode *dir, const char *name);

/**
 * What is known of the name is stale: a look-up found nothing there, or does not find
 * `inode` there any more. As finode_alias_remove(), but counted as stale, and with an
 * `inode` the name is left alone if it names another one.
 * An inode that finode_obtain_at() has made is known by its names alone: without the last
 * of them nothing finds it any more, and the name gets another inode when it is asked for
 * again. It stays usable while anyone has it.
 * @param inode  NULL for whatever is known; else borrowed, and only compared
 * @return as finode_alias_remove()
 * @since 0.1
 */
FINODE_API int finode_alias_drop(struct finode *dir, const char *name,
				 const struct finode *inode);

/* The flags of renameat2(), for systems whose <stdio.h> hides them. */
#define FINODE_RENAME_NOREPLACE (1u << 0)
#define FINODE_RENAME_EXCHANGE	(1u << 1)
#define FINODE_RENAME_WHITEOUT	(1u << 2)

/**
 * The backend has renamed an entry. What the old name named has the new one, and what the
 * new one named before has lost it. If the old name was not known, nothing is known of the
 * new one either. With EXCHANGE both move, each if it is known. NOREPLACE and WHITEOUT make
 * no difference here: the backend has had its say, so a name known in the way was stale,
 * and what a whiteout is will be seen when it is looked up. Two names of one inode stay, as
 * rename(2) leaves them.
 *
 * The caller holds both directories, which may be the same one, and keeps them. May block
 * in evict(), and while evict() of what moves runs in another thread.
 * After -ENOMEM or -ELOOP the backend knows better than the table: finode_alias_drop() both
 * names, which needs no memory.
 *
 * @return 0; or, with nothing changed: -ELOOP if a directory would come below itself;
 *         -EINVAL for a name or unknown or contradicting flags; -ENAMETOOLONG; -ENOTDIR;
 *         -EXDEV for different tables; -EDEADLK when called from evict() of what moves;
 *         -ENOMEM; -EOVERFLOW
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_alias_rename(struct finode *olddir,
						    const char *oldname,
						    struct finode *newdir,
						    const char *newname,
						    unsigned int flags);

/**
 * For a backend whose objects have nothing but names: finds the inode that the name is
 * known to name, or makes it and gives it the name. What identifies the inode is its
 * alias: it follows renames and keeps its nodeid. One object however many threads ask at
 * once (guarantee B). If the type is another one, or match() says that another object has
 * the name now, the inode is retired: it stays usable while anyone has it, and a new one
 * gets the name. Without the name (unlink, or a rename over it) it stays usable too.
 *
 * The inode is of the mount of `dir`, its generation is 0, and its key is of no use. Does
 * not count a lookup. The caller holds `dir` and keeps it. May block: while init() or
 * evict() of what has the name runs in another thread, and in the author's own callbacks.
 *
 * @param mode  the S_IFMT bits of what was found
 * @param arg   for init() and match() of the inode
 * @param out   a new reference; NULL on failure
 * @param created  on success: was it made here, and not found? NULL if that is all the same
 * @return 0; -ENOTDIR; -EINVAL or -ENAMETOOLONG for the name;
 *         -EINVAL for a mode without a known type; -ENOMEM; -EDEADLK when called from
 *         init() or evict() of what has the name; -ESTALE if a rename or an addition gave
 *         the name to another inode while init() ran: look up again; -EOVERFLOW; -EIO if a
 *         callback broke its contract; else what init() or match() returned. A failure
 *         after the inode's init(), as -ESTALE is, ends with its evict().
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_obtain_at(struct finode *dir, const char *name,
						 mode_t mode, void *arg,
						 struct finode **out, bool *created);

/**
 * The inode that the name is known to name. `dir` is borrowed. Never waits.
 * @return a new reference; NULL if none is known (which says nothing about the backend),
 *         also for names that no entry can have
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_alias_lookup(struct finode *dir,
							       const char *name);

/**
 * Walks the aliases of an inode, newest first; begin with NULL, and go on with what the
 * last call returned, which is consumed. No lock is held between the calls. What is added,
 * or seen again, during the walk may be missed, what is removed may be seen. May block in
 * evict().
 * The caller holds `inode` and keeps it.
 * @return a new reference to the next alias, for finode_alias_next() or
 *         finode_alias_put(); NULL at the end
 * @since 0.1
 */
FINODE_API struct finode_alias *finode_alias_next(struct finode *inode,
						  struct finode_alias *previous);

/**
 * Walks the known children of a directory, in no order that means anything; begin with
 * NULL, and go on with what the last call returned, which is consumed. No lock is held
 * between the calls, so anything may be done there, to the directory as well. Each name
 * that is known during all of the walk is returned exactly once, whatever else comes and
 * goes; one that comes or goes meanwhile, as the two names of a rename do, may be returned
 * or not. An inode that is being evicted is left out. May block in evict() of what was
 * consumed. The caller holds `dir` and keeps it.
 *
 * Names are what the table knows, and not what the backend has: no answer to READDIR.
 * @return a new reference to the next alias, which holds its inode and its directory, for
 *         finode_child_next() or finode_alias_put(); NULL at the end, and if `dir` is no
 *         directory
 * @since 0.1
 */
FINODE_API struct finode_alias *finode_child_next(struct finode *dir,
						  struct finode_alias *previous);

/**
 * Consumes a reference to an alias; NULL is fine. May block in evict().
 * @since 0.1
 */
FINODE_API void finode_alias_put(struct finode_alias *alias);

/**
 * The directory that the inode is in: what ".." is. For a file with several names the one
 * of its newest alias; for the root the root. `inode` is borrowed; its own evict() may ask
 * too. Never waits.
 * @return a new reference; NULL if no name of it is known
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_parent(struct finode *inode);

/**
 * A path of the inode from the root, beginning with "/"; the root's is "/". It was true at
 * some moment during the call, even while others rename everything on it. Every alias is
 * tried, the newest first, until one leads to the root. `inode` is borrowed; its own
 * evict() may ask too. May block in evict() of a directory on the way that others have
 * dropped meanwhile.
 * @param buf  ends with a NUL if the call succeeds; undefined if not
 * @return the length without the NUL; -ENOENT if no known alias leads to the root;
 *         -ENAMETOOLONG if one does, but `size` does not hold its path
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD ssize_t finode_path(struct finode *inode, char *buf,
						size_t size);

/**
 * The path that `name` in the directory has, or would have: whether the name is known makes
 * no difference. So it is the path for the backend of what is about to be made there. As
 * finode_path() of the directory, with "/" and the name behind it.
 * @param buf  ends with a NUL if the call succeeds; undefined if not
 * @return the length without the NUL; as finode_path() of the directory; -ENOTDIR if `dir`
 *         is no directory; -EINVAL or -ENAMETOOLONG for the name
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD ssize_t finode_path_at(struct finode *dir, const char *name,
						   char *buf, size_t size);

/**
 * Calls component() for each component of a path of the inode, from the root down, for a
 * backend to which a path is more than names between "/". Each alias says the directory,
 * the name in it, and the inode that it names: the first one's directory is the root, and
 * the last one's inode is `inode`; for the root there is no call. They are held until
 * finode_path_each() returns. All of them were a path at some moment during the call,
 * before the first component(), even while others rename everything on it; names may have
 * changed since then. `inode` is borrowed; its own evict() may ask too.
 *
 * No lock is held in component(), which may call the library and change names as well. May
 * block there, and in evict() of what others have dropped meanwhile.
 * @param component  gets each alias, borrowed; if it does not return 0, it is the last call
 * @return 0; -ENOENT if no known alias leads to the root; -ENOMEM; -EINVAL in a table
 *         without aliases; else what component() returned. On a failure of its own nothing
 *         was called
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_path_each(
	struct finode *inode, int (*component)(const struct finode_alias *alias, void *arg),
	void *arg);

/** @cond the cleanup behind FINODE_ALIAS_AUTOPUT */
static inline void finode_alias_autoput(struct finode_alias **alias)
{
	finode_alias_put(*alias);
}
/** @endcond */

/** Declares a `struct finode_alias *` that is put when it goes out of scope. */
#define FINODE_ALIAS_AUTOPUT __attribute__((cleanup(finode_alias_autoput)))

FINODE_END_DECLS

#endif
