#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_hardlinks.sh BUILD PROGRAM ROUNDS [names]: files with several names. With "names" also
# the paths that the server knows, and a file that is unlinked and found again.
build=$1 program=$2 rounds=$3
shift 3
. "$(dirname "$0")/lib.sh"

start_server "$build/examples/$program"
"$build/tests/hardlinks" "$mnt" "$source" "$rounds" "$@" || fail "hardlinks"
if [ $# -gt 0 ]; then
	[ "$(stat_of rebound "$(stats)")" = 1 ] || fail "nothing was found again: $(stats)"
fi
forget_all
assert_balanced
stop_server
echo "hardlinks: $rounds rounds through two names"
