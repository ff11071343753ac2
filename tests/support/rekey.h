/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of every size, and what the tests of finode_rekey() share. */
#ifndef TESTS_REKEY_H
#define TESTS_REKEY_H

#include "fixture.h"

struct bytes {
	unsigned char bytes[FINODE_KEY_MAX];
};

/* The key of a number below 256 in so many bytes: those of two numbers differ. */
static inline struct finode_key sized(struct bytes *b, unsigned int number, size_t size)
{
	memset(b->bytes, (int)number, size);
	return (struct finode_key){b->bytes, size, S_IFREG, 0};
}

static inline int rekey_as(struct finode *inode, uint64_t number, uint32_t generation)
{
	struct finode_key key = key_of(&number, inode->type);

	key.generation = generation;
	return finode_rekey(inode, key);
}

static inline int rekey(struct finode *inode, uint64_t number)
{
	return rekey_as(inode, number, 0);
}

/* Found by this key and, but for 0, not by that one. */
static inline void assert_found_by(struct fixture *f, struct finode *inode, uint64_t number,
				   uint64_t not_by)
{
	struct finode *found = find(f, number);
	size_t size;
	const void *bytes = finode_key_bytes(inode, &size);

	assert_ptr_equal(found, inode);
	finode_put(found);
	assert_int_equal(size, sizeof(number));
	assert_memory_equal(bytes, &number, sizeof(number));
	if (not_by)
		assert_null(find(f, not_by));
	assert_table_clean(f);
}

#endif
