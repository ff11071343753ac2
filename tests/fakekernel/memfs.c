/* SPDX-License-Identifier: BSD-3-Clause */
/* See memfs.h. The objects of memfs, its beginning and end; the backend is tree.c. */
#include "memfs.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memfs_objects.h"

struct mem_file {
	struct finode_file base;
	struct memfs *fs;
};

struct mem_object {
	struct mem_place at; /* its node is NULL once init() took it */
	struct stat st;
};

static int mem_init(struct finode *base, void *arg)
{
	struct mem_object *obj = arg;

	struct memfs *fs = obj->at.volume->fs;

	if (fs->init_error)
		return fs->init_error;
	mem_inode(base)->node = obj->at.node;
	mem_inode(base)->serial = obj->at.node->serial;
	mem_inode(base)->tree = obj->at.volume->tree;
	mem_inode(base)->fs = fs;
	obj->at.node = NULL;
	fs->inits++;
	return 0;
}

static int mem_match(struct finode *base, void *arg)
{
	const struct mem_object *obj = arg;

	return mem_inode(base)->serial == obj->at.node->serial;
}

static void mem_unlinked(struct finode *base)
{
	struct mem_inode *inode = mem_inode(base);

	tree_drop(inode->tree, inode->node);
	inode->node = NULL;
}

static int mem_rebind(struct finode *base, void *arg)
{
	struct mem_object *obj = arg;

	mem_inode(base)->node = obj->at.node;
	obj->at.node = NULL;
	return 0;
}

static void mem_evict(struct finode *base)
{
	struct memfs *fs = mem_inode(base)->fs;

	if (mem_inode(base)->node)
		tree_drop(mem_inode(base)->tree, mem_inode(base)->node);
	fs->evicts++;
}

static const struct finode_ops mem_ops = {
	FINODE_OPS_FOR(struct mem_inode, base),
	.init = mem_init,
	.match = mem_match,
	.evict = mem_evict,
};

static const struct finode_ops mem_ops_with_names = {
	FINODE_OPS_FOR(struct mem_inode, base),
	.init = mem_init,
	.match = mem_match,
	.evict = mem_evict,
	.unlinked = mem_unlinked,
	.rebind = mem_rebind,
};

int mem_use(struct finode *inode, struct finode **pinned)
{
	int err = finode_pin(inode);

	if (!err)
		*pinned = inode;
	return err;
}

static int mem_file_init(struct finode_file *base, void *arg)
{
	struct memfs *fs = arg;

	FINODE_CONTAINER_OF(base, struct mem_file, base)->fs = fs;
	base->backing_id = fs->backing_id;
	fs->opens++;
	return 0;
}

static void mem_file_release(struct finode_file *base)
{
	FINODE_CONTAINER_OF(base, struct mem_file, base)->fs->releases++;
}

static const struct finode_file_ops mem_file_ops = {
	FINODE_FILE_OPS_FOR(struct mem_file, base),
	.init = mem_file_init,
	.release = mem_file_release,
};

static struct finode_key mem_key(const struct mem_object *obj)
{
	return (struct finode_key){&obj->st.st_ino, sizeof(obj->st.st_ino), obj->st.st_mode,
				   0};
}

int mem_obtain(struct memfs *fs, struct finode *dir, struct node *node,
	       struct finode **inode, struct finode_entry *entry)
{
	struct mem_object obj = {.at.node = node};
	FINODE_MOUNT_AUTOPUT struct finode_mount *mount = NULL;
	struct stat st;
	int err = mem_cross(fs, dir, &obj.at, &mount);

