#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl threads: how many workers fit now. How busy the machine is, is its own affair: what holds at any load is tested
# here, and the sums in unit/test_threads.c.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# As make -j wants it.
is_a_number() {
	[[ $output =~ ^[1-9][0-9]*$ ]]
}

@test "a number, at least 1 and no more than there are CPUs" {
	run -0 resrunctl threads
	is_a_number
	((output <= $(nproc)))
	run -0 taskset -c "$(taskset -cp $$ | grep -oE '[0-9]+$')" resrunctl threads
	assert_output 1
}

@test "--max and --memory-per hold it down, never below 1" {
	run -0 resrunctl threads --max 1
	assert_output 1
	run -0 resrunctl threads --memory-per 1000P
	assert_output 1
	run -0 resrunctl threads --memory-per 4096P --max 7 --json
	holds '.threads == 1 and .bound_by != "max" and .memory.threads == 0 and .memory.per_bytes == 4611686018427387904 and .max == 7'
}

@test "--json: the ground of each bound, and the least of them" {
	run -0 resrunctl threads --json --memory-per 1M --max 1000
	holds '.threads == ([1, ([.cpu.threads, .memory.threads, .max] | min)] | max)'
	holds '.memory.threads == (.memory.available_bytes / 1048576 | floor)'
	holds '.cpu.cpus > 0 and .cpu.threads <= (.cpu.cpus | ceil) and .cpu.reserved_cpus == 0 and .memory.reserved_bytes == 0'
	run -0 resrunctl threads --json
	holds '.memory.per_bytes == null and .memory.threads == null and .max == null and .memory.available_bytes > 0'
}

# The memory of a job is kept for it for a minute.
@test "what running jobs have been promised is taken off, but not for the job itself" {
	hold_slot --isolation process -m 3G
	run -0 resrunctl threads --json --memory-per 1M
	holds '.memory.reserved_bytes > 2900000000'
	holds '.memory.threads == (.memory.available_bytes / 1048576 | floor)'
	RESRUN_JOB_ID=$(resrunctl status --json | jq -r '.running[0].job_id') run -0 resrunctl threads --json
	holds '.memory.reserved_bytes == 0'
	RESRUN_JOB_ID=0123456789 run -0 resrunctl threads --json
	holds '.memory.reserved_bytes > 2900000000'
	let_go
	await "$holder"
	run -0 resrunctl threads --json
	holds '.memory.reserved_bytes == 0'
}

@test "a job finds as many CPUs as it was told of" {
	run -0 resrun -- sh -c 'resrunctl threads --json | jq ".cpu.cpus | ceil"; echo "$RESRUN_THREADS"'
	assert_equal "${lines[0]}" "${lines[1]}"
}

@test "what is no number is refused" {
	local words
	for words in '--max 0' '--max many' '--max -1' '--memory-per 0' '--memory-per lots' '--memory-per 50%' 'word'; do
		# shellcheck disable=SC2086  # two words
		run -125 --separate-stderr resrunctl threads $words
		assert_equal "$output" ''
		[[ $stderr == "resrunctl: "*"${words##* }"* ]] || fail "$stderr"
	done
}
