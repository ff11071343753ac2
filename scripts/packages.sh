# SPDX-License-Identifier: BSD-3-Clause
# The Debian packages that the project's commands need. Sourced; then: need PACKAGE..

build_packages="gcc g++ cmake ninja-build pkg-config libc6-dev linux-libc-dev
	libfuse3-dev fuse3 uthash-dev"
test_packages="libcmocka-dev clang clang-tidy clang-format libclang-rt-dev util-linux
	binutils spin git patch python3 e2fsprogs musl-tools"
# Programs of 32 bits that this machine can run.
[ "$(uname -m)" != x86_64 ] || test_packages="$test_packages gcc-multilib"
workload_packages="acl attr e2fsprogs fio gcc git make rsync sqlite3 stress-ng xz-utils"

# What libfuse with liburing is built with, of its source package.
uring_packages="dpkg-dev liburing-dev libnuma-dev libudev-dev meson ninja-build patch xz-utils"

# What the tables of other servers are made of, and callgrind; another server, and perf.
bench_packages="libglib2.0-dev liburcu-dev libabsl-dev libcmocka-dev valgrind
	bindfs binutils git linux-perf util-linux"

# Installs what is missing of the packages named; says what to do where it cannot.
need() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "$0: these packages are missing:$missing" >&2
		echo "$0: install them, or run this as root on Debian 12 or newer" >&2
		exit 1
	fi
	echo "installing:$missing"
	# shellcheck disable=SC2086 # a list of packages
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
		--no-install-recommends $missing; } >/tmp/finode-packages.log 2>&1 || {
		tail -n 20 /tmp/finode-packages.log >&2
		exit 1
	}
}
