/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worlds with mounts: several trees, whose inode numbers and serials are the same, one
 * mounted over a name of the other.
 *
 * This file owns the volumes. A request that crosses holds the volume until it is through,
 * and the struct mem_mount from its init() to its evict(): so a tree ends when it is not
 * mounted any more and its last inode has gone.
 */
#include <errno.h>
#include <stdlib.h>

#include "memfs_objects.h"

static struct mem_mount *mem_mount(struct finode_mount *base)
{
	return FINODE_CONTAINER_OF(base, struct mem_mount, base);
}

/* ---- Volumes ---- */

void mem_volumes_init(struct memfs *fs)
{
	pthread_mutex_init(&fs->volume_mutex, NULL);
	fs->main = (struct mem_volume){
		.fs = fs, .tree = fs->tree, .root = fs->tree->root, .mounted = true};
	fs->main.refs = 1;
}

/* The trees of those that are mounted, then what is left of all. */
void mem_volumes_finish(struct memfs *fs)
{
	struct mem_volume *volume;

	while ((volume = fs->volumes)) {
		if (volume->mounted) {
			tree_cover(volume->below->tree, volume->covered, 0);
			tree_drop(volume->below->tree, volume->covered);
			mem_volume_put(volume);
		}
		fs->volumes = volume->next;
		free(volume);
	}
	pthread_mutex_destroy(&fs->volume_mutex);
}

void mem_volume_put(struct mem_volume *volume)
{
	struct memfs *fs = volume->fs;
	bool last;

	pthread_mutex_lock(&fs->volume_mutex);
	last = --volume->refs == 0;
	pthread_mutex_unlock(&fs->volume_mutex);
	if (!last)
		return;
	if (volume->root != volume->tree->root)
		tree_drop(volume->tree, volume->root);
	tree_destroy(volume->tree);
	volume->tree = NULL;
}

/* The volume that is mounted over a node, with a reference; or NULL */
static struct mem_volume *covering_locked(struct memfs *fs, const struct node *node)
{
	struct mem_volume *volume = fs->volumes;

	while (volume && !(volume->mounted && volume->covered == node))
		volume = volume->next;
	if (volume)
		volume->refs++;
	return volume;
}

/* The volume that a directory is in, with a reference. */
static struct mem_volume *volume_of(struct memfs *fs, const struct finode *dir)
{
	struct mem_volume *volume = fs->mounts ? mem_mount(dir->mount)->volume : &fs->main;

	pthread_mutex_lock(&fs->volume_mutex);
	volume->refs++;
	pthread_mutex_unlock(&fs->volume_mutex);
	return volume;
}

void mem_cover(struct memfs *fs, struct finode *dir, struct mem_place *at)
{
	struct mem_volume *above;

	at->volume = volume_of(fs, dir);
	for (;;) {
		pthread_mutex_lock(&fs->volume_mutex);
		above = covering_locked(fs, at->node);
		pthread_mutex_unlock(&fs->volume_mutex);
		if (!above)
			return;
		tree_drop(at->volume->tree, at->node);
		mem_volume_put(at->volume);
		tree_hold(above->tree, above->root);
		*at = (struct mem_place){above, above->root};
	}
}

/* ---- Mounts of the table ---- */

static int mem_mount_init(struct finode_mount *base, void *arg)
{
	struct mem_volume *volume = arg;
	bool mounted;

	pthread_mutex_lock(&volume->fs->volume_mutex);
	mounted = volume->mounted;
	volume->refs += mounted;
	pthread_mutex_unlock(&volume->fs->volume_mutex);
	/* A request that was on its way when the volume went comes too late. */
	if (!mounted)
		return -ESTALE;
	mem_mount(base)->volume = volume;
	volume->inits++;
	volume->fs->mount_inits++;
	return 0;
}

static int mem_mount_match(struct finode_mount *base, void *arg)
{
	return mem_mount(base)->volume == arg;
}

static void mem_mount_evict(struct finode_mount *base)
{
	struct mem_volume *volume = mem_mount(base)->volume;

	volume->evicts++;
	volume->fs->mount_evicts++;
	mem_volume_put(volume);
}

static int mem_mount_sync(struct finode_mount *base)
{
	struct mem_volume *volume = mem_mount(base)->volume;

	volume->syncs++;
	return volume->sync_error;
}

