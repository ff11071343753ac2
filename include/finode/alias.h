/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Names: by which (directory, name) the server knows an inode.
 *
 * An alias is one (directory, name) that names an inode. A file may have many (hardlinks),
 * a directory has one. A table keeps them if config.aliases says so. Then an author can
 * answer "..", build a path, follow a rename, and see which names an inode still has.
 * docs/names.md has a picture of it.
 *
 * Names are a cache of what the backend has shown, and never more than that: a name that is
 * not known may exist. So every name may be dropped at any time, and the rule for an author
 * is: tell the table what a request to the backend has shown.
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
 * Names are current: if the backend says that an inode has n links, the table knows at most
 * n names of it, those that were seen last. Older ones are stale and go. For that an author
 * tells finode_alias_add() the link count; the glue's replies do.
 *
 * An author can walk over the known names of an inode, finode_alias_next(), and over those
 * in a directory, finode_child_next(). No lock is held between the steps of a walk: the
 * author may do there whatever they like, and take as long as they want.
 *
 * An alias holds a reference to its directory, and none to its inode: when the inode is
 * evicted or retired, its aliases go. dirlock.h has the lock that keeps a slow look-up
 * from putting a name back that was removed meanwhile.
 *
 * Names must pass finode_name_check(); the functions here return what it returns. In a
 * table without aliases they return -EINVAL, with a line in the log, or find nothing. None
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
	/** The directory. The alias holds a reference to it. */
	struct finode *dir;
	/** What the name names. Valid as long as the caller holds the alias. */
	struct finode *inode;
	/** The name, ending with a NUL. Valid as long as the alias. */
	const char *name;
	/** The library's own. */
	uint64_t library[4];
};

/**
 * Tells that `name` in `dir` names `inode`: a look-up, or the creation of an entry, has
 * shown it. From now on this is the newest name of the inode, also if it was known. If the
 * name was known to name another inode, that alias was stale and goes. If a directory was
 * known by another name, it has moved, and the other name goes. The inode may be of another
 * mount than the directory, as the root of a submount is.
 *
 * If the inode then has more known names than links, the oldest ones are stale and go:
 * those that were seen the longest time ago. This does not happen to an inode that
 * finode_obtain_at() has made, whose names are all that identifies it.
 *
 * The caller holds both and keeps them. May block in evict() of what loses its last
 * reference.
 *
 * @param nlink  how many links the backend says the inode has: its st_nlink; 0 if the
 *               author does not know. A directory has one name, whatever this says.
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
 * Tells that the entry was removed from the directory. Needs no memory. May block in
 * evict() of what loses its last reference. The caller holds `dir` and keeps it.
 * @return 0; -ENOENT if the name was not known; -ENOTDIR; -EINVAL or -ENAMETOOLONG for the
 *         name
 * @since 0.1
 */
FINODE_API int finode_alias_remove(struct finode *dir, const char *name);

/**
 * Tells that what is known of the name is stale: a look-up has found nothing there, or does
 * not find `inode` there any more. As finode_alias_remove(), but the statistics count it as
 * stale; and if there is an `inode`, the name is dropped only if it names that one.
 *
 * An inode that finode_obtain_at() has made is found by its names alone. When the last of
 * them is dropped, it stays usable for those who hold it, and the next
 * finode_obtain_at() of the name makes another inode.
 * @param inode  borrowed, and only compared; NULL for whatever the name names
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
 * Tells that the backend has renamed an entry. What the old name named has the new name
 * now, and what the new name named before has lost it. If the old name was not known,
 * nothing is known of the new name either. With EXCHANGE both inodes move, each if it is
 * known. NOREPLACE and WHITEOUT make no difference: the backend has agreed, so if the new
 * name was known, that was stale; and a whiteout is seen when its name is looked up. If
 * both names name one inode, both stay, as rename(2) leaves them.
 *
 * The caller holds both directories, which may be the same one, and keeps them. May block
 * in evict(), and while evict() of what moves runs in another thread.
 *
 * After -ENOMEM or -ELOOP the table is behind the backend: call finode_alias_drop() of both
 * names, which needs no memory.
 *
 * @return 0; or, with nothing changed: -ELOOP if a directory would come below itself;
 *         -EINVAL for a name or unknown or contradicting flags, with a line in the log;
 *         -ENAMETOOLONG; -ENOTDIR; -EXDEV for different tables; -EDEADLK when called from
 *         evict() of what moves; -ENOMEM; -EOVERFLOW
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_alias_rename(struct finode *olddir,
						    const char *oldname,
						    struct finode *newdir,
						    const char *newname,
						    unsigned int flags);

/**
 * For a backend whose objects have nothing but names, in the place of finode_obtain():
 * finds the inode that the name is known to name, or makes it and gives it the name. The
 * alias identifies the inode: a rename moves it, and the inode keeps its nodeid. There is
 * one object however many threads ask at once (guarantee B). If the inode is of another
 * type, or match() says that another object has the name now, it is retired: it stays
 * usable for those who hold it, and a new inode gets the name. An inode that loses its
 * name, by an unlink or a rename over it, stays usable in the same way.
 *
 * What is found may be of another mount, as the root of a submount whose name is known.
 * What is made is of the mount of `dir`, the generation of its key is 0, and the bytes of
 * its key mean nothing. This does not count a lookup. The caller holds `dir` and keeps it.
 * May block: while init() or evict() of what has the name runs in another thread, and in
 * the author's own callbacks.
 *
 * @param mode  the S_IFMT bits of what was found
 * @param arg   for init(), match() and rebind() of the inode
 * @param out   a new reference; NULL on failure
 * @param created  on success: true if the inode was made here, false if it was found. May
 *                 be NULL.
 * @return 0; -ENOTDIR; -EINVAL or -ENAMETOOLONG for the name;
 *         -EINVAL for a mode without a known type, with a line in the log; -ENOMEM;
 *         -EDEADLK when called from init() or evict() of what has the name; -ESTALE if a
 *         rename or an addition gave the name to another inode while init() ran, or the
 *         mount was detached: look up again; -ESTALE while the table is destroyed;
 *         -EOVERFLOW; -EIO if a callback returned what
 *         it must not; else what init(), match() or rebind() returned. If it fails after
 *         the inode's init() has returned 0, evict() runs before it returns.
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_obtain_at(struct finode *dir, const char *name,
						 mode_t mode, void *arg,
						 struct finode **out, bool *created);

/**
 * Finds the inode that the name is known to name. `dir` is borrowed. Never waits.
 * @return a new reference; NULL if none is known, which says nothing about the backend, and
 *         for a name that no entry can have
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_alias_lookup(struct finode *dir,
							       const char *name);

/**
 * Walks the aliases of an inode, the newest first. Begin with NULL, and go on with what the
 * last call returned, which is consumed. No lock is held between the calls. A name that is
 * added, or told again, during the walk may be missed or come twice; one that is removed
 * may still be returned. May block in evict(). The caller holds `inode` and keeps it.
 * @return a new reference to the next alias, which holds its inode and its directory, for
 *         finode_alias_next() or finode_alias_put(); NULL at the end
 * @since 0.1
 */
