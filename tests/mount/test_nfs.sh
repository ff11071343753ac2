#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_nfs.sh BUILD ROUNDS: a backend that, like NFS, does not remove a directory while the
# server has something open by a name that was removed from it. rm -rf must succeed all the
# same, each time; and does not, if the server lets nothing go before FORGET.
build=$1 rounds=$2
. "$(dirname "$0")/lib.sh"

export FINODE_TEST_KEEP=1
start_server "$build/tests/nfslike"
if "$build/tests/rmtree" "$mnt" 100 2>"$work/errors"; then
	fail "rm -rf succeeds without letting go: this test could not fail"
fi
grep -q "Directory not empty" "$work/errors" || fail "something else: $(cat "$work/errors")"
echo "without letting go: $(head -n 1 "$work/errors")"
stop_server
rm -rf "$source"
mkdir "$source"

unset FINODE_TEST_KEEP
start_server "$build/tests/nfslike"
"$build/tests/rmtree" "$mnt" "$rounds" || fail "with letting go"
line=$(stats)
[ "$(stat_of unlinked "$line")" -gt "$rounds" ] || fail "nothing was let go: $line"
forget_all
assert_balanced
stop_server
