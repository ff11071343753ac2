#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# planted.sh SOURCE: check_layers.sh accepts a small tree that keeps to the order of
# lib/README.md, and refuses it, naming the place, with each single fault planted in it.
set -eu
source=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put FILE: a file of the tree, from standard input.
put() {
	mkdir -p "$(dirname "$1")"
	cat >"$1"
}

# list FOLDER FILE..: the page of a folder, with the list of its files.
list() {
	folder=$1
	shift
	printf '| `%s` | nothing |\n' "$@" | put "lib/$folder/README.md"
}

# A tree without faults: core calls base, hostfs uses a public header.
tree() {
	rm -rf "$work/tree"
	mkdir "$work/tree"
	cd "$work/tree"
	put lib/README.md <"$source/lib/README.md"
	list base low
	list core one two
	list hostfs host
	put include/finode/public.h <<-'EOF'
		int finode_one(void);
	EOF
	put lib/base/low.h <<-'EOF'
		int low(void);
		extern int low_data;
	EOF
	put lib/base/low.c <<-'EOF'
		#include "base/low.h"
		int low_data;
		int low(void) { return low_data; }
	EOF
	put lib/core/one.h <<-'EOF'
		#include "base/low.h"
		static inline int one_inline(void) { return low(); } /* high() */
		int finode__one(void);
		extern int one_data;
	EOF
	put lib/core/one.c <<-'EOF'
		#include "core/one.h"
		#include <finode/public.h>
		int one_data;
		int finode__one(void) { return one_inline(); }
		int finode_one(void) { return finode__one(); }
	EOF
	put lib/core/two.h <<-'EOF'
		int two(void);
	EOF
	put lib/core/two.c <<-'EOF'
		#include "two.h"
		#include "core/one.h"
		int two(void) { return finode__one() + one_data; }
	EOF
	put lib/hostfs/host.c <<-'EOF'
		#include <finode/public.h>
		int host(void) { return finode_one(); }
	EOF
}

check() {
	for file in lib/*/*.c; do
		object=build/lib/CMakeFiles/all.dir/${file#lib/}.o
		mkdir -p "$(dirname "$object")"
		"${CC:-cc}" -std=c11 -Iinclude -Ilib -c "$file" -o "$object"
	done
	"$source/tests/check_layers.sh" . build
}

# refused TEXT..: the tree as it stands is refused, with each of these in the answer.
refused() {
	if check >"$work/log" 2>&1; then
		echo "accepted, and should say: $1"
		exit 1
	fi
	for text in "$@"; do
		grep -qF "$text" "$work/log" || { cat "$work/log"; echo "no word of: $text"; exit 1; }
	done
	count=$((count + 1))
}

count=0
tree
said=$(check)
[ "$said" = "layers: circles 0, upward calls 0, files 7, largest file lib/core/one.c (5 lines)" ] || {
	echo "of a tree without faults it says: $said"
	exit 1
}

tree
echo '#include "core/two.h"' >>lib/base/low.h
refused 'lib/base/low.h: includes core/two.h: upward, from base to core'

tree
echo '#include "../core/two.h"' >>lib/base/low.c
refused 'lib/base/low.c: includes core/two.h: upward, from base to core'

tree
echo 'int two(void); int low_calls(void) { return two(); }' >>lib/base/low.c
refused 'lib/base/low.c: uses two of core/two.c: upward' 'circle of 3: base/low, core/one, core/two'

tree
echo 'extern int one_data; int low_reads(void) { return one_data; }' >>lib/base/low.c
refused 'lib/base/low.c: uses one_data of core/one.c: upward'

tree
echo 'int two(void); static inline int low_inline(void) { return two(); }' >>lib/base/low.h
refused 'lib/base/low.h: uses two of core/two.c: upward'

tree
echo '#define LOW_MACRO(x) (two() + (x))' >>lib/base/low.h
refused 'lib/base/low.h: uses two of core/two.c: upward'

tree
echo '#include "core/two.h"' >>lib/core/one.h
refused 'circle of 2: core/one, core/two' 'core/one -> core/two: core/one.h includes core/two.h'

tree
echo 'int two(void); int one_calls(void) { return two(); }' >>lib/core/one.c
refused 'circle of 2: core/one, core/two' 'core/one -> core/two: core/one.c uses two of core/two.c'

tree
echo 'int two(void); static inline int one_calls(void) { return two(); }' >>lib/core/one.h
refused 'core/one -> core/two: core/one.h uses two of core/two.c'

tree
echo '#include "core/two.h"' >>lib/hostfs/host.c
refused 'lib/hostfs/host.c: includes core/two.h: hostfs may use public headers only'

tree
echo 'int finode__one(void); int reaches(void) { return finode__one(); }' >>lib/hostfs/host.c
refused 'lib/hostfs/host.c: uses finode__one of core/one.c: hostfs may use public headers only'

tree
echo '#include "core/two.h"' >>include/finode/public.h
refused 'include/finode/public.h: includes core/two.h, which is private'

tree
echo 'int nowhere;' | put lib/attic/nowhere.c
refused 'not in the order of lib/README.md: attic'

tree
list core one
refused 'lib/core/README.md: no row for core/two'

tree
list core one two three
refused 'lib/core/README.md: core/three does not exist'

tree
list core two one
refused 'lib/core/README.md: core/two stands before core/one, but core/two.c'

tree
check >/dev/null
rm -r build
if "$source/tests/check_layers.sh" . build >"$work/log" 2>&1; then
	echo "accepted without objects"
	exit 1
fi
grep -q '^not compiled: lib/base/low.c' "$work/log"
echo "$count planted faults are noticed"
