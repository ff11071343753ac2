/* SPDX-License-Identifier: BSD-3-Clause */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t ino_take_locked(struct tree *tree)
{
	for (uint64_t ino = 1; ino < TREE_INOS; ino++) {
		if (!tree->used[ino]) {
			tree->used[ino] = 1;
			return ino;
		}
	}
	return 0;
}

static struct node *node_create_locked(struct tree *tree, mode_t mode)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->ino = ino_take_locked(tree);
	node->serial = ++tree->serials;
	node->mode = mode;
	if (node->ino == 0) {
		free(node);
		return NULL;
	}
	(*tree->live)++;
	return node;
}

static void drop_locked(struct tree *tree, struct node *node)
{
	if (--node->refs > 0)
		return;
	if (node->unnamed)
		tree->used[node->ino] = 0;
	(*tree->live)--;
	free(node);
}

static void unlink_node_locked(struct tree *tree, struct node *node)
{
	if (--node->nlink == 0)
		tree->used[node->ino] =
			0; /* the number is free though others hold the node */
	drop_locked(tree, node);
}

static struct name **find_locked(struct node *dir, const char *text)
{
	struct name **link = &dir->names;

	while (*link && strcmp((*link)->text, text) != 0)
		link = &(*link)->next;
	return link;
}

/* Takes a reference for the name. */
static int add_locked(struct node *dir, const char *text, struct node *node)
{
	struct name **end = find_locked(dir, text);
	struct name *name = calloc(1, sizeof(*name));

	if (!name || !(name->text = strdup(text))) {
		free(name);
		return -ENOMEM;
	}
	name->node = node;
	name->off = ++dir->next_off;
	node->refs++;
	node->nlink++;
	*end = name;
	return 0;
}

static void cut_locked(struct tree *tree, struct name **link)
{
	struct name *name = *link;

	*link = name->next;
	unlink_node_locked(tree, name->node);
	free(name->text);
	free(name);
}

struct tree *tree_create(_Atomic long *live)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	pthread_mutex_init(&tree->mutex, NULL);
	tree->live = live;
	tree->root = node_create_locked(tree, S_IFDIR | 0755);
	tree->root->refs = tree->root->nlink = 1;
	return tree;
}

static void empty_locked(struct tree *tree, struct node *dir)
{
	while (dir->names) {
		if (S_ISDIR(dir->names->node->mode))
			empty_locked(tree, dir->names->node);
		cut_locked(tree, &dir->names);
	}
}

void tree_destroy(struct tree *tree)
{
	empty_locked(tree, tree->root);
	unlink_node_locked(tree, tree->root);
	pthread_mutex_destroy(&tree->mutex);
	free(tree);
}

void tree_hold(struct tree *tree, struct node *node)
{
	pthread_mutex_lock(&tree->mutex);
	node->refs++;
	pthread_mutex_unlock(&tree->mutex);
}

void tree_drop(struct tree *tree, struct node *node)
{
	pthread_mutex_lock(&tree->mutex);
	drop_locked(tree, node);
	pthread_mutex_unlock(&tree->mutex);
}

int tree_lookup(struct tree *tree, struct node *dir, const char *name, struct node **out)
{
	struct name *found;

	pthread_mutex_lock(&tree->mutex);
	found = *find_locked(dir, name);
	if (found) {
		*out = found->node;
		found->node->refs++;
	}
	pthread_mutex_unlock(&tree->mutex);
	return found ? 0 : -ENOENT;
}

int tree_make(struct tree *tree, struct node *dir, const char *name, mode_t mode,
	      struct node **out)
{
	int err = -ENOMEM;

	*out = NULL;
	pthread_mutex_lock(&tree->mutex);
	if (dir->nlink == 0)
		err = -ENOENT;
	else if (*find_locked(dir, name))
		err = -EEXIST;
	else if ((*out = node_create_locked(tree, mode)))
		err = add_locked(dir, name, *out);
	if (!err)
		(*out)->refs++;
	pthread_mutex_unlock(&tree->mutex);
	return err;
}

int tree_make_unnamed(struct tree *tree, mode_t mode, struct node **out)
{
	pthread_mutex_lock(&tree->mutex);
	*out = node_create_locked(tree, mode);
	if (*out)
		(*out)->refs = (*out)->unnamed = 1;
	pthread_mutex_unlock(&tree->mutex);
	return *out ? 0 : -ENOMEM;
}

