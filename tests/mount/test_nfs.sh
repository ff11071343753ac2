#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_nfs.sh BUILD ROUNDS: a backend that, like NFS, does not remove a directory while the
# server has something open by a name that was removed from it. rm -rf must succeed all the
# same, each time; and does not, if the server keeps what it has open until FORGET.
build=$1 rounds=$2
. "$(dirname "$0")/lib.sh"

export FINODE_TEST_KEEP=1
start_server "$build/tests/nfslike"
if "$build/tests/rmtree" "$mnt" 100 2>"$work/errors"; then
	fail "rm -rf succeeds though all is kept: this test could not fail"
fi
grep -q "Directory not empty" "$work/errors" || fail "something else: $(cat "$work/errors")"
echo "when all is kept: $(head -n 1 "$work/errors")"
stop_server
rm -rf "$source"
mkdir "$source"

unset FINODE_TEST_KEEP
start_server "$build/tests/nfslike"
"$build/tests/rmtree" "$mnt" "$rounds" || fail "rm -rf fails"
line=$(stats)
[ "$(stat_of unlinked "$line")" -gt "$rounds" ] || fail "nothing was unlinked: $line"
forget_all
assert_balanced
stop_server
