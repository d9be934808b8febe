#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# --on-overlap: a job whose name is taken by one that waits or runs.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	export RESRUN_MAX_CONCURRENT=9
}

teardown() {
	end_background
}

@test "--on-overlap skip: exit 0, nothing is run, and it is on record" {
	hold_slot --name one
	run -0 --separate-stderr resrun --name one --on-overlap skip -- touch started
	assert_equal "$stderr" ''
	[[ ! -e started ]]
	run -0 --separate-stderr resrun -v --name one --on-overlap skip -- touch started
	[[ $stderr == *"of the name 'one' is there already; skipped"* ]] || fail "$stderr"
	assert_equal "$(history '[.[] | [.exit.reason, .exit.code]]')" '[["not-admitted",0],["not-admitted",0]]'
	# Another name, or none, or no word about it: both run.
	run -0 resrun --name other --on-overlap skip -- touch first
	run -0 resrun --on-overlap skip -- touch second
	run -0 resrun --name one -- touch third
	[[ -e first && -e second && -e third ]]
	let_go
	run -0 resrun --name one --on-overlap skip -- touch started
	[[ -e started ]]
}

@test "--on-overlap skip: of many at once exactly one runs" {
	local pid
	mkfifo gate
	for _ in {1..12}; do
		background resrun --name one --on-overlap skip -- sh -c 'echo >>ran; read -r word <gate'
	done
	eventually 20 has_lines ran 1
	eventually 30 queued 0 1
	all_but_one_ended() { (($(history length) == 11)); }
	eventually 30 all_but_one_ended
	echo go >gate
	for pid in "${started[@]}"; do
		await "$pid"
		assert_equal "$status" 0
	done
	assert_equal "$(wc -l <ran)" 1
	assert_equal "$(history 'map(.exit.reason) | group_by(.) | map("\(.[0]) \(length)")')" '["exited 1","not-admitted 11"]'
}

@test "--on-overlap wait: one after the other, whatever runs at once otherwise" {
	hold_slot --name one
	background resrun --name one --on-overlap wait --report report -- sh -c 'touch started'
	eventually 20 queued 1 1
	[[ ! -e started ]]
	eventually 20 grep -q "^resrun: waiting for the other job 'one' to end" background.err
	# It stands in nobody's way.
	run -0 resrun -w 0 -- true
	run -75 resrun --name one --on-overlap wait -w 0.2 -- true
	let_go
	await "$LAST_PID"
	assert_equal "$status" 0
	[[ -e started ]]
	assert_equal "$(report '.waited_for | @json')" '["dependency"]'
}

@test "--on-overlap wait: several wait for each other in the order in which they came" {
	local n
	hold_slot --name one
	for n in 1 2 3; do
		background resrun --name one --on-overlap wait -- sh -c "echo begin $n >>order; echo end $n >>order"
		eventually 20 queued "$n" 1
	done
	let_go
	for n in "${started[@]}"; do
		await "$n"
		assert_equal "$status" 0
	done
	assert_equal "$(tr '\n' ' ' <order)" 'begin 1 end 1 begin 2 end 2 begin 3 end 3 '
}

@test "--on-overlap wait: goes on when the other's launcher is killed" {
	hold_slot --name one
	background resrun --name one --on-overlap wait -- touch started
	eventually 20 queued 1 1
	kill -KILL "$holder"
	await "$LAST_PID"
	assert_equal "$status" 0
	[[ -e started ]]
}

@test "--on-overlap replace: the other is canceled, running or waiting, and has ended before this one starts" {
	local first second
	hold_slot --name one --cleanup 'echo ended >>order'
	first=$holder
	background resrun --name one --on-overlap wait -- sh -c 'echo never >>order'
	second=$LAST_PID
	eventually 20 queued 1 1
	run -0 resrun --name one --on-overlap replace -- sh -c 'echo replaced >>order'
	assert_equal "$(tr '\n' ' ' <order)" 'ended replaced '
	await "$first"
	assert_equal "$status" 143
	await "$second"
	assert_equal "$status" 143
	assert_equal "$(history '[.[] | select(.name == "one") | .exit.reason] | sort')" '["canceled","canceled","exited"]'
	# One of another name is left alone.
	hold_slot --name two
	run -0 resrun --name one --on-overlap replace -- true
	queued 0 1
	let_go
	assert_equal "$status" 0
}

@test "--on-overlap replace: a further try leaves alone who has come since the first" {
	local first second
	mkfifo gate newer_gate
	background resrun -j 2 --name one --on-overlap replace --retries 1 --backoff 10ms -- \
		sh -c '[ ! -e begun ] || exit 4; echo >begun; read -r word <gate; exit 3'
	first=$LAST_PID
	eventually 20 test -e begun
	background resrun -j 2 --name one -- sh -c 'echo >newer; read -r word <newer_gate'
	second=$LAST_PID
	eventually 20 test -e newer
	echo go >gate
	await "$first"
	assert_equal "$status" 3
	queued 0 1
	echo go >newer_gate
	await "$second"
	assert_equal "$status" 0
}

@test "--on-overlap: a job that does not heed TERM is waited for until it is killed" {
	background resrun --name one -- sh -c 'trap "" TERM; echo >holding; while :; do sleep 1; done'
	eventually 20 test -e holding
	run -0 resrun --name one --kill-after 300ms --on-overlap replace -- touch started
	[[ -e started ]]
	await "$LAST_PID"
	assert_equal "$status" 137
	run -125 resrun --on-overlap sometimes -- true
}
