#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_glue.sh BUILD PROGRAM: what the glue brings, through a real server: readdirplus over
# 100,000 files, O_TMPFILE and linkat, birth times, sync -f, with more inodes than fds.
build=$1 program=$2
. "$(dirname "$0")/lib.sh"

# What find sees of every file: name, inode number, size, links, owner, times.
list() {
	(cd "$1" && find . -printf '%p %y %i %s %n %u %g %m %T@\n' | LC_ALL=C sort)
}

kernel_has_prune() {
	[ "$(printf '6.18\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.18 ]
}

tmpfs_source
mkdir "$source/many"
for dir in $(seq 4); do
	mkdir "$source/many/$dir"
	(cd "$source/many/$dir" && seq 25000 | xargs touch)
done
limit=$(ulimit -H -n)
if ! kernel_has_prune && [ "$limit" != unlimited ] && [ "$limit" -lt 120000 ]; then
	skip "100,000 inodes need as many fds before Linux 6.18, and the limit is $limit"
fi

start_server "$build/examples/$program"
list "$source" >"$work/expected"
list "$mnt" >"$work/seen" 2>"$work/errors" || fail "find: $(head -n 3 "$work/errors")"
cmp "$work/expected" "$work/seen" || fail "find sees something else than in the source"
[ "$(wc -l <"$work/seen")" -ge 100000 ] || fail "these are not 100,000 files"
line=$(stats)
[ "$(stat_of hits "$line")" -lt "$(stat_of created "$line")" ] ||
	fail "each file was looked up after READDIRPLUS had told of it: $line"
printf '%s\n' "find: $line"
# None, where others on this machine drop the kernel's caches all the time.
printf 'find: %s\n' "$(grep 'notify prune:' "$log" | tail -n 1)"
rm -rf "$source/many" # behind the back of the kernel, which must forget all the same

"$build/tests/tmpfile" "$mnt" || fail "O_TMPFILE and linkat"
[ "$(cat "$source/linked")" = "from a file without a name" ] || fail "the linked file"

touch "$source/born" "$mnt/made"
sleep 0.01
touch "$source/born" # its birth time is now no other time of it
for name in born made; do
	for at in '%W' '%w' '%i' '%h' '%s'; do
		expected=$(stat -c "$at" "$source/$name")
		seen=$(stat -c "$at" "$mnt/$name")
		[ "$expected" = "$seen" ] || fail "statx of $name, $at: $seen is not $expected"
	done
done
[ "$(stat -c %W "$mnt/born")" != 0 ] || echo "the source has no birth times"

sync -f "$mnt/made" || fail "sync -f"
echo "sync -f: done; a kernel of /dev/fuse answers it without a SYNCFS (see test_session)"

rm "$mnt/linked" "$mnt/born" "$mnt/made"
forget_all
assert_balanced
stop_server
