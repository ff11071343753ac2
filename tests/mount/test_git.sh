#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_git.sh BUILD PROGRAM: git in the mount: clone, gc, checkout of old and new commits,
# status, fsck; and the same beside the mount, with the same result.
build=$1 program=$2
. "$(dirname "$0")/lib.sh"

command -v git >/dev/null || skip "no git"
export HOME="$work" GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git config --global gc.auto 0

# 300 commits: each changes some of 120 files in 12 directories, adds some and removes some,
# makes one a symbolic link or a program.
commits() {
	awk 'function put(mode, path, text) {
		printf "M %s inline %s\ndata %d\n%s\n", mode, path, length(text), text
	}
	BEGIN {
		srand(1)
		for (c = 1; c <= 300; c++) {
			printf "commit refs/heads/main\ncommitter T <t@example.org> %d +0000\n", \
				1700000000 + c * 60
			message = "commit " c
			printf "data %d\n%s\n", length(message), message
			for (i = 0; i < 8; i++) {
				n = int(rand() * 120)
				path = "d" n % 12 "/s" n % 3 "/f" n
				text = ""
				for (l = 0; l < 40; l++)
					text = text "line " l " of " n " in " int(c / (1 + l % 7)) "\n"
				put(rand() < 0.1 ? "100755" : "100644", path, text)
			}
			n = int(rand() * 120)
			put("120000", "d" n % 12 "/link", "s0/f" n)
			n = int(rand() * 120)
			if (c > 20)
				printf "D d%d/s%d/f%d\n", n % 12, n % 3, n
			printf "\n"
		}
	}'
}

git init -q --bare "$work/origin"
commits | git -C "$work/origin" fast-import --quiet || fail "no history"
[ "$(git -C "$work/origin" rev-list --count main)" = 300 ] || fail "these are not 300 commits"

# What is to be the same in the mount and beside it.
use_git() {
	git clone -q --no-local "$work/origin" "$1/clone"
	cd "$1/clone"
	for back in 299 3 150 20 0; do
		git checkout -q "main~$back"
		[ -z "$(git status --porcelain)" ] || fail "not clean at main~$back in $1"
		git ls-files -s
		git rev-parse HEAD
	done
	git checkout -q -b side main~100
	echo more >>"$(git ls-files | head -n 1)"
	git -c user.name=T -c user.email=t@example.org commit -q -a -m side \
		--date @1800000000 || fail "commit in $1"
	git checkout -q main
	git gc -q --prune=now || fail "gc in $1"
	git checkout -q side && git checkout -q main
	git fsck --strict --no-progress || fail "fsck in $1"
	[ -z "$(git status --porcelain)" ] || fail "not clean after gc in $1"
	git clone -q "$1/clone" "$1/linked" # locally: with hardlinks
	git -C "$1/linked" fsck --strict --no-progress || fail "fsck of the second clone in $1"
	git rev-list --objects --all main | sort
	cd /
}

export GIT_COMMITTER_DATE=@1800000000
mkdir "$work/beside"
use_git "$work/beside" >"$work/expected"
start_server "$build/examples/$program"
use_git "$mnt" >"$work/seen"
cmp "$work/expected" "$work/seen" || fail "git sees something else than beside the mount"
diff -r --no-dereference --exclude=.git "$work/beside" "$mnt" || fail "the files differ"
diff -r --no-dereference "$source" "$mnt" || fail "the mount differs from its source"
rm -rf "$mnt/clone" "$mnt/linked"
forget_all
assert_balanced
stop_server
echo "git: 300 commits, $(wc -l <"$work/expected") lines that are the same"
