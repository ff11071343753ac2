/* SPDX-License-Identifier: BSD-3-Clause */
/* See world.h. */
#include "world.h"

#include <dirent.h>
#include <stdio.h>

#include "fuse/fuse.h"

static void *allocate(size_t size, void *user)
{
	struct world *w = user;
	void *ptr;

	if (w->fail_after >= 0 && w->fail_after-- == 0)
		return NULL;
	ptr = calloc(1, size);
	w->live += ptr != NULL;
	return ptr;
}

static void release(void *ptr, void *user)
{
	((struct world *)user)->live--;
	free(ptr);
}

static void count_log(enum finode_log_level level, const char *message, void *user)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* on any thread */
	struct world *w = user;

	(void)level;
	pthread_mutex_lock(&mutex);
	if (w->warnings == 0)
		snprintf(w->first_warning, sizeof(w->first_warning), "%s", message);
	w->warnings++;
	pthread_mutex_unlock(&mutex);
}

void world_configure(struct finode_config *config, void *world)
{
	static struct finode_allocator allocator; /* copied by the table */

	allocator = (struct finode_allocator){allocate, release, world};
	config->allocator = &allocator;
	config->log = count_log;
	config->log_user = world;
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void configure_with_names(struct finode_config *config, void *world)
{
	world_configure(config, world);
	memfs_with_names(config, world);
}

static void configure_with_mounts(struct finode_config *config, void *world)
{
	world_configure(config, world);
	memfs_with_mounts(config, world);
}

void world_prepare_as(struct world *w, void (*change)(struct finode_config *, void *))
{
	*w = (struct world){.fail_after = -1, .fds = open_fds()};
	assert_int_equal(memfs_start(&w->fs, change, w), 0);
	w->options.server = memfs_server(&w->fs);
	w->options.workers = 1;
}

void world_prepare(struct world *w)
{
	world_prepare_as(w, world_configure);
}

void world_prepare_with_names(struct world *w)
{
	world_prepare_as(w, configure_with_names);
}

void world_prepare_with_mounts(struct world *w)
{
	world_prepare_as(w, configure_with_mounts);
}

void world_connect(struct world *w)
{
	w->fk = fk_start(&w->options);
	assert_non_null(w->fk);
	fk_client_init(&w->c, w->fk, 1);
}

void world_begin(struct world *w, unsigned int workers)
{
	world_prepare(w);
	w->options.workers = workers;
	world_connect(w);
}

void world_begin_with_names(struct world *w, unsigned int workers)
{
	world_prepare_with_names(w);
	w->options.workers = workers;
	world_connect(w);
}

void world_begin_with_mounts(struct world *w, unsigned int workers)
{
	world_prepare_with_mounts(w);
	w->options.workers = workers;
	world_connect(w);
}

void world_assert_balanced(struct world *w)
{
	char why[200];

	if (fk_compare(w->fk, why, sizeof(why)) != 0)
		fail_msg("books: %s", why);
	if (fk_complaint(w->fk))
		fail_msg("the kernel says: %s", fk_complaint(w->fk));
	if (finode_table_check(w->fs.table, why, sizeof(why)) != 0)
		fail_msg("table: %s", why);
	if (w->fs.names && memfs_check_names(&w->fs, why, sizeof(why)) != 0)
		fail_msg("names: %s", why);
}

void world_finish(struct world *w, bool destroy)
{
	if (w->fk)
		fk_stop(w->fk, destroy);
	memfs_stop(&w->fs);
	assert_int_equal(w->fs.inits, w->fs.evicts);
	assert_int_equal(w->fs.mount_inits, w->fs.mount_evicts);
	assert_int_equal(w->fs.opens, w->fs.releases);
	assert_int_equal(w->fs.nodes, 0);
	assert_int_equal(w->live, 0);
	assert_int_equal(open_fds(), w->fds);
}

void world_end(struct world *w, bool destroy)
{
	world_assert_balanced(w);
	world_finish(w, destroy);
}

bool world_is_interposed(struct world *w)
{
	return session_of(fk_session(w->fk))->interposed;
}

struct finode_stats world_stats(struct world *w)
{
	struct finode_stats s;

	finode_table_stats(w->fs.table, &s, sizeof(s));
	return s;
}
