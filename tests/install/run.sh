#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh SOURCE BUILD: installs into a temporary prefix, and builds and runs a consumer of each
# library in each of the ways that README names: pkg-config, find_package, add_subdirectory.
set -eu
src=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "$*"; exit 1; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }

quietly cmake --install "$build" --prefix "$work/prefix"
libdir=$(dirname "$(find "$work/prefix" -name libfinode.so)")

# The package files must hold for a prefix that was moved after the install.
mv "$work/prefix" "$work/moved"
libdir="$work/moved${libdir#"$work/prefix"}"
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"

# with_pkg_config PROGRAM SOURCE PACKAGE ARCHIVE..: linked with the shared libraries, and with
# the archives; both run.
with_pkg_config() {
	program=$work/$1 file=$src/tests/install/$2 package=$3
	shift 3
	# shellcheck disable=SC2046 # flags are words
	cc -Wall -Werror "$file" -o "$program" $(pkg-config --cflags --libs "$package")
	"$program"
	# shellcheck disable=SC2046
	cc -Wall -Werror "$file" -o "${program}_static" $(pkg-config --cflags "$package") "$@" \
		$(pkg-config --static --libs-only-l "$package" | sed 's/-lfinode[-a-z]*//g')
	"${program}_static"
}

with_pkg_config core core.c finode-core "$libdir/libfinode-core.a"
with_pkg_config consumer consumer.c finode "$libdir/libfinode.a" "$libdir/libfinode-core.a"
with_pkg_config hostfs hostfs.c finode-hostfs "$libdir/libfinode-hostfs.a" \
	"$libdir/libfinode.a" "$libdir/libfinode-core.a"

quietly cmake -G Ninja -S "$src/tests/install/find_package" -B "$work/fp" \
	-DCMAKE_PREFIX_PATH="$work/moved"
quietly cmake --build "$work/fp"
"$work/fp/consumer"
"$work/fp/consumer_static"
"$work/fp/consumer_hostfs"

quietly cmake -G Ninja -S "$src/tests/install/subdirectory" -B "$work/sub"
quietly cmake --build "$work/sub"
(
	unset LD_LIBRARY_PATH
	"$work/sub/consumer"
	"$work/sub/core"
)
[ ! -e "$work/sub/finode/tests/test_slots" ] || fail "a subproject built tests"

# The core needs no libfuse: not to be found, not to be compiled, not to be run.
quietly env PKG_CONFIG_LIBDIR=/nonexistent PKG_CONFIG_PATH= cmake -G Ninja \
	-S "$src/tests/install/find_core" -B "$work/core_fp" -DCMAKE_PREFIX_PATH="$work/moved"
quietly cmake --build "$work/core_fp"
"$work/core_fp/core"
"$work/core_fp/core_static"
case $(pkg-config --static --cflags --libs finode-core) in
*fuse*) fail "finode-core.pc requires libfuse" ;;
esac
for binary in "$work/core" "$work/core_static" "$work/sub/core" "$work/core_fp/core" \
	"$work/core_fp/core_static" "$libdir/libfinode-core.so"; do
	readelf -d "$binary" >"$work/dynamic"
	! grep -q 'NEEDED.*fuse' "$work/dynamic" || fail "$binary needs libfuse"
done
readelf -d "$work/consumer" | grep -q 'NEEDED.*libfinode-core\.so\.0'

# symbols ARGUMENT.. : of nm; the symbols that the files define, with their versions.
symbols() { nm -g --defined-only "$@" | awk 'NF == 3 && $2 != "A" { print $3 }' | sort; }

# What the shared libraries export is the public interface, all of it versioned, each symbol
# in one of them; and what libfinode needs of libfinode-core, of exactly this version.
version=$(pkg-config --modversion finode-core)
# exports NAME PATTERN: lib<NAME>.so exports nothing else.
exports() {
	symbols -D "$libdir/lib$1.so" >"$work/$1.symbols"
	! grep -v "$2" "$work/$1.symbols" || fail "lib$1 should not export these"
}
exports finode-core \
	"^finode_[a-z].*@@FINODE_CORE_0\.1$\|^finode__[a-z].*@@FINODE_PRIVATE_$version$"
exports finode '^finode_[a-z].*@@FINODE_0\.1$'
exports finode-hostfs '^hostfs_[a-z].*@@FINODE_HOSTFS_0\.1$'
twice=$(symbols "$libdir"/libfinode*.a | uniq -d)
[ -z "$twice" ] || fail "in two libraries: $twice"

# What is private is there because libfinode needs it.
nm -D --undefined-only "$libdir/libfinode.so" | sed -n 's/.* \(finode__[a-z_]*\)@/\1@@/p' |
	sort >"$work/needed"
grep '^finode__' "$work/finode-core.symbols" | diff - "$work/needed" || fail "private, and not needed"

# A libfinode does not run with the libfinode-core of another version.
mkdir "$work/other"
LC_ALL=C sed "s/FINODE_PRIVATE_$version/FINODE_PRIVATE_9.9.9/g" "$libdir/libfinode-core.so" \
	>"$work/other/libfinode-core.so.0"
LD_LIBRARY_PATH=$work/other:$libdir "$work/core" >/dev/null
if LD_LIBRARY_PATH=$work/other:$libdir "$work/consumer" >"$work/log" 2>&1; then
	fail "libfinode runs with another libfinode-core"
fi
grep -q "FINODE_PRIVATE_$version. not found" "$work/log"

# Every public function of the headers is there.
sed -n 's/^FINODE_API.*[ *]\(\(finode\|hostfs\)_[a-z_]*\)(.*/\1/p' "$src"/include/finode/*.h >"$work/api"
[ "$(wc -l <"$work/api")" -gt 20 ]
while read -r name; do
	cat "$work"/*.symbols | grep -q "^$name@@" || fail "$name is not exported"
done <"$work/api"
echo "$(wc -l <"$work/api") public functions exported, nothing else"