static const struct finode_mount_ops mem_mount_ops = {
	FINODE_MOUNT_OPS_FOR(struct mem_mount, base),
	.init = mem_mount_init,
	.match = mem_mount_match,
	.evict = mem_mount_evict,
	.sync = mem_mount_sync,
};

void memfs_with_mounts(struct finode_config *config, void *arg)
{
	(void)arg;
	config->mount_ops = &mem_mount_ops;
}

int mem_cross(struct memfs *fs, struct finode *dir, struct mem_place *at,
	      struct finode_mount **mount)
{
	int err = 0;

	mem_cover(fs, dir, at);
	if (!fs->mounts || at->volume == mem_mount(dir->mount)->volume)
		*mount = finode_mount_hold(dir->mount);
	else
		err = finode_mount_obtain(dir->mount, &at->volume->id, at->volume, mount,
					  NULL);
	return err < 0 ? err : 0;
}

int mem_number(const struct memfs *fs, struct finode_mount *mount, struct stat *st)
{
	uint64_t ino = st->st_ino;
	int err = fs->mounts ? finode_mount_ino(mount, 1, st->st_ino, &ino) : 0;

	st->st_ino = ino;
	return err;
}

int mem_stat(struct finode *inode, struct stat *st)
{
	tree_stat(mem_inode(inode)->tree, mem_inode(inode)->node, st);
	return mem_number(mem_inode(inode)->fs, inode->mount, st);
}

/* ---- What a test does ---- */

/* What is to be covered; made if there is nothing. A reference, or NULL */
static struct node *node_to_cover(struct mem_volume *below, const char *name, mode_t type)
{
	struct node *node = NULL;

	if (tree_lookup(below->tree, below->root, name, &node) != 0 &&
	    tree_make(below->tree, below->root, name, type | 0755, &node) != 0)
		return NULL;
	if ((node->mode & S_IFMT) == type && !node->covered)
		return node;
	tree_drop(below->tree, node);
	return NULL;
}

static struct mem_volume *volume_create(struct memfs *fs, mode_t type)
{
	struct mem_volume *volume = calloc(1, sizeof(*volume));

	if (!volume || !(volume->tree = tree_create(&fs->nodes))) {
		free(volume);
		return NULL;
	}
	volume->fs = fs;
	volume->root = volume->tree->root;
	if (type != S_IFDIR)
		tree_make(volume->tree, volume->tree->root, "root", type | 0644,
			  &volume->root);
	volume->refs = 1;
	volume->mounted = true;
	return volume;
}

struct mem_volume *memfs_mount(struct memfs *fs, struct mem_volume *below, const char *name,
			       mode_t type)
{
	struct node *covered = node_to_cover(below, name, type);
	struct mem_volume *volume = covered ? volume_create(fs, type) : NULL;

	if (!volume)
		return NULL;
	tree_cover(below->tree, covered, 1);
	volume->covered = covered;
	volume->below = below;
	pthread_mutex_lock(&fs->volume_mutex);
	volume->id.word[0] = ++fs->volume_ids;
	volume->next = fs->volumes;
	fs->volumes = volume;
	pthread_mutex_unlock(&fs->volume_mutex);
	return volume;
}

/* From now on nobody crosses into it. */
static int leave_volumes(struct memfs *fs, struct mem_volume *volume)
{
	int err = 0;

	pthread_mutex_lock(&fs->volume_mutex);
	for (const struct mem_volume *v = fs->volumes; v; v = v->next)
		if (v->mounted && v->below == volume)
			err = -EBUSY;
	if (!err)
		volume->mounted = false;
	pthread_mutex_unlock(&fs->volume_mutex);
	return err;
}

int memfs_umount(struct memfs *fs, struct mem_volume *volume)
{
	FINODE_MOUNT_AUTOPUT struct finode_mount *mount = NULL;
	/* Waits for one that is being made: that must be detached too. */
	int err = finode_mount_obtain(finode_table_root(fs->table)->mount, &volume->id,
				      volume, &mount, NULL);

	err = err < 0 ? err : leave_volumes(fs, volume);
	if (err)
		return err;
	tree_cover(volume->below->tree, volume->covered, 0);
	tree_drop(volume->below->tree, volume->covered);
	finode_mount_detach(mount);
	mem_volume_put(volume);
	return 0;
}

int memfs_make_behind_the_back(struct mem_volume *volume, const char *name)
{
	struct node *node;
	int err = tree_make(volume->tree, volume->root, name, S_IFREG | 0644, &node);

	if (!err)
		tree_drop(volume->tree, node);
	return err;
}
