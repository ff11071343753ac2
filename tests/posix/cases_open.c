/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * open() and creat(): every flag on every type of file, what a new file is, what an open
 * with O_PATH allows, odd paths. O_NONBLOCK is always set: a fifo would wait for its peer.
 */
#include "cases.h"

#include <sys/ioctl.h>
#include <sys/xattr.h>

struct flag_set {
	const char *name;
	int flags;
};

static const struct flag_set flag_sets[] = {
	{"r", O_RDONLY},
	{"w", O_WRONLY},
	{"rw", O_RDWR},
	{"r+trunc", O_RDONLY | O_TRUNC},
	{"w+trunc", O_WRONLY | O_TRUNC},
	{"w+append", O_WRONLY | O_APPEND},
	{"w+append+trunc", O_WRONLY | O_APPEND | O_TRUNC},
	{"r+directory", O_RDONLY | O_DIRECTORY},
	{"w+directory", O_WRONLY | O_DIRECTORY},
	{"r+nofollow", O_RDONLY | O_NOFOLLOW},
	{"r+directory+nofollow", O_RDONLY | O_DIRECTORY | O_NOFOLLOW},
	{"r+noatime", O_RDONLY | O_NOATIME},
	{"rw+sync", O_RDWR | O_SYNC},
	{"rw+dsync", O_RDWR | O_DSYNC},
	{"path", O_PATH},
	{"path+nofollow", O_PATH | O_NOFOLLOW},
	{"path+directory", O_PATH | O_DIRECTORY},
	{"path+nofollow+directory", O_PATH | O_NOFOLLOW | O_DIRECTORY},
	{"accmode3", O_ACCMODE},
	{"r+creat", O_RDONLY | O_CREAT},
	{"w+creat+nofollow", O_WRONLY | O_CREAT | O_NOFOLLOW},
	{"w+creat+excl", O_WRONLY | O_CREAT | O_EXCL},
	{"r+creat+directory", O_RDONLY | O_CREAT | O_DIRECTORY},
	{"w+creat+trunc", O_WRONLY | O_CREAT | O_TRUNC},
};

static void open_every_type(void)
{
	for (size_t f = 0; f < COUNT(flag_sets); f++) {
		const char *name = flag_sets[f].name;
		int flags = flag_sets[f].flags | O_NONBLOCK | O_NOCTTY;

		for (int t = 0; t < FILE_TYPES; t++)
			see_open(words("%s %s", name, file_types[t]), file_types[t], flags,
				 0666);
		see_open(words("%s absent", name), "absent", flags, 0666);
		see_stat(words("%s left-file", name), "file");
		see_stat(words("%s left-absent", name), "absent");
		see_stat(words("%s left-dangling", name), "nothing-there");
		unlink("absent");
		unlink("nothing-there");
	}
}

static void odd_paths(void)
{
	static const char *const paths[] = {
		"",
		".",
		"..",
		"./.",
		"file/",
		"file/.",
		"file/..",
		"dir/",
		"dir/.",
		"dir/..",
		"dir//",
		"symlink/",
		"dirlink/",
		"loop/",
		"dangling/",
		"absent/",
		"fifo/",
		"absent/x",
		"file/x",
		"loop/x",
		"chr/x",
		"symlink/x",
		"dirlink/.",
		"dangling/x",
		"dir/absent/..",
		"full/inside/",
	};

	for (size_t i = 0; i < COUNT(paths); i++) {
		see_open(words("r '%s'", paths[i]), paths[i], O_RDONLY | O_NONBLOCK, 0);
		see_open(words("create '%s'", paths[i]), paths[i],
			 O_RDWR | O_CREAT | O_NONBLOCK, 0666);
		see_open(words("excl '%s'", paths[i]), paths[i],
			 O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0666);
	}
	see("bad address", open((const char *)1, O_RDONLY));
	see("bad dirfd", openat(-2, "file", O_RDONLY));
}

static void new_modes(void)
{
	static const mode_t masks[] = {0, 022, 077, 0777, 02};
	static const mode_t modes[] = {0,    0444,  0644,  0666,  0777,
				       0200, 04755, 02755, 01777, 07777};

	for (size_t m = 0; m < COUNT(masks); m++)
		for (size_t i = 0; i < COUNT(modes); i++) {
			umask(masks[m]);
			see_open(words("%03o & ~%03o", modes[i], masks[m]), "new",
				 O_WRONLY | O_CREAT | O_EXCL, modes[i]);
			see_stat(words("%03o & ~%03o is", modes[i], masks[m]), "new");
			unlink("new");
		}
	umask(0);
	see("creat", creat("new", 0751) < 0 ? -1 : 0);
	see_stat("creat is", "new");
}

static void prepare_shared(void)
{
	static const struct {
		const char *name;
		gid_t gid;
		mode_t mode;
	} dirs[] = {
		{"plain", OTHER_GID, 0777},	{"sgid-other", OTHER_GID, 02777},
		{"sgid-team", TEAM_GID, 02777}, {"sticky", OTHER_GID, 01777},
		{"both", TEAM_GID, 03777},	{"closed", OTHER_GID, 0755},
		{"team", TEAM_GID, 0770},	{"blind", OTHER_GID, 0733},
	};

	for (size_t i = 0; i < COUNT(dirs); i++) {
		put_dir(dirs[i].name, 0755);
		put_file(words("%s/there", dirs[i].name), 0666, "there");
		give(words("%s/there", dirs[i].name), OTHER_UID, OTHER_GID, 0666);
		give(dirs[i].name, OTHER_UID, dirs[i].gid, dirs[i].mode);
	}
}

