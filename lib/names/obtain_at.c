/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inodes that are known by their names only: finode_obtain_at().
 *
 * What identifies such an inode is its alias. While one is made, a key that stands for the
 * name is in the index, as for any other inode, so that nobody else makes one for the same
 * name; when the alias is attached the key is freed, and from then on only the alias leads
 * to the inode, wherever renames take it. At the end the alias outlives evict(), so that
 * who asks for the name waits until that has returned. So a name has one object from
 * init() to the return of evict(), as a key has (guarantee B).
 */
#include <errno.h>
#include <string.h>

#include "base/siphash.h"
#include "base/testing.h"
#include "core/inode.h"
#include "names/alias.h"
#include "names/change.h"

/* What stands for a name while its inode is made: nobody can choose two that are equal. */
struct name_key {
	uint64_t dir;
	uint64_t name[2];
};

static void name_key_init(struct name_key *key, const struct finode *dir, const char *name)
{
	key->dir = dir->nodeid;
	siphash_2_4_128(inode_table(dir)->seed.bytes, name, strlen(name), key->name);
}

/*
 * Gives a LIVE inode its name. If another one has got that while init() ran, by a rename,
 * then what the caller has seen of the backend is older than the rename, or is the very
 * object that was renamed: in both cases the other one is right, and the caller has to look
 * again, since init() has taken what it found. @return 0, or -ESTALE in that case, or
 * another error
 */
static int name_it(struct finode *dir, const char *name, uint32_t hash,
		   struct finode *inode)
{
	struct finode_alias *alias, *doomed = NULL;
	int err = finode__alias_create(dir, name, hash, inode, &alias);

	if (!err) {
		err = finode__alias_place(alias, false, &doomed);
		finode__aliases_end(&doomed);
	}
	FINODE_YIELD("obtain at: named");
	finode__inode_know_by_name(inode);
	if (err == -EEXIST)
		return -ESTALE;
	return err < 0 ? err : 0;
}

static bool is_named(const struct finode *dir, const char *name, uint32_t hash)
{
	struct stripe *stripe = stripe_of(dir);
	bool named;

	lock_take(&stripe->lock);
	named = finode__alias_find(dir, name, hash) != NULL;
	lock_release(&stripe->lock);
	return named;
}

/* @return CREATED; AGAIN; or an error */
static int create_at(struct finode *dir, const char *name, uint32_t hash, mode_t mode,
		     void *arg, struct finode **out)
{
	struct name_key bytes;
	struct finode_key key = {&bytes, sizeof(bytes), mode, 0};
	struct finode *inode;
	int err;

	name_key_init(&bytes, dir, name);
	err = finode__inode_claim(dir->mount, &key, &inode);
	if (err)
		return err;
	/* Nobody else makes one now; but somebody may have, just before. */
	if (is_named(dir, name, hash)) {
		finode__inode_abandon(inode);
		return AGAIN;
	}
	err = finode__inode_begin(inode, arg);
	if (err)
		return err;
	err = name_it(dir, name, hash, inode);
	if (err) {
		finode_put(inode);
		return err;
	}
	*out = inode;
	return CREATED;
}

/* One try: what is there, or a new one. @return FOUND; CREATED; AGAIN; or an error */
static int obtain_once(struct finode *dir, const char *name, uint32_t hash, mode_t mode,
		       void *arg, struct finode **out)
{
	struct finode *inode;
	int same, err;

	err = finode__alias_await(dir, name, hash, &inode, NULL);
	if (err)
		return err;
	FINODE_YIELD("obtain at: looked");
	if (!inode)
		return create_at(dir, name, hash, mode, arg, out);
	same = finode__inode_is_same(inode, mode, arg);
	if (same > 0) {
		err = finode__inode_use(inode, arg, out);
		return err ? err : FOUND;
	}
	if (same == 0)
		finode_retire(inode);
	finode_put(inode);
	return same < 0 ? same : AGAIN;
}

int finode_obtain_at(struct finode *dir, const char *name, mode_t mode, void *arg,
		     struct finode **out, bool *created)
{
	struct finode_table *table = inode_table(dir);
	int result = finode__name_fault(dir, name);
	uint32_t hash;

	*out = NULL;
	if (result)
		return result;
	if (!type_is_known(mode))
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_TYPE],
				      "finode_obtain_at(): mode %#o is of no type",
				      (unsigned int)mode);
	if (mount_is_detached(dir->mount))
		return -ESTALE;
	hash = finode__name_hash(names_of(dir), name);
	do
		result = obtain_once(dir, name, hash, mode, arg, out);
	while (result == AGAIN);
	if (result < 0)
		return result;
	if (created)
		*created = result == CREATED;
	return 0;
}
