/* SPDX-License-Identifier: BSD-3-Clause */
/* What requests.c needs of the connection in fakekernel.c. */
#ifndef TESTS_FAKEKERNEL_CONNECTION_H
#define TESTS_FAKEKERNEL_CONNECTION_H

#include "books.h"
#include "fakekernel.h"

struct books *connection_books(struct fakekernel *fk);
/* The flags of INIT that are offered. */
uint64_t connection_offers(const struct fakekernel *fk);
void connection_send_forget(struct fakekernel *fk, uint64_t nodeid, uint64_t n);
void connection_send_batch(struct fakekernel *fk, const struct fuse_forget_data *forgets,
			   unsigned int count);

/* Leaves all submounts and forgets all mountpoints. */
void fk_abandon_submounts(struct fk_client *c);

/* The next number of a client's generator. */
static inline uint64_t connection_draw(struct fk_client *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

#endif
