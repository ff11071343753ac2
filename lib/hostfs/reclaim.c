/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Room where inodes cost an fd each: where there are no handles, the kernel's memory of
 * names decides how many fds are open.
 *
 * When most of the budget is in fds that may not be closed, the kernel is asked to forget a
 * number of inodes that nobody uses (PRUNE, Linux 6.18); their FORGETs close fds. When all
 * of it is in use, who needs one more (a look-up, an open) asks for all inodes and waits a
 * moment for the first FORGETs, before it is refused with ENFILE. An older kernel cannot be
 * asked.
 *
 * Invariant: one thread at a time asks; `prune_cursor` is where the next one goes on.
 */
#include "reclaim.h"

#include <poll.h>

#include "internal.h"

#define BATCH	   64
#define BATCHES	   16	/* that are asked for at once, beyond three quarters */
#define PATIENCE   3000 /* milliseconds for the first FORGET */
#define WAITERS	   4	/* threads that may wait: somebody has to read the FORGETs */
#define TRIES	   8	/* after the first */
#define GENERATION 8	/* of the budget: how much more until it is asked again */

/* @return 1 at the end of the table, 0 before, or a negative errno */
static int prune_batch(struct finode_session *session, uint64_t *cursor)
{
	uint64_t nodeids[BATCH];
	size_t count = finode_table_nodeids(session->table, cursor, nodeids, BATCH);
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = finode_notify_prune(session, nodeids[i], 0, NULL);
	return err ? err : count == 0;
}

static int prune(struct finode_session *session, struct hostfs_state *state, int batches)
{
	uint64_t cursor = state->prune_cursor;
	int end = 0;

	atomic_fetch_add(&state->prunes, 1);
	hostfs__negative_forget(session, state);
	while (batches-- > 0 && !end)
		end = prune_batch(session, &cursor);
	state->prune_cursor = end > 0 ? 0 : cursor;
	return end < 0 ? end : 0;
}

/* Asks for some when three quarters of the budget are kept, and then at each eighth. */
static void ask_in_time(fuse_req_t req, struct hostfs_state *state)
{
	const unsigned long budget = state->backing.budget;
	const unsigned long kept = state->backing.kept;
	unsigned long at = state->prune_at;

	if (kept > at && atomic_compare_exchange_strong(&state->prune_at, &at,
							at + budget / GENERATION / BATCHES))
		prune(finode_session_of(req), state, BATCHES);
	else if (kept < budget / 2 && at != budget / 4 * 3)
		state->prune_at = budget / 4 * 3;
}

/* Asks for all, and waits until there is room. @return whether there is */
static bool wait_for_room(fuse_req_t req, struct hostfs_state *state)
{
	struct finode_session *session = finode_session_of(req);
	bool room = false;

	if (!(finode_session_kernel(session)->features & FINODE_KERNEL_PRUNE))
		return false;
	if (atomic_fetch_add(&state->waiters, 1) < WAITERS) {
		state->prune_cursor = 0;
		if (prune(session, state, 1 << 20) != -EOPNOTSUPP) {
			for (int i = 0; i < PATIENCE && !room; i++) {
				room = state->backing.fds < state->backing.budget;
				if (!room)
					poll(NULL, 0, 1);
			}
		}
	}
	atomic_fetch_sub(&state->waiters, 1);
	return room;
}

/*
 * After a try that ended with err: once more? Another thread may take the room that one has
 * waited for. What is refused in the end is counted.
 */
static bool try_again(fuse_req_t req, int err, int *tries)
{
	struct hostfs_state *state = hostfs__state(req);

	if (err != -ENFILE)
		return false;
	if ((*tries)++ < TRIES && wait_for_room(req, state))
		return true;
	hostfs__backing_refused(state);
	return false;
}

int hostfs__obtain(fuse_req_t req, struct object *object, struct finode **out)
{
	int found, tries = 0;

	if (!object->handle)
		ask_in_time(req, hostfs__state(req));
	do
		found = hostfs__object_obtain(object, out);
	while (try_again(req, found, &tries));
	return found;
}

int hostfs__reserve(fuse_req_t req)
{
	int err, tries = 0;

	do
		err = hostfs__backing_try(hostfs__state(req));
	while (try_again(req, err, &tries));
	return err;
}
