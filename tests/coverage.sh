#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# coverage.sh BUILD: after the unit tests ran in a build with preset coverage, prints the line
# coverage of the library and the lines that no test reached; fails below 95 % of the core.
# docs/verification.md explains those lines.
set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure DIRECTORY: "covered total" of the .c files compiled there; uncovered lines to stdout
measure() {
	find "$1" -name '*.gcno' | while read -r notes; do
		(cd "$work" && gcov --stdout "$OLDPWD/$notes" 2>/dev/null)
	done >"$work/all"
	awk -F: -v counts="$work/counts" '
		$2 + 0 == 0 && $3 == "Source" { file = $4; mine = file ~ /\/lib\/[a-z]*\/[a-z_]*\.c$/; next }
		!mine { next }
		$1 ~ /#####/ { total++; printf "%s:%d:%s\n", file, $2, $3; next }
		$1 ~ /[0-9]/ { total++; covered++ }
		END { print covered, total >counts }' "$work/all" | sed 's,^.*/lib/,  lib/,'
}

for part in core glue; do
	measure "lib/CMakeFiles/finode_$part.dir" >"$work/uncovered"
	read -r covered total <"$work/counts"
	percent=$((covered * 1000 / total))
	echo "$part: $((percent / 10)).$((percent % 10)) % of $total lines"
	cat "$work/uncovered"
	[ "$part" != core ] || core=$percent
done
[ "$core" -ge 950 ] || { echo "the core is below 95 %"; exit 1; }
