# SPDX-License-Identifier: BSD-3-Clause
# archive.sh BESIDE MOUNTED SCRATCH [quick]: tar with ACLs, xattrs, sparse files, devices and
# hardlinks: packed in the mount and unpacked in the mount, as beside it.
beside=$1 mounted=$2 scratch=$3
# shellcheck source=SCRIPTDIR/tree.sh
. "$(dirname "$0")/tree.sh"
files=1500
[ -z "${4:-}" ] || files=300

pack() {
	tar --acls --xattrs --xattrs-include='*' --sparse --numeric-owner --sort=name \
		--format=posix -C "$1" -cf "$2" . 2>"$scratch/errors"
	cat "$scratch/errors"
}

unpack() {
	mkdir "$2"
	tar --acls --xattrs --xattrs-include='*' --numeric-owner --same-owner -p \
		-C "$2" -xf "$1"
}

make_tree "$beside/tree" $files
pack "$beside/tree" "$scratch/beside.tar"
unpack "$scratch/beside.tar" "$mounted/tree"
same "unpacked in the mount" "$beside/tree" "$mounted/tree"
pack "$mounted/tree" "$mounted/mounted.tar"
unpack "$mounted/mounted.tar" "$beside/back"
same "packed in the mount" "$beside/tree" "$beside/back"
for tar in "$scratch/beside.tar" "$mounted/mounted.tar"; do
	tar --full-time --numeric-owner --acls --xattrs -tvvf "$tar" >"$scratch/$(basename "$tar").list"
done
cmp "$scratch/beside.tar.list" "$scratch/mounted.tar.list"
tar -df "$mounted/mounted.tar" -C "$mounted/tree"
blocks=$(stat -c %b "$mounted/tree/sparse")
[ "$blocks" -lt 1000 ] || { echo "the sparse file has $blocks blocks"; exit 1; }
echo "tar of $(wc -l <"$scratch/mounted.tar.list") objects, both ways"
