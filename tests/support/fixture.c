/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

void gate_close(struct gate *gate)
{
	*gate = (struct gate){.closed = true};
	pthread_mutex_init(&gate->mutex, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

void gate_pass(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->waiting++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->closed)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	gate->waiting--;
	pthread_mutex_unlock(&gate->mutex);
}

void gate_await(struct gate *gate, unsigned int n)
{
	pthread_mutex_lock(&gate->mutex);
	while (gate->waiting < n)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->closed = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

struct object *object_of(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct object, base);
}

static void pass_if_gated(struct fixture *f, struct gate *gate, uint64_t value)
{
	if (gate && (f->gated_value == 0 || f->gated_value == value))
		gate_pass(gate);
}

static int object_init(struct finode *base, void *arg)
{
	struct object *object = object_of(base);
	struct what *what = arg;
	struct fixture *f = what->fixture;

	if (object->canary || object->value) /* must be zeroed */
		f->broken++;
	pass_if_gated(f, f->init_gate, what->value);
	if (f->init_error) {
		f->init_failures++;
		return f->init_error;
	}
	object->canary = OBJECT_CANARY;
	object->fixture = f;
	object->value = what->value;
	what->taken = true;
	f->inits++;
	return 0;
}

static int object_match(struct finode *base, void *arg)
{
	struct object *object = object_of(base);
	struct what *what = arg;
	struct fixture *f = what->fixture;

	if (object->canary != OBJECT_CANARY)
		f->broken++;
	f->matches++;
	pass_if_gated(f, f->match_gate, what->value);
	return f->match_says;
}

static void object_evict(struct finode *base)
{
	struct object *object = object_of(base);
	struct fixture *f = object->fixture;

	if (object->canary != OBJECT_CANARY)
		f->broken++;
	pass_if_gated(f, f->evict_gate, object->value);
	if (f->in_evict)
		f->in_evict(base);
	object->canary = 0;
	f->evicts++;
}

static const struct finode_ops object_ops = {
	FINODE_OPS_FOR(struct object, base),
	.init = object_init,
	.match = object_match,
	.evict = object_evict,
};

static int open_object_init(struct finode_file *base, void *arg)
{
	FINODE_CONTAINER_OF(base, struct open_object, base)->fixture = arg;
	return ((struct fixture *)arg)->init_error;
}

static void open_object_release(struct finode_file *base)
{
	FINODE_CONTAINER_OF(base, struct open_object, base)->fixture->releases++;
}

static const struct finode_file_ops open_object_ops = {
	FINODE_FILE_OPS_FOR(struct open_object, base),
	.init = open_object_init,
	.release = open_object_release,
};

#define SPARED 16u

/* Ends where what was allocated ends, for AddressSanitizer. */
static void *allocate_sparingly(size_t size)
{
	void *ptr;

	if (posix_memalign(&ptr, 2 * SPARED, size + SPARED) != 0)
		return NULL;
	return memset((char *)ptr + SPARED, 0, size);
}

static void *counting_allocate(size_t size, void *user)
{
	struct fixture *f = user;
	void *ptr;

	f->allocations++;
	if (f->fail_after >= 0 && f->fail_after-- == 0) {
		f->fail_after = 0;
		return NULL;
	}
	ptr = f->sparing ? allocate_sparingly(size) : calloc(1, size);
	if (ptr)
		f->live_allocations++;
	return ptr;
}

static void counting_release(void *ptr, void *user)
{
	struct fixture *f = user;

	f->live_allocations--;
	free(f->sparing ? (char *)ptr - SPARED : ptr);
}

static void counting_log(enum finode_log_level level, const char *message, void *user)
{
	struct fixture *f = user;

	f->logs++;
	if (level == FINODE_LOG_ERROR)
		f->errors++;
	pthread_mutex_lock(&f->last_log_mutex); /* the callback runs on any thread */
	snprintf(f->last_log, sizeof(f->last_log), "%s", message);
	if (f->said && level == FINODE_LOG_ERROR)
		snprintf(f->said, sizeof(f->last_log), "%s", message);
	pthread_mutex_unlock(&f->last_log_mutex);
}

void fixture_init(struct fixture *f)
{
	static const uint64_t root_number = 1;

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->last_log_mutex, NULL);
	f->match_says = 1;
	f->fail_after = -1;
	f->config = (struct finode_config)FINODE_CONFIG_INIT;
	f->config.ops = &object_ops;
	f->config.file_ops = &open_object_ops;
	f->config.root_key = key_of(&root_number, S_IFDIR);
	f->config.log = counting_log;
	f->config.log_user = f;
	f->config.user = f;
	f->config.shards = 4; /* few, so that keys do meet in one */
}

