# SPDX-License-Identifier: BSD-3-Clause
# fio.sh BESIDE MOUNTED SCRATCH [quick]: fio writes in many ways and verifies what it reads.
set -eu
mounted=$2 scratch=$3
size=64m
[ -z "${4:-}" ] || size=16m
cd "$scratch"

jobs=0
for engine in psync sync vsync mmap libaio io_uring posixaio; do
	for direct in 0 1; do
		[ "$engine$direct" != mmap1 ] || continue
		fio --name="$engine$direct" --directory="$mounted" --rw=randrw --size=$size \
			--bsrange=4k-128k --ioengine=$engine --direct=$direct --iodepth=8 \
			--numjobs=2 --fsync=64 --verify=crc32c --verify_fatal=1 --do_verify=1 \
			--randseed=7 --group_reporting --minimal >"$engine.log" 2>&1 || {
			if grep -qiE 'engine .* not (loadable|available)|not permitted' "$engine.log"; then
				echo "no $engine here"
				continue
			fi
			tail -n 20 "$engine.log"
			echo "fio with $engine, direct=$direct"
			exit 1
		}
		rm -f "$mounted/$engine$direct".*
		jobs=$((jobs + 2))
	done
done
echo "fio: $jobs jobs of $size, all verified"
