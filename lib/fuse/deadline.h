/* SPDX-License-Identifier: BSD-3-Clause */
/* The time by which the end of a session has to be over, whatever is owed. */
#ifndef FINODE_LIB_DEADLINE_H
#define FINODE_LIB_DEADLINE_H

#include "fuse/fuse.h"

/* The end begins, and with it the time that the config gives. Only the first call counts.
 */
void finode__deadline_set(struct session *s);
/* How many ms are left; 0 if the time has come. */
unsigned int finode__deadline_left(const struct session *s);

#endif
