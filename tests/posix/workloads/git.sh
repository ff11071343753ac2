# SPDX-License-Identifier: BSD-3-Clause
# git.sh BESIDE MOUNTED SCRATCH [quick]: a repository of thousands of files: clone, checkout
# back and forth, gc, fsck, in the mount and beside it, with the same result.
set -eu
beside=$1 mounted=$2 scratch=$3
files=6000
[ -z "${4:-}" ] || files=1500
export HOME="$scratch" GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git config --global gc.auto 0

# 20 commits, each of which writes a fifth of all files anew.
commits() {
	awk -v files=$files 'BEGIN {
		for (c = 1; c <= 20; c++) {
			printf "commit refs/heads/main\ncommitter T <t@example.org> %d +0000\n", \
				1700000000 + c * 60
			printf "data 1\nc\n"
			for (i = c % 5; i < files; i += 5) {
				text = ""
				for (l = 0; l < 1 + i % 20; l++)
					text = text "line " l " of " i " in " c "\n"
				printf "M 100%s inline d%d/s%d/f%d\ndata %d\n%s\n", \
					i % 9 ? 644 : 755, i % 31, i % 7, i, length(text), text
			}
			printf "\n"
		}
	}'
}

use() {
	git clone -q --no-local "$scratch/origin" "$1/clone"
	cd "$1/clone"
	for back in 19 5 12 0; do
		git checkout -q "main~$back"
		[ -z "$(git status --porcelain)" ] || { echo "not clean in $1"; exit 1; }
		find . -name .git -prune -o -printf '%p %m %s\n' | sort | sha1sum
		git ls-files -s | sha1sum
	done
	git gc -q --prune=now
	git fsck --strict --no-progress
	git worktree add -q "$1/worktree" main~10
	git -C "$1/worktree" status --porcelain
	cd /
}

git init -q --bare "$scratch/origin"
commits | git -C "$scratch/origin" fast-import --quiet
use "$beside" >"$scratch/expected"
use "$mounted" >"$scratch/seen"
diff "$scratch/expected" "$scratch/seen"
diff -r --no-dereference --exclude=.git "$beside" "$mounted"
echo "git: $(git -C "$mounted/clone" ls-files | wc -l) files, 20 commits"
