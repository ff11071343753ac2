/* SPDX-License-Identifier: BSD-3-Clause */
/* link() and unlink(): of every type, of what is open, of what has no name any more. */
#include "cases.h"

static const char *const odd_paths[] = {
	"",	  ".",	       "..",	   "dir/",   "dir/.",	"file/",
	"file/.", "symlink/",  "loop/",	   "absent", "absent/", "loop/x",
	"file/x", "dangling/", "dirlink/", "dir/..",
};

static void link_every_type(void)
{
	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];

		see(words("%s", type), link(type, words("%s-2", type)));
		see_stat(words("%s then", type), words("%s-2", type));
		see(words("%s followed", type),
		    linkat(AT_FDCWD, type, AT_FDCWD, words("%s-3", type),
			   AT_SYMLINK_FOLLOW));
		see_stat(words("%s followed then", type), words("%s-3", type));
		see(words("over %s", type), link("file", type));
		see(words("%s over itself", type), link(type, type));
		see(words("%s into a directory", type), link(type, "dir/x"));
		see(words("unlink %s", type), unlink("dir/x"));
		see_stat(words("%s at last", type), type);
	}
}

static void link_odd(void)
{
	for (size_t i = 0; i < COUNT(odd_paths); i++) {
		see(words("from '%s'", odd_paths[i]), link(odd_paths[i], "new"));
		unlink("new");
		see(words("to '%s'", odd_paths[i]), link("file", odd_paths[i]));
	}
	see("bad flags", linkat(AT_FDCWD, "file", AT_FDCWD, "new", 0x8000));
	see("empty path without flag", linkat(AT_FDCWD, "", AT_FDCWD, "new", 0));
}

/* The links are one file: attributes, contents and count are the same through each. */
static void link_shares(void)
{
	char text[16];
	int fd;

	put_file("a", 0644, "one");
	see("link 1", link("a", "b"));
	must(mkdir("d", 0755), "mkdir");
	see("link 2", link("b", "d/c"));
	see("chmod", chmod("b", 0604));
	see_stat("a", "a");
	see_stat("d/c", "d/c");
	fd = open("d/c", O_RDWR | O_APPEND);
	see("write", write(fd, "+two", 4));
	see_stat("a after the write", "a");
	see("truncate", truncate("a", 5));
	see_bytes("read", text, pread(fd, text, sizeof(text), 0));
	see("unlink", unlink("a"));
	see_fstat("two left", fd);
	see("rename over a link", rename("b", "d/c"));
	see_stat("b stays", "b");
	see("unlink b", unlink("b"));
	see("unlink c", unlink("d/c"));
	see_fstat("none left", fd);
	for (int i = 0; i < 50; i++)
		if (link("d/c", words("n%d", i)) == 0 || errno != ENOENT)
			see_value("link of nothing", "done");
}

