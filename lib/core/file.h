/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rest of the library needs of file.c. */
#ifndef FINODE_LIB_FILE_H
#define FINODE_LIB_FILE_H

struct finode_file;
struct finode_table;

/*
 * Ends a file of a table that ends, although somebody still holds references. They may
 * still be put, so its memory stays until all are freed.
 */
void finode__file_end_held(struct finode_file *file);
void finode__files_free(struct finode_table *table);

#endif
