/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The author's config: what is wrong with one, and the copy that hostfs works with.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "state.h"

int hostfs__config_copy(struct hostfs_state *state, const struct hostfs_config *config)
{
	if (config->size < offsetof(struct hostfs_config, inode_ops) ||
	    config->size > sizeof(*config))
		return -EINVAL;
	memcpy(&state->config, config, config->size);
	if (!state->config.source || state->config.policy < HOSTFS_AUTO ||
	    state->config.policy > HOSTFS_HANDLES)
		return -EINVAL;
	if (state->config.entry_timeout < 0 || state->config.attr_timeout < 0 ||
	    state->config.negative_timeout < 0)
		return -EINVAL;
	/* These options, too, say where data goes. */
	if (state->config.flags & (HOSTFS_WRITEBACK | HOSTFS_DIRECT_IO | HOSTFS_NO_OPEN))
		state->config.flags &= ~(unsigned int)HOSTFS_PASSTHROUGH;
	if (!state->config.log)
		state->config.log = finode_log_to_fuse;
	return 0;
}