	tree_stat(obj.at.volume->tree, obj.at.node, &obj.st);
	st = obj.st;
	if (!err)
		err = mem_number(fs, mount, &st);
	if (!err)
		err = finode_obtain(mount, mem_key(&obj), &obj, inode, NULL);
	*entry = FINODE_ENTRY(.attr = st, .entry_timeout = fs->timeout,
			      .attr_timeout = fs->timeout);
	if (fs->bogus_type)
		entry->attr.st_mode ^= S_IFREG ^ S_IFDIR;
	if (fs->bogus_size)
		entry->attr.st_size = -1;
	if (obj.at.node)
		tree_drop(obj.at.volume->tree, obj.at.node);
	mem_volume_put(obj.at.volume);
	return err;
}

/* What a test does to the server is no news; the statistics count it. */
static void quiet_log(enum finode_log_level level, const char *message, void *user)
{
	(void)level;
	(void)message;
	(void)user;
}

int memfs_start(struct memfs *fs, void (*change)(struct finode_config *config, void *arg),
		void *arg)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct mem_object root = {.at.volume = &fs->main};
	int err;

	*fs = (struct memfs){.timeout = 1};
	fs->tree = tree_create(&fs->nodes);
	if (!fs->tree)
		return -ENOMEM;
	mem_volumes_init(fs);
	root.at.node = fs->tree->root;
	tree_hold(fs->tree, root.at.node);
	tree_stat(fs->tree, root.at.node, &root.st);
	config.ops = &mem_ops;
	config.file_ops = &mem_file_ops;
	config.root_key = mem_key(&root);
	config.root_arg = &root;
	config.shards = 4;
	config.log = quiet_log;
	if (change)
		change(&config, arg);
	fs->names = config.aliases;
	fs->mounts = config.mount_ops != NULL;
	config.root_mount_arg = &fs->main;
	err = finode_table_create(&config, &fs->table);
	if (err) {
		if (root.at.node)
			tree_drop(fs->tree, root.at.node);
		mem_volumes_finish(fs);
		tree_destroy(fs->tree);
	}
	return err;
}

void memfs_with_names(struct finode_config *config, void *arg)
{
	(void)arg;
	config->aliases = true;
	config->ops = &mem_ops_with_names;
}

/* Does the alias say what the backend says? */
static bool alias_is_true(struct memfs *fs, const struct finode_alias *alias)
{
	const struct mem_inode *inode = mem_inode(alias->inode);
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	struct mem_place at = {0};
	bool same;

	if (mem_use(alias->dir, &pinned) != 0 ||
	    tree_lookup(mem_inode(alias->dir)->tree, mem_inode(alias->dir)->node,
			alias->name, &at.node) != 0)
		return false;
	mem_cover(fs, alias->dir, &at);
	same = at.node->serial == inode->serial && at.volume->tree == inode->tree;
	tree_drop(at.volume->tree, at.node);
	mem_volume_put(at.volume);
	return same;
}

static int check_names_of(struct memfs *fs, struct finode *inode, char *why, size_t size)
{
	struct finode_alias *alias = NULL;

	while ((alias = finode_alias_next(inode, alias))) {
		if (alias_is_true(fs, alias))
			continue;
		snprintf(why, size, "nodeid %llu has the name '%s', the backend not",
			 (unsigned long long)inode->nodeid, alias->name);
		finode_alias_put(alias);
		return -1;
	}
	return 0;
}

int memfs_check_names(struct memfs *fs, char *why, size_t size)
{
	uint64_t nodeids[64], cursor = 0;
	size_t count;
	int err = 0;

	while (!err && (count = finode_table_nodeids(fs->table, &cursor, nodeids, 64))) {
		for (size_t i = 0; !err && i < count; i++) {
			struct finode *inode = finode_get(fs->table, nodeids[i]);

			if (inode)
				err = check_names_of(fs, inode, why, size);
			finode_put(inode);
		}
	}
	return err;
}

int memfs_remove_behind_the_back(struct memfs *fs, const char *name)
{
	return tree_remove(fs->tree, fs->tree->root, name, 0);
}

void memfs_stop(struct memfs *fs)
{
	finode_table_destroy(fs->table);
	mem_volumes_finish(fs);
	tree_destroy(fs->tree);
}
