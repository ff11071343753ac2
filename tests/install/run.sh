#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh SOURCE BUILD: installs into a temporary prefix, and builds and runs a consumer in
# each of the ways that README names: pkg-config, find_package, add_subdirectory.
set -eu
src=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }

quietly cmake --install "$build" --prefix "$work/prefix"
libdir=$(dirname "$(find "$work/prefix" -name libfinode.so)")
export PKG_CONFIG_PATH="$libdir/pkgconfig"

# The package files must hold for a prefix that was moved after the install.
mv "$work/prefix" "$work/moved"
libdir="$work/moved${libdir#"$work/prefix"}"
export PKG_CONFIG_PATH="$libdir/pkgconfig"

# shellcheck disable=SC2046 # flags are words
cc -Wall -Werror "$src/tests/install/consumer.c" -o "$work/shared" \
	$(pkg-config --cflags --libs finode)
LD_LIBRARY_PATH=$libdir "$work/shared"
# shellcheck disable=SC2046
cc -Wall -Werror "$src/tests/install/consumer.c" -o "$work/static" \
	$(pkg-config --cflags finode) "$libdir/libfinode.a" \
	$(pkg-config --static --libs-only-l finode | sed 's/-lfinode//')
"$work/static"

quietly cmake -G Ninja -S "$src/tests/install/find_package" -B "$work/fp" \
	-DCMAKE_PREFIX_PATH="$work/moved"
quietly cmake --build "$work/fp"
"$work/fp/consumer"
"$work/fp/consumer_static"
LD_LIBRARY_PATH=$libdir "$work/fp/consumer_hostfs"

quietly cmake -G Ninja -S "$src/tests/install/subdirectory" -B "$work/sub"
quietly cmake --build "$work/sub"
"$work/sub/consumer"
[ ! -e "$work/sub/finode/tests/test_slots" ] || { echo "a subproject built tests"; exit 1; }

# hostfs, with what it requires.
# shellcheck disable=SC2046
cc -Wall -Werror "$src/tests/install/hostfs.c" -o "$work/hostfs" \
	$(pkg-config --cflags --libs finode-hostfs)
LD_LIBRARY_PATH=$libdir "$work/hostfs"
# shellcheck disable=SC2046
cc -Wall -Werror "$src/tests/install/hostfs.c" -o "$work/hostfs_static" \
	$(pkg-config --cflags finode-hostfs) "$libdir/libfinode-hostfs.a" "$libdir/libfinode.a" \
	$(pkg-config --static --libs-only-l finode-hostfs | sed 's/-lfinode[-a-z]*//g')
"$work/hostfs_static"

# What the shared libraries export is the public interface, all of it versioned.
nm -D --defined-only "$libdir/libfinode.so" "$libdir/libfinode-hostfs.so" |
	awk 'NF == 3 { print $3 }' >"$work/symbols"
if grep -v '^finode_[a-z].*@@FINODE_0\|^FINODE_0\|^hostfs_[a-z].*@@FINODE_HOSTFS_0\|^FINODE_HOSTFS_0' \
	"$work/symbols"; then
	echo "these symbols should not be exported"
	exit 1
fi
# Every public function of the headers is there.
sed -n 's/^FINODE_API.*[ *]\(\(finode\|hostfs\)_[a-z_]*\)(.*/\1/p' "$src"/include/finode/*.h >"$work/api"
[ "$(wc -l <"$work/api")" -gt 20 ]
while read -r name; do
	grep -q "^$name@@" "$work/symbols" || { echo "$name is not exported"; exit 1; }
done <"$work/api"
echo "$(wc -l <"$work/api") public functions exported, nothing else"
