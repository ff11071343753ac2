/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes -> a sequence of operations on a table, each compared with the model of
 * tests/stress/model.c. Every decision of the model takes one byte.
 */
#include "stress/model.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *data;
	size_t left;
};

static unsigned int draw_from_bytes(void *source, unsigned int n)
{
	struct bytes *bytes = source;

	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return *bytes->data++ % n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	struct bytes bytes = {data, size};
	bool fine = true;

	model_start(&m, draw_from_bytes, &bytes);
	while (fine && bytes.left > 0)
		fine = model_step(&m);
	if (!fine || !model_end(&m)) {
		fprintf(stderr, "fuzz_table: %s\n", m.wrong);
		abort();
	}
	return 0;
}
