/* SPDX-License-Identifier: BSD-3-Clause */
/* Every initialiser and macro of the public headers, as a strict C11 compiler sees them. */
#include <finode.h>
#include <finode/fuse.h>
#include <finode/hostfs.h>

struct c_inode {
	int fd;
	struct finode base;
};

struct c_file {
	struct finode_file base;
};

struct c_mount {
	struct finode_mount base;
};

struct c_host_inode {
	struct hostfs_inode base;
};

const struct finode_ops c_ops = {FINODE_OPS_FOR(struct c_inode, base), .evict = NULL};
const struct finode_file_ops c_file_ops = {FINODE_FILE_OPS_FOR(struct c_file, base)};
const struct finode_mount_ops c_mount_ops = {FINODE_MOUNT_OPS_FOR(struct c_mount, base)};
const struct hostfs_inode_ops c_host_ops = {
	HOSTFS_INODE_OPS_FOR(struct c_host_inode, base)};
const struct finode_config c_config = FINODE_CONFIG_INIT;
const struct finode_session_config c_session_config = FINODE_SESSION_CONFIG_INIT;
const struct hostfs_config c_host_config = HOSTFS_CONFIG_INIT;
const struct finode_entry c_entry = FINODE_ENTRY_INIT;

int c_server(fuse_req_t req, struct finode *dir, const char *name);

int c_server(fuse_req_t req, struct finode *dir, const char *name)
{
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	FINODE_AUTOPUT struct finode *inode = NULL;
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	FINODE_ALIAS_AUTOPUT struct finode_alias *alias = NULL;
	FINODE_MOUNT_AUTOPUT struct finode_mount *mount = NULL;
	struct hostfs_caller caller = HOSTFS_CALLER_INIT;

	(void)lock;
	(void)pinned;
	(void)file;
	(void)alias;
	(void)mount;
	(void)caller;
	if (finode_obtain(dir->mount, FINODE_KEY_U64(7, S_IFREG), NULL, &inode, NULL) != 0)
		inode = finode_find(dir->mount, FINODE_KEY_U64_PAIR(1, 7, S_IFREG));
	if (!inode)
		return finode_reply_err(req, -1);
	FINODE_CONTAINER_OF(inode, struct c_inode, base)->fd = -1;
	if (buf.used)
		return finode_reply_entry(req, dir, name, inode, &FINODE_ENTRY());
	return finode_reply_entry(
		req, dir, name, inode,
		&FINODE_ENTRY(.attr = {.st_ino = 7}, .entry_timeout = 1.0));
}
