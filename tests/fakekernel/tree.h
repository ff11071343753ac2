/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend of memfs: directories, names and links in memory, behind one lock. Node
 * pointers are references: take with tree_hold(), drop with tree_drop().
 */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

struct node {
	uint64_t ino;	 /* used again as soon as nlink is 0 */
	uint64_t serial; /* never used again */
	mode_t mode;
	unsigned int nlink, refs;
	int unnamed;	    /* made without a name, and never given one */
	int covered;	    /* another tree is mounted over it: it keeps its name */
	struct name *names; /* of a directory, in the order of their offsets */
	uint64_t next_off;
};

struct name {
	char *text;
	struct node *node;
	uint64_t off; /* of the entry behind it; never changes */
	struct name *next;
};

#define TREE_INOS 4096

struct tree {
	pthread_mutex_t mutex;
	struct node *root;
	_Atomic long *live; /* counts nodes */
	unsigned char used[TREE_INOS];
	uint64_t serials;
};

struct tree *tree_create(_Atomic long *live);
void tree_destroy(struct tree *tree);
void tree_hold(struct tree *tree, struct node *node);
void tree_drop(struct tree *tree, struct node *node);

/* Each returns 0 or a negative errno; *out is a new reference. */
int tree_lookup(struct tree *tree, struct node *dir, const char *name, struct node **out);
int tree_make(struct tree *tree, struct node *dir, const char *name, mode_t mode,
	      struct node **out);
/* An object without a name, as O_TMPFILE makes; tree_link() may give it one. */
int tree_make_unnamed(struct tree *tree, mode_t mode, struct node **out);
int tree_link(struct tree *tree, struct node *node, struct node *dir, const char *name);
int tree_remove(struct tree *tree, struct node *dir, const char *name, int directory);
int tree_rename(struct tree *tree, struct node *dir, const char *name, struct node *newdir,
		const char *newname, unsigned int flags);
/* Whether another tree is mounted over the node. */
void tree_cover(struct tree *tree, struct node *node, int covered);
/* The first entry behind offset `off`; name[] has room for 256. -ENOENT at the end. */
int tree_next(struct tree *tree, struct node *dir, uint64_t off, char *name, uint64_t *next,
	      struct node **out);
void tree_stat(struct tree *tree, const struct node *node, struct stat *st);

#endif
