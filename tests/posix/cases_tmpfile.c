/* SPDX-License-Identifier: BSD-3-Clause */
/* O_TMPFILE: files without a name, and giving them one with linkat(). */
#include "cases.h"

static int unnamed(int flags, mode_t mode)
{
	return open("dir", O_TMPFILE | flags, mode);
}

static void prepare(void)
{
	put_dir("dir", 0755);
	give("dir", me.uid, me.gid, 0755);
	put_dir("sgid", 0755);
	give("sgid", OTHER_UID, TEAM_GID, 02777);
	put_dir("closed", 0755);
	give("closed", OTHER_UID, OTHER_GID, 0755);
}

static void attributes(void)
{
	static const mode_t modes[] = {0, 0400, 0666, 06777};
	int fd;

	for (size_t i = 0; i < COUNT(modes); i++) {
		fd = see_fd(words("open %03o", modes[i]), unnamed(O_RDWR, modes[i]));
		see_fstat(words("is %03o", modes[i]), fd);
		see(words("write %03o", modes[i]), write(fd, "abc", 3));
		see_fstat(words("written %03o", modes[i]), fd);
		close(fd);
	}
	umask(0);
	fd = see_fd("in sgid", open("sgid", O_TMPFILE | O_RDWR, 06775));
	see_fstat("in sgid is", fd);
	see_open("in closed", "closed", O_TMPFILE | O_RDWR, 0600);
	see_open("read only", "dir", O_TMPFILE | O_RDONLY, 0600);
	see_open("with O_CREAT", "dir", O_TMPFILE | O_RDWR | O_CREAT, 0600);
	see_open("absent", "absent", O_TMPFILE | O_RDWR, 0600);
}

static void give_name(void)
{
	char path[32], text[16];
	int fd = unnamed(O_RDWR, 0640), fd2;

	see("write", write(fd, "abc", 3));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	see("link", linkat(AT_FDCWD, path, AT_FDCWD, "dir/name", AT_SYMLINK_FOLLOW));
	see_fstat("linked", fd);
	see_stat("by name", "dir/name");
	see("link again", linkat(AT_FDCWD, path, AT_FDCWD, "second", AT_SYMLINK_FOLLOW));
	see("link there", linkat(AT_FDCWD, path, AT_FDCWD, "dir/name", AT_SYMLINK_FOLLOW));
	fd2 = open("second", O_RDONLY);
	see_bytes("contents", text, read(fd2, text, sizeof(text)));
	see("unlink", unlink("dir/name"));
	see("unlink second", unlink("second"));
	see_fstat("without names", fd);
	see("link once more", linkat(AT_FDCWD, path, AT_FDCWD, "third", AT_SYMLINK_FOLLOW));
}

static void empty_path(void)
{
	int fd = unnamed(O_RDWR, 0640);

	see("link", linkat(fd, "", AT_FDCWD, "dir/name", AT_EMPTY_PATH));
	see_fstat("is", fd);
}

static void exclusive(void)
{
	char path[32];
	int fd = unnamed(O_RDWR | O_EXCL, 0640);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	see("link", linkat(AT_FDCWD, path, AT_FDCWD, "dir/name", AT_SYMLINK_FOLLOW));
	see_fstat("is", fd);
}

static void use(void)
{
	char path[32], text[16];
	int fd = unnamed(O_RDWR, 0600), again;

	see("ftruncate", ftruncate(fd, 100));
	see("fchmod", fchmod(fd, 0640));
	see("futimens", futimens(fd, NULL));
	see_fstat("is", fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = see_fd("reopen", open(path, O_RDWR));
	see("write", pwrite(again, "xyz", 3, 10));
	see_bytes("read", text, pread(fd, text, 5, 9));
	see("rename by /proc", rename(path, "dir/moved"));
	see("unlink by /proc", unlink(path));
}

static const struct posix_case cases[] = {
	{"attributes", attributes, prepare},
	{"give_name", give_name, prepare},
	{"empty_path", empty_path, prepare},
	{"exclusive", exclusive, prepare},
	{"use", use, prepare},
};

const struct family tmpfile_family = {"tmpfile", cases, COUNT(cases)};
