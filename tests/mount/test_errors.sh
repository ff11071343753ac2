#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_errors.sh BUILD PROGRAM: what a person sees who makes a mistake on the command line,
# and errors of the host that must arrive unchanged.
build=$1 program=$2
. "$(dirname "$0")/lib.sh"
server_program=$build/examples/$program

# expect STATUS WORDS COMMAND..: the exit status, and words on stdout or stderr
expect() {
	status=$1 words=$2 got=0
	shift 2
	output=$("$@" 2>&1) || got=$?
	[ "$got" = "$status" ] || fail "'$*' ended with $got, not $status: $output"
	printf '%s\n' "$output" | grep -q -- "$words" || fail "'$*' does not say '$words': $output"
}

expect 0 "usage: $program" "$server_program" --help
expect 0 "libfinode [0-9]" "$server_program" --version
expect 2 "source is missing" "$server_program"
expect 2 "mountpoint is missing" "$server_program" "$source"
expect 1 "No such file or directory" "$server_program" "$work/none" "$mnt"
expect 1 "Not a directory" "$server_program" /etc/passwd "$mnt"
expect 2 "$work/none" "$server_program" "$source" "$work/none"
expect 2 "unknown option" "$server_program" --nonsense "$source" "$mnt"

start_server "$server_program"
cd "$mnt"
mkdir d && touch d/f
expect 1 "Directory not empty" rmdir d
expect 1 "File exists" mkdir d
expect 1 "No such file" cat none
expect 1 "Is a directory" rm d
expect 1 "File name too long" touch "$(printf '%0256d' 0)"
touch "$(printf '%0255d' 0)" || fail "a name of 255 bytes"
expect 1 "Not a directory" cat d/f/g
ln -s loop loop
expect 1 "Too many levels" cat loop
rm -r ./*
cd /
forget_all
assert_balanced
stop_server
