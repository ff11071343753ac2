#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_stale_links.sh BUILD RENAMES [OPTION..]: passthrough, which keeps names for NFS, over a
# file with two links that others rename in the source, from one directory to the next. At
# any time it has at most two names; when the kernel's caches are dropped, everything is
# evicted, and the fds are back.
build=$1 renames=$2
shift 2
passthrough=$build/examples/passthrough
. "$(dirname "$0")/lib.sh"

fds() {
	ls "/proc/$server/fd" | wc -l
}

# listed DIRECTORY: inode number and links of the two files in it.
listed() {
	stat -c '%i %h' "$mnt/$1/file" "$mnt/$1/link" | tr '\n' ' '
}

for i in $(seq 0 "$renames"); do mkdir "$source/$i"; done
echo one >"$source/0/file"
ln "$source/0/file" "$source/0/link"
start_server "$passthrough" -o export,no_splice "$@" # a pipe is two fds more
before=$(fds)
first=$(listed 0)
for i in $(seq "$renames"); do
	mv "$source/$((i - 1))/file" "$source/$((i - 1))/link" "$source/$i"
	[ "$(listed "$i")" = "$first" ] || fail "another file after $i renames: $(listed "$i")"
	[ $((i % 20)) = 0 ] || continue
	# Each directory that was looked up has one.
	[ "$(figure 'known now')" -le $((i + 3)) ] || fail "old names: $(figure 'known now')"
	[ "$(figure 'now, in')" -le $((i + 3)) ] || fail "more inodes than objects"
done
[ "$(figure 'were stale')" -ge "$renames" ] || fail "nothing was stale: this test could not fail"

for _ in $(seq 100); do
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(figure 'now, in') $(figure 'known now')" != "1 0" ] || break
	sleep 0.1
done
"$passthrough" --stats "$mnt"
[ "$(figure 'now, in')" = 1 ] || fail "inodes are left"
[ "$(figure 'known now')" = 0 ] || fail "names are left"
[ "$(figure clamped)" = 0 ] || fail "a FORGET was clamped"
"$passthrough" --stats "$mnt" | grep -q '^table *clean$' || fail "the table is not clean"
[ "$(fds)" = "$before" ] || fail "$(fds) fds, and $before before"
stop_server
echo "stale links: $renames renames of two links in the source"
