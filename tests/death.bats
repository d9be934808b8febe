#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The launcher is killed: what becomes of its job, of its slot, and of the record of it.
#
# runs: outside outside-user plain
# shellcheck disable=SC2154  # stderr: set by run
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# A job with a child that has left its session; both write their pids.
lasting() { # [OPTION]...
	rm -f job daemon
	background resrun --name victim "$@" -- bash -c '(exec setsid sleep 1000) & echo $! >daemon; echo $$ >job; exec sleep 1000'
	launcher=$LAST_PID
	eventually 20 test -s job
	eventually 20 queued 0 1
}

lost_records() {
	history 'map(select(.exit.reason == "lost")) | length'
}

@test "a killed launcher's job is lost: one record, whoever comes first of many" {
	local pid
	lasting -j 20
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	kill -KILL "$launcher"
	for _ in {1..10}; do
		background resrun -j 20 -w 20s -- true
	done
	for pid in "${started[@]:1}"; do
		await "$pid"
		assert_equal "$status" 0
	done
	is_gone "$(<job)" "$(<daemon)"
	assert_equal "$(lost_records)" 1
	assert_equal "$(history 'map(select(.exit.reason == "lost"))[0] |
		[.job_id, .name, .profile, .key, .exit.code, .exit.signal, .usage.wall_s, .ended_at, (.started_at | length), (.command[0] | startswith("bash -c"))]')" \
		"[\"$id\",\"victim\",\"default\",null,null,null,null,null,24,true]"
	run -0 resrunctl why victim
	assert_output "job $id has ended: its launcher was killed, and nobody saw how it ended"
	run -75 resrun --after victim -w 5s -- true
	run -0 resrun --after-any victim -w 5s -- true
}

@test "a launcher killed while it waited, or before its job began, leaves no record" {
	hold_slot
	background resrun -- true
	eventually 20 queued 1 1
	kill -KILL "$LAST_PID"
	let_go
	background resrun --before 'echo >begun; sleep 1000' -- true
	eventually 20 test -e begun
	kill -KILL "$LAST_PID"
	run -0 resrun -w 20s -- true
	assert_equal "$(lost_records)" 0
}
