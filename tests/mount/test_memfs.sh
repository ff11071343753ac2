#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_memfs.sh BUILD SECONDS [OPTION..]: real work in the filesystem in memory. Whatever was
# in it, everything is evicted: when it was removed and forgotten, and at the end of a mount
# that is full of files, of which some are open and have no name.
build=$1 seconds=$2
shift 2
. "$(dirname "$0")/lib.sh"

rename2=$build/tests/rename2

# same WHAT EXPECTED SEEN
same() {
	[ "$2" = "$3" ] || fail "$1: '$3' is not '$2'"
}

# Names, modes, owners, links, sizes, times and targets, sorted.
describe() {
	(cd "$1" && find . ! -type d -printf '%P %y %m %U %G %n %s %Ts %l\n' \
		-o -printf '%P %y %m %U %G %n %Ts\n' | sort)
}

# stop: unmounts. The server says what was not evicted, and its status is not 0 then.
stop() {
	stop_server
	! grep -q "not evicted\|still has" "$log" || fail "$(cat "$log")"
}

# A tree with files of every kind and of many sizes.
tree=$work/tree
mkdir -p "$tree/a/b/c/d" "$tree/empty"
for size in 0 1 511 4096 70000 1500000; do
	head -c $size /dev/urandom >"$tree/a/file$size"
done
for i in $(seq 300); do echo "number $i" >"$tree/a/b/n$i"; done
ln "$tree/a/file4096" "$tree/a/b/link"
ln -s ../file1 "$tree/a/b/symlink"
mkfifo "$tree/a/fifo"
mknod "$tree/a/device" c 1 3
chmod 4711 "$tree/a/file511"
chmod 2775 "$tree/a/b/c"
chown 1234:2345 "$tree/a/b/n7"
touch -d '2001-02-03 04:05:06' "$tree/a/b/n8" "$tree/a/b/c"

start_server "$build/examples/memfs" "$@"
cp -a "$tree" "$mnt/tree"
diff -r --no-dereference "$tree" "$mnt/tree" >"$work/diff" 2>&1 ||
	grep -v 'fifo\|character special' "$work/diff" && fail "the copy: $(cat "$work/diff")"
describe "$tree" >"$work/expected"
describe "$mnt/tree" >"$work/seen"
diff "$work/expected" "$work/seen" || fail "the copy is another one"
mkdir "$mnt/tree/a/b/c/sub"
same "the group that a directory passes on" 2755 "$(stat -c %a "$mnt/tree/a/b/c/sub")"

# Data: holes, appends, truncation.
echo start >"$mnt/data"
truncate -s 100000 "$mnt/data"
echo end >>"$mnt/data"
same "size" 100004 "$(stat -c %s "$mnt/data")"
same "bytes" "start end" "$(tr -d '\0' <"$mnt/data" | tr '\n' ' ' | sed 's/ $//')"
truncate -s 3 "$mnt/data"
truncate -s 6 "$mnt/data"
same "what was cut off does not come back" "sta" "$(tr -d '\0' <"$mnt/data")"
echo new >"$mnt/data"
same "truncated by open" new "$(cat "$mnt/data")"

# Files and directories that are used and have no name.
exec 3<>"$mnt/tree/a/b/n1" 4<"$mnt/tree/empty"
rm "$mnt/tree/a/b/n1"
rmdir "$mnt/tree/empty"
same "the removed file" "number 1" "$(cat <&3)"
echo more >&3
same "links and size of the removed file" "0 14" "$(stat -L -c '%h %s' /proc/self/fd/3)"
same "links of the removed directory" 0 "$(stat -L -c %h /proc/self/fd/4)"
! touch "/proc/self/fd/4/x" 2>/dev/null || fail "a removed directory has got a file"
exec 3>&- 4<&-

