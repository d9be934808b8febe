#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# --deadline: what cannot be done in time is not started, and does not wait.
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

# So many runs of default:true that took 100 s each.
has_taken_long() { # COUNT
	need python3
	local i
	for ((i = 0; i < $1; i++)); do
		echo "$((1710151200 + i)) 0 1000000 1 100 success"
	done | "$SOURCE/tests/past" learned "$STATE" default:true
}

@test "what history says cannot be done in time is refused at once, with the numbers" {
	has_taken_long 6
	run -75 --separate-stderr resrun --deadline 90s --report report -- true
	[[ $stderr =~ ^"resrun: not admitted: the deadline is in "[0-9.ms]+", 9 of 10 of 6 such runs took up to 1m40s"$ ]] || fail "$stderr"
	assert_equal "$(report '[.exit.reason, .exit.code, .waited_for] | @json')" '["not-admitted",75,[]]'
	# It waited for nothing; the record has what stood in its way.
	[[ $(report .exit.message) == "not admitted: the deadline is in "* ]] || fail "$(report .exit)"
	run -0 --separate-stderr resrunctl why "$(report .job_id)"
	[[ ${output//$'\n'/ } =~ "it never started; resrun said: not admitted: the deadline is in "[0-9.ms]+", 9 of 10 of 6 such runs took up to 1m40s"$ ]] || fail "$output"
	run -0 --separate-stderr resrun --deadline 2h -- true
	assert_equal "$stderr" ''
}

@test "on_busy: skip, or run anyway" {
	has_taken_long 6
	run -0 --separate-stderr resrun --deadline 90s --on-busy skip -- sh -c 'touch ran'
	run -0 --separate-stderr resrun --deadline 90s --on-busy skip -- true
	assert_equal "$stderr" ''
	assert_equal "$(history '.[-1].exit.reason')" not-admitted
	run -0 --separate-stderr resrun --deadline 90s --on-busy run -- true
	[[ $stderr == 'resrun: running although it is too late (on_busy=run): the deadline is in '* ]] || fail "$stderr"
	assert_equal "$(history '.[-1].exit.reason')" exited
}

@test "without enough history nothing is refused until the deadline has passed" {
	has_taken_long 4
	run -0 resrun --deadline 60s -- true
	run -75 --separate-stderr resrun --deadline 0s -- true
	assert_equal "$stderr" 'resrun: not admitted: the deadline has passed'
	run -75 resrun --deadline 2024-03-15T12:00:00Z -- true
}

@test "while it waits, until the deadline can not be met any more" {
	has_taken_long 6
	hold_slot
	# 100 s and then some: refused as soon as that is not left, long before max_wait or the deadline.
	run -75 --separate-stderr resrun --deadline 101s -w inf --report report -- true
	[[ ${stderr_lines[-1]} =~ ^"resrun: not admitted: the deadline is in "[0-9.ms]+", 9 of 10 of 6 such runs took up to 1m40s" ]] || fail "$stderr"
	# Without history, until it has passed.
	run -75 --separate-stderr resrun --key new --deadline 1s -w inf --report report -- true
	[[ ${stderr_lines[-1]} == "resrun: not admitted: the deadline has passed; waited for a slot: profile 'default' runs 1 at once" ]] || fail "$stderr"
	assert_equal "$(report '[.exit.reason, .waited_for] | @json')" '["not-admitted",["slot"]]'
	let_go
	await "$holder"
}

@test "a rate that leaves no start in time" {
	has_taken_long 6
	export RESRUN_RATE_LIMIT=1 RESRUN_RATE_WINDOW=1h
	resrun -- true
	run -75 --separate-stderr resrun --deadline 30m -w inf -- true
	[[ ${stderr_lines[-1]} =~ ^"resrun: not admitted: the deadline is in "[0-9.ms]+", 9 of 10 of "[67]" such runs took up to 1m40s, and it has to wait "[0-9.ms]+" first" ]] || fail "$stderr"
}

@test "--dry-run and why show it" {
	has_taken_long 6
	run -0 resrun -n --deadline 90s -- true
	assert_line --regexp '^  deadline: cannot be met: the deadline is in [0-9.ms]+, 9 of 10 of 6 such runs took up to 1m40s$'
	run -0 resrun -n --deadline 2h -- true
	assert_line --regexp '^  deadline: can be met: the deadline is in [0-9.hms]+, 9 of 10 of 6 such runs took up to 1m40s$'
	run -0 resrun -n -- true
	refute_output --partial 'deadline:'
	# What it is from: CPU seconds were 1 of 100.
	assert_line --regexp '^learned: .*; usually takes 1m40s; keeps 0.0 CPUs busy; input 0$'
	RESRUN_DEADLINE=90s run -0 resrunctl why -- true
	assert_output --regexp "^a job of profile 'default' would not start; deadline: the deadline is in 1m30s, 9 of 10 of 6 such"
	assert_line --regexp '^deadline   WAITS the deadline is in 1m30s, 9 of 10 of 6 such runs took up to 1m40s'
	assert_line 'sooner with: a later deadline (--deadline)'
	# As with the option.
	RESRUN_DEADLINE=2h run -0 resrunctl why --json --deadline 90s -- true
	holds '.gates[-1].gate == "deadline" and (.gates[-1].open | not)'
	RESRUN_DEADLINE=2h run -0 resrunctl why -- true
	assert_line --regexp '^deadline   open  the deadline is in 2h, 9 of 10 of 6 such runs took up to 1m40s'
	refute_output --partial 'would not start'
	# Nor when the rate has no start before it is too late.
	RESRUN_RATE_LIMIT=1 run -0 resrun -- true
	RESRUN_RATE_LIMIT=1 run -0 resrunctl why --deadline 30m -- true
	assert_line --regexp '^deadline   WAITS the deadline is in 30m, .*, and it has to wait [0-9.hms]+ first'
	run -125 resrunctl why --deadline soon -- true
	run -125 resrunctl why --deadline 2h job
}

@test "what is no time is refused, wherever it stands" {
	local wanted="is neither a length of time such as 2h, nor a time of day such as 06:30, nor a moment such as 2026-01-31T06:30:00Z"
	run -125 --separate-stderr resrun --deadline soon -- true
	assert_equal "$stderr" "resrun: --deadline: deadline: 'soon' $wanted"
	printf '[default]\ndeadline = 25:00\n' | write_config
	run -125 resrunctl config check
	assert_output --partial "resrun.ini:2: deadline: '25:00' $wanted"
	printf '[default]\ndeadline = 23:59\n' | write_config
	run -0 resrunctl config check
}
