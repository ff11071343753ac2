# SPDX-License-Identifier: BSD-3-Clause
# A tree with everything that a file system can have, and what describes one. Sourced, with
# $scratch set.
# shellcheck shell=sh disable=SC2154
set -eu
export LC_ALL=C

# make_tree DIRECTORY FILES
make_tree() {
	mkdir "$1"
	(
		cd "$1"
		for i in $(seq "$2"); do
			dir=d$((i % 13))/e$((i % 7))
			file=$dir/f$i
			mkdir -p "$dir"
			head -c $((i * 37 % 9000)) /dev/urandom >"$file"
			chmod $((400 + i % 4 * 100 + i % 8 * 10 + i % 5)) "$file"
			chown $((i % 3 * 1000)):$((i % 4 * 500)) "$file"
			touch -d "@$((1000000000 + i)).$((i % 10))2345678$((i % 9))" "$file"
			[ $((i % 11)) != 0 ] || ln "$file" "hard link $i"
			[ $((i % 17)) != 0 ] || ln -s "$file" "symlink $i"
		done
		mkfifo fifo
		mknod null c 1 3
		mknod disk b 7 99
		mkdir 'sticky ' && chmod 1777 'sticky '
		mkdir sgid && chmod 2775 sgid
		printf x >suid && chmod 4755 suid
		ln -s nothing dangling
		touch -h -d '2001-02-03 04:05:06.789' dangling
		touch "$(printf 'new\nline')" "$(printf 'caf\303\251 \377')" "$(printf '%0255d' 7)"
		truncate -s 3M sparse
		printf middle | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none
		printf acl >acl && setfacl -m u:1000:rw,g:2000:r,m::rw acl
		mkdir default && setfacl -m d:u:1000:rwx,d:g::r-x default
		printf xattr >xattr
		setfattr -n user.name -v value xattr
		setfattr -n trusted.name -v value xattr
		setfattr -n user.empty xattr
		cp /bin/true capable
		setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
		# rsync lets times be that differ by less than a second, but for files.
		find . ! -type f -exec touch -h -d '2002-02-02 02:02:02.2' {} +
	)
}

# All that can be seen of a tree: names, attributes, links, times, contents, ACLs, xattrs.
describe() {
	(
		cd "$1"
		find . -mindepth 1 -printf '%P %y %m %U %G %n %l %T@ ' \
			\( -type d -printf '\n' -o -printf '%s\n' \) | sort
		find . -type f -print0 | sort -z | xargs -0 sha1sum
		find . -type b -o -type c | sort | xargs stat -c '%n %t %T'
		getfacl -R -n -p . 2>/dev/null
		find . -print0 | sort -z | xargs -0 getfattr -h -d -m - 2>/dev/null
	)
}

# same WHAT DIRECTORY DIRECTORY
same() {
	describe "$2" >"$scratch/one"
	describe "$3" >"$scratch/two"
	diff "$scratch/one" "$scratch/two" >"$scratch/differences" && return
	echo "$1: the trees differ"
	head -n 20 "$scratch/differences"
	exit 1
}
