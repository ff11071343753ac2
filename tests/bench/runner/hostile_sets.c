/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys and names that collide, made for hashes that others use without a secret. Each set
 * is named after the hash that it breaks. What is random has the same length.
 *
 * Keys (inode numbers, which a backend or a guest may choose; the device is always one):
 *   prime    ino ^ dev modulo libstdc++'s primes: multiples of two of them
 *   sum      ino + dev in 32 bits: numbers that differ above
 *   low16    the last two bytes: numbers that differ before
 *   mixer    the finaliser of MurmurHash3, modulo a power of two: the mixer backwards
 *
 * Names (85 bytes):
 *   times31  31 * hash + byte (GlusterFS, libfuse, Java): "Aa" and "BB" are the same
 *   times33  djb2 (GLib's g_str_hash): "Ac" and "BB" are the same
 *   fnv1a, oat  32-bit FNV-1a, Jenkins's one-at-a-time: two blocks of five letters are
 *            searched that lead from the present state to the same next one, 17 times;
 *            every choice of blocks collides (Joux 2004)
 *   std      std::hash of libstdc++, a MurmurHash64A: its last whole block is chosen so
 *            that the state after it is always one (each step of it can be undone)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

#define NAME_SIZE 85u
#define STAGES	  17u /* 2^17 names */
#define BLOCK	  5u  /* letters */
#define LETTERS	  64u
#define BLOCKS	  (1u << 19) /* to try */
#define SEEN	  (2 * BLOCKS)

const char *const hostile_key_sets[] = {"random", "prime", "sum", "low16", "mixer", NULL};
const char *const hostile_name_sets[] = {"random", "times31", "times33", "fnv1a",
					 "oat",	   "std",     NULL};

/* For odd a: x * a * inverse(a) == x. */
static uint64_t inverse(uint64_t a)
{
	uint64_t x = a;

	for (int i = 0; i < 6; i++)
		x *= 2 - a * x;
	return x;
}

static uint64_t mixer_backwards(uint64_t x)
{
	x ^= x >> 33;
	x *= inverse(0xc4ceb9fe1a85ec53ull);
	x ^= x >> 33;
	x *= inverse(0xff51afd7ed558ccdull);
	return x ^ x >> 33;
}

static uint64_t hostile_ino(const char *set, uint64_t i, uint64_t *state)
{
	if (strcmp(set, "prime") == 0)
		return (i * 85229 * 172933) ^ FILES_DEV;
	if (strcmp(set, "sum") == 0)
		return (i << 32) + 1000;
	if (strcmp(set, "low16") == 0)
		return (i << 16) + 1000;
	if (strcmp(set, "mixer") == 0)
		return mixer_backwards((i << 24) + 1000) ^ (uint64_t)FILES_DEV << 48;
	return random_next(state) >> 16;
}

void hostile_keys(const char *set, struct bench_key *keys, uint64_t count)
{
	uint64_t state = 88172645463325252u;

	for (uint64_t i = 0; i < count; i++)
		keys[i] = (struct bench_key){hostile_ino(set, i + 1, &state), FILES_DEV};
}

static char letter(uint64_t n)
{
	static const char letters[LETTERS + 1] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	return letters[n % LETTERS];
}

static uint32_t fnv1a(uint32_t state, char c)
{
	return (state ^ (unsigned char)c) * 16777619u;
}

static uint32_t one_at_a_time(uint32_t state, char c)
{
	state += (unsigned char)c;
	state += state << 10;
	return state ^ state >> 6;
}

/* Two blocks that lead from *state to the same next one. */
static void find_pair(uint32_t (*step)(uint32_t, char), uint32_t *state,
		      char pair[2][BLOCK])
{
	struct seen {
		uint32_t state, block; /* block 0 for an empty place */
	} *seen = bench_alloc(SEEN * sizeof(*seen));

	for (uint32_t i = 1; i < BLOCKS; i++) {
		uint32_t next = *state, b = i * 2654435761u, at;

		for (unsigned int k = 0; k < BLOCK; k++)
			next = step(next, letter(b >> 6 * k));
		at = (next * 2654435761u >> 8) % SEEN;
		while (seen[at].block && seen[at].state != next)
			at = (at + 1) % SEEN;
		if (seen[at].block) {
			for (unsigned int k = 0; k < BLOCK; k++) {
				pair[0][k] = letter(seen[at].block >> 6 * k);
				pair[1][k] = letter(b >> 6 * k);
			}
			*state = next;
			free(seen);
			return;
		}
		seen[at] = (struct seen){next, b};
	}
	bench_die("no two blocks collide");
}

static void names_of_blocks(uint32_t (*step)(uint32_t, char), uint32_t state,
			    char (*names)[HOSTILE_NAME_MAX], uint64_t count)
{
	char pairs[STAGES][2][BLOCK];

	for (unsigned int s = 0; s < STAGES; s++)
		find_pair(step, &state, pairs[s]);
	for (uint64_t i = 0; i < count; i++)
		for (unsigned int s = 0; s < STAGES; s++)
			memcpy(names[i] + (size_t)s * BLOCK, pairs[s][i >> s & 1], BLOCK);
}

static void names_of_pairs(const char *zero, const char *one,
			   char (*names)[HOSTILE_NAME_MAX], uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		memset(names[i], 'x', NAME_SIZE);
		for (unsigned int s = 0; s < STAGES; s++)
			memcpy(names[i] + (size_t)s * 2, i >> s & 1 ? one : zero, 2);
	}
}