static void link_of_unlinked(void)
{
	char path[32];
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	see("link while it has a name",
	    linkat(AT_FDCWD, path, AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
	unlink("f");
	unlink("g");
	see("link of an unlinked file",
	    linkat(AT_FDCWD, path, AT_FDCWD, "h", AT_SYMLINK_FOLLOW));
	see("by the descriptor", linkat(fd, "", AT_FDCWD, "i", AT_EMPTY_PATH));
	see_fstat("is", fd);
}

/* fs.protected_hardlinks: an ordinary user links only what is safe. */
static void prepare_protected(void)
{
	static const mode_t modes[] = {0600, 0644, 0666, 04666, 02676, 02666};

	for (size_t i = 0; i < COUNT(modes); i++) {
		const char *path = words("f%04o", modes[i]);

		put_file(path, 0600, "x");
		give(path, OTHER_UID, OTHER_GID, modes[i]);
	}
	put_types(OTHER_UID, OTHER_GID);
}

static void link_protected(void)
{
	static const mode_t modes[] = {0600, 0644, 0666, 04666, 02676, 02666};

	for (size_t i = 0; i < COUNT(modes); i++)
		see(words("%04o", modes[i]),
		    link(words("f%04o", modes[i]), words("l%04o", modes[i])));
	for (int i = 0; i < FILE_TYPES; i++)
		see(file_types[i], link(file_types[i], words("l-%s", file_types[i])));
}

static const struct posix_case link_cases[] = {
	{"every_type", link_every_type, prepare_my_types},
	{"odd", link_odd, prepare_my_types},
	{"shares", link_shares, NULL},
	{"of_unlinked", link_of_unlinked, NULL},
	{"protected", link_protected, prepare_protected},
};

const struct family link_family = {"link", link_cases, COUNT(link_cases)};

static void unlink_every_type(void)
{
	for (int i = 0; i < FILE_TYPES; i++) {
		see(words("AT_REMOVEDIR of %s", file_types[i]),
		    strcmp(file_types[i], "dir") == 0
			    ? 0
			    : unlinkat(AT_FDCWD, file_types[i], AT_REMOVEDIR));
		see(words("%s", file_types[i]), unlink(file_types[i]));
		see(words("%s again", file_types[i]), unlink(file_types[i]));
		see_stat(words("%s then", file_types[i]), file_types[i]);
	}
	see_stat("what the symlink led to", "symlink-target");
}

static void unlink_odd(void)
{
	for (size_t i = 0; i < COUNT(odd_paths); i++)
		see(words("'%s'", odd_paths[i]), unlink(odd_paths[i]));
	see("bad flags", unlinkat(AT_FDCWD, "file", 1));
	see("bad address", unlink((const char *)1));
}

static void unlink_open(void)
{
	char text[16];
	int fd = open("f", O_RDWR | O_CREAT, 0600), again;

	see("write", write(fd, "before", 6));
	see("unlink", unlink("f"));
	see_fstat("unlinked", fd);
	see("write on", write(fd, " after", 6));
	see_bytes("read", text, pread(fd, text, sizeof(text), 0));
	see("ftruncate", ftruncate(fd, 3));
	see("fchmod", fchmod(fd, 0640));
	see("futimens", futimens(fd, NULL));
	see("fchown", fchown(fd, me.uid, me.gid));
	see("fsync", fsync(fd));
	see_fstat("changed", fd);
	again = open("f", O_RDWR | O_CREAT | O_EXCL, 0600);
	see("a new file of the name", write(again, "new", 3));
	see_bytes("the old contents", text, pread(fd, text, sizeof(text), 0));
	see_bytes("the new contents", text, pread(again, text, sizeof(text), 0));
	see_fstat("the old one", fd);
	see_fstat("the new one", again);
	see("reopen", open(words("/proc/self/fd/%d", fd), O_RDWR) < 0 ? -1 : 0);
	see("chmod by /proc", chmod(words("/proc/self/fd/%d", fd), 0604));
	see("truncate by /proc", truncate(words("/proc/self/fd/%d", fd), 1));
	see_fstat("the old one then", fd);
}

/* Each of them is open by O_PATH, and unlinked. */
static void unlinked_types(void)
{
	char target[32];

	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];
		int fd = open(type, O_PATH | O_NOFOLLOW);

		if (strcmp(type, "full") == 0)
			unlink("full/inside");
		if (unlink(type) < 0)
			rmdir(type);
		see_fstat(words("%s is", type), fd);
		see(words("chmod %s", type), chmod(words("/proc/self/fd/%d", fd), 0600));
		see(words("chown %s", type),
		    fchownat(fd, "", me.uid, me.gid, AT_EMPTY_PATH));
		see(words("utimensat %s", type), utimensat(fd, "", NULL, AT_EMPTY_PATH));
		see(words("readlink %s", type), readlinkat(fd, "", target, sizeof(target)));
		see_open(words("open %s", type), words("/proc/self/fd/%d", fd),
			 O_RDONLY | O_NONBLOCK, 0);
		see_fstat(words("%s then", type), fd);
	}
}

static void unlinked_cwd(void)
{
	char path[200];

	must(mkdir("d", 0755), "mkdir");
	must(chdir("d"), "chdir");
	see("rmdir", rmdir("../d"));
	see_stat("'.'", ".");
	see_stat("'..'", "..");
	see("getcwd", getcwd(path, sizeof(path)) ? 0 : -1);
	see_open("create", "x", O_RDWR | O_CREAT, 0600);
	see("mkdir", mkdir("x", 0700));
	see_open("list", ".", O_RDONLY | O_DIRECTORY, 0);
	see("chmod", chmod(".", 0700));
	see("utimens", utimensat(AT_FDCWD, ".", NULL, 0));
	see("rmdir '.'", rmdir("."));
	see_open("O_TMPFILE", ".", O_TMPFILE | O_RDWR, 0600);
	see("chdir ..", chdir(".."));
	see("mkdir of the name", mkdir("d", 0700));
	see_stat("d", "d");
}

static const struct posix_case unlink_cases[] = {
	{"every_type", unlink_every_type, prepare_my_types},
	{"odd", unlink_odd, prepare_my_types},
	{"open", unlink_open, NULL},
	{"unlinked_types", unlinked_types, prepare_my_types},
	{"unlinked_types_of_others", unlinked_types, prepare_other_types},
	{"unlinked_cwd", unlinked_cwd, NULL},
};

const struct family unlink_family = {"unlink", unlink_cases, COUNT(unlink_cases)};
