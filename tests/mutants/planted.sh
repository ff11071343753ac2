#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# planted.sh SOURCE: patches.sh accepts a small tree with two defects, refuses it with each
# single fault planted in it and says which, and makes patches that it accepts.
set -eu
source=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

# put FILE: a file of the tree, from standard input
put() {
	mkdir -p "$(dirname "$tree/$1")"
	cat >"$tree/$1"
}

patches() {
	sh "$tree/tests/mutants/patches.sh" "$@"
}

# Two defects in neighbouring lines: the second stands on the first.
tree() {
	rm -rf "$tree"
	put tests/mutants/patches.sh <"$source/tests/mutants/patches.sh"
	put lib/core/one.c <<-'EOF'
		/* one */

		int one(int a)
		{
		    int b = a;

		    b += 1;
		    b += 2;
		    return b;
		}
	EOF
	put tests/mutants/series <<-'EOF'
		# in this order
		core/no_one.patch
		core/no_two.patch
	EOF
	put tests/mutants/core/no_one.patch <<-'EOF'
		Nothing is added.

		--- a/lib/core/one.c
		+++ b/lib/core/one.c
		@@ -4,7 +4,7 @@
		 {
		     int b = a;

		-    b += 1;
		+    b += !FINODE_MUTANT(no_one);
		     b += 2;
		     return b;
		 }
	EOF
	put tests/mutants/core/no_two.patch <<-'EOF'
		Too little is added.

		--- a/lib/core/one.c
		+++ b/lib/core/one.c
		@@ -5,6 +5,6 @@
		     int b = a;

		     b += !FINODE_MUTANT(no_one);
		-    b += 2;
		+    b += FINODE_MUTANT(no_two) ? 1 : 2;
		     return b;
		 }
	EOF
}

# change SCRIPT FILE: by sed(1)
change() {
	sed -i "$1" "$tree/$2"
}

# refused TEXT..: the tree as it stands is refused, with each of these in the answer
refused() {
	if patches check >"$work/log" 2>&1; then
		echo "accepted, and should say: $1"
		exit 1
	fi
	for text in "$@"; do
		grep -qF "$text" "$work/log" || { cat "$work/log"; echo "no word of: $text"; exit 1; }
	done
	count=$((count + 1))
}

# accepted NUMBER: the tree as it stands, with so many patches
accepted() {
	said=$(patches check)
	[ "$said" = "mutants: $1 patches apply" ] || { echo "it says: $said"; exit 1; }
}

count=0
tree
accepted 2
mkdir "$work/copy"
patches apply "$work/copy"
grep -qF '+= !FINODE_MUTANT(no_one);' "$work/copy/lib/core/one.c"
grep -qF '+= FINODE_MUTANT(no_two) ? 1 : 2;' "$work/copy/lib/core/one.c"

tree
change '1i/* a line more: the lines have moved */' lib/core/one.c
accepted 2

tree
change 's/= a/= a + 0/' lib/core/one.c # fuzz would do
refused 'core/no_one.patch does not apply' 'lib/core/one.c' 'Hunk #1 FAILED at 4'
patches refresh no_one >/dev/null
refused 'core/no_two.patch does not apply' '1 patches do not apply'
patches refresh no_two >/dev/null
accepted 2
head -n 1 "$tree/tests/mutants/core/no_two.patch" | grep -qx 'Too little is added.'

tree
change 's/+= 2/+= 3/' lib/core/one.c
refused 'core/no_one.patch does not apply' 'core/no_two.patch does not apply'
patches refresh no_one >/dev/null # what stands around it
if patches refresh no_two >/dev/null 2>&1 || EDITOR=true patches edit no_two >/dev/null 2>&1; then
	echo "a patch was made with a conflict in it"
	exit 1
fi
EDITOR='sed -i -e /^<<<<<<</,/^=======/d -e /^>>>>>>>/d -e s/1.:.2/1:3/' \
	patches edit no_two >/dev/null
accepted 2

tree
rm "$tree/lib/core/one.c"
refused 'core/no_one.patch does not apply' 'core/no_two.patch does not apply'

tree
change '/no_two/d' tests/mutants/series
refused '> core/no_two.patch'

tree
rm "$tree/tests/mutants/core/no_two.patch"
refused 'core/no_two.patch'

tree
change '1d' tests/mutants/core/no_two.patch
refused 'core/no_two.patch does not begin with what is wrong'

tree
change 's/(no_two)/(no_three)/' tests/mutants/core/no_two.patch
refused '< no_two' '> no_three'

tree
change '1iint two = FINODE_MUTANT(left_behind);' lib/core/one.c
refused '> left_behind'

tree
EDITOR='sed -i s/=.a/=FINODE_MUTANT(no_a)?0:a/' patches new no_a lib/core/one.c >/dev/null
refused 'core/no_a.patch does not begin with what is wrong'
change '1iWhat is given is ignored.' tests/mutants/core/no_a.patch
accepted 3

echo "$count planted faults are noticed"
