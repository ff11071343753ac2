#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_passthrough_walk.sh BUILD FILES: more files than file descriptors, walked twice with
# `ulimit -n 1024`: by root with handles, and by an ordinary user, who has none and is told
# so once.
build=$1 files=$2
# shellcheck source=SCRIPTDIR/own_mounts.sh
. "$(dirname "$0")/own_mounts.sh"
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "$0")/lib.sh"
command -v setpriv >/dev/null || skip "no setpriv (util-linux)"
command -v python3 >/dev/null || skip "no python3"
cp "$build/examples/passthrough" "$work/passthrough" # the build folder may be closed to others
mknod -m 666 "$work/fuse" c 10 229
mount --bind "$work/fuse" /dev/fuse

# make_files COUNT: a hundred in each directory
make_files() {
	python3 - "$source" "$1" <<'END'
import os, sys
for i in range(int(sys.argv[2])):
    d = "%s/d%d" % (sys.argv[1], i // 100)
    if i % 100 == 0: os.mkdir(d)
    open("%s/f%d" % (d, i), "w").close()
END
}

# walk USER..: twice, with all attributes
walk() {
	for _ in 1 2; do
		found=$("$@" find "$mnt" -type f -printf '%s\n' | wc -l)
		[ "$found" = "$wanted" ] || fail "$found of $wanted files"
	done
	"$@" "$work/passthrough" --stats "$mnt" | grep '^file desc' -A 2
	"$@" "$work/passthrough" --stats "$mnt" | grep -q ' 0 refused' || fail "ENFILE"
}

ulimit -n 1024
tmpfs_source
make_files "$files"
wanted=$files
start_server "$work/passthrough"
walk env
stop_server
[ ! -s "$log" ] || fail "root was warned"

# Without PRUNE a kernel does not forget what it has room for: then as many as there are fds.
umount "$source"
mount -t tmpfs none "$source"
wanted=10000
case $(uname -r) in
[0-5].* | 6.[0-9].* | 6.1[0-7].*) wanted=500 ;;
esac
make_files $wanted
chown 65534:65534 "$source" "$mnt"
user="setpriv --reuid=65534 --regid=65534 --clear-groups"
command -v fusermount3 >/dev/null || skip "no fusermount3 (package fuse3)"
# shellcheck disable=SC2086 # several words
start_server $user "$work/passthrough"
# shellcheck disable=SC2086
walk $user
[ "$(grep -c 'file descriptor' "$log")" = 1 ] || fail "not one warning about file descriptors"
[ "$(grep -c 'rights' "$log")" = 1 ] || fail "not one warning about rights"
stop_server
echo "walked"
