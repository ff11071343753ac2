#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# check_tidy.sh SOURCE BUILD: clang-tidy with the rules of .clang-tidy on the library and
# the examples.
set -eu
cd "$1"
# Newer versions have more checks, some of which contradict each other.
if ! clang-tidy --version | grep -q 'version 14\.'; then
	echo "SKIPPED: needs clang-tidy 14 (Debian 12)"
	exit 77
fi
find lib examples -name "*.c" -print0 | xargs -0 -n 8 -P "$(nproc)" clang-tidy --quiet -p "$2" 2>/dev/null
echo "no findings"
