/* SPDX-License-Identifier: BSD-3-Clause */
/* Which deliberate defect a test program has: the one that FINODE_MUTANT in the environment
 * names. For tests/mutants.sh. */
#include <stdlib.h>
#include <string.h>

#include "base/testing.h"

static const char *chosen;

/* Before there are threads. */
__attribute__((constructor)) static void choose(void)
{
	chosen = getenv("FINODE_MUTANT");
}

int finode__mutant(const char *name)
{
	return chosen && strcmp(chosen, name) == 0;
}
