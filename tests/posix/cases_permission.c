/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Permissions: every operation on names in directories of every mode and owner (among
 * them sticky ones), and opening files of every mode and owner.
 */
#include "cases.h"

static const struct {
	const char *name;
	uid_t uid;
	gid_t gid;
} others[] = {
	{"other", OTHER_UID, OTHER_GID},
	{"team", OTHER_UID, TEAM_GID},
};

static const mode_t dir_modes[] = {0,	 0100, 0111,  0222,  0300,  0311, 0333,
				   0444, 0500, 0555,  0700,  0711,  0755, 0770,
				   0775, 0777, 01777, 01775, 03777, 01755};

static void put_dirs(uid_t uid, gid_t gid, const char *owner)
{
	for (size_t i = 0; i < COUNT(dir_modes); i++) {
		const char *dir = words("%s-%04o", owner, dir_modes[i]);

		put_dir(dir, 0755);
		put_file(words("%s/mine", dir), 0644, "mine");
		put_file(words("%s/theirs", dir), 0644, "theirs");
		put_dir(words("%s/my-dir", dir), 0755);
		put_dir(words("%s/their-dir", dir), 0755);
		must(chown(words("%s/mine", dir), me.uid, me.gid), "chown");
		must(chown(words("%s/my-dir", dir), me.uid, me.gid), "chown");
		must(chown(words("%s/theirs", dir), OTHER_UID, OTHER_GID), "chown");
		must(chown(words("%s/their-dir", dir), OTHER_UID, OTHER_GID), "chown");
		give(dir, uid, gid, dir_modes[i]);
	}
}

static void prepare_dirs(void)
{
	put_dirs(me.uid, me.gid, "me");
	for (size_t i = 0; i < COUNT(others); i++)
		put_dirs(others[i].uid, others[i].gid, others[i].name);
	put_file("outside", 0644, "outside");
	must(chown("outside", me.uid, me.gid), "chown");
}

static void change_names(const char *dir)
{
	see(words("%s stat", dir), access(words("%s/mine", dir), F_OK));
	see(words("%s stat absent", dir), access(words("%s/absent", dir), F_OK));
	see_open(words("%s list", dir), dir, O_RDONLY | O_DIRECTORY, 0);
	see_open(words("%s create", dir), words("%s/new", dir), O_RDWR | O_CREAT, 0600);
	see(words("%s mkdir", dir), mkdir(words("%s/d", dir), 0700));
	see(words("%s mkdir there", dir), mkdir(words("%s/my-dir", dir), 0700));
	see(words("%s mkfifo", dir), mkfifo(words("%s/p", dir), 0600));
	see(words("%s symlink", dir), symlink("x", words("%s/s", dir)));
	see(words("%s link", dir), link("outside", words("%s/l", dir)));
	see(words("%s link there", dir), link("outside", words("%s/mine", dir)));
	see(words("%s rename in", dir), rename("outside", words("%s/in", dir)));
	see(words("%s rename back", dir), rename(words("%s/in", dir), "outside"));
	see(words("%s rename mine", dir),
	    rename(words("%s/mine", dir), words("%s/mine2", dir)));
	see(words("%s rename theirs", dir),
	    rename(words("%s/theirs", dir), words("%s/theirs2", dir)));
	see(words("%s rename over theirs", dir),
	    rename(words("%s/mine2", dir), words("%s/theirs2", dir)));
	see(words("%s exchange", dir),
	    renameat2(AT_FDCWD, words("%s/my-dir", dir), AT_FDCWD,
		      words("%s/their-dir", dir), RENAME_EXCHANGE));
	see(words("%s rename dir", dir),
	    rename(words("%s/their-dir", dir), words("%s/their-dir2", dir)));
	see(words("%s move my dir", dir), rename(words("%s/my-dir", dir), "moved"));
	rmdir("moved");
	see(words("%s unlink mine", dir), unlink(words("%s/mine", dir)));
	see(words("%s unlink theirs", dir), unlink(words("%s/theirs2", dir)));
	see(words("%s unlink absent", dir), unlink(words("%s/absent", dir)));
	see(words("%s rmdir mine", dir), rmdir(words("%s/my-dir", dir)));
	see(words("%s rmdir theirs", dir), rmdir(words("%s/their-dir", dir)));
	see(words("%s chmod in", dir), chmod(words("%s/theirs", dir), 0600));
	see(words("%s chdir", dir), chdir(dir) < 0 ? -1 : chdir(".."));
}

static void in_my_dirs(void)
{
	for (size_t i = 0; i < COUNT(dir_modes); i++)
		change_names(words("me-%04o", dir_modes[i]));
}

static void in_other_dirs(void)
{
	for (size_t i = 0; i < COUNT(dir_modes); i++)
		change_names(words("other-%04o", dir_modes[i]));
}

static void in_team_dirs(void)
{
	for (size_t i = 0; i < COUNT(dir_modes); i++)
		change_names(words("team-%04o", dir_modes[i]));
}

static const mode_t file_modes[] = {0,	  0400, 0200, 0600, 0040, 0020, 0060, 0004, 0002,
				    0006, 0100, 0010, 0001, 0644, 0755, 0777, 0070, 0007};

static void prepare_files(void)
{
	for (size_t i = 0; i < COUNT(file_modes); i++) {
		const mode_t mode = file_modes[i];

		put_file(words("me-%04o", mode), mode, "x");
		give(words("me-%04o", mode), me.uid, me.gid, mode);
		for (size_t o = 0; o < COUNT(others); o++) {
			const char *path = words("%s-%04o", others[o].name, mode);

			put_file(path, mode, "x");
			give(path, others[o].uid, others[o].gid, mode);
		}
	}
}

static void use_file(const char *path)
{
	see_open(words("%s r", path), path, O_RDONLY, 0);
	see_open(words("%s w", path), path, O_WRONLY, 0);
	see_open(words("%s rw", path), path, O_RDWR, 0);
	see_open(words("%s noatime", path), path, O_RDONLY | O_NOATIME, 0);
	see(words("%s execute", path), access(path, X_OK));
	see(words("%s truncate", path), truncate(path, 0));
	see(words("%s link", path), link(path, "linked"));
	unlink("linked");
}

static void use_files(void)
{
	for (size_t i = 0; i < COUNT(file_modes); i++) {
		use_file(words("me-%04o", file_modes[i]));
		use_file(words("team-%04o", file_modes[i]));
		use_file(words("other-%04o", file_modes[i]));
	}
}

/* What was opened stays usable, whatever becomes of the mode. */
static void keep_open(void)
{
	char byte;
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	see("chmod", chmod("f", 0));
	see("write", write(fd, "ab", 2));
	see("read", pread(fd, &byte, 1, 0));
	see("ftruncate", ftruncate(fd, 1));
	see_open("open", "f", O_RDONLY, 0);
	see_fstat("is", fd);
}

static const struct posix_case cases[] = {
	{"in_my_dirs", in_my_dirs, prepare_dirs},
	{"in_other_dirs", in_other_dirs, prepare_dirs},
	{"in_team_dirs", in_team_dirs, prepare_dirs},
	{"use_files", use_files, prepare_files},
	{"keep_open", keep_open, NULL},
};

const struct family permission_family = {"permission", cases, COUNT(cases)};
