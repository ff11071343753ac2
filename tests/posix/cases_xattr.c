/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes: name spaces, sizes, flags, lists, permissions, types of files. */
#include "cases.h"

#include <stdlib.h>
#include <sys/xattr.h>

static const char *const names[] = {
	"user.a",
	"user.",
	"user",
	"trusted.a",
	"trusted.overlay.x",
	"security.a",
	"security.capability",
	"system.a",
	"system.posix_acl_access",
	"unknown.a",
	"",
	"a",
	".a",
};

static void see_list(const char *label, ssize_t got, char *list)
{
	for (ssize_t i = 0; i < got; i++)
		if (!list[i])
			list[i] = ' ';
	see_bytes(label, list, got);
}

static void name_spaces(void)
{
	char value[64], list[500];

	for (size_t i = 0; i < COUNT(names); i++) {
		see(words("get '%s'", names[i]), getxattr("file", names[i], value, 64));
		see(words("set '%s'", names[i]), setxattr("file", names[i], "value", 5, 0));
		see_bytes(words("get '%s' then", names[i]), value,
			  getxattr("file", names[i], value, 64));
		see_list(words("list after '%s'", names[i]),
			 listxattr("file", list, sizeof(list)), list);
		see(words("remove '%s'", names[i]), removexattr("file", names[i]));
		see(words("remove '%s' again", names[i]), removexattr("file", names[i]));
	}
}

static void flags(void)
{
	char value[8];

	see("replace of nothing", setxattr("file", "user.f", "a", 1, XATTR_REPLACE));
	see("create", setxattr("file", "user.f", "b", 1, XATTR_CREATE));
	see("create again", setxattr("file", "user.f", "c", 1, XATTR_CREATE));
	see_bytes("value", value, getxattr("file", "user.f", value, 8));
	see("replace", setxattr("file", "user.f", "d", 1, XATTR_REPLACE));
	see("both", setxattr("file", "user.f", "e", 1, XATTR_CREATE | XATTR_REPLACE));
	see("both of nothing",
	    setxattr("file", "user.g", "e", 1, XATTR_CREATE | XATTR_REPLACE));
	see("unknown", setxattr("file", "user.f", "f", 1, 8));
	see_bytes("value then", value, getxattr("file", "user.f", value, 8));
	see("empty", setxattr("file", "user.f", "", 0, 0));
	see_bytes("empty value", value, getxattr("file", "user.f", value, 8));
	see("empty size", getxattr("file", "user.f", NULL, 0));
	see("remove", removexattr("file", "user.f"));
	see("get", getxattr("file", "user.f", value, 8));
	see("remove by fd", fremovexattr(open("file", O_RDONLY), "user.f"));
}

static const size_t sizes[] = {0, 1, 2, 255, 1000, 3000, 65536, 65537, 100000};

static void value_sizes(void)
{
	static char value[100001], got[100001];

	memset(value, 'v', sizeof(value));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		const size_t size = sizes[i];
		ssize_t length;

		see(words("set %zu", size), setxattr("file", "user.v", value, size, 0));
		see(words("ask %zu", size), getxattr("file", "user.v", NULL, 0));
		length = getxattr("file", "user.v", got, sizeof(got));
		see(words("get %zu", size), length);
		see_value(words("same %zu", size), "%d",
			  length == (ssize_t)size && !memcmp(got, value, size));
		see(words("short %zu", size), getxattr("file", "user.v", got, 1));
		see(words("list %zu", size), listxattr("file", NULL, 0));
		see(words("list short %zu", size), listxattr("file", got, 1));
		see(words("remove %zu", size), removexattr("file", "user.v"));
	}
}

static void name_lengths(void)
{
	static const size_t lengths[] = {6, 100, 254, 255, 256, 300};
	char name[400] = "user.";

	for (size_t i = 0; i < COUNT(lengths); i++) {
		memset(name + 5, 'n', sizeof(name) - 5);
		name[lengths[i]] = '\0';
		see(words("set %zu", lengths[i]), setxattr("file", name, "v", 1, 0));
		see(words("get %zu", lengths[i]), getxattr("file", name, NULL, 0));
		see(words("list %zu", lengths[i]), listxattr("file", NULL, 0));
		see(words("remove %zu", lengths[i]), removexattr("file", name));
	}
}

