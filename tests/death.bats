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
	local pid
	[[ -z ${stopped:-} ]] || kill -CONT "$stopped" 2>/dev/null || true
	end_background
	# Of a job that outlives its launcher, where a test has failed.
	for pid in "${kept[@]}"; do
		! grep -qsz "^RESRUN_STATE_DIR=$STATE$" "/proc/$pid/environ" || kill -KILL "$pid" 2>/dev/null || true
	done
}
kept=()

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
		background resrun -j 20 -w 100s -- true
	done
	for pid in "${started[@]:1}"; do
		await "$pid"
		assert_equal "$status" 0
	done
	# None of them had to wait for that.
	eventually 20 gone_together
	eventually 20 no_slot_taken
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
	run -0 resrun -w 100s -- true
	assert_equal "$(lost_records)" 0
}

gone_together() {
	is_gone "$(<job)" "$(<daemon)"
}

holds_one_file() { # PID
	(($(find "/proc/$1/fd" -mindepth 1 | wc -l) == 1))
}

no_slot_taken() {
	[[ $(resrunctl status --json | jq '.running | length') == 0 ]]
}

@test "kill -9 of the launcher: soon nothing of the job is left, nor its slot, leaf or keeper, with no other resrun" {
	lasting
	keeper=$(keeper_of "$launcher")
	[[ -n $keeper ]]
	# It holds nothing of anybody's open.
	eventually 10 holds_one_file "$keeper"
	[[ $(cut -d ' ' -f 6 "/proc/$keeper/stat") == "$keeper" ]]
	kill -KILL "$launcher"
	eventually "$(pick 5 30)" gone_together
	eventually "$(pick 5 30)" is_gone "$keeper"
	assert_equal "$(lost_records)" 1
	no_slot_taken
	# Others' cgroups come and go while one looks.
	assert_equal "$(find /sys/fs/cgroup -type d -name "rr-*" ! -name rr-sup 2>/dev/null)" ''
}

@test "the same when its whole process group is killed, and when what it waits for is stopped" {
	rm -f job daemon
	background setsid sh -c 'echo $$ >group; exec resrun -- bash -c "(exec setsid sleep 1000) & echo \$! >daemon; echo \$\$ >job; exec sleep 1000"'
	eventually 20 test -s job
	kill -KILL -- -"$(<group)"
	eventually "$(pick 5 30)" gone_together
	eventually "$(pick 5 30)" no_slot_taken
	lasting
	kill -STOP "$(<daemon)"
	kill -KILL "$launcher"
	eventually "$(pick 5 30)" gone_together
}

@test "no keeper is left behind, however the job ends, and no wait for children sees it" {
	local pid
	run -0 resrun -- true
	run -3 resrun -- sh -c 'exit 3'
	run -127 resrun -- /nonexistent
	run -125 resrun --before false -- true
	run -124 resrun -t 0.2 -- sleep 100
	# A parent that has no child but resrun has none at all after it.
	run -0 bash -c 'resrun -- true; wait; read -r children <"/proc/$$/task/$$/children"; echo "$children"'
	assert_output ''
	run -0 resrun --report report -- spin 0.3
	assert_equal "$(report .usage.pids_peak)" 1
	for pid in /proc/[0-9]*; do
		# Of this test only: others have keepers as well.
		grep -qsx resrun-keeper "$pid/comm" && grep -qsz "^RESRUN_STATE_DIR=$STATE$" "$pid/environ" && fail "left: $pid"
	done
	true
}

@test "a keeper that is killed is not missed: the job goes on, and the next resrun clears up" {
	lasting
	kill_with_keeper "$launcher"
	run -0 resrun -w 100s -- true
	eventually 20 gone_together
	assert_equal "$(lost_records)" 1
}

@test "on_launcher_death=keep: the job goes on and keeps its slot until it has ended" {
	export RESRUN_ON_LAUNCHER_DEATH=keep
	mkfifo gate
	background resrun -- sh -c 'echo $$ >job; read -r word <gate; echo "$word" >late'
	eventually 20 test -s job
	keeper=$(keeper_of "$LAST_PID")
	kill -KILL "$LAST_PID"
	eventually 20 is_gone "$keeper"
	run -75 resrun -w 1s -- true
	run ! is_gone "$(<job)"
	background resrun -w 60s -- true
	eventually 20 queued 1
	echo go >gate
	await "$LAST_PID"
	assert_equal "$status" 0
	assert_equal "$(<late)" go
	assert_equal "$(lost_records)" 1
}

both_begun() {
	[[ -s job && -s daemon ]]
}

