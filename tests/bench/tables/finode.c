/* SPDX-License-Identifier: BSD-3-Clause */
/* libfinode as a server uses it: the calls that finode_reply_entry() and the handlers of
 * the examples make, through the public interface. */
#include <finode.h>
#include <sys/stat.h>

#include "table.h"

struct inode {
	struct finode base;
	int fd;
};

/* With and without names it is a table, and the author keeps nothing else. */
static struct inode *inode_of(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct inode, base);
}

static int init(struct finode *base, void *arg)
{
	inode_of(base)->fd = bench_fd(arg);
	return 0;
}

/* A server would close the fd. */
static void evict(struct finode *base)
{
	inode_of(base)->fd = -1;
}

static const struct finode_ops ops = {
	FINODE_OPS_FOR(struct inode, base),
	.init = init,
	.evict = evict,
};

/* Directories are inodes like any other in this benchmark, but for their type. */
static struct finode_key key_of(const struct bench_key *key)
{
	return (struct finode_key){key, sizeof(*key), key->dev & 1 ? S_IFDIR : S_IFREG, 0};
}

static void *create(bool names)
{
	static struct bench_key root = {1, 1};
	struct finode_config config = FINODE_CONFIG_INIT;
	struct finode_table *table;

	config.ops = &ops;
	config.root_key = key_of(&root);
	config.root_arg = &root;
	config.aliases = names;
	if (finode_table_create(&config, &table) != 0)
		bench_die("finode_table_create() failed");
	return table;
}

static void destroy(void *table)
{
	finode_table_destroy(table);
}

static uint64_t lookup(void *table, const struct bench_key *key)
{
	struct finode *inode;
	uint64_t id;

	if (finode_obtain(finode_table_root(table)->mount, key_of(key), (void *)key, &inode,
			  NULL) < 0)
		bench_die("finode_obtain() failed");
	finode_count(inode, 1);
	id = inode->nodeid;
	finode_put(inode);
	return id;
}

static int use(void *table, uint64_t id)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, id);

	return inode ? inode_of(inode)->fd : -1;
}

static void forget(void *table, uint64_t id, uint64_t n)
{
	finode_forget(table, id, n);
}

_Static_assert(sizeof(struct bench_forget) == sizeof(struct finode_forget_one) &&
		       offsetof(struct bench_forget, n) ==
			       offsetof(struct finode_forget_one, nlookup),
	       "both are what the kernel sends");

static void forget_batch(void *table, const struct bench_forget *batch, size_t count)
{
	finode_forget_batch(table, (const void *)batch, count);
}

static void evict_all(void *table)
{
	finode_table_forget_all(table);
}

static uint64_t inodes(void *table)
{
	struct finode_stats stats;

	finode_table_stats(table, &stats, sizeof(stats));
	return stats.inodes - 1; /* the root */
}

static void name_add(void *table, uint64_t dir_id, const char *name, uint64_t id)
{
	FINODE_AUTOPUT struct finode *dir = finode_get(table, dir_id);
	FINODE_AUTOPUT struct finode *inode = finode_get(table, id);

	if (!dir || !inode || finode_alias_add(dir, name, inode, 0) < 0)
		bench_die("finode_alias_add() failed");
}

static uint64_t name_find(void *table, uint64_t dir_id, const char *name)
{
	FINODE_AUTOPUT struct finode *dir = finode_get(table, dir_id);
	FINODE_AUTOPUT struct finode *inode = dir ? finode_alias_lookup(dir, name) : NULL;

	return inode ? inode->nodeid : 0;
}

static void rename_entry(void *table, uint64_t dir_id, const char *name, uint64_t newdir_id,
			 const char *newname)
{
	FINODE_AUTOPUT struct finode *dir = finode_get(table, dir_id);
	FINODE_AUTOPUT struct finode *newdir = finode_get(table, newdir_id);

	if (!dir || !newdir || finode_alias_rename(dir, name, newdir, newname, 0) != 0)
		bench_die("finode_alias_rename() failed");
}

const struct bench_table bench_finode = {
	.name = "finode",
	.server = "this library",
	.checked_ids = true,
	.create = create,
	.destroy = destroy,
	.lookup = lookup,
	.use = use,
	.forget = forget,
	.forget_batch = forget_batch,
	.evict_all = evict_all,
	.inodes = inodes,
	.name_add = name_add,
	.name_find = name_find,
	.rename = rename_entry,
};
