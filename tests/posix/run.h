/* SPDX-License-Identifier: BSD-3-Clause */
/* What cases.c knows of the run. */
#ifndef POSIX_RUN_H
#define POSIX_RUN_H

/* "family.case" of the case that this process is. */
extern char case_name[128];

#endif
