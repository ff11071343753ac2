#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The patches of this folder, one deliberate defect each: see README.md.
#
# usage: tests/mutants/patches.sh check            do all of them apply?
#        tests/mutants/patches.sh apply DIRECTORY  makes DIRECTORY/lib: lib/ with all of them
#        tests/mutants/patches.sh refresh NAME     writes one anew, applied with fuzz
#        tests/mutants/patches.sh edit NAME        writes one anew, after $EDITOR
#        tests/mutants/patches.sh new NAME FILE    makes one of what $EDITOR does to FILE
set -eu
cd "$(dirname "$0")/../.."
patches=tests/mutants

fail() {
	echo "$0: $*" >&2
	exit 1
}

listed() {
	grep -v '^#' $patches/series
}

# try DIRECTORY PATCH FUZZ [OPTION..]: applies one; "$work/said" is what patch(1) said
try() {
	directory=$1 file=$patches/$2 fuzz=$3
	shift 3
	patch -p1 -d "$directory" -F "$fuzz" -f -r - --no-backup-if-mismatch "$@" \
		<"$file" >"$work/said" 2>&1
}

# What patch(1) does not see: each is in the series once, says what is wrong, and makes the
# defect of its name and no other. $1 is a copy with all of them.
inspect() {
	listed | sort >"$work/listed"
	(cd $patches && printf '%s\n' */*.patch | sort) >"$work/found"
	diff "$work/listed" "$work/found" || fail "< is listed twice or missing, > not listed"
	for patch in $(listed); do
		head -n 1 "$patches/$patch" | grep -q '^[A-Za-z"]' ||
			fail "$patches/$patch does not begin with what is wrong"
	done
	listed | sed 's,.*/,,; s,\.patch$,,' | sort >"$work/listed"
	grep -rhoE 'FINODE_MUTANT\([a-z0-9_]+\)' "$1/lib" | sed 's/.*(//; s/)//' | sort -u \
		>"$work/found"
	diff "$work/listed" "$work/found" || fail "< is not in its patch, > is of no patch"
}

# apply DIRECTORY
apply() {
	cp -R lib "$1/lib"
	refused=0
	for patch in $(listed); do
		try "$1" "$patch" 0 || {
			echo "$patches/$patch does not apply:"
			sed 's/^/    /' "$work/said"
			refused=$((refused + 1))
		}
	done
	[ $refused = 0 ] || fail "$refused patches do not apply: see $patches/README.md"
	inspect "$1"
}

# before PATCH: $work/a and $work/b are lib/ with what comes before the patch
before() {
	mkdir "$work/a"
	cp -R lib "$work/a/lib"
	for patch in $(listed); do
		[ "$patch" != "$1" ] || break
		try "$work/a" "$patch" 0 ||
			fail "$patch comes before and does not apply: begin with that"
	done
	cp -R "$work/a" "$work/b"
}

# edit_file FILE..: in $work/b
edit_file() {
	(cd "$work/b" && ${EDITOR:-vi} "$@")
	(cd "$work/b" && ! grep -n '^[<>]\{7\}' "$@") || fail "this conflict is still there"
}

# write PATCH: anew, below the lines at its top, of what is different in $work/b
write() {
	[ ! -e "$patches/$1" ] || sed '/^--- a\//,$d' "$patches/$1" >"$work/patch"
	(cd "$work" && diff -qr a b) | sed 's/^Files a\///; s/ and b\/.*//' >"$work/changed"
	[ -s "$work/changed" ] || fail "nothing was changed"
	while read -r file; do
		(cd "$work" && diff -pu --suppress-blank-empty --label "a/$file" \
			--label "b/$file" "a/$file" "b/$file") >>"$work/patch" || :
	done <"$work/changed"
	cp "$work/patch" "$patches/$1"
	echo "$patches/$1"
}

# path NAME: of its patch
path() {
	listed | grep "/$1\.patch\$" || fail "there is no patch $1 in $patches/series"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
case $#${1:-} in
1check)
	apply "$work"
	echo "mutants: $(listed | wc -l) patches apply"
	;;
2apply)
	apply "$2"
	;;
2refresh)
	name=$(path "$2")
	before "$name"
	try "$work/b" "$name" 3 || {
		cat "$work/said"
		fail "it does not apply with fuzz: $0 edit $2"
	}
	write "$name"
	;;
2edit)
	name=$(path "$2")
	before "$name"
	try "$work/b" "$name" 0 --merge || :
	# shellcheck disable=SC2046 # names without spaces
	edit_file $(sed -n 's,^+++ b/,,p' "$patches/$name")
	write "$name"
	;;
3new)
	folder=$(basename "$(dirname "$3")")
	! listed | grep "/$2\.patch\$" || fail "it is there"
	before "$folder/$2.patch"
	edit_file "$3"
	mkdir -p "$patches/$folder"
	write "$folder/$2.patch"
	echo "$folder/$2.patch" >>$patches/series
	;;
*)
	sed -n '/^# usage/,/^set/s/^# //p' "$patches/patches.sh" >&2
	exit 2
	;;
esac
