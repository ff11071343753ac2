#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Can the tests fail? Builds the library with each of its deliberate defects
# (FINODE_MUTANT in lib/) and asserts that some test notices; without one, all must pass.
#
# usage: tests/mutants.sh SOURCE [NAME..]      only these defects, if any are named
set -eu

tests='siphash index schedules name_schedules slots inode count file table alias obtain_at rename path
	dirlock unlink mount mount_ino mount_root mount_schedules'
# linked with the fake kernel
fuse_tests='entry names_glue session notify faults submounts mounts_glue'
seconds=20 # for one test program; one that hangs has noticed too

# compile DIR FLAG FILE..: objects of DIR, named after the files
# shellcheck disable=SC2016 # the inner shell's variables
compile() {
	dir=$1 flag=$2
	shift 2
	printf '%s\n' "$@" | xargs -P "$jobs" -I '{}' \
		sh -c '${CC:-cc} $1 $2 -c "$4" -o "$3/$(basename "$4" .c).o"' \
		sh "$cflags" "$flag" "$dir" '{}'
}

# link DIR NAME: a test program. Archives, so that the core's tests need no libfuse.
link() {
	extra=
	case " $fuse_tests " in
	*" $2 "*) extra="$1/fakekernel.a $1/lib.a $(pkg-config --libs fuse3)" ;;
	esac
	# shellcheck disable=SC2086 # lists of words
	${CC:-cc} -pthread -o "$1/test_$2" "$1/test_$2.o" "$1/fixture.o" "$1/mounts_fixture.o" \
		"$1/names_fixture.o" "$1/schedule.o" $extra "$1/lib.a" $libs
}

# archive DIR: the objects of the library, and those of the fake kernel
archive() {
	rm -f "$1/lib.a" "$1/fakekernel.a"
	for file in "$source"/lib/*.c; do
		ar rc "$1/lib.a" "$1/$(basename "$file" .c).o"
	done
	for file in "$source"/tests/fakekernel/*.c; do
		ar rc "$1/fakekernel.a" "$1/$(basename "$file" .c).o"
	done
}

# first_failure FILE: the first test case that failed, or else the one that was running
first_failure() {
	name=$(sed -n 's/^\[  FAILED  \] \(test_[a-z0-9_]*\).*/\1/p' "$1" | head -n 1)
	[ -n "$name" ] || name=$(sed -n 's/^\[ RUN      \] //p' "$1" | tail -n 1)
	echo "$name"
}

# run DIR: the tests, up to the first that fails. Prints who noticed what; 1 if nobody did
run() {
	for name in $programs; do
		link "$1" "$name"
		status=0
		timeout -k 1 $seconds "$1/test_$name" >"$1/log" 2>&1 || status=$?
		[ $status != 0 ] || continue
		case $status in
		124 | 137) how=timeout ;;
		12[89] | 1[3-9]?) how="signal $((status - 128))" ;;
		*) how=failed ;;
		esac
		echo "noticed by test_$name, $(first_failure "$1/log") ($how)"
		return 0
	done
	return 1
}

# files_with NAME: what has to be compiled again for this defect
files_with() {
	if grep -q "FINODE_MUTANT($1)" "$source"/lib/*.h; then
		echo "$sources"
	else
		grep -l "FINODE_MUTANT($1)" "$source"/lib/*.c
	fi
}

# one NAME: builds and tests the library with one defect
one() {
	dir=$work/$1
	mkdir "$dir"
	cp "$work"/none/*.o "$dir"
	# shellcheck disable=SC2046 # names without spaces
	jobs=1 compile "$dir" "-DFINODE_MUTANT_$1" $(files_with "$1")
	archive "$dir"
	if verdict=$(run "$dir"); then
		echo "mutant $1: $verdict"
	else
		echo "mutant $1: SURVIVES"
		touch "$work/survivor"
	fi
	rm -r "$dir"
}

# is_out_of_reach NAME: is the defect where this libfuse lets no message through? It is built
# without custom io then, as 3.18.3 and newer are by default, and test_session says so.
is_out_of_reach() {
	[ -n "$no_custom_io" ] &&
		grep -q "FINODE_MUTANT($1)" "$source/lib/foreign.c" "$source/lib/message.c"
}

prepare() {
	cflags="-std=gnu11 -O1 -pthread -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -DFINODE_DEBUG"
	cflags="$cflags -DFINODE_TESTING -I$source/include -I$source/lib -I$source/tests"
	cflags="$cflags $(pkg-config --cflags cmocka fuse3)"
	libs=$(pkg-config --libs cmocka)
	jobs=$(nproc)
	programs="$tests $fuse_tests"
	sources=$(printf '%s\n' "$source"/lib/*.c "$source"/tests/support/*.c \
		"$source"/tests/fakekernel/*.c)
	for name in $programs; do
		sources="$sources $source/tests/test_$name.c"
	done
}

source=$(cd "$1" && pwd)
shift
prepare
if [ "${1:-}" = --one ]; then # this script, started by itself
	work=$2
	one "$3"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/none"
# shellcheck disable=SC2086 # names without spaces
compile "$work/none" '' $sources
archive "$work/none"
if verdict=$(run "$work/none"); then
	echo "no mutant: $verdict"
	cat "$work/none/log"
	exit 1
fi
echo "no mutant: all tests pass: $programs"

mutants=${*:-$(find "$source/lib" -name '*.[ch]' ! -name testing.h \
	-exec grep -oh 'FINODE_MUTANT([a-z_]*)' {} + | sed 's/.*(//; s/)//' | sort -u)}
no_custom_io=$("$work/none/test_session" 2>&1 | grep -m 1 'built without custom io' || :)
chosen=
for mutant in $mutants; do
	if is_out_of_reach "$mutant"; then
		echo "SKIPPED: $mutant, ${no_custom_io#SKIPPED: }"
	else
		chosen="$chosen $mutant"
	fi
done
# shellcheck disable=SC2086 # names without spaces
printf '%s\n' $chosen | xargs -P "$jobs" -I '{}' sh "$0" "$source" --one "$work" '{}'
[ ! -e "$work/survivor" ]
