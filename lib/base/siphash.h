/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash-c-d (Aumasson and Bernstein, 2012), inline: a hash with a secret, so that nobody
 * who does not know it can choose inputs that collide.
 *
 * The numbers of rounds are parameters, and constants wherever it is called, so the
 * compiler leaves nothing of them. 1-3 is for tables that are looked up (as in Rust's
 * HashMap): what is at stake there is time, and a seed is of one table. 2-4, with 128 bits,
 * stands for the bytes themselves.
 */
#ifndef FINODE_LIB_SIPHASH_H
#define FINODE_LIB_SIPHASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIPHASH_SEED_SIZE 16

struct siphash {
	uint64_t a, b, c, d;
};

static inline uint64_t siphash_word(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

static inline uint64_t siphash_rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void siphash_rounds(struct siphash *s, unsigned int rounds)
{
#pragma GCC unroll 4
	for (unsigned int i = 0; i < rounds; i++) {
		s->a += s->b;
		s->c += s->d;
		s->b = siphash_rotate(s->b, 13) ^ s->a;
		s->d = siphash_rotate(s->d, 16) ^ s->c;
		s->a = siphash_rotate(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = siphash_rotate(s->b, 17) ^ s->c;
		s->d = siphash_rotate(s->d, 21) ^ s->a;
		s->c = siphash_rotate(s->c, 32);
	}
}

static inline void siphash_absorb(struct siphash *s, uint64_t word, unsigned int rounds)
{
	s->d ^= word;
	siphash_rounds(s, rounds);
	s->a ^= word;
}

/* `clear` are bits of the first byte that are taken for 0; `variant` is 0 for 64 bits. */
static inline struct siphash siphash_begin(const unsigned char *seed, const void *bytes,
					   size_t size, unsigned char clear,
					   unsigned char variant, unsigned int rounds)
{
	const uint64_t low = siphash_word(seed), high = siphash_word(seed + 8);
	const unsigned char *at = bytes, *end = at + (size & ~(size_t)7);
	uint64_t keep = ~(uint64_t)clear, last = (uint64_t)size << 56;
	struct siphash s = {
		.a = low ^ 0x736f6d6570736575u,
		.b = high ^ 0x646f72616e646f6du ^ variant,
		.c = low ^ 0x6c7967656e657261u,
		.d = high ^ 0x7465646279746573u,
	};

	for (; at != end; at += 8) {
		siphash_absorb(&s, siphash_word(at) & keep, rounds);
		keep = UINT64_MAX;
	}
	for (unsigned int i = 0; i < (size & 7); i++)
		last |= (uint64_t)at[i] << (8 * i);
	siphash_absorb(&s, last & keep, rounds);
	return s;
}

static inline uint64_t siphash_end(struct siphash *s, unsigned int rounds)
{
	siphash_rounds(s, rounds);
	return s->a ^ s->b ^ s->c ^ s->d;
}

static inline uint64_t siphash(const unsigned char *seed, const void *bytes, size_t size,
			       unsigned char clear, unsigned int absorbing,
			       unsigned int ending)
{
	struct siphash s = siphash_begin(seed, bytes, size, clear, 0, absorbing);

	s.c ^= 0xff;
	return siphash_end(&s, ending);
}

static inline uint64_t siphash_1_3(const unsigned char *seed, const void *bytes,
				   size_t size)
{
	return siphash(seed, bytes, size, 0, 1, 3);
}

/* The variant of the reference with 128 bits, which begins differently too. */
static inline void siphash_2_4_128(const unsigned char *seed, const void *bytes,
				   size_t size, uint64_t out[2])
{
	const unsigned int absorbing = 2, ending = 4;
	struct siphash s = siphash_begin(seed, bytes, size, 0, 0xee, absorbing);

	s.c ^= 0xee;
	out[0] = siphash_end(&s, ending);
	s.b ^= 0xdd;
	out[1] = siphash_end(&s, ending);
}

#endif
