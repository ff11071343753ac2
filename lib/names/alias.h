/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of an alias: see alias.c. `doomed` is everywhere a list of aliases that are to
 * end once no lock is held.
 */
#ifndef FINODE_LIB_ALIAS_H
#define FINODE_LIB_ALIAS_H

#include "names/names.h"

uint32_t finode__name_hash(const struct names *names, const char *name);
/* 0, or why the name cannot be one of an entry of dir; -EINVAL has a line in the log. */
int finode__name_fault(const struct finode *dir, const char *name);
/* With the directory's stripe held: the alias, borrowed, or NULL. */
struct finode_alias *finode__alias_find(const struct finode *dir, const char *name,
					uint32_t hash);
/*
 * What a name names, with a reference; and, if `alias` is not NULL, with one to the alias.
 * Waits while that is being evicted. @return 0, with NULL if nothing is known; -EDEADLK;
 * -EOVERFLOW
 */
int finode__alias_await(struct finode *dir, const char *name, uint32_t hash,
			struct finode **inode, struct finode_alias **alias);
/* With the inode's stripe held: its newest attached alias, or its oldest; or NULL. */
struct finode_alias *finode__alias_first(const struct finode *inode);
struct finode_alias *finode__alias_last(const struct finode *inode);
/*
 * One step of a walk, as finode_alias_next(), or the end of it; but without references to
 * the inode, whose caller has one, or is its evict().
 */
struct finode_alias *finode__alias_step(struct finode *inode, struct finode_alias *previous,
					bool further);
/* Makes an alias that nobody sees yet. Takes a reference to dir. */
int finode__alias_create(struct finode *dir, const char *name, uint32_t hash,
			 struct finode *inode, struct finode_alias **out);
/* Both with the stripes of dir and inode held, and the tree if it is a directory. */
void finode__alias_attach(struct finode_alias *alias);
void finode__alias_detach(struct finode_alias *alias, struct finode_alias **doomed);
/* With the inode's stripe held: it is the newest of its inode from now on. */
void finode__alias_renew(struct finode_alias *alias);
void finode__alias_doom(struct finode_alias *alias, struct finode_alias **doomed);
/*
 * The end of a table takes an inode from whoever still has it, and so its aliases, which
 * are not attached any more. They may still be put: their memory stays until the end.
 */
void finode__aliases_abandon(struct finode *inode);
void finode__aliases_free_abandoned(struct names *names);
/* Ends all of them, and puts their directories. No lock is held. May evict. */
void finode__aliases_end(struct finode_alias **doomed);

#endif
