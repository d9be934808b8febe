#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What holds a job in a real leaf when things go wrong: its launcher is killed at any moment, and the kernel has no cgroup.kill.
# The first is a sample; `make fault` has all of it, and `make fallbacks` more of the last.
#
# runs: plain systemd
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

@test "killed at any system call from the job's exec to the launcher's end: job, leaf and slot go" {
	run -0 env "TMPDIR=$BATS_TEST_TMPDIR" "RESRUN_BUILD=$BUILD" "$SOURCE/tests/fault/crash-sweep" --slow --sample 200 \
		--seed "${RESRUN_FAULT_SEED:-1}" leaf 3>&-
	assert_output --regexp '[1-9][0-9]* points, 0 failed$'
}

no_leaf() {
	[[ -z $(find /sys/fs/cgroup -type d -name 'rr-*' ! -name rr-sup) ]]
}

# A job of six processes: those that are its first one's children, that have left its session, that are nobody's child any
# more, that do not mind being asked to end, and one that is stopped.
ramified() {
	rm -f leaf
	background resrun -- sh -c '
		sleep 1000 &
		setsid sleep 1000 &
		(setsid sh -c "sleep 1000 & exit" &)
		(trap "" TERM; exec setsid sleep 1000) &
		sh -c "kill -STOP \$\$" &
		echo "$RESRUN_CGROUP" >leaf
		wait'
	eventually 60 test -s leaf
	eventually 60 has_lines "$(<leaf)/cgroup.procs" 6
	grep -qx 'populated 1' "$(<leaf)/cgroup.events"
}

# Or removed already.
is_empty() { # LEAF
	local line
	[[ -e $1/cgroup.events ]] || return 0
	while read -r line; do
		[[ $line != 'populated 1' ]] || return 1
	done <"$1/cgroup.events"
} 2>/dev/null

@test "kill -9 of the launcher: with no other resrun all of its job is gone, wherever it has hidden" {
	local begun gone=()
	for _ in {1..5}; do
		ramified
		kill -KILL "$LAST_PID"
		begun=$(now_ms)
		eventually 60 is_empty "$(<leaf)"
		gone+=("$(($(now_ms) - begun))")
		eventually 60 nobody_works
		[[ ! -e $(<leaf) ]]
	done
	# Less than 1000 is promised of a machine, which is some 20 times as fast as one that is emulated.
	echo "# gone after ${gone[*]} ms" >&3
}

@test "without cgroup.kill: what forks faster than anybody looks is ended, in time and after its launcher's death" {
	mkdir /sys/fs/cgroup/probe
	run -0 sh -c 'echo 1 >/sys/fs/cgroup/probe/cgroup.kill'
	run -2 hide '*/cgroup.kill' sh -c 'echo 1 >/sys/fs/cgroup/probe/cgroup.kill'
	run -0 hide '*/cgroup.kill' sh -c 'echo 0 >/sys/fs/cgroup/probe/cgroup.freeze'
	rmdir /sys/fs/cgroup/probe
	# Each of them starts the next and ends: whoever kills what he sees comes too late.
	run -0 hide '*/cgroup.kill' resrun --kill-after 0.2 --report report -- sh -c 'f() { f & }; f'
	assert_equal "$(report '[.exit.reason, .leftover_processes >= 1] | @json')" '["exited",true]'
	no_leaf
	background hide '*/cgroup.kill' resrun -- sh -c 'f() { f & }; f; trap "" TERM; echo >begun; sleep 1000'
	eventually 60 test -e begun
	kill -KILL "$LAST_PID"
	eventually 60 no_leaf
	run -0 hide '*/cgroup.kill' resrun -w 20s -- true
}
