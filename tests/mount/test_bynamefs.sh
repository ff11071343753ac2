#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_bynamefs.sh BUILD SECONDS: the server whose backend knows nothing but paths. What is
# open follows the renames of its directories, and outlives its name; then a storm.
build=$1 seconds=$2
. "$(dirname "$0")/lib.sh"

# same WHAT EXPECTED SEEN
same() {
	[ "$2" = "$3" ] || fail "$1: '$3' is not '$2'"
}

start_server "$build/examples/bynamefs"

# A tree of 600 files, as it is and as it is seen.
mkdir "$mnt/tree"
for dir in 1 2 3; do
	for below in 1 2; do
		mkdir -p "$mnt/tree/$dir/$below"
		for file in $(seq 100); do
			echo "$dir/$below/$file" >"$mnt/tree/$dir/$below/$file"
		done
	done
done
same "files" 600 "$(find "$source/tree" -type f | wc -l)"
diff -r "$source" "$mnt" || fail "the mount differs from its source"

# A rename of a directory, with a file below it open: that is where it was, by its nodeid,
# and what is done through its descriptor is done at the new place.
exec 3<>"$mnt/tree/1/2/7"
created=$(stat_of created "$(stats)")
number=$(stat -L -c %i /proc/self/fd/3)
mv "$mnt/tree/1" "$mnt/tree/moved"
mv "$mnt/tree/moved/2" "$mnt/up"
same "read after the rename" 1/2/7 "$(cat <&3)"
echo more >&3
chmod 640 /proc/self/fd/3
same "written after the rename" "more" "$(tail -n 1 "$source/up/7")"
same "mode after the rename" 640 "$(stat -c %a "$source/up/7")"
same "inode number" "$number" "$(stat -c %i "$mnt/up/7")"
same "the open file and its new name" "$number" "$(stat -L -c %i /proc/self/fd/3)"
[ "$(stat_of created "$(stats)")" -le $((created + 1)) ] ||
	fail "a rename has made new inodes" # but for tree/1/2, which mv looks up

# A name that belongs to another object now: who has the old one open reads the old one.
echo old >"$mnt/f"
echo new >"$mnt/g"
exec 4<"$mnt/f"
mv "$mnt/g" "$mnt/f"
same "the replaced file" old "$(cat <&4)"
same "links of the replaced file" 0 "$(stat -L -c %h /proc/self/fd/4)"
same "the new file" new "$(cat "$mnt/f")"

# The same, behind the server's back, and with another type.
exec 5<"$mnt/f"
rm "$source/f"
mkdir "$source/f"
sleep 1.1 # as long as the kernel may believe the old name
same "the type that the name has now" directory "$(stat -c %F "$mnt/f")"
same "the file that had it" new "$(cat <&5)"
same "retired" 1 "$(stat_of retired "$(stats)")"
rmdir "$mnt/f"

# Removed while open: usable to the end.
echo gone >"$mnt/h"
exec 6<>"$mnt/h"
rm "$mnt/h"
same "the removed file" gone "$(cat <&6)"
echo again >&6
same "size of the removed file" 11 "$(stat -L -c %s /proc/self/fd/6)"
truncate -s 3 /proc/self/fd/6
same "size of the truncated file" 3 "$(stat -L -c %s /proc/self/fd/6)"
[ ! -e "$mnt/h" ] || fail "a removed file has a name"

exec 3>&- 4>&- 5>&- 6>&-
rm -r "$mnt/tree" "$mnt/up" || fail "rm -r"
same "what is left" "" "$(ls -A "$source")"
forget_all
assert_balanced

"$build/tests/storm" "$mnt" "$seconds" 6 nolinks || fail "a process saw an error"
diff -r "$source" "$mnt" || fail "the mount differs from its source"
forget_all
assert_balanced
stop_server
echo "bynamefs: a storm of $seconds seconds with 6 processes"
