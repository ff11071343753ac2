#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# workloads.sh BUILD SERVER [quick|full [WORKLOAD..]]: what people do with a file system, in
# the mount of SERVER over an ext4 and beside it: each of workloads/*.sh, called with
#
#     BESIDE MOUNTED SCRATCH [quick]
#
# three empty directories: on the source's file system beside the mount, in the mount, and
# elsewhere. It says what it did in one line and ends with 0; with 77 if something is
# missing here; with anything else if the mount does not do what the host does.
# "quick" takes a minute. With no names it is all of them but sqlite_regression, which is
# SQLite's own and takes half an hour. Packages that are missing are installed.

# shellcheck source=SCRIPTDIR/../mount/own_mounts.sh
. "$(dirname "$0")/../mount/own_mounts.sh"
build=$1 server_name=$2 quick=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
shift 2
[ $# = 0 ] || shift
# shellcheck source=SCRIPTDIR/../mount/lib.sh
. "$here/../mount/lib.sh"
trap 'exit 1' INT TERM # and clean up
# shellcheck source=SCRIPTDIR/../../scripts/packages.sh
. "$here/../../scripts/packages.sh"
# shellcheck disable=SC2086,SC2154 # a list of packages, of packages.sh
need $workload_packages

case $server_name in
*/*) program=$server_name ;;
*) program=$build/examples/$server_name ;;
esac
limit=120
[ "$quick" = quick ] || quick='' limit=7200
[ $# -gt 0 ] || set -- copy archive compile sqlite git fio stress

mkdir "$work/fs"
truncate -s 4G "$work/image"
mkfs.ext4 -q -F "$work/image" || fail "mkfs.ext4"
mount -o loop "$work/image" "$work/fs" || skip "no loop device here"
tmpfs=$work/fs
mkdir "$work/fs/source"
# shellcheck disable=SC2034 # for start_server
source=$work/fs/source
start_server "$program" -o allow_other,dev,suid

failed=
for workload in "$@"; do
	mkdir "$work/fs/$workload" "$mnt/$workload" "$work/$workload"
	status=0
	start=$(date +%s)
	timeout -k 10 $limit \
		sh "$here/workloads/$workload.sh" "$work/fs/$workload" "$mnt/$workload" \
		"$work/$workload" ${quick:+quick} >"$work/output" 2>&1 || status=$?
	took=$(($(date +%s) - start))
	case $status in
	0) echo "$workload: $(tail -n 1 "$work/output") ($took s)" ;;
	77) echo "$workload: SKIPPED: $(tail -n 1 "$work/output")" ;;
	*)
		echo "$workload: FAILED with status $status after $took s"
		tail -n 30 "$work/output" | sed 's/^/    /'
		failed="$failed $workload"
		;;
	esac
	rm -rf "${work:?}/fs/$workload" "${mnt:?}/$workload" "${work:?}/$workload" || fail "rm -rf"
done
[ -z "$failed" ] || fail "the mount does not behave as its source:$failed"
stop_server
umount "$tmpfs" || fail "the file system below the mount is busy"
tmpfs=
