// SPDX-License-Identifier: BSD-3-Clause
// The public interface from C++: ops, embedding, a lookup that ends with its reply.
#include <finode.h>
#include <finode/fuse.h>

struct cpp_inode {
	int fd;
	struct finode base;
};

static int cpp_init(struct finode *base, void *arg)
{
	FINODE_CONTAINER_OF(base, struct cpp_inode, base)->fd = *static_cast<int *>(arg);
	return 0;
}

static const struct finode_ops cpp_ops = {
	FINODE_OPS_FOR(struct cpp_inode, base), .init = cpp_init, .match = nullptr,
	.evict = nullptr, .unlinked = nullptr, .rebind = nullptr,
};

void cpp_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);

void cpp_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	auto *table = static_cast<struct finode_table *>(fuse_req_userdata(req));
	FINODE_AUTOPUT struct finode *dir = nullptr;
	FINODE_AUTOPUT struct finode *inode = nullptr;
	struct finode_entry entry = FINODE_ENTRY_INIT;
	int fd = -1;
	int err = finode_get_dir(table, parent, name, &dir);

	if (!err)
		err = finode_obtain(dir->mount, {&fd, sizeof(fd), S_IFREG, 0}, &fd, &inode, NULL);
	if (err < 0)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, dir, name, inode, &entry);
	(void)cpp_ops;
}
