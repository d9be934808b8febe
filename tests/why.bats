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
	assert_line --regexp '^rate +WAITS +1 of 1 starts in 1h: the next is free in 5[0-9]m'
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
		killed it ended by signal 11 (SIGSEGV)
		missing it never started: exit 127
		refused it never started: it waited for slot
	END
}

@test "why: a job killed for memory, with what it had and how it gets more" {
	resrun --isolation process --name greedy -m 50M -- python3 -c 'import time
x = bytearray(200 << 20)
time.sleep(30)' || true
	run --separate-stderr resrunctl why greedy
	assert_output --regexp 'it was killed for memory after .* s: it had taken [0-9.]+M of its limit of 50M; a larger -m'
}

@test "why -- COMMAND: would start now, and nothing is made" {
	run --separate-stderr resrunctl why -- /bin/true x -y
	assert_success
	assert_line --index 0 "a job of profile 'default' would start now"
	assert_line --index 1 'default:true: no run of it is known yet'
	assert_line --regexp "^order +open +first in profile 'default'"
	assert_line --regexp '^slot +open +0 of 1 taken'
	refute_line --partial 'sooner with'
	[[ ! -e $STATE ]]
	run --separate-stderr resrunctl why --json --key k -- true
	holds '.state == "unsubmitted" and .job_id == null and .key == "k" and (.gates | all(.open and .sooner == null))'
}

@test "why -- COMMAND: behind whom, who holds the slot and for how long, and what would let it go sooner" {
	for _ in 1 2 3; do
		resrun -- sh -c : # such runs take a moment
	done
	hold_slot --name holder
	background resrun --name first -- true
	eventually 10 queued 1 1
	run --separate-stderr resrunctl why -- true
	assert_line --index 0 --regexp "would wait; order: number 2 of those that wait in profile 'default' \(priority normal\); slot: 1 of 1 taken: .* \(pid $holder, 'sh -c"
	assert_line --regexp '^sooner with: a --priority above normal, or the end of the 1 before it'
	assert_line --regexp '^sooner with: the end of [a-z0-9]+ \((overdue|likely in .*): such runs take .*\), or max_concurrent \(-j\) above 1'
	RESRUN_PRIORITY=high run --separate-stderr resrunctl why --json -- true
	holds '.gates[0].open and .gates[0].value == 1 and (.gates[1] | .open | not)'
	RESRUN_MAX_CONCURRENT=2 run --separate-stderr resrunctl why --json -- true
	holds '.gates[1].open and .gates[1].threshold == 2'
	RESRUN_TOTAL_CONCURRENT=1 RESRUN_MAX_CONCURRENT=2 RESRUN_PRIORITY=high run --separate-stderr resrunctl why -- true
	assert_line --partial 'all profiles together run 1 at once'
	let_go
	await "$holder"
}

@test "why -- COMMAND: by the profile that fits it, and its rate" {
	write_config <<-'END'
		[profile once]
		match = true
		rate_limit = 1
		[profile other]
		rate_limit = 3
	END
	run --separate-stderr resrunctl why -- true
	assert_line --index 0 "a job of profile 'once' would start now"
	assert_line --regexp '^rate +open +0 of 1 starts in 1h'
	resrun -- true
	run --separate-stderr resrunctl why -- true
	assert_line --index 0 --regexp "a job of profile 'once' would wait; rate: 1 of 1 starts in 1h: the next is free in 5[0-9]m"
	assert_line --partial 'sooner with: a rate_limit above 1'
	run --separate-stderr resrunctl why -p other -- true
	assert_line --index 0 "a job of profile 'other' would start now"
	run --separate-stderr resrunctl why -p nowhere -- true
	assert_failure 125
}

@test "why -- COMMAND: each resource of the host against its threshold, and what it would reserve" {
	RESRUN_MEMORY_THRESHOLD=0.1 run --separate-stderr resrunctl why --json -- true
	holds '.gates[] | select(.gate == "memory") | (.open | not) and .value > .threshold and (.sooner | test("memory_threshold"))'
	RESRUN_DISK_THRESHOLD=0 run --separate-stderr resrunctl why -- true
	assert_line --regexp '^disk +WAITS'
	RESRUN_MEMORY_THRESHOLD=90 RESRUN_RESERVE=95% run --separate-stderr resrunctl why -- true
	assert_line --regexp '^memory +WAITS +.*, with the .* that it reserves'
}

@test "why -- COMMAND: what is known of it" {
	resrun -- python3 -c 'import time
time.sleep(0.3)'
	run --separate-stderr resrunctl why -- python3
	assert_line --index 1 --regexp '^default:python3: it needs 64M of memory: the only run of it took .*; it usually takes [0-9.]+m?s'
}

@test "why: misuse is refused" {
	run --separate-stderr resrunctl why job -- true
	assert_failure 125
	[[ $stderr == *"a job, 'job', or a command after --, not both"* ]] || fail "$stderr"
	run -125 resrunctl why -p x job
	run -125 resrunctl why --
	run -125 resrunctl why
}
