/* SPDX-License-Identifier: BSD-3-Clause */
/* What the patches of this folder put into a copy of lib/: FINODE_MUTANT(name) is 1 where
 * the defect of that name is to be there, else 0. The copy is compiled with this file
 * included before all others. */
#ifndef TESTS_MUTANT_H
#define TESTS_MUTANT_H

int mutant_is_chosen(const char *name);

#define FINODE_MUTANT(name) mutant_is_chosen(#name)

#endif
