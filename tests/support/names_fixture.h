/* SPDX-License-Identifier: BSD-3-Clause */
/* A fixture whose table keeps names. */
#ifndef TESTS_NAMES_FIXTURE_H
#define TESTS_NAMES_FIXTURE_H

#include "fixture.h"

struct names_fixture {
	struct fixture f;
	struct finode *root; /* borrowed */
};

/* Prepares everything but the table, as fixture_init(). */
void names_init(struct names_fixture *n);
int names_start(struct names_fixture *n);
void names_create(struct names_fixture *n); /* both, and asserts */
void names_finish(struct names_fixture *n); /* as fixture_finish() */

/* A directory or a file; each asserts, and gives a new reference. */
struct finode *make_dir(struct names_fixture *n, uint64_t number);
struct finode *make_file(struct names_fixture *n, uint64_t number);

/* Adds an alias and asserts success. */
void must_add(struct finode *dir, const char *name, struct finode *inode);

/* The alias itself, with a reference; or NULL. */
struct finode_alias *alias_of(struct finode *dir, const char *name);

/* Asserts what a name leads to; NULL for nothing. */
void assert_names(struct finode *dir, const char *name, const struct finode *inode);
/* Asserts the path; NULL for -ENOENT. */
void assert_path(struct finode *inode, const char *path);
/* Asserts how many aliases the inode has. */
void assert_alias_count(struct finode *inode, unsigned int count);

#endif
