/* SPDX-License-Identifier: BSD-3-Clause */
/* The defect is the one that FINODE_MUTANT in the environment names; none without it. */
#include "mutants/mutant.h"

#include <stdlib.h>
#include <string.h>

static const char *chosen;

/* Before there are threads. */
__attribute__((constructor)) static void choose(void)
{
	chosen = getenv("FINODE_MUTANT");
}

int mutant_is_chosen(const char *name)
{
	return chosen && strcmp(chosen, name) == 0;
}
