/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of one hostfs.
 *
 * This file owns the way to the log, and which warnings were written. Invariant: it knows
 * the parts of the state by pointer only. Every file may come here from a request or an
 * inode, and goes on to the part that it wants with that part's own header.
 */
#include "state.h"

void hostfs__log_error(struct hostfs_state *state, const char *message)
{
	state->config.log(FINODE_LOG_ERROR, message, state->config.log_user);
}

void hostfs__warn_once(struct hostfs_state *state, enum warning what, const char *message)
{
	if (!(atomic_fetch_or(&state->warned, what) & what))
		state->config.log(FINODE_LOG_WARNING, message, state->config.log_user);
}
