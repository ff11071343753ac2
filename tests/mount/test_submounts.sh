#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_submounts.sh BUILD PROGRAM [ROUNDS]: a source with other filesystems below it: two
# tmpfs, a bind mount of one of its own directories, an ext4 in a file, an overlay over two of
# them. What find, stat, du and tar see of it, and what is left when mounts come and go.
build=$1 program=$2 rounds=${3:-200}
. "$(dirname "$0")/lib.sh"

# What is mounted below the source, the last first, unmounted before the source is removed.
below=
unmount_below() {
	for dir in $below; do umount -l "$dir" 2>/dev/null || true; done
}
trap 'unmount_below; cleanup' EXIT

# mount_below NAME OPTION..: mounts at a new directory of the source
mount_below() {
	point=$source/$1
	shift
	mkdir -p "$point"
	mount "$@" "$point" || fail "cannot mount at $point: $*"
	below="$point $below"
}

# A small tree with a bit of everything; two of them have equal inode numbers.
populate() {
	mkdir -p "$1/dir/deeper"
	echo "content of $2" >"$1/file"
	echo "$2" >"$1/dir/deeper/leaf"
	ln "$1/file" "$1/dir/link"
	ln -s ../file "$1/dir/symlink"
	mkfifo "$1/fifo"
}

tmpfs_source
populate "$source" source
mkdir "$source/many" "$source/plain"
echo plain >"$source/plain/file"
mount_below one -t tmpfs one
mount_below one/two -t tmpfs two
mount_below bind --bind "$source/plain"
populate "$source/one" one
populate "$source/one/two" two
truncate -s 16M "$work/image"
mkfs.ext4 -q "$work/image"
if [ -b /dev/loop0 ] || losetup -f >/dev/null 2>&1; then
	mount_below ext4 -o loop "$work/image"
	populate "$source/ext4" ext4
else
	echo "SKIPPED in part: no loop devices for an ext4"
fi
mkdir "$source/one/upper" "$source/one/work"
mount_below over -t overlay -o \
	"lowerdir=$source/plain:$source/one/two,upperdir=$source/one/upper,workdir=$source/one/work" \
	overlay
echo new >"$source/over/made"
# Mountpoints that a directory lists among many others, so not all of them by READDIRPLUS.
mount_below many/first -t tmpfs none
(cd "$source/many" && seq 3000 | xargs touch)
mount_below many/last -t tmpfs none
touch "$source/many/bindfile"
# A file with one link: a hardlink that is mounted elsewhere is two objects here, one there.
mount_below_file() {
	mount --bind "$source/plain/file" "$source/many/bindfile" || fail "bind mount of a file"
	below="$source/many/bindfile $below"
}
mount_below_file

start_server "$build/examples/$program"

# ---- What find sees ----
names() { (cd "$1" && find . | LC_ALL=C sort); }
names "$source" >"$work/expected"
for _ in 1 2; do
	names "$mnt" >"$work/seen"
	cmp "$work/expected" "$work/seen" || fail "find does not see every file once"
done
(cd "$source" && find . -type f -exec sha256sum {} + | LC_ALL=C sort) >"$work/expected"
(cd "$mnt" && find . -type f -exec sha256sum {} + | LC_ALL=C sort) >"$work/seen"
cmp "$work/expected" "$work/seen" || fail "the contents differ"

# ---- Who is who: two names that share a number here are one object on the host ----
(cd "$source" && find . -printf '%D:%i %p\n' | LC_ALL=C sort -k 2) >"$work/host"
(cd "$mnt" && find . -printf '%D:%i %p\n' | LC_ALL=C sort -k 2) >"$work/here"
join -1 2 -2 2 "$work/here" "$work/host" | awk '
	$2 in host && host[$2] != $3 { print $1 ": another object has its number"; bad = 1 }
	{ host[$2] = $3 }
	END { exit bad }' || fail "two objects share st_dev and st_ino"
[ "$(wc -l <"$work/here")" = "$(join -1 2 -2 2 "$work/here" "$work/host" | wc -l)" ] ||
	fail "names are missing"
