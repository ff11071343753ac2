#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# check_layers.sh SOURCE BUILD: the files of lib/ keep to the order of lib/README.md, by their
# #include lines and by the symbols of the objects of a build, and none leads back to itself.
set -eu
for command in python3 nm; do
	command -v $command >/dev/null || { echo "SKIPPED: needs $command"; exit 77; }
done
exec python3 "$(dirname "$0")/layers/check.py" "$@"
