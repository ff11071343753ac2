# SPDX-License-Identifier: BSD-3-Clause
# Sourced, with $scratch. Debian's sources, with lists of our own: those of the machine stay
# as they are.

apt_source() {
	timeout 60 apt-get -qq -o Dir::Etc::sourcelist=/dev/null \
		-o Dir::Etc::sourceparts="$scratch/parts" \
		-o Dir::State::Lists="$scratch/lists" -o Dir::Cache="$scratch/cache" \
		-o APT::Sandbox::User=root "$@"
}

# debian_source PACKAGE: $archive is its upstream source. Ends the workload with 77 if Debian
# cannot be reached.
debian_source() {
	mkdir -p "$scratch/parts" "$scratch/lists/partial" "$scratch/cache/archives/partial"
	sed 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' \
		/etc/apt/sources.list.d/debian.sources >"$scratch/parts/debian.sources" 2>/dev/null || {
		echo "no /etc/apt/sources.list.d/debian.sources, to take Debian's sources from"
		exit 77
	}
	cd "$scratch"
	{ apt_source update && apt_source source --download-only "$1"; } >apt.log 2>&1 || {
		echo "apt-get source $1: $(tail -n 1 apt.log)"
		exit 77
	}
	# shellcheck disable=SC2034 # for who has sourced this
	archive=$(find "$scratch" -maxdepth 1 -name "${1}_*.orig.tar.*" ! -name '*.asc')
}
