#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_soak.sh BUILD SECONDS: everything at once in one mount of passthrough, with few file
# descriptors: processes that create, write, rename, link, list and remove the same names and
# read files that they have removed, in the source and in a filesystem below it; random reads
# and writes against a model; finds; mounts that come and go below the source; the kernel's
# caches dropped in a loop. Then every count is 0 and nothing is left.
build=$1 seconds=$2
# shellcheck source=SCRIPTDIR/own_mounts.sh
. "$(dirname "$0")/own_mounts.sh"
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "$0")/lib.sh"
command -v setpriv >/dev/null || skip "no setpriv (util-linux)"
passthrough=$build/examples/passthrough

# load COMMAND..: beside the others; the first that fails is the result
loads=
load() {
	"$@" &
	loads="$loads $!"
}

# until_end COMMAND..: again and again, until the time is over
until_end() {
	while [ "$(date +%s)" -lt "$end" ]; do "$@" || return 1; done
}

# Another filesystem appears below the source, is used, and goes while it is used.
come_and_go() {
	mount -t tmpfs none "$source/comes" || return 1
	mkdir -p "$source/comes/dir" && echo here >"$source/comes/dir/file"
	cat "$mnt/comes/dir/file" >/dev/null 2>&1 || true
	mkdir "$mnt/comes/made" 2>/dev/null || true
	sleep 0.02
	umount -l "$source/comes"
}

see_all() {
	find "$mnt" -ls >/dev/null 2>&1 || true
}

tmpfs_source
mkdir "$source/a" "$source/b" "$source/below" "$source/comes"
mount -t tmpfs none "$source/below"
mkdir "$source/below/c"
chmod 777 "$source/b"
start_server "$passthrough" --fds=60
end=$(($(date +%s) + seconds))
for dir in a below/c; do
	load "$build/tests/storm" "$mnt/$dir" "$seconds" 4
done
load setpriv --reuid=1000 --regid=1000 --clear-groups \
	"$build/tests/storm" "$mnt/b" "$seconds" 4
for seed in 1 2 3; do
	load "$build/tests/posix/random_io" "$mnt/file$seed" "$seconds" $((end * 10 + seed))
done
load until_end come_and_go
load until_end see_all
failed=
for pid in $loads; do wait "$pid" || failed=1; done
[ -z "$failed" ] || fail "one of the loads has failed"

"$passthrough" --stats "$mnt"
diff -r "$source" "$mnt" || fail "the mount differs from its source"
for _ in $(seq 200); do
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(figure 'now, in')" -gt 1 ] || break
	sleep 0.1
done
"$passthrough" --stats "$mnt" >"$work/figures"
cat "$work/figures"
grep -q '^table *clean' "$work/figures" || fail "the table is not clean"
[ "$(figure 'now, in')" = 1 ] || fail "inodes are left"
[ "$(figure clamped)" = 0 ] || fail "a FORGET was clamped: counts differ"
[ "$(figure unknown)" = 0 ] || fail "a FORGET named an unknown inode"
[ "$(figure 'now; [0-9]* were')" = 0 ] || fail "open files are left"
umount "$source/below" || fail "the server holds a filesystem below the source"
stop_server
! grep -E 'Sanitizer|runtime error' "$log" || fail "a sanitizer has something to say"
echo "soak: $seconds seconds"
