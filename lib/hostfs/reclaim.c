/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reclaim: room where inodes cost an fd each. Where there are no handles, the kernel's
 * memory of names decides how many fds are open.
 *
 * This file owns when the kernel is asked. When most of the budget is in fds that may not
 * be closed, it is asked to forget a number of inodes that nobody uses (PRUNE, Linux 6.18);
 * their FORGETs close fds. When all of the budget is in use, a request that needs one more
 * fd (a look-up, an open) asks for all inodes and waits a moment for the first FORGETs,
 * before it is refused with ENFILE. An older kernel cannot be asked.
 *
 * Invariant: of the threads that see `at` passed, the one that raises it asks. Threads that
 * ask for all inodes at once may ask for the same ones, which costs messages and nothing
 * else.
 */
#include "reclaim.h"

#include <errno.h>
#include <finode/table.h>
#include <poll.h>
#include <stdbool.h>

#include "backing.h"
#include "budget.h"
#include "negative.h"
#include "object.h"
#include "state.h"

#define BATCH	   64
#define BATCHES	   16	/* that are asked for at once, beyond three quarters */
#define PATIENCE   3000 /* milliseconds for the first FORGET */
#define WAITERS	   4	/* threads that may wait: another one has to read the FORGETs */
#define TRIES	   8	/* after the first */
#define GENERATION 8	/* of the budget: how much more until it is asked again */

void hostfs__reclaim_init(struct reclaim *reclaim, const struct budget *budget)
{
	reclaim->at = budget->limit / 4 * 3;
}

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
	struct reclaim *reclaim = state->reclaim;
	uint64_t cursor = reclaim->cursor;
	int end = 0;

	atomic_fetch_add(&reclaim->prunes, 1);
	hostfs__negative_forget(state->negative, session);
	while (batches-- > 0 && !end)
		end = prune_batch(session, &cursor);
	reclaim->cursor = end > 0 ? 0 : cursor;
	return end < 0 ? end : 0;
}

/* Asks for some when three quarters of the budget are kept, and then at each eighth. */
static void ask_in_time(fuse_req_t req, struct hostfs_state *state)
{
	struct reclaim *reclaim = state->reclaim;
	const unsigned long limit = state->budget->limit;
	const unsigned long kept = state->backing->kept;
	unsigned long at = reclaim->at;

	if (kept > at && atomic_compare_exchange_strong(&reclaim->at, &at,
							at + limit / GENERATION / BATCHES))
		prune(finode_session_of(req), state, BATCHES);
	else if (kept < limit / 2 && at != limit / 4 * 3)
		reclaim->at = limit / 4 * 3;
}

/* Asks for all, and waits until there is room. @return whether there is */
static bool wait_for_room(fuse_req_t req, struct hostfs_state *state)
{
	struct finode_session *session = finode_session_of(req);
	struct reclaim *reclaim = state->reclaim;
	bool room = false;

	if (!finode_session_kernel_has(session, FINODE_KERNEL_PRUNE))
		return false;
	if (atomic_fetch_add(&reclaim->waiters, 1) < WAITERS) {
		reclaim->cursor = 0;
		if (prune(session, state, 1 << 20) != -EOPNOTSUPP) {
			for (int i = 0; i < PATIENCE && !room; i++) {
				room = state->budget->fds < state->budget->limit;
				if (!room)
					poll(NULL, 0, 1);
			}
		}
	}
	atomic_fetch_sub(&reclaim->waiters, 1);
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
	hostfs__budget_refused(state->budget);
	return false;
}

int hostfs__obtain(fuse_req_t req, struct object *object, struct finode **out)
{
	int err, tries = 0;

	if (!object->key.handle)
		ask_in_time(req, hostfs__state(req));
	do
		err = hostfs__object_obtain(object, out);
	while (try_again(req, err, &tries));
	return err;
}

int hostfs__reserve(fuse_req_t req)
{
	int err, tries = 0;

	do
		err = hostfs__budget_try(hostfs__state(req)->budget);
	while (try_again(req, err, &tries));
	return err;
}
