#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# compile_matrix.sh SOURCE: neither glibc nor 64 bits are taken for granted. With musl, and for
# 32 bits, everything up to the glue compiles without a warning, and the unit tests of the core
# are linked (with musl: statically) and pass, with debug checks.
set -eu
src=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }

# platform NAME PACKAGE COMPILER FLAGS LINK_FLAGS
platform() {
	echo 'int main(void) { return 0; }' >"$work/try.c"
	# shellcheck disable=SC2086 # flags are words
	if ! $3 $4 $5 "$work/try.c" -o "$work/try" 2>/dev/null; then
		skipped="$skipped $2"
		return
	fi
	build=$work/$1
	quietly cmake -G Ninja -S "$src/tests/compile" -B "$build" -DCMAKE_C_COMPILER="$3" \
		-DCMAKE_C_FLAGS="-O1 $4" -DCMAKE_EXE_LINKER_FLAGS="$5" -DCMAKE_BUILD_TYPE=Debug \
		-DFINODE_WERROR=ON -DUTHASH_INCLUDE_DIR="$work/uthash"
	quietly cmake --build "$build" --target libraries all
	quietly ctest --test-dir "$build" --output-on-failure --no-tests=error -j 2
	sed -n "s/^100% tests passed.* out of \([0-9]*\)/$1: compiled, \1 tests passed/p" "$work/log"
}

# What /usr/include has beside a libc is found after everything that the compiler has itself.
mkdir "$work/uthash"
ln -s /usr/include/uthash.h "$work/uthash/"
after="-idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)"

platform musl musl-tools musl-gcc "$after" -static
platform 32bit gcc-multilib gcc -m32 ''
[ -z "$skipped" ] || { echo "SKIPPED: needs$skipped"; exit 77; }
