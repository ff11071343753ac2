/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keyed hash, with the vectors of its reference, and two that Rust tests its 1-3 with:
 * seed and input are 00 01 02 ..
 */
#include "support/fixture.h"

#include "base/siphash.h"

static unsigned char counting[64];

static const struct vector {
	size_t size;
	uint64_t of_2_4, of_1_3; /* 0: not asserted */
	uint64_t of_2_4_128[2];
} vectors[] = {
	{0,
	 0x726fdb47dd0e0e31,
	 0xabac0158050fc4dc,
	 {0xe6a825ba047f81a3, 0x930255c71472f66d}},
	{1,
	 0x74f839c593dc67fd,
	 0xc9f49bf37d57ca93,
	 {0x44af996bd8c187da, 0x45fc229b11597634}},
	{7, 0xab0200f58b01d137, 0, {0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0}},
	{8, 0x93f5f5799a932462, 0, {0x61f55862baa9623b, 0xb49714f364e2830f}},
	{9, 0x9e0082df0ba9e4b0, 0, {0xabbad90a06994426, 0xed716dbb028b7fc4}},
	{15, 0xa129ca6149be45e5, 0, {0x11a8b03399e99354, 0xd9c3cf970fec087e}},
	{16, 0x3f2acc7f57c29bdb, 0, {0xbb54b067caa4e26e, 0x77052385bf1533fd}},
	{63, 0x958a324ceb064572, 0, {0x4a83502f77d15051, 0x7cbd3f979a063e50}},
};

static void test_the_vectors_of_the_reference(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		uint64_t out[2];

		assert_int_equal(siphash(counting, counting, v->size, 0, 2, 4), v->of_2_4);
		siphash_2_4_128(counting, counting, v->size, out);
		assert_int_equal(out[0], v->of_2_4_128[0]);
		assert_int_equal(out[1], v->of_2_4_128[1]);
		if (v->of_1_3)
			assert_int_equal(siphash_1_3(counting, counting, v->size),
					 v->of_1_3);
	}
}

static void test_every_bit_of_seed_and_input_counts(void **state)
{
	unsigned char seed[SIPHASH_SEED_SIZE], bytes[20];

	(void)state;
	memcpy(seed, counting, sizeof(seed));
	memcpy(bytes, counting, sizeof(bytes));
	for (unsigned int bit = 0; bit < 8 * sizeof(seed); bit++) {
		seed[bit / 8] ^= 1u << bit % 8;
		assert_int_not_equal(siphash_1_3(seed, bytes, sizeof(bytes)),
				     siphash_1_3(counting, bytes, sizeof(bytes)));
		seed[bit / 8] ^= 1u << bit % 8;
	}
	for (unsigned int bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= 1u << bit % 8;
		assert_int_not_equal(siphash_1_3(counting, bytes, sizeof(bytes)),
				     siphash_1_3(counting, counting, sizeof(bytes)));
		bytes[bit / 8] ^= 1u << bit % 8;
	}
}

static void test_bits_of_the_first_byte_can_be_taken_for_0(void **state)
{
	unsigned char bytes[20], clear[20];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	memset(clear, 0xff, sizeof(clear));
	clear[0] = 0xf8;
	for (size_t size = 1; size <= sizeof(bytes); size++) {
		assert_int_equal(siphash(counting, bytes, size, 7, 1, 3),
				 siphash_1_3(counting, clear, size));
		assert_int_not_equal(siphash(counting, bytes, size, 7, 1, 3),
				     siphash_1_3(counting, bytes, size));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_vectors_of_the_reference),
		cmocka_unit_test(test_every_bit_of_seed_and_input_counts),
		cmocka_unit_test(test_bits_of_the_first_byte_can_be_taken_for_0),
	};

	for (size_t i = 0; i < sizeof(counting); i++)
		counting[i] = (unsigned char)i;
	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