static void new_owner(void)
{
	static const char *const dirs[] = {"plain", "sgid-other", "sgid-team", "sticky",
					   "both",  "closed",	  "team",      "blind"};

	umask(0);
	for (size_t i = 0; i < COUNT(dirs); i++) {
		see_open(words("%s create", dirs[i]), words("%s/new", dirs[i]),
			 O_RDWR | O_CREAT, 06775);
		see_stat(words("%s is", dirs[i]), words("%s/new", dirs[i]));
		see_open(words("%s open with O_CREAT", dirs[i]), words("%s/there", dirs[i]),
			 O_RDWR | O_CREAT, 0666);
		see_open(words("%s truncate with O_CREAT", dirs[i]),
			 words("%s/there", dirs[i]), O_WRONLY | O_CREAT | O_TRUNC, 0666);
	}
}

/* A new file may be written by who made it, whatever its mode. */
static void write_new(void)
{
	static const mode_t modes[] = {0, 0444, 0222, 0666};

	for (size_t i = 0; i < COUNT(modes); i++) {
		int fd = open("new", O_RDWR | O_CREAT | O_EXCL, modes[i]);
		char byte = 0;

		see(words("%03o write", modes[i]), write(fd, "x", 1));
		see(words("%03o read", modes[i]), pread(fd, &byte, 1, 0));
		see(words("%03o fchmod", modes[i]), fchmod(fd, modes[i] ^ 0111));
		close(fd);
		see_open(words("%03o again r", modes[i]), "new", O_RDONLY, 0);
		see_open(words("%03o again w", modes[i]), "new", O_WRONLY, 0);
		see_open(words("%03o O_CREAT again", modes[i]), "new", O_RDWR | O_CREAT, 0);
		unlink("new");
	}
}

static void path_only(void)
{
	int fd = open("file", O_PATH), dir = open("full", O_PATH);
	char buffer[16], link[32];

	see("read", read(fd, buffer, 1));
	see("write", write(fd, buffer, 1));
	see("lseek", lseek(fd, 0, SEEK_SET));
	see("fchmod", fchmod(fd, 0600));
	see("fchown", fchown(fd, me.uid, me.gid));
	see("ftruncate", ftruncate(fd, 0));
	see("futimens", futimens(fd, NULL));
	see("fsync", fsync(fd));
	see("fgetxattr", fgetxattr(fd, "user.a", buffer, sizeof(buffer)));
	see("fchownat empty", fchownat(fd, "", me.uid, me.gid, AT_EMPTY_PATH));
	see("utimensat empty", utimensat(fd, "", NULL, AT_EMPTY_PATH));
	see("linkat empty", linkat(fd, "", AT_FDCWD, "linked", AT_EMPTY_PATH));
	see_fstat("fstat", fd);
	see("fchdir", fchdir(fd));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	see_open("reopen", link, O_RDWR, 0);
	see("chmod by /proc", chmod(link, 0640));
	see("F_GETFL", fcntl(fd, F_GETFL));
	see_fstat("fstat dir", dir);
	see("openat", openat(dir, "inside", O_RDONLY) < 0 ? -1 : 0);
	see("create in", openat(dir, "new", O_WRONLY | O_CREAT, 0600) < 0 ? -1 : 0);
	see("unlinkat", unlinkat(dir, "new", 0));
	see("fchdir dir", fchdir(dir));
	see_stat("in the directory", "inside");
}

static void status_flags(void)
{
	int fd = open("new", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600), second;
	char text[32];

	see("F_GETFL", fcntl(fd, F_GETFL));
	see("write 1", write(fd, "aaaa", 4));
	second = open("new", O_RDWR);
	see("write 2", write(second, "b", 1));
	see("write 3", write(fd, "cc", 2));
	see("pwrite appends", pwrite(fd, "dd", 2, 0));
	see("position", lseek(fd, 0, SEEK_CUR));
	see_bytes("contents", text, pread(fd, text, sizeof(text), 0));
	see("F_SETFL none", fcntl(fd, F_SETFL, 0));
	see("pwrite", pwrite(fd, "ee", 2, 0));
	see_bytes("contents then", text, pread(fd, text, sizeof(text), 0));
	see("F_SETFL append", fcntl(second, F_SETFL, O_APPEND | O_NONBLOCK));
	see("F_GETFL then", fcntl(second, F_GETFL));
	see("write appends", write(second, "ff", 2));
	see_bytes("contents last", text, pread(fd, text, sizeof(text), 0));
	see("FIONREAD", ioctl(fd, FIONREAD, &(int){0}));
}

static const struct posix_case cases[] = {
	{"every_type", open_every_type, prepare_my_types},
	{"every_type_of_others", open_every_type, prepare_other_types},
	{"odd_paths", odd_paths, prepare_my_types},
	{"new_modes", new_modes, NULL},
	{"new_owner", new_owner, prepare_shared},
	{"write_new", write_new, NULL},
	{"path_only", path_only, prepare_my_types},
	{"path_only_of_others", path_only, prepare_other_types},
	{"status_flags", status_flags, NULL},
};

const struct family open_family = {"open", cases, COUNT(cases)};
