/* SPDX-License-Identifier: BSD-3-Clause */
#include "names_fixture.h"

void names_init(struct names_fixture *n)
{
	memset(n, 0, sizeof(*n));
	fixture_init(&n->f);
	n->f.config.aliases = true;
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
	assert_int_equal(finode_alias_add(dir, name, inode, 0), 0);
}

struct finode_alias *alias_of(struct finode *dir, const char *name)
{
	FINODE_AUTOPUT struct finode *inode = finode_alias_lookup(dir, name);
	struct finode_alias *alias = NULL;

	while (inode && (alias = finode_alias_next(inode, alias)))
		if (alias->dir == dir && strcmp(alias->name, name) == 0)
			break;
	return alias;
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
