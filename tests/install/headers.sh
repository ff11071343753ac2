#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# headers.sh SOURCE: every public header compiles by itself, as C11 and as C++, without a
# warning; those of the core do so without libfuse's include directory. So do servers in C11,
# C++17 and C++20 that use what is in them.
set -eu
include=$1/include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fuse=$(pkg-config --cflags fuse3 | sed 's/-I/-isystem /g')

# c_compiles FILE FLAG..
c_compiles() {
	file=$1
	shift
	for compiler in gcc clang; do
		$compiler -std=c11 -D_GNU_SOURCE -Wall -Wextra -pedantic -Wstrict-prototypes \
			-Werror -fsyntax-only -I"$include" "$@" "$file"
	done
}

# cpp_compiles STANDARD FILE FLAG..
cpp_compiles() {
	standard=$1 file=$2
	shift 2
	for compiler in g++ clang++; do
		$compiler -std="$standard" -Wall -Wextra -pedantic -Werror -fsyntax-only \
			-I"$include" "$@" "$file"
	done
}

for header in finode.h $(cd "$include" && echo finode/*.h); do
	case $header in
	finode/fuse.h | finode/hostfs.h) flags=$fuse ;;
	*) flags= ;;
	esac
	printf '#include <%s>\n#include <%s>\nextern int one;\n' \
		"$header" "$header" >"$work/header.c"
	cp "$work/header.c" "$work/header.cpp"
	# shellcheck disable=SC2086 # flags are words
	c_compiles "$work/header.c" $flags
	# shellcheck disable=SC2086
	cpp_compiles c++17 "$work/header.cpp" $flags
	echo "$header: C11 and C++17"
done

# shellcheck disable=SC2086
c_compiles "$1/tests/install/macros.c" $fuse
for standard in c++17 c++20; do
	# shellcheck disable=SC2086
	cpp_compiles $standard "$1/tests/install/server.cpp" $fuse
done
echo "servers compile as C11, C++17 and C++20"
