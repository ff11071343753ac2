/* SPDX-License-Identifier: BSD-3-Clause */
/* What only libfuse's custom io can do: see custom_io.c. */
#ifndef FINODE_LIB_CUSTOM_IO_H
#define FINODE_LIB_CUSTOM_IO_H

#include "fuse/fuse.h"

/*
 * Puts the session between one of libfuse's and the transport; `fd` is libfuse's to close.
 * @return 0; -ENOTSUP if libfuse was
 * not built for it, as 3.18.3 and later are unless somebody asks for it; another error
 */
int finode__custom_io_install(struct session *s, struct fuse_session *fuse, int fd);

/*
 * Requests that are read from a clone of the fd are answered on it, though libfuse knows
 * one fd only: their numbers tell. Of a message that was read from clone number `clone`,
 * counted from 1. Only where the session is between. @return false if it is an INTERRUPT of
 * a request that is not known: nobody waits for an answer to that
 */
bool finode__custom_io_mark(struct session *s, void *message, unsigned int clone);

#endif
