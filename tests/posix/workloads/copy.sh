# SPDX-License-Identifier: BSD-3-Clause
# copy.sh BESIDE MOUNTED SCRATCH [quick]: rsync with all that it can keep, into the mount and
# out of it, again after changes; cp -a; mv into the mount and out.
# shellcheck disable=SC2034 # scratch is for same()
beside=$1 mounted=$2 scratch=$3
# shellcheck source=SCRIPTDIR/tree.sh
. "$(dirname "$0")/tree.sh"
files=1500
[ -z "${4:-}" ] || files=300

keep="-aHAXS --numeric-ids --delete"
make_tree "$beside/tree" $files

# copy_all FROM TO: and asserts that a second run finds nothing to do.
copy_all() {
	# shellcheck disable=SC2086 # several options
	rsync $keep "$1/" "$2/"
	# shellcheck disable=SC2086
	left=$(rsync $keep -c -n --itemize-changes "$1/" "$2/")
	[ -z "$left" ] || {
		echo "rsync finds differences between $1 and $2:"
		printf '%s\n' "$left" | head -n 20
		exit 1
	}
}

copy_all "$beside/tree" "$mounted/tree"
same "rsync into the mount" "$beside/tree" "$mounted/tree"
copy_all "$mounted/tree" "$beside/back"
same "rsync out of the mount" "$beside/tree" "$beside/back"

rm -r "$beside/tree/d3" "$beside/tree/fifo"
mv "$beside/tree/d4" "$beside/tree/d4 moved"
mkdir "$beside/tree/fifo"
touch -d '2003-03-03 03:03:03.3' "$beside/tree/fifo"
echo more >>"$beside/tree/acl"
chmod 600 "$beside/tree/xattr"
setfattr -x user.name "$beside/tree/xattr"
copy_all "$beside/tree" "$mounted/tree"
same "rsync of the changes" "$beside/tree" "$mounted/tree"

cp -a "$mounted/tree" "$mounted/copy"
same "cp -a in the mount" "$beside/tree" "$mounted/copy"
rm -r "$mounted/tree"
mv "$mounted/copy" "$beside/moved"
same "mv out of the mount" "$beside/tree" "$beside/moved"
mv "$beside/moved" "$mounted/moved"
same "mv into the mount" "$beside/tree" "$mounted/moved"
blocks=$(stat -c %b "$mounted/moved/sparse")
[ "$blocks" -lt 1000 ] || { echo "the sparse file has $blocks blocks"; exit 1; }
echo "rsync, cp -a and mv of $(find "$beside/tree" | wc -l) objects, both ways"