static uint64_t murmur_mix(uint64_t block)
{
	const uint64_t mul = 0xc6a4a7935bd1e995ull;

	block *= mul;
	return (block ^ block >> 47) * mul;
}

static uint64_t murmur_unmix(uint64_t mixed)
{
	const uint64_t undo = inverse(0xc6a4a7935bd1e995ull);

	mixed *= undo;
	return (mixed ^ mixed >> 47) * undo;
}

/* Nine blocks of letters, one that undoes them, five bytes. @return is it a name? */
static bool murmur_name(char *name, uint64_t *state)
{
	const uint64_t mul = 0xc6a4a7935bd1e995ull;
	uint64_t hash = 0xc70f6907u ^ (NAME_SIZE * mul), block;

	memset(name, 'x', NAME_SIZE);
	for (unsigned int b = 0; b < 9; b++) {
		for (unsigned int k = 0; k < 8; k++)
			name[b * 8 + k] = letter(random_next(state) >> 32);
		memcpy(&block, name + (size_t)b * 8, sizeof(block));
		hash = (hash ^ murmur_mix(block)) * mul;
	}
	block = murmur_unmix(hash);
	memcpy(name + 72, &block, sizeof(block));
	return strlen(name) == NAME_SIZE && !strchr(name, '/');
}

void hostile_names(const char *set, char (*names)[HOSTILE_NAME_MAX], uint64_t count)
{
	uint64_t state = 88172645463325252u;

	memset(names, 0, count * sizeof(*names));
	if (strcmp(set, "times31") == 0)
		names_of_pairs("Aa", "BB", names, count);
	else if (strcmp(set, "times33") == 0)
		names_of_pairs("Ac", "BB", names, count);
	else if (strcmp(set, "fnv1a") == 0)
		names_of_blocks(fnv1a, 2166136261u, names, count);
	else if (strcmp(set, "oat") == 0)
		names_of_blocks(one_at_a_time, 0, names, count);
	else if (strcmp(set, "std") == 0)
		for (uint64_t i = 0; i < count; i++)
			while (!murmur_name(names[i], &state))
				;
	else
		for (uint64_t i = 0; i < count * NAME_SIZE; i++)
			names[i / NAME_SIZE][i % NAME_SIZE] =
				letter(random_next(&state) >> 32);
}
