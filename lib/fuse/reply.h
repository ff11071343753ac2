/* SPDX-License-Identifier: BSD-3-Clause */
/* What an entry is, for everything in the glue that writes one. */
#ifndef FINODE_LIB_REPLY_H
#define FINODE_LIB_REPLY_H

#include "finode/fuse.h"

struct fuse_entry_out;

/*
 * What is wrong with an entry, in words; NULL if nothing is. `created`: as of struct
 * finode_entry.
 */
const char *finode__entry_fault(const struct finode *dir, const char *name,
				const struct finode *inode,
				const struct finode_entry *entry, mode_t created);

/*
 * Records the name of an entry that is to be counted, in a table with aliases.
 * @return 0, or an error of finode_alias_add()
 */
int finode__entry_name(struct finode *dir, const char *name, struct finode *inode,
		       const struct finode_entry *entry);

/* Counts, and the first time logs, that an entry was refused. */
void finode__entry_note_refusal(struct finode *inode, const char *name, const char *fault);

/* Counts that a counted reply did not reach the kernel. */
void finode__entry_note_failure(struct finode_table *table);

/*
 * Writes the entry and, if the inode is the root of a submount and the kernel takes those,
 * announces it: a reply that then does not reach the kernel is to be withdrawn.
 * @return 0, or -ENOMEM with nothing announced
 */
int finode__entry_fill(struct fuse_entry_out *out, struct finode *dir, const char *name,
		       struct finode *inode, const struct finode_entry *entry);
/* Takes back the announcement and the count of an entry that did not arrive. */
void finode__entry_undo(const struct fuse_entry_out *out, struct finode *inode);

#endif
