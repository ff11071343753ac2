/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that begin together, and the time that they take. */
#include <pthread.h>
#include <time.h>

#include "runner.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct worker {
	pthread_t thread;
	pthread_barrier_t *barrier;
	work_fn fn;
	struct work *work;
	uint64_t begin, end;
};

static void *work_thread(void *arg)
{
	struct worker *w = arg;
	const struct bench_table *ops = w->work->ops;

	if (ops->thread_begin)
		ops->thread_begin();
	pthread_barrier_wait(w->barrier);
	w->begin = now_ns();
	w->fn(w->work);
	w->end = now_ns();
	if (ops->thread_end)
		ops->thread_end();
	return NULL;
}

uint64_t run_parallel(work_fn fn, struct work *works, unsigned int threads)
{
	struct worker workers[THREADS_MAX];
	pthread_barrier_t barrier;
	uint64_t begin = UINT64_MAX, end = 0;

	if (threads == 1) {
		begin = now_ns();
		fn(works);
		return now_ns() - begin;
	}
	pthread_barrier_init(&barrier, NULL, threads);
	for (unsigned int i = 0; i < threads; i++) {
		workers[i] =
			(struct worker){.barrier = &barrier, .fn = fn, .work = &works[i]};
		if (pthread_create(&workers[i].thread, NULL, work_thread, &workers[i]) != 0)
			bench_die("no thread");
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		begin = workers[i].begin < begin ? workers[i].begin : begin;
		end = workers[i].end > end ? workers[i].end : end;
	}
	pthread_barrier_destroy(&barrier);
	return end - begin;
}
