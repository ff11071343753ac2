#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# headers.sh SOURCE: every public header compiles by itself, as C11 and as C++, without a
# warning; those of the core do so without libfuse's include directory.
set -eu
include=$1/include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in finode.h $(cd "$include" && echo finode/*.h); do
	case $header in
	finode/fuse.h | finode/hostfs.h) flags=$(pkg-config --cflags fuse3 | sed 's/-I/-isystem /g') ;;
	*) flags= ;;
	esac
	printf '#include <%s>\n#include <%s>\nextern int one;\n' \
		"$header" "$header" >"$work/header.c"
	cp "$work/header.c" "$work/header.cpp"
	for compiler in gcc clang; do
		# shellcheck disable=SC2086 # flags are words
		$compiler -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wstrict-prototypes \
			-Werror -fsyntax-only -I"$include" $flags "$work/header.c"
	done
	for compiler in g++ clang++; do
		# shellcheck disable=SC2086
		$compiler -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I"$include" $flags \
			"$work/header.cpp"
	done
	echo "$header: C11 and C++17"
done

# A C++ server really can be written with them.
# shellcheck disable=SC2046
g++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I"$include" $(pkg-config --cflags fuse3) \
	"$1/tests/install/server.cpp"
echo "a C++20 server compiles"