int fixture_start_with(struct fixture *f, struct finode_config *config)
{
	struct finode_allocator allocator = {counting_allocate, counting_release, f};
	struct what root = {.fixture = f, .value = 1};

	config->allocator = &allocator;
	config->root_arg = &root;
	return finode_table_create(config, &f->table);
}

int fixture_start(struct fixture *f)
{
	return fixture_start_with(f, &f->config);
}

void fixture_create(struct fixture *f)
{
	fixture_init(f);
	assert_int_equal(fixture_start(f), 0);
}

void fixture_finish(struct fixture *f)
{
	assert_table_clean(f);
	finode_table_destroy(f->table);
	assert_int_equal(f->inits, f->evicts);
	assert_int_equal(f->live_allocations, 0);
	assert_int_equal(f->broken, 0);
}

struct finode_key key_of(const uint64_t *number, mode_t type)
{
	return (struct finode_key){number, sizeof(*number), type, 0};
}

int obtain_as(struct fixture *f, uint64_t number, mode_t type, uint32_t generation,
	      struct finode **out)
{
	struct finode_key key = key_of(&number, type);
	struct what what = {.fixture = f, .value = number};
	bool created = false;
	int result;

	key.generation = generation;
	result = finode_obtain(finode_table_root(f->table)->mount, key, &what, out,
			       &created);
	if (!result)
		result = created ? WAS_CREATED : WAS_FOUND;
	if (what.taken != (result == WAS_CREATED))
		f->broken++;
	return result;
}

int obtain(struct fixture *f, uint64_t number, struct finode **out)
{
	return obtain_as(f, number, S_IFREG, 0, out);
}

struct finode *find(struct fixture *f, uint64_t number)
{
	return finode_find(finode_table_root(f->table)->mount, key_of(&number, 0));
}

struct finode *must_obtain(struct fixture *f, uint64_t number)
{
	struct finode *inode;

	assert_true(obtain(f, number, &inode) >= 0);
	assert_non_null(inode);
	return inode;
}

struct finode_stats stats_of(struct fixture *f)
{
	struct finode_stats stats;

	finode_table_stats(f->table, &stats, sizeof(stats));
	return stats;
}

void assert_table_clean(struct fixture *f)
{
	char why[200] = "";

	if (finode_table_check(f->table, why, sizeof(why)) != 0)
		fail_msg("finode_table_check: %s", why);
}

struct thread {
	void (*fn)(void *arg, unsigned int number);
	void *arg;
	unsigned int number;
	pthread_barrier_t *start;
};

static void *thread_main(void *data)
{
	struct thread *thread = data;

	pthread_barrier_wait(thread->start);
	thread->fn(thread->arg, thread->number);
	return NULL;
}

void run_threads(unsigned int count, void (*fn)(void *arg, unsigned int number), void *arg)
{
	pthread_t ids[64];
	struct thread threads[64];
	pthread_barrier_t start;

	assert_true(count <= 64);
	pthread_barrier_init(&start, NULL, count);
	for (unsigned int i = 0; i < count; i++) {
		threads[i] = (struct thread){fn, arg, i, &start};
		assert_int_equal(pthread_create(&ids[i], NULL, thread_main, &threads[i]),
				 0);
	}
	for (unsigned int i = 0; i < count; i++)
		pthread_join(ids[i], NULL);
	pthread_barrier_destroy(&start);
}

static void *task_main(void *data)
{
	struct task *task = data;

	task->fn(task->arg);
	return NULL;
}

void task_start(struct task *task, void (*fn)(void *arg), void *arg)
{
	task->fn = fn;
	task->arg = arg;
	assert_int_equal(pthread_create(&task->id, NULL, task_main, task), 0);
}

void task_join(struct task *task)
{
	pthread_join(task->id, NULL);
}

void task_obtain(void *data)
{
	struct obtaining *o = data;

	o->result = obtain(o->f, o->number, &o->got);
}

void task_put(void *inode)
{
	finode_put(inode);
}

static void misuse(void (*fn)(struct fixture *f), char *said)
{
	struct fixture f;

	fixture_init(&f);
	f.said = said;
	if (fixture_start(&f) != 0)
		_exit(2);
	fn(&f);
	exit(f.errors > 0 ? 0 : 3); /* not _exit(): coverage is written at exit */
}

void assert_misuse_says(void (*fn)(struct fixture *f), const char *words)
{
	const size_t size = sizeof(((struct fixture *)0)->last_log);
	char *said =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		misuse(fn, said);
	assert_int_equal(waitpid(pid, &status, 0), pid);
#ifdef FINODE_DEBUG
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
#else
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
#endif
	if (!strstr(said, words))
		fail_msg("'%s' does not say '%s'", said, words);
	munmap(said, size);
}

void assert_misuse(void (*fn)(struct fixture *f))
{
	assert_misuse_says(fn, "");
}
