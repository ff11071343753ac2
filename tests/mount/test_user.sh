#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_user.sh BUILD PROGRAM: the server run by an ordinary user, through fusermount3.
build=$1 program=$2

# Most systems let everybody use /dev/fuse. Where not, a node of our own that does takes its
# place, in a mount namespace of our own.
if [ "$(id -u)" = 0 ] && [ -c /dev/fuse ] && [ "$(stat -c %a /dev/fuse)" != 666 ] &&
	[ -z "${FINODE_UNSHARED:-}" ]; then
	FINODE_UNSHARED=1 exec unshare --mount "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

command -v setpriv >/dev/null || skip "no setpriv (util-linux)"
command -v fusermount3 >/dev/null || skip "no fusermount3 (package fuse3)"
if [ -n "${FINODE_UNSHARED:-}" ]; then
	mknod -m 666 "$work/fuse" c 10 229
	mount --bind "$work/fuse" /dev/fuse
fi

user="setpriv --reuid=65534 --regid=65534 --clear-groups"
cp "$build/examples/$program" "$work/server" # the build folder may be closed to others
chown 65534:65534 "$source" "$mnt"
# shellcheck disable=SC2086 # several words
start_server $user "$work/server"
$user sh -c "
	set -e
	cd '$mnt'
	echo hello >a && ln a b && mv a c && grep -q hello b
	mkdir d && chmod 700 d && ln -s c d/l && [ \"\$(readlink d/l)\" = c ]
	rm b c && rm -r d && [ -z \"\$(ls)\" ]
" || fail "an ordinary user's operations"
$user touch "$mnt/mine"
[ "$(stat -c %u "$source/mine")" = 65534 ] || fail "the owner of a new file"
if $user chown 0 "$mnt/mine" 2>/dev/null; then fail "an ordinary user gave a file away"; fi
stop_server
echo "served as uid 65534"
