#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Can the tests fail? Runs them on a copy of lib/ with the patches of tests/mutants/, each a
# deliberate defect that the environment chooses, and asserts that some test notices; without
# one, all must pass.
#
# usage: tests/mutants.sh SOURCE [NAME..]      only these defects, if any are named
set -eu

# compile FILE..: objects, named after the files and their folders
# shellcheck disable=SC2016 # the inner shell's variables
compile() {
	printf '%s\n' "$@" | xargs -P "$jobs" -I '{}' \
		sh -c '${CC:-cc} $1 -c "$3" -o "$2/$(echo "$3" | tr / -).o"' sh "$cflags" "$work" '{}'
}

# archive NAME FOLDER..: of the objects of the folders' files
archive() {
	archive=$work/$1.a
	shift
	for folder in "$@"; do
		ar rc "$archive" "$work/$(echo "$folder" | tr / -)"-*.o
	done
}

# link NAME: a test program. Archives, so that the core's tests need no libfuse.
link() {
	extra=
	! grep -q '^#include "fakekernel/' "tests/test_$1.c" ||
		extra="$work/fakekernel.a $work/lib.a $(pkg-config --libs fuse3)"
	# shellcheck disable=SC2086 # lists of words
	${CC:-cc} -pthread -o "$work/test_$1" "$work/tests-test_$1.c.o" $extra "$work/lib.a" \
		"$work/support.a" "$work/lib.a" "$work/support.a" $libs
}

# A tree whose lib/ has all the defects.
plant() {
	mkdir "$work/tree"
	ln -s "$source/include" "$source/tests" "$work/tree"
	sh "$source/tests/mutants/patches.sh" apply "$work/tree"
}

build() (
	cflags="-std=gnu11 -O1 -pthread -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -DFINODE_DEBUG"
	cflags="$cflags -DFINODE_TESTING -Iinclude -Ilib -Itests -include mutants/mutant.h"
	cflags="$cflags $(pkg-config --cflags cmocka fuse3)"
	libs=$(pkg-config --libs cmocka)
	cd "$work/tree"
	# All of libfinode; hostfs is a library of its own.
	folders=$(printf '%s\n' lib/*/ | grep -v hostfs | sed 's,/$,,')
	# shellcheck disable=SC2046,SC2086 # names without spaces
	compile $(printf '%s/*.c\n' $folders) tests/support/*.c tests/mutants/*.c \
		tests/fakekernel/*.c $(printf 'tests/test_%s.c\n' $programs)
	# shellcheck disable=SC2086
	archive lib $folders
	archive support tests/support tests/mutants
	archive fakekernel tests/fakekernel
	for name in $programs; do
		link "$name"
	done
)

# first_failure FILE: the first test case that failed, or else the one that was running
first_failure() {
	name=$(sed -n 's/^\[  FAILED  \] \(test_[a-z0-9_]*\).*/\1/p' "$1" | head -n 1)
	[ -n "$name" ] || name=$(sed -n 's/^\[ RUN      \] //p' "$1" | tail -n 1)
	echo "$name"
}

# measure NAME: how long a test program may take: one that hangs has noticed too
measure() {
	before=$(date +%s%3N)
	"$work/test_$1" >"$work/log" 2>&1 || {
		echo "no mutant: test_$1 fails"
		cat "$work/log"
		exit 1
	}
	took=$(($(date +%s%3N) - before))
	echo $((4 * took / 1000 + 4)) >"$work/$1.seconds"
	echo "$took $1" >>"$work/took"
}

# run LOG: the tests, up to the first that fails. Prints who noticed what; 1 if nobody did
run() {
	while read -r _ name; do
		status=0
		timeout -k 1 "$(cat "$work/$name.seconds")" "$work/test_$name" >"$1" 2>&1 </dev/null ||
			status=$?
		[ $status != 0 ] || continue
		case $status in
		124 | 137) how=timeout ;;
		12[89] | 1[3-9]?) how="signal $((status - 128))" ;;
		*) how=failed ;;
		esac
		echo "noticed by test_$name, $(first_failure "$1") ($how)"
		return 0
	done <"$work/order"
	return 1
}

# one NAME: tests the library with one defect
one() {
	export FINODE_MUTANT="$1"
	if verdict=$(run "$work/$1.log"); then
		echo "mutant $1: $verdict"
	else
		echo "mutant $1: SURVIVES"
		touch "$work/survivor"
	fi
}

# is_out_of_reach NAME: is the defect where this libfuse lets no message through? It is built
# without custom io then, as 3.18.3 and newer are by default, and test_session says so.
is_out_of_reach() {
	[ -n "$no_custom_io" ] &&
		grep -qE '^[+]{3} b/lib/fuse/(translate|message)\.c' \
			"$source"/tests/mutants/*/"$1.patch"
}

source=$(cd "$1" && pwd)
shift
jobs=$(nproc)
programs=$(cd "$source/tests" && printf '%s\n' test_*.c | sed 's/^test_//; s/\.c$//')
if [ "${1:-}" = --one ]; then # this script, started by itself
	work=$2
	one "$3"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
plant
build
for name in $programs; do
	measure "$name"
done
sort -n "$work/took" >"$work/order" # most defects are noticed before the last ones
echo "no mutant: all $(wc -l <"$work/order") test programs pass"

all=$(sed -n 's,^[a-z]*/\(.*\)\.patch$,\1,p' "$source/tests/mutants/series")
no_custom_io=$("$work/test_session" 2>&1 | grep -m 1 'built without custom io' || :)
mutants=${*:-$all}
chosen=
for mutant in $mutants; do
	printf '%s\n' "$all" | grep -qx "$mutant" || {
		echo "there is no patch $mutant in $source/tests/mutants/series"
		exit 2
	}
	if is_out_of_reach "$mutant"; then
		echo "SKIPPED: $mutant, ${no_custom_io#SKIPPED: }"
	else
		chosen="$chosen $mutant"
	fi
done
# shellcheck disable=SC2086 # names without spaces
printf '%s\n' $chosen | xargs -P "$jobs" -I '{}' sh "$0" "$source" --one "$work" '{}'
[ ! -e "$work/survivor" ]
