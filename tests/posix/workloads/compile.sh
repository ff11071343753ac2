# SPDX-License-Identifier: BSD-3-Clause
# compile.sh BESIDE MOUNTED SCRATCH [quick]: a C project of Debian's (hello if quick, else
# sed): unpacked, configured, built and tested in the mount and beside it, with the same
# results of its tests.
set -eu
beside=$1 mounted=$2 scratch=$3
project="sed"
[ -z "${4:-}" ] || project=hello

# shellcheck source=SCRIPTDIR/debian_source.sh
. "$(dirname "$0")/debian_source.sh"
debian_source $project

# build DIRECTORY RESULTS
build() {
	mkdir "$1/$project"
	cd "$1/$project"
	tar -xf "$archive" --strip-components=1
	{ FORCE_UNSAFE_CONFIGURE=1 ./configure --quiet && make -j2; } >"$2.log" 2>&1 || {
		tail -n 20 "$2.log"
		echo "no build in $1"
		return 1
	}
	make -j2 check >"$2.check" 2>&1 || true
	grep -aE '^(PASS|FAIL|SKIP|XFAIL|XPASS|ERROR): ' "$2.check" | LC_ALL=C sort >"$2"
	[ -s "$2" ] || {
		tail -n 20 "$2.check"
		echo "no tests in $1"
		return 1
	}
	cd /
}

build "$beside" "$scratch/beside.results"
build "$mounted" "$scratch/mounted.results"
diff "$scratch/beside.results" "$scratch/mounted.results"
make -C "$mounted/$project" distclean >/dev/null
echo "$project: built, $(grep -c '^PASS' "$scratch/mounted.results") tests passed," \
	"$(wc -l <"$scratch/mounted.results") have the same result"
