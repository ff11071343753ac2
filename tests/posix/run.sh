#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh BUILD SERVER [OPTION..]: POSIX behaviour on a mount and beside it. posix_cases runs
# on a plain directory and on the mount of one like it, on each file system (tmpfs, ext4) as
# each user (root, one in a second group, one in none): every observation must be the same,
# errno included, but for those in accepted.txt, and with an OPTION that changes what is
# right, accepted.OPTION.txt. Then random I/O against a model.
#
# SERVER is an example's name or a path, or "none": the plain directory is compared with
# another one, which tests the cases themselves.

# shellcheck source=SCRIPTDIR/../mount/own_mounts.sh
. "$(dirname "$0")/../mount/own_mounts.sh"
build=$1 server_name=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=SCRIPTDIR/../mount/lib.sh
. "$here/../mount/lib.sh"
trap 'exit 1' INT TERM # and clean up
cases=$build/tests/posix/posix_cases
seconds=${FINODE_RANDOM_IO_SECONDS:-5}
only=${FINODE_POSIX_ONLY:-*}
users="root owner stranger"
different=0
: >"$work/used"

# What is accepted, and what of that must be seen: with options only what they bring.
cat "$here"/accepted.txt >"$work/accepted"
grep '^[^#]' "$work/accepted" >"$work/to_be_seen"
for more in "$here"/accepted.*.txt; do
	option=${more%.txt}
	case " $* " in
	*[\ ,]"${option##*.}"[\ ,]*)
		cat "$more" >>"$work/accepted"
		grep '^[^#]' "$more" >"$work/to_be_seen"
		;;
	esac
done

command -v mkfs.ext4 >/dev/null || skip "no mkfs.ext4 (package e2fsprogs)"
case $server_name in
none) ;;
*/*) program=$server_name ;;
*) program=$build/examples/$server_name ;;
esac

# identity USER: the options of posix_cases.
identity() {
	case $1 in
	root) echo "--uid 0 --gid 0" ;;
	owner) echo "--uid 1000 --gid 1000 --groups 2000" ;;
	stranger) echo "--uid 1001 --gid 1001" ;;
	esac
}

# new_file_system KIND: at $work/fs, with the directories plain and source.
new_file_system() {
	mkdir -p "$work/fs"
	case $1 in
	tmpfs) mount -t tmpfs none "$work/fs" || fail "cannot mount a tmpfs" ;;
	ext4)
		truncate -s 512M "$work/image"
		mkfs.ext4 -q -F "$work/image" || fail "mkfs.ext4"
		mount -o loop "$work/image" "$work/fs" 2>"$work/why" || {
			cat "$work/why"
			return 1
		}
		;;
	esac
	tmpfs=$work/fs
	mkdir "$work/fs/plain" "$work/fs/source"
	# shellcheck disable=SC2034 # for start_server
	source=$work/fs/source
}

end_file_system() {
	umount "$tmpfs" || fail "the file system below the mount is busy"
	tmpfs=
}

# run_cases USER DIRECTORY OUTPUT
run_cases() {
	# shellcheck disable=SC2046 # several words
	"$cases" $(identity "$1") --only "$only" "$2" >"$3" 2>"$3.errors"
}

# compare KIND USER SEEN_AT
compare() {
	run_cases "$2" "$work/fs/plain" "$work/host" || {
		grep -E ': ended by|\.prepare ' "$work/host"
		cat "$work/host.errors"
		fail "a case does not run beside the mount ($1, $2)"
	}
	run_cases "$2" "$3" "$work/seen" || cat "$work/seen.errors"
	awk -v where="$1/$2" -v used="$work/used" -f "$here/compare.awk" \
		"$work/accepted" "$work/host" "$work/seen" || different=$?
}

# The accepted differences that were not seen.
check_accepted() {
	grep -vxFf "$work/used" "$work/to_be_seen" | sed 's/^/accepted, but the same: /'
}

kinds=
for kind in tmpfs ext4; do
	new_file_system $kind || {
		echo "no $kind here: not compared on it"
		continue
	}
	kinds="$kinds $kind"
	seen_at=$work/fs/source
	if [ "$server_name" != none ]; then
		start_server "$program" -o allow_other,dev,suid "$@"
		seen_at=$mnt
	fi
	for user in $users; do
		compare $kind "$user" "$seen_at"
	done
	"$build/tests/posix/random_io" "$seen_at/random" "$seconds" >"$work/random" 2>&1 || {
		cat "$work/random"
		different=1
	}
	tail -n 1 "$work/random"
	[ "$server_name" = none ] || stop_server
	end_file_system
done

[ -n "$kinds" ] || fail "no file system to compare on"
if [ "$server_name" != none ] && [ "$only" = '*' ] && [ "$kinds" = " tmpfs ext4" ]; then
	check_accepted >"$work/unused"
	cat "$work/unused"
	[ ! -s "$work/unused" ] || different=1
fi
[ "$different" = 0 ] || fail "the mount does not behave as its source"
