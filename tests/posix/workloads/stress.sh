# SPDX-License-Identifier: BSD-3-Clause
# stress.sh BESIDE MOUNTED SCRATCH [quick]: the file system stressors of stress-ng, which
# check what they see; what fails beside the mount too is not held against it.
set -eu
beside=$1 mounted=$2 scratch=$3
seconds=4
stressors="access chdir chmod chown copy-file dentry dir dirdeep dirmany dup fallocate fcntl
	fiemap file-ioctl filename flock fpunch fstat getdent hdd inode-flags io iomix lease
	link locka lockf lockofd metamix mknod mmap mmapfork msync open readahead rename
	revio seek sendfile symlink sync-file touch utime xattr"
[ -z "${4:-}" ] || seconds=1 stressors="access chmod chown copy-file dentry fallocate fcntl
	flock fpunch getdent hdd iomix lockofd metamix mmap rename seek touch utime xattr"

# stress NAME DIRECTORY
stress() {
	cd "$scratch"
	stress-ng --"$1" 2 --timeout ${seconds}s --verify --temp-path "$2" --oom-avoid \
		>"$scratch/log" 2>&1
}

ran=0 also=
for stressor in $stressors; do
	status=0
	stress "$stressor" "$mounted" || status=$?
	case $status in
	0) ran=$((ran + 1)) ;;
	3 | 4) echo "$stressor: not here" ;;
	*)
		cp "$scratch/log" "$scratch/failure"
		if stress "$stressor" "$beside"; then
			cat "$scratch/failure"
			echo "stress-ng --$stressor fails in the mount, not beside it"
			exit 1
		fi
		also="$also $stressor"
		;;
	esac
done
echo "stress-ng: $ran stressors of $seconds s verified${also:+, fails beside the mount too:$also}"
