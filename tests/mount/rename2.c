/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rename2 OLD NEW exchange|noreplace|0: renameat2(2), which mv(1) of Debian 12 has not.
 * Prints "ok", or the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char *argv[])
{
	unsigned int flags = 0;

	if (argc != 4)
		return 2;
	if (strcmp(argv[3], "exchange") == 0)
		flags = RENAME_EXCHANGE;
	else if (strcmp(argv[3], "noreplace") == 0)
		flags = RENAME_NOREPLACE;
	if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], flags) == 0)
		puts("ok");
	else
		puts(strerrorname_np(errno));
	return 0;
}
