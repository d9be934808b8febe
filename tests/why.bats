#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl why: what a job waits for, and why one ended. Each answer is brought about on purpose.
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

holds() { # PROGRAM
	jq -e "$1" <<<"$output" >/dev/null || fail "not so: $1 in: $output"
}

@test "why: each gate of a waiting job, who holds the slot, and when the rate has room" {
	export RESRUN_RATE_LIMIT=9
	hold_slot --name holder
	background resrun --name waiter -- true
	eventually 10 queued 1 1
	background resrun --name second --priority low -- true
	eventually 10 queued 2 1
	run --separate-stderr resrunctl why waiter
	assert_success
	assert_line --regexp "^job .* of profile 'default' has waited for .*; slot: 1 of 1 taken: .* \\(pid $holder, 'sh -c"
	assert_line --regexp '^rate +open +1 of 9 starts in 1h'
	run --separate-stderr resrunctl why second --json
	holds '.state == "waiting" and ([.gates[] | select(.open | not) | .gate] == ["order", "slot"])'
	holds '.gates[0].value == 2'
	let_go
	await "$holder"
}

@test "why: a full rate window says when the next start is free" {
	export RESRUN_RATE_LIMIT=1
	resrun -- true
	background resrun --name waiter -- true
	eventually 10 queued 1 0
	run --separate-stderr resrunctl why waiter
	assert_line --regexp '^rate +WAITS +1 of 1 starts in 1h: the next is free in 59m'
}

@test "why: a running job is said to run, an unknown one is an error" {
	hold_slot --name holder
	run --separate-stderr resrunctl why holder
	assert_output --regexp "^job .* is running, since .* ago \\(pid $holder\\)"
	run --separate-stderr resrunctl why nobody
	assert_failure 125
	[[ $stderr == *"there is no job 'nobody'"* ]]
	run --separate-stderr resrunctl why
	assert_failure 125
	let_go
	await "$holder"
}

@test "why: each way to end, in one sentence" {
	resrun --name ok -- true || true
	resrun --name bad -- sh -c 'exit 7' || true
	resrun --name slow -t 0.3 -- sleep 60 || true
	resrun --name killed -- sh -c 'kill -SEGV $$' || true
	resrun --name missing -- /nowhere/at/all || true
	hold_slot
	resrun --name refused -w 0 -- true || true
	let_go
	await "$holder"
	local name words
	while read -r name words; do
		run --separate-stderr resrunctl why "$name"
		assert_success
		assert_output --partial "$words"
	done <<-'END'
		ok it exited with status 0
		bad it exited with status 7
		slow longer than its --timeout
		killed it ended by signal 11
		missing it never started: exit 127
		refused it never started: it waited for slot
	END
}
