#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_killed.sh BUILD PROGRAM SECONDS: guarantee C where callers do not wait for replies:
# processes are killed in their lookups, the kernel's caches dropped in a loop; then every
# count is 0.
build=$1 program=$2 seconds=$3
. "$(dirname "$0")/lib.sh"

for dir in $(seq 20); do
	mkdir "$source/$dir"
	for file in $(seq 50); do : >"$source/$dir/$file"; done
done
start_server "$build/examples/$program"
rounds=0
end=$(($(date +%s) + seconds))
while [ "$(date +%s)" -lt "$end" ]; do
	echo 2 >/proc/sys/vm/drop_caches
	walkers=
	for _ in 1 2 3 4; do
		find "$mnt" -size +1 >/dev/null 2>&1 &
		walkers="$walkers $!"
	done
	sleep 0.0$((rounds % 10))
	# shellcheck disable=SC2086 # several; some are through
	kill -KILL $walkers 2>/dev/null || true
	# shellcheck disable=SC2086
	wait $walkers 2>/dev/null || true
	rounds=$((rounds + 1))
done
diff -r "$source" "$mnt" || fail "the mount differs from its source"
forget_all
assert_balanced
stop_server
echo "$((rounds * 4)) processes were killed"
