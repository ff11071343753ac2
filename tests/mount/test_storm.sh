#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_storm.sh BUILD PROGRAM SECONDS [OPTION..]: many processes in one mount at once, the
# kernel's caches dropped in a loop; then every count is 0 and nothing is left.
build=$1 program=$2 seconds=$3
shift 3
. "$(dirname "$0")/lib.sh"

start_server "$build/examples/$program" "$@"
"$build/tests/storm" "$mnt" "$seconds" 6 || fail "a process saw an error"
find "$mnt" -type f -name 'own*' | grep -q . && fail "a removed file is listed"
diff -r "$source" "$mnt" || fail "the mount differs from its source"
forget_all
assert_balanced
stop_server
echo "storm: $seconds seconds with 6 processes, options: ${*:-none}"
