#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What holds a job in a real leaf when things go wrong: its launcher is killed at any moment, and the kernel has no cgroup.kill.
# The first is a sample; `make fault` has all of it, and `make fallbacks` more of the second.
#
# runs: plain
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
