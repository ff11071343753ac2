/* SPDX-License-Identifier: BSD-3-Clause */
/* The author's config, checked and copied. See config.c. */
#ifndef HOSTFS_CONFIG_H
#define HOSTFS_CONFIG_H

struct hostfs_config;
struct hostfs_state;

/*
 * Fills in state->config, the log also if the rest is wrong.
 * @return 0, or -EINVAL with a line in the log
 */
int hostfs__config_copy(struct hostfs_state *state, const struct hostfs_config *config);

#endif
