/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * POSIX ACLs, as the xattrs they are: checks of access, what chmod does to them, what a
 * default ACL gives to what is made in its directory, and malformed ones.
 */
#include "cases.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

#define ACCESS	"system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

struct acl {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[8];
};

static size_t acl_size(size_t count)
{
	return sizeof(struct posix_acl_xattr_header) +
	       count * sizeof(struct posix_acl_xattr_entry);
}

/* user::u, user:uid:n, group::g, group:gid:m, mask::k, other::o */
static struct acl acl_of(const char *perms, uid_t uid, gid_t gid)
{
	static const uint16_t tags[] = {ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ,
					ACL_GROUP,    ACL_MASK, ACL_OTHER};
	struct acl acl = {.header.a_version = POSIX_ACL_XATTR_VERSION};

	for (size_t i = 0; i < COUNT(tags); i++) {
		acl.entries[i].e_tag = tags[i];
		acl.entries[i].e_perm = (uint16_t)(perms[i] - '0');
		acl.entries[i].e_id = tags[i] == ACL_USER    ? uid
				      : tags[i] == ACL_GROUP ? gid
							     : ACL_UNDEFINED_ID;
	}
	return acl;
}

static int set_acl(const char *path, const char *name, const struct acl *acl)
{
	return setxattr(path, name, acl, acl_size(6), 0);
}

static void see_acl(const char *label, const char *path, const char *name)
{
	struct acl acl;
	ssize_t got = lgetxattr(path, name, &acl, sizeof(acl));
	char text[200] = "";
	size_t used = 0;

	if (got < 0) {
		see(label, -1);
		return;
	}
	for (size_t i = 0; acl_size(i + 1) <= (size_t)got; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %x:%d=%o",
					 acl.entries[i].e_tag, (int)acl.entries[i].e_id,
					 acl.entries[i].e_perm);
	see_value(label, "%zd%s", got, text);
}

static const char *const perms[] = {"764564", "600070", "707770", "070077",
				    "644444", "000770", "666646"};

static void prepare_access(void)
{
	for (size_t i = 0; i < COUNT(perms); i++)
		for (int mine = 0; mine < 2; mine++) {
			const char *path = words("%d-%s", mine, perms[i]);
			struct acl acl = acl_of(perms[i], me.uid, TEAM_GID);

			put_file(path, 0600, "x");
			give(path, mine ? me.uid : OTHER_UID, OTHER_GID, 0600);
			must(set_acl(path, ACCESS, &acl), "setxattr of an ACL");
		}
}

static void check_access(void)
{
	for (size_t i = 0; i < COUNT(perms); i++)
		for (int mine = 0; mine < 2; mine++) {
			const char *path = words("%d-%s", mine, perms[i]);

			see_stat(words("%s is", path), path);
			see_acl(words("%s acl", path), path, ACCESS);
			see_open(words("%s r", path), path, O_RDONLY, 0);
			see_open(words("%s w", path), path, O_WRONLY, 0);
			see_open(words("%s rw", path), path, O_RDWR, 0);
			see(words("%s x", path), access(path, X_OK));
			see(words("%s chmod", path), chmod(path, 0750));
			see_acl(words("%s acl then", path), path, ACCESS);
			see(words("%s remove", path), removexattr(path, ACCESS));
			see_stat(words("%s is then", path), path);
		}
}

static void set_and_mode(void)
{
	struct acl acl = acl_of("754520", OTHER_UID, OTHER_GID);
	struct acl minimal = {.header.a_version = POSIX_ACL_XATTR_VERSION,
			      .entries = {{ACL_USER_OBJ, 6, ACL_UNDEFINED_ID},
					  {ACL_GROUP_OBJ, 4, ACL_UNDEFINED_ID},
					  {ACL_OTHER, 0, ACL_UNDEFINED_ID}}};

	put_file("f", 02755, "x");
	see("set", set_acl("f", ACCESS, &acl));
	see_stat("is", "f");
	see_acl("acl", "f", ACCESS);
	see("chmod", chmod("f", 0604));
	see_acl("acl after chmod", "f", ACCESS);
	see("chown", chown("f", me.uid, me.gid));
	see_acl("acl after chown", "f", ACCESS);
	see("minimal", setxattr("f", ACCESS, &minimal, acl_size(3), 0));
	see_stat("minimal is", "f");
	see_acl("minimal acl", "f", ACCESS);
	see("default on a file", set_acl("f", DEFAULT, &acl));
	see("get default", getxattr("f", DEFAULT, NULL, 0));
	see("list", listxattr("f", NULL, 0));
	must(symlink("f", "s"), "symlink");
	see("on a symlink", lsetxattr("s", ACCESS, &acl, acl_size(6), 0));
	see("of a symlink", lgetxattr("s", ACCESS, NULL, 0));
	must(mkfifo("p", 0600), "mkfifo");
	see("on a fifo", set_acl("p", ACCESS, &acl));
	see_stat("fifo is", "p");
}

