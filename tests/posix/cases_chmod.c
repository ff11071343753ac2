/* SPDX-License-Identifier: BSD-3-Clause */
/* chmod() and chown(): who may, what bits survive, and what a symlink does. */
#include "cases.h"

#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static const mode_t modes[] = {0,     0777,  01644, 02644, 02755,
			       04644, 04755, 06755, 06644, 07777};

static const struct {
	const char *name;
	bool mine;
	gid_t gid;
} owners[] = {
	{"mine", true, (gid_t)-1},	 {"mine+team", true, TEAM_GID},
	{"mine+other", true, OTHER_GID}, {"theirs+team", false, TEAM_GID},
	{"theirs", false, OTHER_GID},
};

static void prepare_owners(void)
{
	for (size_t i = 0; i < COUNT(owners); i++) {
		const gid_t gid = owners[i].gid == (gid_t)-1 ? me.gid : owners[i].gid;
		const uid_t uid = owners[i].mine ? me.uid : OTHER_UID;

		put_file(owners[i].name, 0644, "x");
		give(owners[i].name, uid, gid, 0644);
		put_dir(words("%s-dir", owners[i].name), 0755);
		give(words("%s-dir", owners[i].name), uid, gid, 0755);
	}
}

static void chmod_modes(void)
{
	for (size_t o = 0; o < COUNT(owners); o++)
		for (size_t m = 0; m < COUNT(modes); m++) {
			const char *label = words("%s %04o", owners[o].name, modes[m]);

			see(label, chmod(owners[o].name, modes[m]));
			see_stat(words("%s is", label), owners[o].name);
			see(words("%s dir", label),
			    chmod(words("%s-dir", owners[o].name), modes[m]));
			see_stat(words("%s dir is", label),
				 words("%s-dir", owners[o].name));
		}
}

static void chmod_types(void)
{
	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];

		see(words("%s", type), chmod(type, 0751));
		see_stat(words("%s is", type), type);
		see(words("%s nofollow", type),
		    fchmodat(AT_FDCWD, type, 0640, AT_SYMLINK_NOFOLLOW));
		see(words("%s fchmodat2", type),
		    syscall(SYS_fchmodat2, AT_FDCWD, type, 0604, AT_SYMLINK_NOFOLLOW));
		see_stat(words("%s is then", type), type);
	}
	see("absent", chmod("absent", 0600));
	see("file/", chmod("file/", 0600));
	see("fd read only", fchmod(open("file", O_RDONLY), 0666));
	see("fd dir", fchmod(open("dir", O_RDONLY), 0777));
	see("bad fd", fchmod(-1, 0600));
	see_stat("what the file is", "file");
	see_stat("what the symlink leads to", "symlink-target");
}

static const struct posix_case chmod_cases[] = {
	{"modes", chmod_modes, prepare_owners},
	{"every_type", chmod_types, prepare_my_types},
	{"every_type_of_others", chmod_types, prepare_other_types},
};

const struct family chmod_family = {"chmod", chmod_cases, COUNT(chmod_cases)};

static const struct {
	const char *name;
	uid_t uid;
	gid_t gid;
} targets[] = {
	{"nothing", (uid_t)-1, (gid_t)-1},   {"other", OTHER_UID, OTHER_GID},
	{"uid-other", OTHER_UID, (gid_t)-1}, {"gid-other", (uid_t)-1, OTHER_GID},
	{"gid-team", (uid_t)-1, TEAM_GID},   {"big", 0x7ffffffe, 0x7ffffffe},
	{"largest", 0xfffffffe, 0xfffffffe},
};

static void prepare_chown(void)
{
	for (size_t o = 0; o < COUNT(owners); o++)
		for (size_t t = 0; t < COUNT(targets); t++) {
			const gid_t gid =
				owners[o].gid == (gid_t)-1 ? me.gid : owners[o].gid;
			const char *path = words("%s-%s", owners[o].name, targets[t].name);

			put_file(path, 0600, "x");
			give(path, owners[o].mine ? me.uid : OTHER_UID, gid, 06755);
		}
}

