/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plain model of names: arrays, no locks, no hashes, no references. It says what is at
 * every name, which names an inode has in their order, who is alive, and every path.
 */
#ifndef TESTS_NAMES_MODEL_H
#define TESTS_NAMES_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_DIRS   7 /* inode 0 is the root */
#define WORLD_INODES 11
#define WORLD_NAMES  5 /* "a" .. "e" in each directory */
#define NOBODY	     -1

/* What is at one name. Small: the stress test keeps many worlds. */
struct place {
	int8_t inode; /* or NOBODY */
	uint32_t age; /* rising: an inode's names are walked oldest first */
};

struct world {
	struct place places[WORLD_DIRS][WORLD_NAMES];
	bool held[WORLD_INODES]; /* by the test; the root always */
	bool alive[WORLD_INODES];
	uint32_t clock;
};

void world_init(struct world *w);
bool world_is_dir(int inode);

/* Each as the function of alias.h. What the test does not hold may end: world_settle(). */
int world_add(struct world *w, int dir, int name, int inode, unsigned int nlink);
int world_remove(struct world *w, int dir, int name, int inode_or_nobody);
int world_rename(struct world *w, int olddir, int oldname, int newdir, int newname,
		 bool exchange);
void world_retire(struct world *w, int inode); /* its names go */

/* Ends what nobody holds, by reference or by a name in it. */
void world_settle(struct world *w);

/* The path as finode_path() says it; false if there is none. */
bool world_path(const struct world *w, int inode, char *buf, size_t size);
/* The inode that a path leads to, or NOBODY. */
int world_resolve(const struct world *w, const char *path);
/* The directory of the oldest name, or NOBODY. */
int world_parent(const struct world *w, int inode);
unsigned int world_count(const struct world *w, int inode); /* names of it */

#endif