int tree_link(struct tree *tree, struct node *node, struct node *dir, const char *name)
{
	int err;

	pthread_mutex_lock(&tree->mutex);
	if (S_ISDIR(node->mode))
		err = -EPERM;
	else if ((node->nlink == 0 && !node->unnamed) || dir->nlink == 0)
		err = -ENOENT;
	else if (*find_locked(dir, name))
		err = -EEXIST;
	else if (node->covered)
		err = -EBUSY;
	else
		err = add_locked(dir, name, node);
	if (!err)
		node->unnamed = 0;
	pthread_mutex_unlock(&tree->mutex);
	return err;
}

static int may_remove_locked(const struct name *name, int directory)
{
	if (!name)
		return -ENOENT;
	if (directory && !S_ISDIR(name->node->mode))
		return -ENOTDIR;
	if (!directory && S_ISDIR(name->node->mode))
		return -EISDIR;
	if (name->node->covered)
		return -EBUSY;
	return name->node->names ? -ENOTEMPTY : 0;
}

int tree_remove(struct tree *tree, struct node *dir, const char *name, int directory)
{
	struct name **link;
	int err;

	pthread_mutex_lock(&tree->mutex);
	link = find_locked(dir, name);
	err = may_remove_locked(*link, directory);
	if (!err)
		cut_locked(tree, link);
	pthread_mutex_unlock(&tree->mutex);
	return err;
}

static int contains_locked(const struct node *dir, const struct node *node)
{
	if (dir == node)
		return 1;
	for (const struct name *name = dir->names; name; name = name->next)
		if (S_ISDIR(name->node->mode) && contains_locked(name->node, node))
			return 1;
	return 0;
}

static int exchange_locked(struct name *from, struct name *to, const struct node *dir,
			   const struct node *newdir)
{
	struct node *swap = from->node;

	if (!to)
		return -ENOENT;
	if (contains_locked(from->node, newdir) || contains_locked(to->node, dir))
		return -EINVAL;
	if (from->node->covered || to->node->covered)
		return -EBUSY;
	from->node = to->node;
	to->node = swap;
	return 0;
}

static int move_locked(struct tree *tree, struct node *dir, const char *name,
		       struct node *newdir, const char *newname, unsigned int flags)
{
	struct name **from = find_locked(dir, name), **to = find_locked(newdir, newname);
	int err;

	if (!*from || newdir->nlink == 0)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE)
		return exchange_locked(*from, *to, dir, newdir);
	if (*to && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (contains_locked((*from)->node, newdir))
		return -EINVAL;
	if ((*from)->node->covered)
		return -EBUSY;
	if (*to && (*to)->node == (*from)->node)
		return 0;
	if (*to) {
		err = may_remove_locked(*to, S_ISDIR((*from)->node->mode));
		if (err)
			return err;
		cut_locked(tree, to);
	}
	from = find_locked(dir, name);
	err = add_locked(newdir, newname, (*from)->node);
	if (!err)
		cut_locked(tree, find_locked(dir, name));
	return err;
}

int tree_rename(struct tree *tree, struct node *dir, const char *name, struct node *newdir,
		const char *newname, unsigned int flags)
{
	struct node *whiteout;
	int err;

	pthread_mutex_lock(&tree->mutex);
	err = move_locked(tree, dir, name, newdir, newname, flags);
	/* Two names of one object: rename does nothing, and leaves no whiteout. */
	if (!err && flags & RENAME_WHITEOUT && !*find_locked(dir, name)) {
		whiteout = node_create_locked(tree, S_IFCHR | 0600);
		if (whiteout)
			add_locked(dir, name, whiteout);
	}
	pthread_mutex_unlock(&tree->mutex);
	return err;
}

void tree_cover(struct tree *tree, struct node *node, int covered)
{
	pthread_mutex_lock(&tree->mutex);
	node->covered += covered ? 1 : -1;
	pthread_mutex_unlock(&tree->mutex);
}

int tree_next(struct tree *tree, struct node *dir, uint64_t off, char *name, uint64_t *next,
	      struct node **out)
{
	struct name *found;

	pthread_mutex_lock(&tree->mutex);
	for (found = dir->names; found && found->off <= off; found = found->next)
		;
	if (found) {
		snprintf(name, 256, "%s", found->text);
		*next = found->off;
		*out = found->node;
		found->node->refs++;
	}
	pthread_mutex_unlock(&tree->mutex);
	return found ? 0 : -ENOENT;
}

void tree_stat(struct tree *tree, const struct node *node, struct stat *st)
{
	pthread_mutex_lock(&tree->mutex);
	*st = (struct stat){
		.st_ino = node->ino, .st_mode = node->mode, .st_nlink = node->nlink};
	pthread_mutex_unlock(&tree->mutex);
}