static void chown_targets(void)
{
	for (size_t o = 0; o < COUNT(owners); o++)
		for (size_t t = 0; t < COUNT(targets); t++) {
			const char *path = words("%s-%s", owners[o].name, targets[t].name);

			see(path, chown(path, targets[t].uid, targets[t].gid));
			see_stat(words("%s is", path), path);
		}
}

static void prepare_suid(void)
{
	for (size_t m = 0; m < COUNT(modes); m++) {
		put_file(words("f%04o", modes[m]), 0600, "x");
		give(words("f%04o", modes[m]), me.uid, me.gid, modes[m]);
		put_dir(words("d%04o", modes[m]), 0700);
		give(words("d%04o", modes[m]), me.uid, me.gid, modes[m]);
	}
}

/* What chown leaves of suid and sgid, even when it changes nothing. */
static void chown_suid(void)
{
	for (size_t m = 0; m < COUNT(modes); m++)
		for (int d = 0; d < 2; d++) {
			const char *path = words("%c%04o", "fd"[d], modes[m]);

			see(words("%s to the same", path), chown(path, me.uid, me.gid));
			see_stat(words("%s is", path), path);
			see(words("chmod %s", path), chmod(path, modes[m]));
			see(words("%s group", path), chown(path, (uid_t)-1, TEAM_GID));
			see_stat(words("%s is then", path), path);
			see(words("chmod %s again", path), chmod(path, modes[m]));
			see(words("%s nothing", path), chown(path, (uid_t)-1, (gid_t)-1));
			see_stat(words("%s is at last", path), path);
		}
}

static void chown_types(void)
{
	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];

		see(words("lchown %s", type), lchown(type, (uid_t)-1, TEAM_GID));
		see_stat(words("lchown %s then", type), type);
		see(words("chown %s", type), chown(type, (uid_t)-1, me.gid));
		see_stat(words("chown %s then", type), type);
		see(words("away %s", type), lchown(type, OTHER_UID, OTHER_GID));
		see_stat(words("away %s then", type), type);
	}
	see_stat("what the symlink leads to", "symlink-target");
	see("absent", chown("absent", me.uid, me.gid));
	see("fd read only", fchown(open("file", O_RDONLY), (uid_t)-1, (gid_t)-1));
	see("bad fd", fchown(-1, me.uid, me.gid));
}

static void prepare_caps(void)
{
	/* VFS_CAP_REVISION_2, cap_net_raw permitted and effective. */
	static const unsigned char caps[20] = {1, 0, 0, 2, 0, 0x20};
	const uid_t uids[] = {me.uid, 0, OTHER_UID};

	for (int i = 0; i < 3; i++) {
		const char *path = words("caps%d", i);

		put_file(path, 0755, "x");
		must(chown(path, uids[i], (gid_t)-1), "chown");
		must(setxattr(path, "security.capability", caps, sizeof(caps), 0),
		     "setxattr security.capability");
	}
}

static void chown_caps(void)
{
	char value[64];

	for (int i = 0; i < 3; i++) {
		const char *path = words("caps%d", i);

		see_bytes(path, value, getxattr(path, "security.capability", value, 64));
		see(words("%s chmod", path), chmod(path, 0711));
		see_bytes(words("%s after chmod", path), value,
			  getxattr(path, "security.capability", value, 64));
		see(words("%s chown", path), chown(path, (uid_t)-1, me.gid));
		see_bytes(words("%s after chown", path), value,
			  getxattr(path, "security.capability", value, 64));
	}
}

static const struct posix_case chown_cases[] = {
	{"targets", chown_targets, prepare_chown},
	{"suid", chown_suid, prepare_suid},
	{"every_type", chown_types, prepare_my_types},
	{"every_type_of_others", chown_types, prepare_other_types},
	{"caps", chown_caps, prepare_caps},
};

const struct family chown_family = {"chown", chown_cases, COUNT(chown_cases)};