# Hardlinks.
cd "$mnt"
echo one >f
ln f g
ln g tree/h
same "links" 3 "$(stat -c %h f)"
same "one inode" "$(stat -c %i f)" "$(stat -c %i tree/h)"
echo two >tree/h
same "by another name" two "$(cat f)"
same "one name over the other" ok "$("$rename2" f g 0)"
same "links" 3 "$(stat -c %h f)" # both stay
rm f tree/h
same "links that are left" 1 "$(stat -c %h g)"
! ln tree dirlink 2>/dev/null || fail "a directory with two names"

# Renames of every kind.
mkdir -p x/in y
echo x >x/in/file
same "over something" EEXIST "$("$rename2" g data noreplace)"
same "to a new name" ok "$("$rename2" g x/g noreplace)"
same "exchange with nothing" ENOENT "$("$rename2" x/g nothing exchange)"
same "exchange of two files" ok "$("$rename2" x/g data exchange)"
same "exchanged" "new two" "$(cat x/g data | tr '\n' ' ' | sed 's/ $//')"
same "exchange of a file and a directory" ok "$("$rename2" x/in data exchange)"
same "exchanged" "x two" "$(cat data/file x/in | tr '\n' ' ' | sed 's/ $//')"
same "links of the directories" "2 2" "$(stat -c %h x data | tr '\n' ' ' | sed 's/ $//')"
same "up from there" "$(stat -c %i .)" "$(stat -c %i data/..)"
same "exchange with what it is in" EINVAL "$("$rename2" data data/file exchange)"
same "below itself" EINVAL "$("$rename2" x x/below 0)"
same "a directory over one with files" ENOTEMPTY "$("$rename2" y data 0)"
same "a directory over an empty one" ok "$("$rename2" x y 0)"
same "what moved" "g in" "$(ls y | tr '\n' ' ' | sed 's/ $//')"
same "a directory over a file" ENOTDIR "$("$rename2" y data/file 0)"
same "a file over a directory" EISDIR "$("$rename2" data/file y 0)"
same "not a directory" ENOTDIR "$("$rename2" y/g y/g/h 0)"
cd /

# A directory that shrinks under its listing.
mkdir "$mnt/many"
(cd "$mnt/many" && seq 3000 | sed 's/^/a name that is not short /' | tr '\n' '\0' |
	xargs -0 touch)
same "many" 3000 "$(ls "$mnt/many" | wc -l)"
rm -rf "$mnt/many" || fail "rm -rf of many"

if command -v git >/dev/null; then
	export HOME="$work" GIT_CONFIG_NOSYSTEM=1
	git init -q "$mnt/git" && cd "$mnt/git"
	cp -a "$tree/a/b" .
	git add . && git -c user.name=T -c user.email=t@example.org commit -q -m one ||
		fail "git commit"
	git gc -q && git fsck --strict --no-progress || fail "git fsck"
	same "git status" "" "$(git status --porcelain)"
	cd /
fi

"$build/tests/storm" "$mnt" "$seconds" 6 || fail "a process saw an error"
line=$(stats)
case "$*" in
*names*) [ "$(stat_of aliases "$line")" -gt 100 ] || fail "no names are kept: $line" ;;
*) same "names" 0 "$(stat_of aliases "$line")" ;;
esac
rm -rf "${mnt:?}"/*
forget_all
assert_balanced
same "names of nothing" 0 "$(stat_of aliases "$line")"

# The end, with everything in it.
cp -a "$tree" "$mnt/tree"
stop
start_server "$build/examples/memfs" "$@"
cp -a "$tree" "$mnt/tree"
deep=$mnt
for i in $(seq 200); do deep=$deep/d$i; done
mkdir -p "$deep"
exec 5<>"$mnt/tree/a/b/n2" 6<"$deep"
rm "$mnt/tree/a/b/n2"
kill -TERM "$server"
wait "$server" || fail "the server ended with status $?"
server=
exec 5>&- 6<&-
! grep -q "not evicted\|still has" "$log" || fail "$(cat "$log")"
echo "memfs $*: a tree, renames, git, a storm of $seconds seconds; nothing is left"