static void set_sgid(void)
{
	struct acl acl = acl_of("754550", OTHER_UID, OTHER_GID);
	static const char *const files[] = {"own", "team", "other"};

	for (size_t i = 0; i < COUNT(files); i++) {
		see(words("%s", files[i]), set_acl(files[i], ACCESS, &acl));
		see_stat(words("%s is", files[i]), files[i]);
	}
	see("theirs", set_acl("theirs", ACCESS, &acl));
	see("theirs removed", removexattr("theirs", ACCESS));
	see_stat("theirs is", "theirs");
}

static void prepare_sgid(void)
{
	put_file("own", 0600, "x");
	give("own", me.uid, me.gid, 02775);
	put_file("team", 0600, "x");
	give("team", me.uid, TEAM_GID, 02775);
	put_file("other", 0600, "x");
	give("other", me.uid, OTHER_GID, 02775);
	put_file("theirs", 0600, "x");
	give("theirs", OTHER_UID, OTHER_GID, 02777);
}

static void malformed(void)
{
	struct acl good = acl_of("754554", OTHER_UID, OTHER_GID), acl;

	put_file("f", 0600, "x");
	put_dir("d", 0700);
	see("empty", setxattr("f", ACCESS, "", 0, 0));
	see("short", setxattr("f", ACCESS, &good, 3, 0));
	see("header", setxattr("f", ACCESS, &good, acl_size(0), 0));
	see("no mask", setxattr("f", ACCESS, &good, acl_size(4), 0));
	see("odd size", setxattr("f", ACCESS, &good, acl_size(6) - 1, 0));
	acl = good;
	acl.header.a_version = 1;
	see("version", set_acl("f", ACCESS, &acl));
	acl = good;
	acl.entries[0].e_perm = 15;
	see("permissions", set_acl("f", ACCESS, &acl));
	acl = good;
	acl.entries[0].e_tag = 0x40;
	see("tag", set_acl("f", ACCESS, &acl));
	acl = good;
	acl.entries[2] = good.entries[0];
	see("order", set_acl("f", ACCESS, &acl));
	see("default header", setxattr("d", DEFAULT, &good, acl_size(0), 0));
	see("default empty", setxattr("d", DEFAULT, "", 0, 0));
	see("default create", setxattr("d", DEFAULT, &good, acl_size(6), XATTR_CREATE));
	see("default replace", setxattr("d", DEFAULT, &good, acl_size(6), XATTR_REPLACE));
	see("default short get", getxattr("d", DEFAULT, &acl, 4));
	see("default remove", removexattr("d", DEFAULT));
	see("default remove again", removexattr("d", DEFAULT));
	see_stat("f", "f");
}

static const char *const defaults[] = {"775570", "700000", "777777", "644444"};

static void prepare_inherit(void)
{
	for (size_t i = 0; i < COUNT(defaults); i++) {
		struct acl acl = acl_of(defaults[i], OTHER_UID, OTHER_GID);

		put_dir(defaults[i], 0755);
		give(defaults[i], OTHER_UID, TEAM_GID, i % 2 ? 02777 : 0777);
		must(set_acl(defaults[i], DEFAULT, &acl), "setxattr of a default ACL");
	}
}

static void see_made(const char *kind, const char *dir, mode_t mask)
{
	const char *label = words("%s in %s, umask %03o", kind, dir, mask);
	const char *path = words("%s/%s-%03o", dir, kind, mask);

	see_stat(label, path);
	see_acl(words("%s acl", label), path, ACCESS);
	see_acl(words("%s default", label), path, DEFAULT);
}

static void inherit(void)
{
	static const mode_t masks[] = {0, 022, 077, 0777};

	for (size_t m = 0; m < COUNT(masks); m++)
		for (size_t i = 0; i < COUNT(defaults); i++) {
			const char *dir = defaults[i];
			const mode_t mask = masks[m];

			umask(mask);
			see_open(words("open %s %03o", dir, mask),
				 words("%s/open-%03o", dir, mask), O_RDWR | O_CREAT, 0666);
			see_made("open", dir, mask);
			see(words("mkdir %s %03o", dir, mask),
			    mkdir(words("%s/mkdir-%03o", dir, mask), 0777));
			see_made("mkdir", dir, mask);
			see(words("mkfifo %s %03o", dir, mask),
			    mkfifo(words("%s/mkfifo-%03o", dir, mask), 0640));
			see_made("mkfifo", dir, mask);
			see(words("symlink %s %03o", dir, mask),
			    symlink("x", words("%s/symlink-%03o", dir, mask)));
			see_made("symlink", dir, mask);
			see_open(words("tmpfile %s %03o", dir, mask), dir,
				 O_TMPFILE | O_RDWR, 0666);
		}
}

static const struct posix_case cases[] = {
	{"access", check_access, prepare_access}, {"set_and_mode", set_and_mode, NULL},
	{"set_sgid", set_sgid, prepare_sgid},	  {"malformed", malformed, NULL},
	{"inherit", inherit, prepare_inherit},
};

const struct family acl_family = {"acl", cases, COUNT(cases)};
