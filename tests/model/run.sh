#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh: walks through every state of inode.pml, ends.pml, names.pml and mount.pml with
# Spin, once for each variant, and sees that each of the defects that can be put into the
# models is noticed. Needs no argument, leaves nothing behind. Exits 77 where Spin or a
# compiler is missing.
set -eu
model=$(cd "$(dirname "$0")" && pwd)
for tool in spin gcc; do
	command -v $tool >/dev/null || { echo "SKIPPED: no $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The longest path that is looked at; a search that comes to its end there is a failure.
depth=100000

# The model that is searched.
spec=inode.pml

# How the searches that must pass are compiled. For mount.pml the compiler would take longer
# than the search does without it.
passing=-O2

# search NAME OPTIMIZE DEFINE..: leaves Spin's answer in $work/NAME/answer
search() {
	name=$1
	optimize=$2
	shift 2
	mkdir "$work/$name"
	cd "$work/$name"
	cp "$model"/*.pml . # Spin writes a trail beside them
	spin "$@" -a $spec >answer || return 1
	gcc "$optimize" -w -DSAFETY -DCOLLAPSE -DMEMLIM=1000 -o pan pan.c >>answer 2>&1 ||
		return 1
	./pan -m$depth -w22 >>answer 2>&1
}

# A search that saw every state and no error. Errors in Spin's answer are lines like
# "pan:1: invalid end state (at depth 54)"; limits are "error: max search depth too small".
is_complete() {
	grep -q '^Full statespace search' "$1" && grep -q 'errors: 0$' "$1" &&
		! grep -Eqi '^pan:1:|^error|too small|not completed|out of memory' "$1"
}

# passes NAME DEFINE..: no error in any state, and no state left out
passes() {
	name=$1
	shift
	answer=$work/$name/answer
	if ! search "$name" $passing "$@" || ! is_complete "$answer"; then
		echo "$name ($*): FAILED"
		head -n 30 "$answer"
		spin -t -p -g "$@" $spec 2>&1 | tail -n 60
		return 1
	fi
	awk -v name="$name" -v defines="$*" '
		/states, stored/ { states = $1 }
		/transitions \(=/ { transitions = $1 }
		/depth reached/ { deepest = $6; sub(",", "", deepest) }
		/total actual memory/ { memory = $1 }
		END { printf "%-21s %9d states %10d transitions, depth %d, %d MB: no errors  (%s)\n",
			name, states, transitions, deepest, memory, defines }' "$answer"
}

# broken DEFECT EXPECTED DEFINE..: Spin finds an error, and it is the expected one
broken() {
	name=$1
	expected=$2
	shift 2
	search "$name" -O0 -DBREAK_"$name" "$@" || :
	noticed=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$work/$name/answer")
	brief=$(echo "$noticed" | sed -n 's/^assertion violated (*\([A-Z]_[a-z_]*\)||.*/\1/p')
	if echo "$noticed" | grep -q "$expected"; then
		echo "$name: noticed: ${brief:-$noticed}"
	else
		echo "$name: FAILED: expected $expected, noticed: ${noticed:-nothing}"
		return 1
	fi
}

# Two halves of about the same length, at once. The largest search comes first in one of
# them, the second largest late in the other.
first() {
	passes hostile -DHOSTILE
	broken NO_SEQ_CHECK A_id_names_no_other_object -DHOSTILE
	broken NO_CLAMP E_ -DHOSTILE
	broken COUNT_BEFORE_REF E_ -DHOSTILE
	spec=names.pml
	broken NO_WAIT_FOR_PINS H_released_when_unused -DLOCKED -DHANDLERS=2
	broken NO_SECOND_CHECK H_ -DUNLOCKED -DEAGER
	broken UNLINKED_IGNORES_OPENS H_ -DLOCKED -DHANDLERS=2
	broken NO_WAKE_WHEN_GONE 'invalid end state' -DLOCKED -DHANDLERS=2
	broken NO_WAKE_WHEN_KEPT 'invalid end state' -DUNLOCKED -DEAGER
	broken NO_WAIT_FOR_ANOTHER N_removed_is_released -DLOCKED -DHANDLERS=2
	broken ADD_IGNORES_STATE H_named_is_held -DUNLOCKED -DHANDLERS=2
	broken NO_REBIND H_link_is_usable -DLOCKED -DEAGER -DHANDLERS=2
	broken REBIND_TOGETHER H_rebound_when_gone -DUNLOCKED -DEAGER
	broken REBIND_BEFORE_MATCH A_rebound_to_the_same_object -DLOCKED -DLINK -DROUNDS=2 \
		-DHANDLERS=2
	broken RENAME_IN_TWO_STEPS H_named_is_held -DUNLOCKED -DEAGER -DHANDLERS=2
	broken RENAME_FORGETS_REPLACED N_removed_is_released -DLOCKED -DHANDLERS=2
	broken ASK_BEFORE_REMOVE N_removed_is_released -DLOCKED -DHANDLERS=2
	broken CLOSE_AFTER_UNLOCK N_removed_is_released -DLOCKED -DHANDLERS=2
	broken LOOKUP_TAKES_NO_LOCK 'G_\|N_' -DLOCKED -DHANDLERS=2
	broken UNLINKED_WITH_A_PIN 'invalid end state' -DLOCKED -DHANDLERS=2
	broken TWO_WANT 'H_released_\|F_' -DLOCKED
	broken PIN_WAITS_FOR_WANTED 'invalid end state' -DUNLOCKED -DHANDLERS=2
	broken OPEN_WAITS_FOR_WANTED 'invalid end state' -DUNLOCKED -DHANDLERS=2
	broken PIN_BEFORE_LOCK 'invalid end state' -DLOCKED -DLINK -DEAGER -DHANDLERS=2
	broken DIRECTORIES_IN_ANY_ORDER 'invalid end state' -DLOCKED -DHANDLERS=2
	broken NO_TRIM G_trimmed_to_its_links -DUNLOCKED -DTRIM -DHANDLERS=2
	broken TRIMS_THE_NEWEST H_link_is_usable -DUNLOCKED -DTRIM -DHANDLERS=2
	broken KNOWN_NAME_STAYS_OLD H_link_is_usable -DUNLOCKED -DTRIM -DHANDLERS=2
	spec=mount.pml
	passing=-O0
	passes mounts -DROUNDS=2
	passes mounts_replaced -DREPLACED -DROUNDS=2
	passes mounts_two_roots -DTWO_ROOTS -DROUNDS=2
	passes mounts_match -DMATCH
	passes mounts_match_2 -DMATCH -DROUNDS=2 -DFORGETTERS=0
	passes mounts_nested -DNESTED
	passes mounts_hostile -DHOSTILE
	broken PUT_OUTSIDE_LOCK I_live_has_a_reference
	broken PUT_NO_RECHECK E_mount_ended_while_held
	broken NO_WAKE_OF_MOUNTS 'invalid end state'
	broken LEAVE_HASH_EARLY B_one_object_of_an_id
	broken FIND_IGNORES_STATE I_live_has_a_reference
	broken PARENT_NOT_HELD E_mount_ended_while_held -DNESTED
	broken JOIN_AFTER_PUBLISH I_mount_counts_its_inodes
	broken LEAVE_BEFORE_EVICT E_mount_ended_while_held
	broken ROOTS_GO I_kept_is_announced
	broken KEPT_PUT_TWICE E_inode_ended_while_held
	broken WITHDRAW_FOR_ALL I_announced_root_answers
	broken ONE_RECORD I_announced_root_answers -DTWO_ROOTS
	broken NO_WITHDRAW I_kept_is_announced
	broken RETIRE_KEEPS_ROOT I_kept_is_announced -DREPLACED
	broken RETIRE_CUTS_FIRST I_kept_is_announced -DREPLACED
	broken NO_SECOND_LOOK I_kept_is_announced -DREPLACED
	broken LOOK_BEFORE_ANNOUNCE I_kept_is_announced -DREPLACED
	broken FLAG_AFTER_WALK I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1
	broken PUBLISH_IGNORES_FLAG I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1
	broken WALK_TAKES_NO_LOCK I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1
	broken PARTED_LEAVES_TWICE I_mount_counts_its_inodes -DHANDLERS=1 -DDETACHERS=1
	broken PARTED_HOLDS_NOTHING E_mount_ended_while_held -DREPLACED -DHANDLERS=1 \
		-DROUNDS=2 -DDETACHERS=1
	broken REKEY_IGNORES_FLAG I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1 \
		-DREKEYERS=1
	broken DETACH_KEEPS_ID 'invalid end state\|B_' -DHANDLERS=1 -DROUNDS=2 -DDETACHERS=1
	broken REMOVE_DETACHED_ID B_one_object_of_an_id -DHANDLERS=1 -DROUNDS=2 -DDETACHERS=1
	broken DETACH_KEEPS_ROOT I_detached_is_left_alone -DBREAK_RETIRE_KEEPS_ROOT \
		-DHANDLERS=1 -DDETACHERS=1
	broken ANNOUNCE_DETACHED I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1
	broken RETIRE_KEEPS_COUNT I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1
	broken OWED_AFTER_PUT D_late_forget_is_expected -DHANDLERS=1 -DDETACHERS=1
	broken COUNT_WHAT_IS_DETACHED I_detached_is_left_alone -DHANDLERS=1 -DDETACHERS=1
	broken NOTHING_IS_SETTLED D_no_more_is_owed -DHANDLERS=1 -DDETACHERS=1
}
second() {
	passes honest -DHONEST
	passes honest_forgets -DHONEST -DFORGETTERS=2 -DROUNDS=1
	passes hostile_forgets -DHOSTILE -DFORGETTERS=2 -DHANDLERS=1 -DROUNDS=2
	broken FREE_OUTSIDE_LOCK I_live_in_index_has_a_reference -DHONEST
	broken NO_RECHECK E_ended_while_held -DHONEST
	broken NO_WAKE 'invalid end state' -DHONEST
	broken LEAVE_INDEX_EARLY B_one_object_of_a_key -DHONEST
	broken REMOVE_RETIRED 'K_index_is_free\|B_one_object' -DHONEST
	broken COUNT_AFTER_REPLY C_ -DHONEST
	broken NO_UNCOUNT C_counts_agree_at_rest -DHONEST
	spec=ends.pml
	passes ends -DTHREADS
	passes ends_of_a_table -DTABLE_END
	broken LIST_IS_LOST 'invalid end state' -DTHREADS
	broken WAITS_WITH_ENDS_PUT_OFF 'invalid end state' -DTHREADS
	broken ENDS_ONLY_WHAT_IT_ASKS_FOR 'invalid end state' -DTHREADS
	broken TAKEN_TWICE F_ -DTHREADS
	broken NO_WAKE_AT_END 'invalid end state' -DTHREADS
	broken ROOT_LAST 'J_\|Z_' -DTABLE_END
	broken MOUNTS_END_LAST J_only_mistakes_are_reported -DTABLE_END
	broken MEMORY_GOES_EARLY E_used_after_its_end -DTABLE_END
	broken MEMORY_GOES_BEFORE_MOUNTS E_used_after_its_end -DTABLE_END
	broken MEMORY_OF_MOUNTS_GOES_EARLY E_used_after_its_end -DTABLE_END
	spec=names.pml
	passes names_locked -DLOCKED -DEAGER -DLINK
	passes names_no_lock -DUNLOCKED -DEAGER -DLINK
	set -- -DHANDLERS=2 -DROUNDS=2 -DOTHER_ROUNDS=2
	passes names_locked_2 -DLOCKED -DEAGER -DLINK "$@"
	passes names_release -DLOCKED -DEAGER -DLINK -DRELEASE "$@"
	passes names_no_lock_2 -DUNLOCKED -DEAGER -DLINK "$@"
	passes names_trim -DUNLOCKED -DEAGER -DLINK -DTRIM -DHANDLERS=2 -DROUNDS=2
	spec=mount.pml
	passing=-O0
	passes mounts_detach -DREPLACED -DDETACHERS=1
	set -- -DHANDLERS=1 -DROUNDS=2 -DDETACHERS=1
	passes mounts_detach_2 -DREPLACED "$@"
	passes mounts_detach_roots -DREPLACED -DTWO_ROOTS "$@"
	passes mounts_detach_nested -DNESTED "$@"
	passes mounts_detach_hostile -DHOSTILE "$@"
	passes mounts_detach_twice -DHANDLERS=1 -DDETACHERS=2
	passes mounts_detach_rekey -DHANDLERS=1 -DDETACHERS=1 -DREKEYERS=1
}
# A subshell with set -e ends at its first failure; `wait` brings its result.
(set -e; first) >"$work/first" 2>&1 &
one=$!
(set -e; second) >"$work/second" 2>&1 &
two=$!
bad=0
wait $one || bad=1
wait $two || bad=1
cat "$work/first" "$work/second"
[ $bad = 0 ] || exit 1
cat "$work/first" "$work/second" | awk '
	/ states / { variants++; states += $2; transitions += $4 }
	/: noticed: / { defects++ }
	END { printf "model: %d states and %d transitions in %d variants, all of them; %d defects noticed\n",
		states, transitions, variants, defects }'
