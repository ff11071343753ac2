/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking: walks of whole trees, and names that are known. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kernel.h"

/* ---- Walks ---- */

static uint64_t wanted; /* so many files are in the tree */

static int walk(const struct turn *turn, unsigned int part, unsigned int parts)
{
	uint64_t files;
	int err = tree_walk(".", &files);

	(void)turn;
	(void)part;
	(void)parts;
	return err ? err : files == wanted ? 0 : ENODATA;
}

/* As soon as the mount is there, and when what was believed has expired. */
static void walk_twice(const struct turn *turn, const char *cold, const char *warm)
{
	drop_caches();
	if (!step(turn, cold, wanted, 1, walk))
		return;
	let_expire();
	step(turn, warm, wanted, 1, walk);
}

void do_stat(const struct turn *turn)
{
	wanted = turn->sizes->stat;
	walk_twice(turn, "stat-cold", "stat-warm");
}

void do_limit(const struct turn *turn)
{
	wanted = turn->sizes->limit;
	walk_twice(turn, "limit-cold", "limit-warm");
}

/* perf(1) looks on, so the times are nothing. */
void do_profile(const struct turn *turn)
{
	wanted = turn->sizes->stat;
	drop_caches();
	step(turn, "profile", wanted, 1, walk);
}

/* ---- Names ---- */

static int stat_many(uint64_t from, uint64_t to)
{
	struct stat st;
	char name[48];

	for (uint64_t i = from; i < to; i++) {
		tree_name(name, i);
		if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno;
	}
	return 0;
}

/* Each process has whole directories of its own. */
static int lookup_many(const struct turn *turn, unsigned int part, unsigned int parts)
{
	const uint64_t dirs = turn->sizes->lookup / FILES_PER_DIR;

	return stat_many(dirs * part / parts * FILES_PER_DIR,
			 dirs * (part + 1) / parts * FILES_PER_DIR);
}

/* All processes are in one directory, side by side. */
static int lookup_one(const struct turn *turn, unsigned int part, unsigned int parts)
{
	struct stat st;
	char name[24];

	for (uint64_t i = part; i < turn->sizes->lookup; i += parts) {
		snprintf(name, sizeof(name), "f%" PRIu64, i);
		if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno;
	}
	return 0;
}

void do_lookup_many(const struct turn *turn)
{
	warm_up(turn);
	step(turn, "lookup-many", turn->sizes->lookup, turn->processes, lookup_many);
}

void do_lookup_one(const struct turn *turn)
{
	warm_up(turn);
	step(turn, "lookup-one", turn->sizes->lookup, turn->processes, lookup_one);
}

/* ---- Growth ---- */

#define GROW_PROCESSES 4

static uint64_t grow_to;

/* From a tenth of it: what is there already was looked up before. */
static int grow(const struct turn *turn, unsigned int part, unsigned int parts)
{
	const uint64_t from = grow_to == 10000 ? 0 : grow_to / 10 / FILES_PER_DIR;
	const uint64_t dirs = grow_to / FILES_PER_DIR - from;

	(void)turn;
	return stat_many((from + dirs * part / parts) * FILES_PER_DIR,
			 (from + dirs * (part + 1) / parts) * FILES_PER_DIR);
}

void do_grow(const struct turn *turn)
{
	const struct sizes *sizes = turn->sizes;
	const uint64_t most = turn->round == 0 ? sizes->grow : sizes->grow_often;
	const uint64_t own = turn->server->most;
	const uint64_t empty = turn->pid ? server_memory(turn->pid, "VmRSS") : 0;

	for (grow_to = 10000; grow_to <= most && (!own || grow_to <= own); grow_to *= 10) {
		struct usage from, to;
		const uint64_t count = grow_to == 10000 ? grow_to : grow_to / 10 * 9;
		int err = run_parts(turn, GROW_PROCESSES, grow, &from, &to);

		if (err) {
			sample_send(turn, "grow", "error", grow_to, GROW_PROCESSES, err);
			return;
		}
		sample_send(turn, "grow", "time", grow_to, GROW_PROCESSES,
			    (double)(to.time - from.time) / (double)count);
		if (!turn->pid)
			continue;
		sample_send(turn, "grow", "cpu", grow_to, GROW_PROCESSES,
			    (double)(to.cpu - from.cpu) / (double)count);
		sample_send(turn, "grow", "bytes", grow_to, GROW_PROCESSES,
			    (double)(server_memory(turn->pid, "VmRSS") - empty) * 1024 /
				    (double)grow_to);
	}
}
