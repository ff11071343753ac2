/* SPDX-License-Identifier: BSD-3-Clause */
/* The modes of the randomised test that go through libfuse and the fake kernel. */
#include "fakekernel/fakekernel.h"
#include "fakekernel/memfs.h"
#include "randomised.h"

#include <linux/fuse.h>
#include <stdio.h>

struct fuse_world {
	struct memfs fs;
	struct fakekernel *fk;
	uint64_t seed, steps;
	bool lies; /* every fourth seed: a kernel whose books mean nothing */
	unsigned int mounts;
	bool mounts_stay;
};

static void be_client(void *arg, unsigned int number)
{
	struct fuse_world *w = arg;
	struct fk_client c;

	fk_client_init(&c, w->fk, w->seed * THREADS + number + 1);
	c.refuse_percent = (unsigned int)(w->seed % 3) * 10;
	c.lie_percent = w->lies ? 20 : 0;
	c.mounts = w->mounts;
	c.mounts_stay = w->mounts_stay;
	fk_client_play(&c, w->steps / THREADS);
}

bool run_fuse(uint64_t seed, uint64_t steps)
{
	static struct fuse_world w;
	struct fk_options options = {.workers = 1};
	struct fk_client c;
	char why[200];

	if (memfs_start(&w.fs, seed % 2 ? memfs_with_names : NULL, NULL) != 0)
		return complain("memfs could not start");
	options.server = memfs_server(&w.fs);
	options.workers = 1 + (unsigned int)(seed % 8);
	w.seed = seed;
	w.lies = seed % 4 == 3;
	w.steps = steps / 20; /* one costs as much as many of the table's */
	w.fk = fk_start(&options);
	run_threads(THREADS, be_client, &w);
	totals->steps[MODE_FUSE] += w.steps;
	totals->messages += fk_messages(w.fk);
	if (finode_table_check(w.fs.table, why, sizeof(why)) != 0)
		return complain(why);
	if (!w.lies && fk_compare(w.fk, why, sizeof(why)) != 0)
		return complain(why);
	if (w.fs.names && memfs_check_names(&w.fs, why, sizeof(why)) != 0)
		return complain(why);
	if (!w.lies && fk_complaint(w.fk))
		return complain(fk_complaint(w.fk));
	if (seed % 2 && !w.lies) {
		fk_client_init(&c, w.fk, 1);
		fk_forget_everything(&c);
		if (fk_compare(w.fk, why, sizeof(why)) != 0)
			return complain(why);
	}
	fk_stop(w.fk, seed % 4 < 2);
	memfs_stop(&w.fs);
	if (w.fs.inits != w.fs.evicts || w.fs.opens != w.fs.releases || w.fs.nodes)
		return complain("something is left at the end of the session");
	return true;
}

#define WORLD_MOUNTS 3

static void configure_mounts(struct finode_config *config, void *seed)
{
	memfs_with_mounts(config, NULL);
	if (*(const uint64_t *)seed % 5 == 0)
		memfs_with_names(config, NULL);
}

/* One of the threads takes mounts away and puts others in their place. */
static void come_and_go(struct fuse_world *w, struct mem_volume **volumes)
{
	uint64_t random = spread(w->seed);
	char name[16];

	for (uint64_t i = 0; i < 20 + w->steps / 100; i++) {
		unsigned int n = (unsigned int)(next_random(&random) % WORLD_MOUNTS);

		snprintf(name, sizeof(name), "m%u", n);
		if (volumes[n] && memfs_umount(&w->fs, volumes[n]) == 0)
			volumes[n] = NULL;
		else if (!volumes[n])
			volumes[n] = memfs_mount(&w->fs, &w->fs.main, name, S_IFDIR);
		usleep((unsigned int)(next_random(&random) % 500));
	}
}

static void be_client_or_mounter(void *arg, unsigned int number)
{
	struct mem_volume *volumes[WORLD_MOUNTS];
	struct fuse_world *w = arg;
	char name[16];

	if (number > 0 || w->mounts_stay) {
		be_client(w, number);
		return;
	}
	for (unsigned int i = 0; i < WORLD_MOUNTS; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		volumes[i] = memfs_mount(&w->fs, &w->fs.main, name, S_IFDIR);
	}
	come_and_go(w, volumes);
}

/* A tree of mounts that stays: two in the root, and two in one of them. */
static void mount_some(struct memfs *fs)
{
	struct mem_volume *volume = memfs_mount(fs, &fs->main, "m1", S_IFDIR);

	memfs_mount(fs, &fs->main, "m0", S_IFDIR);
	memfs_mount(fs, volume, "m0", S_IFDIR);
	memfs_mount(fs, volume, "m2", S_IFDIR);
}

static bool mounts_are_fine(struct fuse_world *w)
{
	struct finode_stats s;
	struct fk_client c;
	char why[200];

	if (w->mounts_stay && fk_compare(w->fk, why, sizeof(why)) != 0)
		return complain(why);
	fk_client_init(&c, w->fk, 1);
	fk_forget_everything(&c);
	if (fk_compare(w->fk, why, sizeof(why)) != 0)
		return complain(why);
	if (finode_table_check(w->fs.table, why, sizeof(why)) != 0)
		return complain(why);
	if (w->fs.names && memfs_check_names(&w->fs, why, sizeof(why)) != 0)
		return complain(why);
	if (fk_complaint(w->fk))
		return complain(fk_complaint(w->fk));
	finode_table_stats(w->fs.table, &s, sizeof(s));
	if (s.inodes != 1 + s.roots_kept || s.forgets_unknown || s.forgets_clamped)
		return complain("a FORGET was a lie, or more stays than roots");
	return true;
}

bool run_mounts(uint64_t seed, uint64_t steps)
{
	static struct fuse_world w;
	struct fk_options options = {.workers = 1 + (unsigned int)(seed % 8)};
	bool fine;

	if (memfs_start(&w.fs, configure_mounts, &seed) != 0)
		return complain("memfs could not start");
	options.server = memfs_server(&w.fs);
	options.old_submounts = seed % 3 == 0;
	options.no_flags = seed % 3 == 1 ? FUSE_SUBMOUNTS : 0;
	w.seed = seed;
	w.steps = steps / 20;
	w.mounts = WORLD_MOUNTS;
	w.mounts_stay = seed % 2;
	w.fk = fk_start(&options);
	if (w.mounts_stay)
		mount_some(&w.fs);
	run_threads(THREADS, be_client_or_mounter, &w);
	totals->steps[MODE_MOUNTS] += w.steps;
	totals->messages += fk_messages(w.fk);
	fine = mounts_are_fine(&w);
	fk_stop(w.fk, seed % 4 < 2);
	memfs_stop(&w.fs);
	if (fine && (w.fs.inits != w.fs.evicts || w.fs.mount_inits != w.fs.mount_evicts ||
		     w.fs.opens != w.fs.releases || w.fs.nodes))
		return complain("something is left at the end of the session");
	return fine;
}
