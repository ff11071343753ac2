#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# check_tidy.sh SOURCE BUILD: clang-tidy with the rules of .clang-tidy on the library and
# the examples.
set -eu
cd "$1"
# shellcheck disable=SC2046 # a list of files
clang-tidy --quiet -p "$2" $(find lib examples -name '*.c') 2>/dev/null
echo "no findings"