stands_still() {
	if in_guest; then
		grep -qx 'frozen 1' "/sys/fs/cgroup$(cut -d : -f 3 "/proc/$(<job)/cgroup")/cgroup.events"
	else
		is_stopped "$(<job)" && is_stopped "$(<daemon)"
	fi
}

not_stopped() {
	! is_stopped "$(<job)" && ! is_stopped "$(<daemon)" && ! stands_still
}

not_paused() {
	[[ $(resrunctl status --json | jq -c '.running | map(.state == "paused")') == '[false]' ]]
}

# With its keeper it is found by that one, without by the next resrun.
@test "on_launcher_death=keep: a job that was paused goes on, with all of its processes, when its launcher is killed" {
	local end gate_fd
	export RESRUN_ON_LAUNCHER_DEATH=keep
	for end in 'kill -KILL' kill_with_keeper; do
		rm -f job daemon gate words
		mkfifo gate
		exec {gate_fd}<>gate
		background resrun --name kept -- bash -c '(exec setsid bash -c "echo \$\$ >daemon; read -r word <gate; echo \$word >>words") &
			echo $$ >job; read -r word <gate; echo $word >>words; wait'
		eventually 20 both_begun
		kept=("$(<job)" "$(<daemon)")
		resrunctl pause kept
		eventually 20 stands_still
		$end "$LAST_PID"
		[[ $end != kill_with_keeper ]] || run -0 resrun -j 5 -- true
		printf 'on\non\n' >&"$gate_fd"
		eventually 20 has_lines words 2
		eventually 20 is_gone "$(<job)"
		run -0 resrun -w 100s -- true
		exec {gate_fd}>&-
	done
}

@test "on_launcher_death=keep: nothing says any more that the job stands still, which it does not, once" {
	export RESRUN_ON_LAUNCHER_DEATH=keep
	lasting
	kept=("$(<job)" "$(<daemon)")
	resrunctl pause victim
	eventually 20 stands_still
	kill -KILL "$launcher"
	eventually 20 not_stopped
	eventually 20 not_paused
	# Who stops it now is another.
	stopped=$(<daemon)
	kill -STOP "$stopped"
	eventually 20 is_stopped "$stopped"
	run -0 resrun -j 5 -- true
	is_stopped "$stopped"
	kill -KILL "$(<job)" "$stopped"
	eventually 20 gone_together
	run -0 resrun -w 100s -- true
}

@test "a history that begins with a lost job is set aside at its age all the same" {
	lasting
	kill -KILL "$launcher"
	await "$launcher"
	run -0 resrun -- true
	assert_equal "$(head -n 1 "$STATE/history" | grep -c '"reason":"lost"')" 1
	nap 0.1
	RESRUN_HISTORY_AGE=50ms run -0 resrun -- true
	# What was set aside may be gone already.
	[[ ! -s $STATE/history ]]
}

run_what_was_missed() {
	resrun --recover && [[ -s after ]]
}

@test "on_launcher_death=keep: hooks that the launcher missed are run when the job is over, and not before" {
	export RESRUN_ON_LAUNCHER_DEATH=keep
	mkfifo gate
	background resrun --cleanup 'echo "$RESRUN_EXIT_REASON" >>after' -- sh -c 'echo >begun; read -r word <gate'
	eventually 20 test -e begun
	kill -KILL "$LAST_PID"
	await "$LAST_PID"
	run -0 resrun -j 5 -- true
	run resrunctl audit --fix
	[[ ! -e after ]]
	echo go >gate
	eventually 20 run_what_was_missed
	assert_equal "$(<after)" lost
	assert_equal "$(ls -A "$STATE/unfinished")" ''
}

@test "hooks run in a dead launcher's place are not taken for what its job has left" {
	local launcher id
	mkfifo gate
	exec {gate_fd}<>gate
	background resrun --isolation process --cleanup 'echo "in $RESRUN_MISSED" >>hook; [ ! "$RESRUN_MISSED" ] || read -r word <gate; echo out >>hook' \
		-- sh -c 'echo >begun; exec sleep 1000'
	launcher=$LAST_PID
	eventually 20 test -e begun
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	stopped=$(keeper_of "$launcher")
	kill -STOP "$stopped"
	eventually 20 is_stopped "$stopped"
	kill -KILL "$launcher"
	await "$launcher"
	background resrun --isolation process -w 100s -- true
	eventually 20 test -e hook
	# Only now it looks for what the job has left.
	kill -CONT "$stopped"
	eventually 20 is_gone "$stopped"
	echo go >&"$gate_fd"
	await "$LAST_PID"
	assert_equal "$status" 0
	assert_equal "$(<hook)" "in $id"$'\nout'
}
