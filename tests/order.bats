#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who goes before whom, beyond arrival: aging, what is reserved, and small jobs that pass a large one.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# A tenth of the memory that is free below the threshold, in bytes: what jobs here ask for is a few of these, in sums that
# are tenths away from what there is, as others take and give back memory meanwhile.
measure_tenth() {
	export RESRUN_MEMORY_THRESHOLD=85
	tenth=$(memory_tenth)
}

# A job in three slots that holds so many tenths, and waits for them first.
holder() { # TENTHS NAME
	RESRUN_RESERVE=$((tenth * $1)) background resrun -j 3 -m $((tenth * $1)) -c 1 --name "$2" -- sh -c "echo $2 >>order; cat fifo.$2"
}

@test "a waiter of low priority rises, and is not starved for ever" {
	export RESRUN_PRIORITY_AGING=300ms
	hold_slot
	background resrun --priority low -- sh -c 'echo low >>order'
	eventually 10 queued 1 1
	# Longer than a class of aging: so it is before those of the next class that come now.
	nap 0.7
	background resrun --priority normal -- sh -c 'echo normal >>order'
	eventually 10 queued 2 1
	let_go
	eventually 20 has_lines order 2
	assert_equal "$(tr '\n' ' ' <order)" 'low normal '
}

@test "without aging, priority alone decides" {
	export RESRUN_PRIORITY_AGING=inf
	hold_slot
	background resrun --priority low -- sh -c 'echo low >>order'
	eventually 10 queued 1 1
	nap 0.7
	background resrun --priority normal -- sh -c 'echo normal >>order'
	eventually 10 queued 2 1
	let_go
	eventually 20 has_lines order 2
	assert_equal "$(tr '\n' ' ' <order)" 'normal low '
}

@test "reserve: a job waits for that much memory, and says so" {
	measure_tenth
	mkfifo fifo.first
	holder 7 first
	eventually 10 queued 0 1
	RESRUN_RESERVE=$((tenth * 7)) run -75 --separate-stderr resrun -j 2 -w 0 --report report -- touch started
	[[ $stderr == *memory*'that it reserves'* ]] || fail "$stderr"
	assert_equal "$(report '.waited_for | @json')" '["memory"]'
	# Without it a limit is no need.
	run -0 resrun -j 2 -w 0 -m $((tenth * 9)) -- true
	echo >fifo.first
	await "$LAST_PID"
	RESRUN_RESERVE=$((tenth * 7)) run -0 resrun -j 2 -w 0 -- true
}

@test "reserve: more than there can ever be is an error at once" {
	RESRUN_RESERVE=100000G RESRUN_MEMORY_THRESHOLD=85 run -125 --separate-stderr resrun -- touch started
	[[ $stderr == *'reserve='*'can never be free'*'memory_threshold'* ]] || fail "$stderr"
	[[ ! -e started ]]
}

@test "a small job passes a large one that waits for memory, but only if it cannot delay it" {
	measure_tenth
	mkfifo fifo.first fifo.large
	holder 6 first
	eventually 10 queued 0 1
	holder 7 large
	eventually 10 queued 1 1
	# Beside the large one there are three tenths: one fits, six do not.
	run -0 --separate-stderr resrun -v -j 3 -m "$tenth" -c 0.5 -- true
	[[ $stderr == *'passing others'* ]] || fail "$stderr"
	run -75 resrun -j 3 -w 1s -m $((tenth * 6)) -c 0.5 -- true
	# What has no limit may grow without bound; and the last slot is the large one's.
	run -75 resrun -j 3 -w 1s -c 0.5 -- true
	run -75 resrun -j 2 -w 1s -m "$tenth" -c 0.5 -- true
	assert_equal "$(<order)" first
	echo >fifo.first
	eventually 20 has_lines order 2
	echo >fifo.large
}
