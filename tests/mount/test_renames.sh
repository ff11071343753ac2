#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_renames.sh BUILD SECONDS [OPTION..]: renames by many processes in one tree, and the
# paths that the server builds meanwhile.
build=$1 seconds=$2
shift 2
. "$(dirname "$0")/lib.sh"

start_server "$build/examples/namedfs" "$@"
"$build/tests/renames" "$mnt" "$seconds" || fail "renames"
diff -r "$source" "$mnt" || fail "the mount differs from its source"
rm -r "${mnt:?}"/*
forget_all
assert_balanced
stop_server
