/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs as people run them: tar, rm, git. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel.h"

static int run(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	return errno;
}

static int untar(const struct turn *turn, unsigned int part, unsigned int parts)
{
	char command[400];

	(void)part;
	(void)parts;
	snprintf(command, sizeof(command), "exec tar -xf '%s/tree.tar'", turn->root);
	return run(command);
}

static int remove_tree(const struct turn *turn, unsigned int part, unsigned int parts)
{
	(void)turn;
	(void)part;
	(void)parts;
	return run("exec rm -r tree");
}

void do_untar(const struct turn *turn)
{
	if (step(turn, "untar", turn->sizes->source, 1, untar))
		step(turn, "rm-r", turn->sizes->source, 1, remove_tree);
}

/* Nothing has changed; and nothing is written, so that every turn finds the same. */
static int git_status(const struct turn *turn, unsigned int part, unsigned int parts)
{
	(void)turn;
	(void)part;
	(void)parts;
	return run(
		"test -z \"$(git --no-optional-locks status --porcelain || echo failed)\"");
}

void do_git(const struct turn *turn)
{
	warm_up(turn);
	step(turn, "git-status", turn->sizes->git, 1, git_status);
}
