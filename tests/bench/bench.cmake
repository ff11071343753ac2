# SPDX-License-Identifier: BSD-3-Clause
# libfinode beside the inode tables of other servers. scripts/bench asks for it, and installs
# what they are made of: a C++ compiler, GLib, liburcu, abseil.
if(NOT FINODE_BENCH)
	return()
endif()
include(CheckIncludeFile)

pkg_check_modules(GLIB REQUIRED IMPORTED_TARGET glib-2.0)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-memb liburcu-cds)
pkg_check_modules(ABSEIL REQUIRED IMPORTED_TARGET absl_btree)
check_include_file(valgrind/callgrind.h FINODE_HAVE_CALLGRIND)

add_executable(bench_tables
	bench/tables.c
	bench/runner/agree.c
	bench/runner/heap.c
	bench/runner/hostile.c
	bench/runner/hostile_sets.c
	bench/runner/instructions.c
	bench/runner/names.c
	bench/runner/parallel.c
	bench/runner/results.c
	bench/runner/round.c
	bench/tables/chained.c
	bench/tables/finode.c
	bench/tables/glib.c
	bench/tables/list.c
	bench/tables/ordered.cc
	bench/tables/unordered.cc
	bench/tables/urcu.c)
target_compile_features(bench_tables PRIVATE cxx_std_17)
target_link_libraries(bench_tables PRIVATE
	finode::finode_static PkgConfig::GLIB PkgConfig::URCU PkgConfig::ABSEIL
	finode_build_flags)
if(FINODE_HAVE_CALLGRIND)
	target_compile_definitions(bench_tables PRIVATE BENCH_CALLGRIND)
endif()

# The tables agree on what a table does. What they cost is scripts/bench's business.
add_test(NAME bench_tables COMMAND bench_tables --check)
set_tests_properties(bench_tables PROPERTIES TIMEOUT 300 LABELS bench)

# Servers behind real mounts, for scripts/bench as root.
add_executable(bench_kernel
	bench/kernel/bench_kernel.c
	bench/kernel/change.c
	bench/kernel/data.c
	bench/kernel/programs.c
	bench/kernel/servers.c
	bench/kernel/stat.c
	bench/kernel/steps.c
	bench/kernel/trees.c
	bench/runner/results.c)
target_link_libraries(bench_kernel PRIVATE finode_build_flags)
add_executable(bench_floor bench/kernel/floor.c)
target_link_libraries(bench_floor PRIVATE PkgConfig::FUSE3 Threads::Threads finode_build_flags)
