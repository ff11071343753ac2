// SPDX-License-Identifier: BSD-3-Clause
// The public interface from C++: every initialiser, embedding, a lookup and a readdir that
// end with their reply.
#include <cerrno>
#include <finode.h>
#include <finode/fuse.h>
#include <finode/hostfs.h>

struct cpp_inode {
	int fd;
	struct finode base;
};

struct cpp_file {
	struct finode_file base;
};

struct cpp_mount {
	struct finode_mount base;
};

struct cpp_host_inode {
	struct hostfs_inode base;
};

static int cpp_init(struct finode *base, void *arg)
{
	FINODE_CONTAINER_OF(base, struct cpp_inode, base)->fd = *static_cast<int *>(arg);
	return 0;
}

#if __cplusplus >= 202002L
static const struct finode_ops cpp_ops = {
	FINODE_OPS_FOR(struct cpp_inode, base), .init = cpp_init, .match = nullptr,
	.evict = nullptr, .unlinked = nullptr, .rebind = nullptr,
};
#else
static struct finode_ops make_ops()
{
	struct finode_ops ops = FINODE_OPS_INIT(struct cpp_inode, base);

	ops.init = cpp_init;
	return ops;
}

static const struct finode_ops cpp_ops = make_ops();
#endif

static const struct finode_file_ops cpp_file_ops =
	FINODE_FILE_OPS_INIT(struct cpp_file, base);
static const struct finode_mount_ops cpp_mount_ops =
	FINODE_MOUNT_OPS_INIT(struct cpp_mount, base);
static const struct hostfs_inode_ops cpp_host_ops =
	HOSTFS_INODE_OPS_INIT(struct cpp_host_inode, base);

static void cpp_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct finode_table *table = finode_session_of(req)->table;
	FINODE_AUTOPUT struct finode *dir = nullptr;
	FINODE_AUTOPUT struct finode *inode = nullptr;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct finode_entry entry = FINODE_ENTRY_INIT;
	int fd = -1;
	int err = finode_get_dir(table, parent, name, &dir);

	entry.attr.st_mode = S_IFREG;
	if (!err)
		err = finode_dir_share(dir, &lock);
	if (!err)
		err = finode_obtain(dir->mount, {&fd, sizeof(fd), S_IFREG, 0}, &fd, &inode,
				    nullptr);
	if (err < 0)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, dir, name, inode, &entry);
}

static void cpp_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file =
		finode_file_get(finode_session_of(req)->table, fi->fh);
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;

	(void)nodeid;
	(void)off;
	if (!file || finode_dirbuf_init(&buf, file->inode, size, 0) != 0)
		finode_reply_err(req, -EBADF);
	else
		finode_dirbuf_reply(&buf, req);
}

void cpp_show(struct hostfs_config *config);

void cpp_show(struct hostfs_config *config)
{
	*config = HOSTFS_CONFIG_INIT;
	config->inode_ops = &cpp_host_ops;
}

int cpp_create(struct fuse_args *args, struct finode_session **out);

int cpp_create(struct fuse_args *args, struct finode_session **out)
{
	struct finode_session_config session_config = FINODE_SESSION_CONFIG_INIT;
	struct finode_config config = FINODE_CONFIG_INIT;
	struct fuse_lowlevel_ops ops = {};
	const uint64_t root = 1;
	int err;

	ops.lookup = cpp_lookup;
	ops.readdir = cpp_readdir;
	config.ops = &cpp_ops;
	config.file_ops = &cpp_file_ops;
	config.mount_ops = &cpp_mount_ops;
	config.root_key = {&root, sizeof(root), S_IFDIR, 0};
	err = finode_table_create(&config, &session_config.table);
	if (err)
		return err;
	session_config.ops = &ops;
	session_config.ops_size = sizeof(ops);
	return finode_session_create(args, &session_config, out);
}
