# SPDX-License-Identifier: BSD-3-Clause
# What every test with a real mount needs. Sourced, with $build (the build folder) set.
# Makes $work with $source and $mnt in it; everything is unmounted and removed at exit.
set -eu

SKIP=77

skip() {
	echo "SKIPPED: $*"
	exit $SKIP
}

fail() {
	echo "FAILED: $*" >&2
	if [ -n "${server:-}" ] && ! grep -q ') [^Z] ' "/proc/$server/stat" 2>/dev/null; then
		ended=0
		wait "$server" || ended=$?
		echo "the server had ended before, with status $ended" >&2
		server=
	fi
	[ ! -s "${log:-}" ] || tail -n ${FINODE_LOG_LINES:-20} "$log" >&2
	exit 1
}

[ -c /dev/fuse ] || skip "no /dev/fuse on this machine"
[ "$(id -u)" = 0 ] || skip "needs root to mount and to drop the kernel's caches"

work=$(mktemp -d "${TMPDIR:-/tmp}/finode-mount.XXXXXX")
source=$work/source
mnt=$work/mnt
log=$work/log
server=
tmpfs=
mkdir "$source" "$mnt"
chmod 755 "$work"

# Not mountpoint(1): root may not look into the mount of an ordinary user.
is_mounted() {
	grep -q " $mnt " /proc/self/mountinfo
}

cleanup() {
	cd /
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	# The server may be faster.
	while is_mounted; do umount -l "$mnt" 2>/dev/null || sleep 0.1; done
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	[ -z "$tmpfs" ] || umount -l "$tmpfs"
	rm -rf "$work" # never $source: it may be somebody's
}
trap cleanup EXIT

# The source is a tmpfs from now on: for tests with more files than a disk makes quickly.
tmpfs_source() {
	mount -t tmpfs none "$source" || fail "cannot mount a tmpfs"
	tmpfs=$source
}

# With fuse-over-io_uring asked for, a server without is no test of it.
assert_rings() {
	for _ in $(seq 100); do
		! grep -qs '^fuse-ring-' "/proc/$server/task"/*/comm || return 0
		sleep 0.1
	done
	fail "FUSE_URING_ENABLE is set, and the server has no rings"
}

# start_server PROGRAM [OPTION..]: serves $source at $mnt, in the background.
start_server() {
	"$@" -f "$source" "$mnt" >>"$log" 2>&1 &
	server=$!
	for _ in $(seq 100); do
		if is_mounted; then
			[ "${FUSE_URING_ENABLE:-0}" = 0 ] || assert_rings
			return
		fi
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	fail "the server did not mount: $*"
}

# Unmounts, and asserts that the server ends by itself and in good order.
stop_server() {
	umount "$mnt" || fail "umount: the mount is busy"
	wait "$server" || fail "the server ended with status $?"
	server=
}

# Prints the server's statistics, as of now.
stats() {
	before=$(grep -c ' check=' "$log" || true)
	kill -USR1 "$server"
	for _ in $(seq 100); do
		if [ "$(grep -c ' check=' "$log" || true)" -gt "$before" ]; then
			grep ' check=' "$log" | tail -n 1
			return
		fi
		sleep 0.05
	done
	fail "no statistics on SIGUSR1"
}

# stat_of NAME LINE: one figure of a line of statistics.
stat_of() {
	printf '%s\n' "$2" | sed -n "s/.* $1=\([^ ]*\).*/\1/p"
}

# Makes the kernel forget all it can; waits until the server has been told.
forget_all() {
	for _ in $(seq 100); do
		echo 2 >/proc/sys/vm/drop_caches
		line=$(stats)
		[ "$(stat_of inodes "$line")" != 1 ] || break
		sleep 0.1
	done
}

# Asserts what must hold when the kernel has forgotten everything.
assert_balanced() {
	line=$(stats)
	printf '%s\n' "$line"
	[ "$(stat_of inodes "$line")" = 1 ] || fail "inodes are left"
	[ "$(stat_of files "$line")" = 0 ] || fail "open files are left"
	[ "$(stat_of clamped "$line")" = 0 ] || fail "a FORGET was clamped: counts differ"
	[ "$(stat_of unknown "$line")" = 0 ] || fail "a FORGET named an unknown inode"
	[ "$(stat_of refused "$line")" = 0 ] || fail "an entry was refused"
	case $line in *" check=clean") ;; *) fail "the table is not clean" ;; esac
	fds=$(ls "/proc/$server/fd" | wc -l)
	[ "$fds" -lt 20 ] || fail "the server still has $fds file descriptors"
}

# figure WORDS: the number before the words in the figures of the server, which is
# $passthrough.
figure() {
	"$passthrough" --stats "$mnt" | sed -n "s/.* \([0-9,]*\) $1.*/\1/p" | tr -d , | head -n 1
}
