/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server over a tree in memory, for tests: the operations of examples/minimal.c without a
 * host. It is as nasty a backend as the table may meet: inode numbers are used again at
 * once, while inodes of the old object still live (only match() tells them apart), and
 * hardlinks are found through any name by any thread. In a table with aliases it keeps
 * names as an author would: with the locks of directories, and releasing what has no link
 * left.
 */
#ifndef TESTS_MEMFS_H
#define TESTS_MEMFS_H

#include <finode.h>
#include <finode/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * A tree that is mounted over a name of another; the first is the root's. Its inode numbers
 * and serials are those of any other tree. The counters outlive it, up to memfs_stop().
 */
struct mem_volume {
	struct memfs *fs;
	struct tree *tree;	  /* destroyed with the last reference */
	struct node *root;	  /* a file, if it covers one */
	struct mem_volume *below; /* where it is mounted .. */
	struct node *covered;	  /* .. and over what */
	struct finode_mount_id id;
	bool mounted;
	unsigned int refs; /* while it is mounted, of mem_mounts, of requests */
	/* what happened to its struct mem_mounts, and what sync() shall return */
	_Atomic unsigned int inits, evicts, syncs;
	_Atomic int sync_error;
	struct mem_volume *next;
};

struct memfs {
	struct finode_table *table;
	bool names;  /* the table keeps them */
	bool mounts; /* the table's mounts are struct mem_mounts */
	/* what happened */
	_Atomic unsigned long inits, evicts, opens, releases;
	_Atomic unsigned long mount_inits, mount_evicts; /* the sums of the volumes' */
	_Atomic long nodes; /* objects of the backend that live */
	/* what shall happen */
	_Atomic int init_error;	 /* init() fails with it */
	_Atomic bool bogus_type; /* LOOKUP answers with attributes of another type */
	_Atomic bool bogus_size;
	_Atomic bool bogus_root; /* LOOKUP answers with the root */
	_Atomic bool bogus_name; /* READDIR lists a name with a '/' */
	_Atomic int backing_id;	 /* of every open file */
	_Atomic bool open_flags; /* CREATE sets every flag of struct fuse_file_info */
	_Atomic double timeout;	 /* seconds, of every entry; 1 unless told otherwise */
	_Atomic double
		negative_timeout;    /* seconds, of LOOKUPs that find nothing; 0 at first */
	_Atomic unsigned long syncs; /* SYNCFS requests */
	_Atomic int statx_flags, statx_mask; /* of the last STATX */
	_Atomic bool statx_open;	     /* had it an open file? */
	/* Called in each LOOKUP before anything else, if it is set. */
	void (*_Atomic on_lookup)(struct memfs *fs, fuse_req_t req, uint64_t parent,
				  const char *name);
	void *arg; /* the test's own */
	struct tree *tree;
	struct mem_volume main;	      /* of that tree */
	pthread_mutex_t volume_mutex; /* of all that is in volumes but counters */
	struct mem_volume *volumes;   /* all but the first, mounted or not */
	uint64_t volume_ids;
};

/* Starts with an empty root directory. `change`, if any, may change the config first. */
int memfs_start(struct memfs *fs, void (*change)(struct finode_config *config, void *arg),
		void *arg);
void memfs_stop(struct memfs *fs);

/* For memfs_start(): a table with aliases, whose ops have unlinked() and rebind(). */
void memfs_with_names(struct finode_config *config, void *arg);

/* For memfs_start(): a world in which memfs_mount() may be called. */
void memfs_with_mounts(struct finode_config *config, void *arg);

/*
 * Mounts a new tree over a name in the root of a volume, &fs->main or another; makes what
 * it covers, a directory or (S_IFREG) a file, if there is nothing. Returns NULL if the name
 * is covered already. To be called, as memfs_umount(), by one thread at a time.
 */
struct mem_volume *memfs_mount(struct memfs *fs, struct mem_volume *below, const char *name,
			       mode_t type);
/* The tree goes, and its mount is detached. -EBUSY while another is mounted in it. */
int memfs_umount(struct memfs *fs, struct mem_volume *volume);

/* Makes a file in the root of a volume, as another client of it would. */
int memfs_make_behind_the_back(struct mem_volume *volume, const char *name);
/* Removes a file from the root of the backend, as another client of it would. */
int memfs_remove_behind_the_back(struct memfs *fs, const char *name);

/*
 * At rest: every name that the table knows leads to the same object in the backend. Returns
 * 0, or -1 with the first that does not in `why`.
 */
int memfs_check_names(struct memfs *fs, char *why, size_t size);

/* The server as a session is made of it. Its user is the memfs. */
struct finode_session_config memfs_server(struct memfs *fs);

#endif
