/* SPDX-License-Identifier: BSD-3-Clause */
#include "mounts_fixture.h"

#include "core/mount.h"
#include "core/mounts.h"
#include "mounts/crossing.h"

#define PLACE_CANARY 0x91aceu

struct place *place_of(struct finode_mount *base)
{
	return FINODE_CONTAINER_OF(base, struct place, base);
}

static int place_init(struct finode_mount *base, void *arg)
{
	struct place *place = place_of(base);
	const struct where *where = arg;
	struct mounts_fixture *m = where->fixture;

	if (place->canary || place->value) /* must be zeroed */
		m->broken++;
	if (m->init_gate && where->value != 1)
		gate_pass(m->init_gate);
	if (m->init_error)
		return m->init_error;
	place->canary = PLACE_CANARY;
	place->fixture = m;
	place->value = where->value;
	m->inits++;
	return 0;
}

static int place_match(struct finode_mount *base, void *arg)
{
	const struct where *where = arg;

	if (place_of(base)->canary != PLACE_CANARY)
		where->fixture->broken++;
	where->fixture->matches++;
	return where->fixture->match_says;
}

static void place_evict(struct finode_mount *base)
{
	struct place *place = place_of(base);
	struct mounts_fixture *m = place->fixture;

	if (place->canary != PLACE_CANARY)
		m->broken++;
	if (m->evict_gate)
		gate_pass(m->evict_gate);
	if (m->in_evict)
		m->in_evict(base);
	place->canary = 0;
	m->evicts++;
}

static int place_sync(struct finode_mount *base)
{
	struct place *place = place_of(base);
	struct mounts_fixture *m = place->fixture;
	const size_t used = strlen(m->synced);

	if (place->canary != PLACE_CANARY)
		m->broken++;
	if (used + 1 < sizeof(m->synced)) {
		m->synced[used] = (char)('a' + place->value - 1);
		m->synced[used + 1] = '\0';
	}
	return m->failing == 0 || m->failing == place->value ? m->sync_error : 0;
}

static const struct finode_mount_ops place_ops = {
	FINODE_MOUNT_OPS_FOR(struct place, base),
	.init = place_init,
	.match = place_match,
	.evict = place_evict,
	.sync = place_sync,
};

void mounts_prepare(struct mounts_fixture *m, struct where *first)
{
	*m = (struct mounts_fixture){.match_says = 1};
	*first = (struct where){m, 1};
	fixture_init(&m->f);
	m->f.config.mount_ops = &place_ops;
	m->f.config.root_mount_id = (struct finode_mount_id){{1, 100}};
	m->f.config.root_mount_arg = first;
}

void mounts_create_with(struct mounts_fixture *m, void (*change)(struct finode_config *))
{
	struct where first;

	mounts_prepare(m, &first);
	if (change)
		change(&m->f.config);
	assert_int_equal(fixture_start(&m->f), 0);
	m->root = finode_table_root(m->f.table);
	m->first = m->root->mount;
}

void mounts_create(struct mounts_fixture *m)
{
	mounts_create_with(m, NULL);
}

void mounts_finish(struct mounts_fixture *m)
{
	fixture_finish(&m->f);
	assert_int_equal(m->inits, m->evicts);
	assert_int_equal(m->broken, 0);
}

int mount_obtain(struct mounts_fixture *m, struct finode_mount *parent, uint64_t number,
		 struct finode_mount **out)
{
	const struct finode_mount_id id = {{number, 100}};
	struct where where = {m, number};
	bool created = false;
	int err = finode_mount_obtain(parent, &id, &where, out, &created);

	return err ? err : created ? WAS_CREATED : WAS_FOUND;
}

struct finode_mount *find_mount(struct mounts_fixture *m, uint64_t number)
{
	struct finode_mount *mount = NULL;

	while ((mount = finode__mounts_next(m->f.table, mount)))
		if (mount->id.word[0] == number && !mount_is_detached(mount))
			break;
	return mount;
}

struct finode_mount *must_mount(struct mounts_fixture *m, uint64_t number)
{
	struct finode_mount *mount;

	assert_int_equal(mount_obtain(m, m->first, number, &mount), WAS_CREATED);
	return mount;
}

int obtain_in(struct mounts_fixture *m, struct finode_mount *mount, uint64_t number,
	      mode_t type, struct finode **out)
{
	struct what what = {.fixture = &m->f, .value = number};
	bool created = false;
	int err = finode_obtain(mount, key_of(&number, type), &what, out, &created);

	return err ? err : created ? WAS_CREATED : WAS_FOUND;
}

struct finode *must_obtain_in(struct mounts_fixture *m, struct finode_mount *mount,
			      uint64_t number, mode_t type)
{
	struct finode *inode;

	assert_true(obtain_in(m, mount, number, type, &inode) >= 0);
	return inode;
}

void mounts_announce(struct mounts_fixture *m)
{
	finode__crossings_announce(m->f.table, true);
}

bool mounts_cross(struct finode *dir, struct finode *inode)
{
	return finode__mount_cross(dir, "mnt", inode);
}
