/* SPDX-License-Identifier: BSD-3-Clause */
/* Open files and directories. See file.c. */
#ifndef HOSTFS_FILE_H
#define HOSTFS_FILE_H

#include <finode/file.h>
#include <finode/hostfs.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct entries;

/* The library's part of struct hostfs_file. */
struct file_part {
	struct entries *entries; /* of a directory; owned */
	_Atomic int flags;	 /* as of open(2); F_SETFL changes them, see io.c */
	bool passthrough;	 /* counted by passthrough.c */
};

_Static_assert(sizeof(struct file_part) <= sizeof(((struct hostfs_file *)0)->library),
	       "the library's part of struct hostfs_file");

static inline struct file_part *hostfs__file_part(struct hostfs_file *file)
{
	return (struct file_part *)(void *)file->library;
}

/* For the table. The argument of init() is a struct opened. */
extern const struct finode_file_ops hostfs__file_ops;

/* ---- Opening ---- */

/* What a file is made of; init() of the file takes the fd and the entries. */
struct opened {
	int fd; /* counted in the budget; -1 if there is none */
	int flags;
	struct entries *entries; /* of a directory */
};

#define OPENED_NONE ((struct opened){-1, 0, NULL})

/*
 * An open file of an inode, also for the kernel's passthrough if the config has it.
 * @param out  a new reference beside the one that stands for being open; NULL on failure
 * @return 0; -ENOMEM, -EOVERFLOW, with nothing open, and `opened` as it was or empty
 */
int hostfs__file_open(fuse_req_t req, struct finode *inode, struct opened *opened,
		      struct finode_file **out);

/* Closes and frees what no file has taken. */
void hostfs__opened_drop(fuse_req_t req, struct opened *opened);

/* ---- A request's file ---- */

/*
 * What fi->fh names. Without one, as in a session without OPEN, the inode is opened for
 * this request only.
 */
struct file_use {
	struct finode_file *file;
	struct finode *inode;
	int fd;
	bool own; /* the fd is closed at the end */
};

#define FILE_USE_NONE ((struct file_use){NULL, NULL, -1, false})
#define AUTO_FILE_USE __attribute__((cleanup(hostfs__file_unuse)))

/* @param flags for an open() of this request only. @return 0, -EBADF, -ESTALE, .. */
int hostfs__file_use(fuse_req_t req, fuse_ino_t nodeid, const struct fuse_file_info *fi,
		     int flags, struct file_use *use);
void hostfs__file_unuse(struct file_use *use);

#endif