static void every_type(void)
{
	static const char *const spaces[] = {"user.t", "trusted.t", "security.t"};
	char list[500];

	for (int i = 0; i < FILE_TYPES; i++)
		for (size_t s = 0; s < COUNT(spaces); s++) {
			const char *label = words("%s %s", file_types[i], spaces[s]);

			see(words("%s set", label),
			    lsetxattr(file_types[i], spaces[s], "v", 1, 0));
			see(words("%s get", label),
			    lgetxattr(file_types[i], spaces[s], NULL, 0));
			see_list(words("%s list", label),
				 llistxattr(file_types[i], list, sizeof(list)), list);
			see(words("%s remove", label),
			    lremovexattr(file_types[i], spaces[s]));
			see(words("%s follow", label),
			    setxattr(file_types[i], spaces[s], "v", 1, 0));
		}
	see("absent", setxattr("absent", "user.a", "v", 1, 0));
	see("dir fd", fsetxattr(open("dir", O_RDONLY), "user.d", "v", 1, 0));
	see("read only fd", fsetxattr(open("file", O_RDONLY), "user.d", "v", 1, 0));
	see_list("file list", listxattr("file", list, sizeof(list)), list);
}

static void prepare_permissions(void)
{
	static const mode_t modes[] = {0, 0400, 0200, 0644, 0666};

	for (size_t i = 0; i < COUNT(modes); i++)
		for (int mine = 0; mine < 2; mine++) {
			const char *path = words("%d-%04o", mine, modes[i]);

			put_file(path, 0600, "x");
			must(setxattr(path, "user.p", "v", 1, 0), "setxattr user");
			must(setxattr(path, "trusted.p", "v", 1, 0), "setxattr trusted");
			give(path, mine ? me.uid : OTHER_UID, OTHER_GID, modes[i]);
		}
	put_dir("sticky", 0755);
	must(chmod("sticky", 01777), "chmod");
	must(chown("sticky", OTHER_UID, OTHER_GID), "chown");
}

static void permissions(void)
{
	static const mode_t modes[] = {0, 0400, 0200, 0644, 0666};
	char list[500];

	for (size_t i = 0; i < COUNT(modes); i++)
		for (int mine = 0; mine < 2; mine++) {
			const char *path = words("%d-%04o", mine, modes[i]);

			see(words("%s get", path), getxattr(path, "user.p", NULL, 0));
			see(words("%s get trusted", path),
			    getxattr(path, "trusted.p", NULL, 0));
			see_list(words("%s list", path),
				 listxattr(path, list, sizeof(list)), list);
			see(words("%s set", path), setxattr(path, "user.q", "v", 1, 0));
			see(words("%s remove", path), removexattr(path, "user.p"));
			see(words("%s set security", path),
			    setxattr(path, "security.q", "v", 1, 0));
		}
	see("sticky directory", setxattr("sticky", "user.s", "v", 1, 0));
}

static void many(void)
{
	char list[4096];
	int set = 0;

	for (int i = 0; i < 40; i++)
		if (setxattr("file", words("user.%02d", i), "0123456789", 10, 0) == 0)
			set++;
	see("set", set);
	see("list", listxattr("file", list, sizeof(list)));
	see("copied by rename", rename("file", "file2"));
	see("list of the moved", listxattr("file2", list, sizeof(list)));
	see("link", link("file2", "file3"));
	see("remove by the link", removexattr("file3", "user.00"));
	see("get of the other", getxattr("file2", "user.00", NULL, 0));
}

static const struct posix_case cases[] = {
	{"name_spaces", name_spaces, prepare_my_types},
	{"name_spaces_of_others", name_spaces, prepare_other_types},
	{"flags", flags, prepare_my_types},
	{"value_sizes", value_sizes, prepare_my_types},
	{"name_lengths", name_lengths, prepare_my_types},
	{"every_type", every_type, prepare_my_types},
	{"permissions", permissions, prepare_permissions},
	{"many", many, prepare_my_types},
};

const struct family xattr_family = {"xattr", cases, COUNT(cases)};
