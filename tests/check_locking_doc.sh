#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# check_locking_doc.sh SOURCE: docs/locking.md names the ranks of lib/base/lock.h, in their order,
# and has a row for every public function that is not a mere accessor.
set -eu
cd "$1"
enum=$(sed -n 's/^\t\(LOCK_RANK_[A-Z]*\) = .*/\1/p' lib/base/lock.h)
doc=$(sed -n 's/^| `\(LOCK_RANK_[A-Z]*\)`.*/\1/p' docs/locking.md)
[ -n "$enum" ] || { echo "no ranks found in lib/base/lock.h"; exit 1; }
if [ "$enum" != "$doc" ]; then
	echo "lib/base/lock.h has:" $enum
	echo "docs/locking.md has:" $doc
	exit 1
fi
missing=0
for name in $(sed -n 's/^FINODE_API.*[ *]\(finode_[a-z_]*\)(.*/\1/p' include/finode/*.h); do
	case $name in
	finode_version | finode_key_bytes | finode_name_check | finode_table_root | \
		finode_table_user | finode_table_create | finode_log_to_fuse) continue ;;
	finode_reply_*) name='finode_reply_\*' ;;
	esac
	grep -q "^|.*\`$name\`" docs/locking.md || { echo "$name has no row"; missing=1; }
done
[ "$missing" = 0 ]
echo "ranks and rows agree:" $enum
