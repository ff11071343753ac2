# SPDX-License-Identifier: BSD-3-Clause
# sqlite_regression.sh BESIDE MOUNTED SCRATCH: SQLite, of Debian's source, built in the mount
# by an ordinary user (some of its tests want one), and its own regression run there
# (veryquick.test, 250,000 cases). Not one of the workloads that are run unless named: half an
# hour.
set -eu
mounted=$2 scratch=$3
here=$(cd "$(dirname "$0")" && pwd)
PATH=/usr/sbin:/usr/bin:/sbin:/bin # where an ordinary user may go, too
# shellcheck source=SCRIPTDIR/../../../scripts/packages.sh
. "$here/../../../scripts/packages.sh"
need gcc libc6-dev make tcl-dev
# shellcheck source=SCRIPTDIR/debian_source.sh
. "$here/debian_source.sh"
debian_source sqlite3

mkdir "$mounted/sqlite"
tar -xf "$archive" -C "$mounted/sqlite" --strip-components=1
chown -R 65534:65534 "$mounted/sqlite"
as_user() {
	setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$mounted/sqlite" "$@"
}
cd "$mounted/sqlite"
{ as_user ./configure --quiet --with-tcl=/usr/lib/tcl8.6 && as_user make -j2 testfixture; } \
	>"$scratch/build.log" 2>&1 || {
	tail -n 20 "$scratch/build.log"
	exit 1
}
as_user ./testfixture test/veryquick.test >"$scratch/results" 2>&1 || true
grep -E '^!|errors out of' "$scratch/results" | tail -n 20
grep -q '^0 errors out of [1-9][0-9]* tests' "$scratch/results" || {
	tail -n 5 "$scratch/results"
	exit 1
}