FINODE_API struct finode_alias *finode_alias_next(struct finode *inode,
						  struct finode_alias *previous);

/**
 * Walks the known children of a directory, in no order that means anything. Begin with
 * NULL, and go on with what the last call returned, which is consumed. No lock is held
 * between the calls, so anything may be done there, to the directory as well. A name that
 * is known during all of the walk is returned exactly once, whatever else comes and goes.
 * One that comes or goes during the walk, as the two names of a rename do, may be returned
 * or not. An inode that is being evicted is left out. May block in evict() of what was
 * consumed. The caller holds `dir` and keeps it.
 *
 * The table knows some names of what the backend has: this is no answer to READDIR.
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
 * Finds the directory that the inode is in: what ".." is. Of a file with several names it
 * is the directory of the newest one; of the root it is the root. `inode` is borrowed. Its
 * own evict() may call this too. Never waits.
 * @return a new reference; NULL if no name of the inode is known, and of a root that ends
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_parent(struct finode *inode);

/**
 * Builds a path of the inode from the root. It begins with "/"; the root's is "/". It was
 * true at some moment during the call, even while others rename everything on it. Every
 * alias is tried, the newest first, until one leads to the root. `inode` is borrowed. Its
 * own evict() may call this too. May block in evict() of a directory on the way that others
 * have put meanwhile.
 * @param buf  ends with a NUL if the call succeeds; undefined if not
 * @return the length without the NUL; -ENOENT if no known alias leads to the root;
 *         -ENAMETOOLONG if one does, but `size` does not hold its path
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD ssize_t finode_path(struct finode *inode, char *buf,
						size_t size);

/**
 * Builds the path that `name` in the directory has, or would have: whether the name is
 * known makes no difference. For a backend that is asked by paths, about what is looked up
 * or made there. It is finode_path() of the directory, with "/" and the name behind it.
 * @param buf  ends with a NUL if the call succeeds; undefined if not
 * @return the length without the NUL; as finode_path() of the directory; -ENOTDIR if `dir`
 *         is no directory; -EINVAL or -ENAMETOOLONG for the name
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD ssize_t finode_path_at(struct finode *dir, const char *name,
						   char *buf, size_t size);

/**
 * Calls component() for each component of a path of the inode, from the root down, for a
 * backend to which a path is more than names between "/". Each alias has the directory, the
 * name in it, and the inode that it names. The first one's directory is the root, and the
 * last one's inode is `inode`; for the root there is no call. Together they were a path at
 * some moment before the first component(), even while others rename everything on it.
 * Names may have changed since then, but the aliases are held until finode_path_each()
 * returns. `inode` is borrowed. Its own evict() may call this too.
 *
 * No lock is held in component(), which may call the library and change names as well. May
 * block there, and in evict() of what others have put meanwhile.
 * @param component  gets each alias, borrowed; if it does not return 0, it is not called
 *                   again
 * @return 0; what component() returned, if not 0; or, without a call of component(),
 *         -ENOENT if no known alias leads to the root, -ENOMEM, or -EINVAL in a table
 *         without aliases, with a line in the log
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