cut -d: -f1 "$work/here" | sort -u | wc -l | grep -qx 1 || fail "more than one st_dev"
"$build/tests/dino" "$mnt" "$mnt/many" "$mnt/one" "$mnt/over" || fail "d_ino is not st_ino"
for name in one one/two bind many/last many/bindfile; do
	[ "$(stat -c %i "$mnt/$name")" = "$(stat -c %i "$mnt/$name")" ] || fail "a number moved"
done
first=$(stat -c %i "$mnt/one/file")
forget_all
[ "$(stat -c %i "$mnt/one/file")" = "$first" ] ||
	fail "a file of a submount has another number when it is looked up again"

# ---- What du and tar see ----
for dir in . one bind over many; do
	expected=$(cd "$source" && du -s --block-size=1 "$dir")
	seen=$(cd "$mnt" && du -s --block-size=1 "$dir")
	[ "$expected" = "$seen" ] || fail "du: $seen is not $expected"
done
archive() { tar -C "$1" --sort=name -cf - . 2>>"$work/tar.log" | sha256sum; }
[ "$(archive "$source")" = "$(archive "$mnt")" ] || fail "tar makes another archive"
grep -v 'socket ignored' "$work/tar.log" >&2 && fail "tar complains"

# ---- Across ----
for dir in one one/two bind over; do
	here=$(stat -c %i "$mnt/$dir/..")
	above=$(stat -c %i "$mnt/$(dirname "$dir")")
	[ "$here" = "$above" ] || fail "$dir/.. is not where it is mounted"
	(cd "$mnt/$dir" && [ "$(pwd -P)" = "$mnt/$dir" ]) || fail "$dir does not know its path"
done
crosses() {
	perl -e 'my $ok = $ARGV[0] eq "ln" ? link($ARGV[1], $ARGV[2]) : rename($ARGV[1], $ARGV[2]);
		exit !(!$ok && $! == 18)' "$@" || fail "$*: not EXDEV"
}
crosses ln "$mnt/file" "$mnt/one/linked"
crosses ln "$mnt/one/file" "$mnt/one/two/linked"
crosses ln "$mnt/bind/file" "$mnt/plain/linked"
crosses mv "$mnt/file" "$mnt/one/moved"
crosses mv "$mnt/bind/file" "$mnt/plain/moved"
crosses mv "$mnt/one/dir" "$mnt/moved"
ln "$mnt/one/file" "$mnt/one/linked" || fail "a link within a submount"
mv "$mnt/one/linked" "$mnt/one/moved" || fail "a rename within a submount"
rm "$mnt/one/moved"
mv "$mnt/over/made" "$mnt/over/dir/made" || fail "a rename within the overlay"
for dir in . one ext4; do
	[ ! -d "$source/$dir" ] || [ "$(stat -f -c '%b %S' "$mnt/$dir")" = \
		"$(stat -f -c '%b %S' "$source/$dir")" ] || fail "statfs of $dir"
done
echo "one tree: $(wc -l <"$work/here") names, $(grep -c " $source/" /proc/self/mountinfo) mounts"

# ---- Mounts that come and go under a find ----
mkdir "$source/comes"
(while [ -e "$source/comes" ]; do find "$mnt" -ls >/dev/null 2>&1 || true; done) &
finder=$!
for round in $(seq "$rounds"); do
	mount -t tmpfs none "$source/comes" || fail "cannot mount, round $round"
	populate "$source/comes" "round $round"
	cat "$mnt/comes/file" >/dev/null 2>&1 || true
	sleep 0.0$((round % 10))
	umount -l "$source/comes" || fail "cannot unmount, round $round"
done
rmdir "$source/comes"
wait $finder
echo "mounts came and went: $(stats)"
# What came last is gone for everybody when the kernel's second is over.
sleep 1.1
[ ! -e "$mnt/comes" ] || fail "a directory is there that was removed"
[ "$(cat "$mnt/one/two/file")" = "content of two" ] || fail "a mount that stayed has gone"

# ---- Idle and forgotten: nothing is held on the host ----
forget_all
assert_balanced
[ "$(stat_of mounts "$(stats)")" = 1 ] || fail "mounts are left"
for dir in $below; do
	umount "$dir" || fail "$dir is held by the server"
done
below=
stop_server
