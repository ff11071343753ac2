/* SPDX-License-Identifier: BSD-3-Clause */
/* A fixture whose table has mounts of the author's own: their callbacks are counted and can
 * be told to fail, to block or to lie, as those of the inodes. */
#ifndef TESTS_MOUNTS_FIXTURE_H
#define TESTS_MOUNTS_FIXTURE_H

#include "fixture.h"

/* The author's mount; the base is not at its start. */
struct place {
	uint64_t canary;
	struct finode_mount base;
	struct mounts_fixture *fixture;
	uint64_t value; /* what init() was given */
	unsigned int syncs;
};

struct mounts_fixture {
	struct fixture f;
	struct finode *root;
	struct finode_mount *first;

	_Atomic unsigned int inits, evicts, matches, broken;
	_Atomic int init_error, match_says, sync_error;
	uint64_t failing; /* value of the mount whose sync() fails, 0: every one */
	struct gate *init_gate, *evict_gate;
	void (*in_evict)(struct finode_mount *); /* called in the middle of evict() */
	char synced[64]; /* a letter for each mount that was synced, by value: 'a' is 1 */
};

/* What init() and match() of a mount are given. */
struct where {
	struct mounts_fixture *fixture;
	uint64_t value;
};

/* Everything but the table; `first` is for init() of its first mount. */
void mounts_prepare(struct mounts_fixture *m, struct where *first);
/* `change`, if any, may change the config of the table before it is made. */
void mounts_create_with(struct mounts_fixture *m, void (*change)(struct finode_config *));
void mounts_create(struct mounts_fixture *m);
/* Checks, destroys, and asserts that nothing is left. */
void mounts_finish(struct mounts_fixture *m);

struct place *place_of(struct finode_mount *base);

/* Obtains the mount of a number, in `parent`. Asserts nothing. */
int mount_obtain(struct mounts_fixture *m, struct finode_mount *parent, uint64_t number,
		 struct finode_mount **out);
/* The main thread's: a new one, in the first mount. */
/* The LIVE mount of a number, with a reference; or NULL. */
struct finode_mount *find_mount(struct mounts_fixture *m, uint64_t number);
struct finode_mount *must_mount(struct mounts_fixture *m, uint64_t number);

/* Obtains an inode in a mount. Asserts nothing. */
int obtain_in(struct mounts_fixture *m, struct finode_mount *mount, uint64_t number,
	      mode_t type, struct finode **out);
struct finode *must_obtain_in(struct mounts_fixture *m, struct finode_mount *mount,
			      uint64_t number, mode_t type);

/* The kernel takes submounts; a reply crosses from dir into the inode. */
void mounts_announce(struct mounts_fixture *m);
bool mounts_cross(struct finode *dir, struct finode *inode);

#endif
