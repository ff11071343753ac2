#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_stale_names.sh BUILD RENAMES [OPTION..]: a file that others rename in the source, from
# one directory to the next, while a process has it open in the mount. Its old names are not
# true any more, and pin no directory: when the kernel's caches are dropped, what only they
# name is evicted. When the file is closed, everything is, and the fds of the server are back.
build=$1 renames=$2
shift 2
. "$(dirname "$0")/lib.sh"

# figures_are INODES ALIASES: soon, while the kernel's caches are dropped.
figures_are() {
	for _ in $(seq 100); do
		echo 2 >/proc/sys/vm/drop_caches
		line=$(stats)
		[ "$(stat_of inodes "$line") $(stat_of aliases "$line")" != "$1 $2" ] || return 0
		sleep 0.1
	done
	fail "not $1 inodes and $2 names: $line"
}

fds() {
	ls "/proc/$server/fd" | wc -l
}

for i in $(seq 0 "$renames"); do mkdir "$source/$i"; done
echo one >"$source/0/file"
start_server "$build/examples/namedfs" "$@"
before=$(fds)
exec 3<"$mnt/0/file"
number=$(stat -c %i "$mnt/0/file")
for i in $(seq "$renames"); do
	mv "$source/$((i - 1))/file" "$source/$i/file"
	[ "$(stat -c %i "$mnt/$i/file")" = "$number" ] || fail "another file after $i renames"
	line=$(stats)
	# Of the root's children each was looked up; of the file there is one name.
	[ "$(stat_of aliases "$line")" -le $((i + 2)) ] || fail "old names are known: $line"
done

# The root, the file, the directory of its name, and the one where it was opened, which the
# kernel has in use; the names of all but the root.
figures_are 4 3
[ "$(fds)" = $((before + 4)) ] || fail "$(fds) fds, with three inodes more and an open file"
[ "$(cat <&3)" = one ] || fail "the open file is another one"
exec 3<&-
figures_are 1 0
assert_balanced
[ "$(fds)" = "$before" ] || fail "$(fds) fds, and $before before"
stop_server
echo "stale names: $renames renames in the source"
