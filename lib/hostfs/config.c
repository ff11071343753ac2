/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The author's config: what is wrong with one, in words, and the copy that hostfs works
 * with. This file owns nothing. Invariant: whatever is wrong, state->config.log is set.
 */
#include "config.h"

#include <errno.h>

#include "sized.h"
#include "state.h"

#define ALL_FLAGS ((unsigned int)(HOSTFS_PASSTHROUGH << 1) - 1)

static const char *copy_known(struct hostfs_config *copy,
			      const struct hostfs_config *config)
{
	/* The oldest program has a source. */
	if (!hostfs__sized_check(config->size, offsetof(struct hostfs_config, policy)))
		return "config.size is wrong: start from HOSTFS_CONFIG_INIT";
	if (!hostfs__sized_in(copy, sizeof(*copy), config, config->size))
		return "config has members that are newer than this library and not 0";
	return NULL;
}

/* What is wrong with a config, in words; NULL if nothing is. */
static const char *fault_of(const struct hostfs_config *config)
{
	if (!config->source)
		return "config.source is missing";
	if (config->policy < HOSTFS_AUTO || config->policy > HOSTFS_HANDLES)
		return "config.policy is none of enum hostfs_policy";
	if (config->flags & ~ALL_FLAGS)
		return "config.flags has bits that this library does not know";
	if (!(config->entry_timeout >= 0))
		return "config.entry_timeout is not 0 or more seconds";
	if (!(config->attr_timeout >= 0))
		return "config.attr_timeout is not 0 or more seconds";
	if (!(config->negative_timeout >= 0))
		return "config.negative_timeout is not 0 or more seconds";
	return NULL;
}

int hostfs__config_copy(struct hostfs_state *state, const struct hostfs_config *config)
{
	struct hostfs_config *copy = &state->config;
	const char *fault = copy_known(copy, config);

	if (!copy->log)
		copy->log = finode_log_to_fuse;
	if (!fault)
		fault = fault_of(copy);
	if (fault) {
		hostfs__log_error(state, fault);
		return -EINVAL;
	}
	/* These options, too, say where data goes. */
	if (copy->flags & (HOSTFS_WRITEBACK | HOSTFS_DIRECT_IO | HOSTFS_NO_OPEN))
		copy->flags &= ~(unsigned int)HOSTFS_PASSTHROUGH;
	return 0;
}
