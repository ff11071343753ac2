/* SPDX-License-Identifier: BSD-3-Clause */
/* How many fds a hostfs may have, and has. See budget.c. */
#ifndef HOSTFS_BUDGET_H
#define HOSTFS_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hostfs_state;

struct budget {
	/* Set at init, never changed. */
	struct hostfs_state *state;
	unsigned long limit;
	/* Closes an fd that nobody uses. @return false if there is none */
	bool (*close_idle)(void *arg);
	void *close_idle_arg;

	_Atomic unsigned long fds; /* now */
	_Atomic uint64_t refused;
};

/* Raises the limit of the process, if the config does not say how many fds to use. */
void hostfs__budget_init(struct budget *budget, struct hostfs_state *state);

/* Whom to ask for room. To be set before the first fd is counted. */
void hostfs__budget_set_close_idle(struct budget *budget, bool (*close_idle)(void *arg),
				   void *arg);

/* One more fd, if there is room at once. Closes nothing. */
bool hostfs__budget_reserve_free(struct budget *budget);

/* One more fd. @return 0, or -ENFILE, which is not the answer to a request yet */
int hostfs__budget_try(struct budget *budget);

/* One more fd. @return 0, or -ENFILE, which is counted as an answer */
int hostfs__budget_reserve(struct budget *budget);

/* One fd fewer, after it was closed. */
void hostfs__budget_unreserve(struct budget *budget);

/* Counts an answer ENFILE, and warns of the first. */
void hostfs__budget_refused(struct budget *budget);

#endif
