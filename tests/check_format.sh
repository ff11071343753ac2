#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# check_format.sh SOURCE: the code is as .clang-format wants it, every file names its
# licence, and no file and no function outgrows a reader (hard limits: 700 and 100 lines).
set -eu
cd "$1"
files=$(find lib include examples tests -name '*.[ch]')

for file in $files $(find scripts tests .ci -type f ! -name '*.[ch]' ! -name CMakeLists.txt \
	! -path '*/corpus/*' ! -name '*.patch'); do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' || {
		echo "$file: no licence in its first lines"
		exit 1
	}
done

# shellcheck disable=SC2086
awk 'FNR == 700 { print FILENAME ": over 700 lines"; bad = 1 }
	/^[a-z].*\)$/ || /^\t* *[a-z_* ]*[a-z0-9_]*\)$/ { head = FNR }
	/^{/ { start = FNR }
	/^}/ { if (start && FNR - start > 100) {
			print FILENAME ":" start ": function of " FNR - start " lines"; bad = 1 }
		start = 0 }
	END { exit bad }' $files
echo "$(echo "$files" | wc -l) files"

# Each version of clang-format has its own taste; .clang-format is written for 14.
if ! clang-format --version | grep -q 'version 14\.'; then
	echo "SKIPPED: needs clang-format 14 (Debian 12), this is $(clang-format --version)"
	exit 77
fi
# shellcheck disable=SC2086 # a list of files
clang-format --dry-run --Werror $files
