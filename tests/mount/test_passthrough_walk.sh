#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_passthrough_walk.sh BUILD FILES [FILES_OF_A_USER]: more files than file descriptors,
# walked twice with `ulimit -n 1024`, and used at random in between: by root with handles, and
# by an ordinary user, who has none and is told so once.
build=$1 files=$2 files_of_a_user=${3:-10000}
# shellcheck source=SCRIPTDIR/own_mounts.sh
. "$(dirname "$0")/own_mounts.sh"
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "$0")/lib.sh"
command -v setpriv >/dev/null || skip "no setpriv (util-linux)"
PATH=/usr/sbin:/usr/bin:/sbin:/bin # where an ordinary user may go, too
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

# use USER..: files at random: written, read through another name, looked at, and 250 that
# stay open. An ordinary user's server needs three fds for each: file, inode, directory.
use() {
	"$@" python3 - "$mnt" "$wanted" <<'END' || fail "random access"
import collections, os, random, sys
top, count = sys.argv[1], int(sys.argv[2])
opened = collections.deque()
for turn in range(count // 10):
    i = random.randrange(count)
    path = "%s/d%d/f%d" % (top, i // 100, i)
    size = os.stat(path).st_size
    if turn % 10 == 0:
        with open(path, "ab") as f: f.write(b"%d\n" % i)
        other = path + ".other"
        os.link(path, other)
        with open(other, "rb") as f: lines = f.read().split()
        os.unlink(other)
        assert lines and set(lines) == {b"%d" % i}, (path, lines)
        assert os.stat(path).st_size > size, path
    opened.append(open(path, "rb"))
    if len(opened) > min(250, count // 10):
        opened.popleft().close()
END
}

# walk USER..: twice, with all attributes
walk() {
	for turn in 1 2; do
		found=$("$@" find "$mnt" -type f -printf '%s\n' | wc -l)
		[ "$found" = "$wanted" ] || fail "$found of $wanted files"
		[ $turn = 2 ] || use "$@"
	done
	"$@" "$work/passthrough" --stats "$mnt" | grep '^file desc' -A 2
	"$@" "$work/passthrough" --stats "$mnt" | grep -q ' 0 refused' || fail "ENFILE"
}

# use_negative USER..: more directories than there are file descriptors, and in each a name that
# is looked for and not found, and one that is made and removed: the kernel remembers both
use_negative() {
	"$@" python3 - "$mnt" "$((wanted / 5))" <<'END' || fail "negative entries"
import os, sys
for i in range(int(sys.argv[2])):
    path = "%s/negative%d" % (sys.argv[1], i)
    os.mkdir(path)
    assert not os.path.exists(path + "/none")
    os.mkdir(path + "/no more")
    os.rmdir(path + "/no more")
END
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
wanted=$files_of_a_user
case $(uname -r) in
[0-5].* | 6.[0-9].* | 6.1[0-7].*) wanted=500 ;;
esac
make_files "$wanted"
chown -R 65534:65534 "$source" "$mnt"
user="setpriv --reuid=65534 --regid=65534 --clear-groups"
command -v fusermount3 >/dev/null || skip "no fusermount3 (package fuse3)"
# shellcheck disable=SC2086 # several words
start_server $user "$work/passthrough"
# shellcheck disable=SC2086
walk $user
# shellcheck disable=SC2086
use_negative $user
[ "$(grep -c 'file descriptor' "$log")" = 1 ] || fail "not one warning about file descriptors"
[ "$(grep -c 'rights' "$log")" = 1 ] || fail "not one warning about rights"
stop_server
echo "walked"
