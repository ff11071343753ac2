/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYNCFS over two real filesystems: each is an ext4 in a file, mounted below one source, as
 * the examples see them. What was written through the source is in the file only once it
 * was synced.
 */
#include "support/fixture.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#include "lo.h"

#define IMAGE_SIZE (16u << 20)

struct volume {
	const char *name;
	char image[64], point[64];
	struct finode *root;
};

struct sources {
	char work[32];
	struct finode_table *table;
	struct volume a, b;
};

static void skip_all(const char *why)
{
	printf("SKIPPED: %s\n", why);
	exit(77);
}

static int init(struct finode *base, void *arg)
{
	struct lo_object *obj = arg;

	lo_inode(base)->fd = obj->fd;
	obj->fd = -1;
	return 0;
}

static void evict(struct finode *base)
{
	close(lo_inode(base)->fd);
}

static const struct finode_ops ops = {FINODE_OPS_FOR(struct lo_inode, base), .init = init,
				      .evict = evict};

/* Runs a command of the shell, as a user would. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command); /* NOLINT(cert-env33-c): that is the point of it */
}

static void volume_mount(struct sources *s, struct volume *v, const char *name)
{
	v->name = name;
	snprintf(v->image, sizeof(v->image), "%s/image-%s", s->work, name);
	snprintf(v->point, sizeof(v->point), "%s/source/%s", s->work, name);
	assert_int_equal(run("truncate -s 16M %s && mkfs.ext4 -q %s", v->image, v->image),
			 0);
	assert_int_equal(run("mkdir -p %s", v->point), 0);
	if (run("mount -o loop %s %s", v->image, v->point) != 0)
		skip_all("cannot mount a file as an ext4: are there loop devices?");
}

static struct finode *cross(struct sources *s, const char *name)
{
	struct finode *source = finode_table_root(s->table), *root;
	struct lo_object obj = LO_OBJECT_NONE;

	assert_int_equal(lo_open_object(lo_inode(source)->fd, name, O_NOFOLLOW, &obj), 0);
	assert_int_equal(lo_obtain(source, &obj, &root), 0);
	assert_ptr_not_equal(root->mount, source->mount);
	lo_close(&obj.fd);
	return root;
}

static void sources_begin(struct sources *s)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct lo_object obj = LO_OBJECT_NONE;
	char path[64];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		skip_all("needs root to mount");
	*s = (struct sources){.work = "/tmp/finode-syncfs.XXXXXX"};
	assert_non_null(mkdtemp(s->work));
	volume_mount(s, &s->a, "a");
	volume_mount(s, &s->b, "b");
	snprintf(path, sizeof(path), "%s/source", s->work);
	assert_int_equal(lo_open_object(AT_FDCWD, path, O_DIRECTORY, &obj), 0);
	config.ops = &ops;
	config.mount_ops = &lo_mount_ops;
	config.root_mount_id = finode_mount_id_of(&obj.stx);
	config.root_mount_arg = config.root_arg = &obj;
	config.root_key = lo_key(&obj);
	assert_int_equal(finode_table_create(&config, &s->table), 0);
	lo_close(&obj.fd);
	s->a.root = cross(s, "a");
	s->b.root = cross(s, "b");
}

static void sources_end(struct sources *s)
{
	finode_put(s->a.root);
	finode_put(s->b.root);
	finode_table_destroy(s->table);
	/* Without -l: the table holds nothing. */
	assert_int_equal(run("umount %s && umount %s", s->a.point, s->b.point), 0);
	assert_int_equal(run("rm -r %s", s->work), 0);
}

static void write_marker(const struct volume *v, const char *marker)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", v->point, marker);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "what is in %s: %s", v->name, marker) > 0);
	assert_int_equal(fclose(file), 0);
}

/* Has it reached the file that the filesystem is in? */
static bool is_safe(const struct volume *v, const char *marker)
{
	char *bytes = malloc(IMAGE_SIZE), text[96];
	FILE *file = fopen(v->image, "r");
	size_t got;
	bool found;

	assert_non_null(bytes);
	assert_non_null(file);
	snprintf(text, sizeof(text), "what is in %s: %s", v->name, marker);
	got = fread(bytes, 1, IMAGE_SIZE, file);
	found = memmem(bytes, got, text, strlen(text)) != NULL;
	fclose(file);
	free(bytes);
	return found;
}

static void test_syncfs_reaches_the_disk_of_its_mount(void **state)
{
	struct sources s;

	(void)state;
	sources_begin(&s);
	write_marker(&s.a, "first");
	write_marker(&s.b, "first");
	assert_false(is_safe(&s.a, "first"));
	assert_int_equal(finode_mount_syncfs(s.table, s.a.root->nodeid), 0);
	assert_true(is_safe(&s.a, "first"));
	assert_false(is_safe(&s.b, "first")); /* the kernel writes by itself, after 30 s */
	/* The main root: all that no kernel knows as a filesystem of its own. */
	write_marker(&s.a, "second");
	assert_int_equal(finode_mount_syncfs(s.table, FINODE_ROOT_ID), 0);
	assert_true(is_safe(&s.a, "second"));
	assert_true(is_safe(&s.b, "first"));
	sources_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syncfs_reaches_the_disk_of_its_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
