/* SPDX-License-Identifier: BSD-3-Clause */
#include "names_fixture.h"

static struct names_fixture *fixture_of(const struct finode_alias *alias)
{
	return finode_table_user(alias->dir->mount->table);
}

struct named *named_of(struct finode_alias *base)
{
	return FINODE_CONTAINER_OF(base, struct named, base);
}

static int named_init(struct finode_alias *base, void *arg)
{
	struct names_fixture *n = fixture_of(base);
	struct named *named = named_of(base);

	if (named->canary || named->arg || !base->inode || !base->name[0])
		n->f.broken++;
	if (n->in_init)
		n->in_init(base);
	if (n->init_error)
		return n->init_error;
	named->canary = NAMED_CANARY;
	named->arg = arg;
	n->inits++;
	return 0;
}

static void named_finish(struct finode_alias *base)
{
	struct names_fixture *n = fixture_of(base);
	struct named *named = named_of(base);

	if (named->canary != NAMED_CANARY || base->inode ||
	    object_of(base->dir)->canary != OBJECT_CANARY)
		n->f.broken++;
	if (n->in_finish)
		n->in_finish(base);
	named->canary = 0;
	n->finishes++;
}

static const struct finode_alias_ops named_ops = {
	FINODE_ALIAS_OPS_FOR(struct named, base),
	.init = named_init,
	.finish = named_finish,
};

void names_init(struct names_fixture *n)
{
	memset(n, 0, sizeof(*n));
	fixture_init(&n->f);
	n->f.config.user = n;
	n->f.config.alias_ops = &named_ops;
}

int names_start(struct names_fixture *n)
{
	int err = fixture_start(&n->f);

	n->root = err ? NULL : finode_table_root(n->f.table);
	return err;
}

void names_create(struct names_fixture *n)
{
	names_init(n);
	assert_int_equal(names_start(n), 0);
}

void names_finish(struct names_fixture *n)
{
	fixture_finish(&n->f);
	assert_int_equal(n->inits, n->finishes);
}

static struct finode *make(struct names_fixture *n, uint64_t number, mode_t type)
{
	struct finode *inode;

	assert_true(obtain_as(&n->f, number, type, 0, &inode) >= 0);
	return inode;
}

struct finode *make_dir(struct names_fixture *n, uint64_t number)
{
	return make(n, number, S_IFDIR);
}

struct finode *make_file(struct names_fixture *n, uint64_t number)
{
	return make(n, number, S_IFREG);
}

void must_add(struct finode *dir, const char *name, struct finode *inode)
{
	assert_int_equal(finode_alias_add(dir, name, inode, NULL), FINODE_CREATED);
}

void assert_names(struct finode *dir, const char *name, const struct finode *inode)
{
	struct finode *found = finode_alias_lookup(dir, name);

	finode_put(found);
	assert_ptr_equal(found, inode);
}

void assert_path(struct finode *inode, const char *path)
{
	char buf[4096];
	ssize_t length = finode_path(inode, buf, sizeof(buf));

	if (!path) {
		assert_int_equal(length, -ENOENT);
		return;
	}
	assert_int_equal(length, strlen(path));
	assert_string_equal(buf, path);
}

void assert_alias_count(struct finode *inode, unsigned int count)
{
	struct finode_alias *alias = NULL;
	unsigned int seen = 0;

	while ((alias = finode_alias_next(inode, alias))) {
		assert_ptr_equal(alias->inode, inode);
		seen++;
	}
	assert_int_equal(seen, count);
}
