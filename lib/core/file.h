/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rest of the library needs of file.c. */
#ifndef FINODE_LIB_FILE_H
#define FINODE_LIB_FILE_H

struct finode_file;

/* Ends a file of a table that ends, although somebody still holds references. */
void finode__file_end_held(struct finode_file *file);

#endif
