#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# on_pressure: a job gives way to what runs beside it, by one step after the other, and takes that back when it is over. Real
# load, and real waiting for memory, made beside the job.
#
# runs: plain
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	beside=/sys/fs/cgroup/beside
}

teardown() {
	end_background
	[[ ! -d $beside ]] || { echo 1 >"$beside/cgroup.kill" && eventually 30 rmdir "$beside"; }
}

# ---- what runs beside ----

# Two threads that take all they can get, in a cgroup of their own.
others_work() {
	mkdir -p "$beside"
	setsid sh -c 'echo 0 >"$1/cgroup.procs"; for i in 1 2; do while :; do :; done & done; wait' sh "$beside" >/dev/null 2>&1 &
	disown
}

# One that always waits for memory: its own, so that all others have enough.
others_thrash() {
	echo '+cpu +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p "$beside"
	echo 20M >"$beside/memory.high"
	echo 0 >"$beside/memory.swap.max" || true
	setsid sh -c 'echo 0 >"$1/cgroup.procs"; exec alloc 400' sh "$beside" >/dev/null 2>&1 &
	disown
}

others_end() { echo 1 >"$beside/cgroup.kill"; }

# ---- what is seen of the job ----

leaf_of() { resrunctl status --json | jq -re '.running[] | select(.name == "job") | .cgroup'; }
pressed_by() { [[ $(resrunctl status --json | jq -r '.running[] | select(.name == "job") | .pressed') == "$1" ]]; }
has_limit() { [[ $(<"$leaf/$1") == "$2" ]]; }
cpu_alarmed() { jq -se 'any(.message == "alert" and .resource == "cpu" and .severity == "critical")' log; }
steps() { jq -rs '[.[] | select(.message == "job_pressed") | (if .taken_back then "-" else "+" end) + .step] | join(" ")' log; }
has_steps() { [[ $(steps) == "$1" ]]; }

# What looks often runs beside the job as well.
seldom() { # SECONDS COMMAND...
	local until=$((SECONDS + $1))
	until "${@:2}"; do
		((SECONDS < until)) || fail "not within $1 s: ${*:2}"
		sleep 3
	done
}

@test "alone it keeps the whole machine; beside others it gives way by its weight, then by a throttle, until they are gone" {
	RESRUN_CPU_THRESHOLD=60 background resrun -v -w 0 --on-busy run --cpu-weight 200 -c 1.9 --name job --log log --report report -- \
		sh -c 'echo >begun; while [ ! -e done ]; do :; done & while [ ! -e done ]; do :; done'
	eventually 60 test -s begun
	leaf=$(leaf_of)
	# Above the threshold, by itself: nobody is there to give way to, however long.
	seldom 120 cpu_alarmed
	nap 16
	pressed_by null
	others_work
	seldom 240 has_limit cpu.weight 20
	# Others take more than the threshold leaves: what is kept is a tenth of a CPU.
	seldom 240 has_limit cpu.max '10000 100000'
	run -0 resrunctl why job
	assert_output --partial 'running (throttle)'
	# One that the user sets is the job's again afterwards.
	resrunctl set job cpus=1.5
	others_end
	seldom 400 has_steps '+weight +throttle -throttle -weight'
	eventually 20 pressed_by null
	assert_equal "$(<"$leaf/cpu.weight") $(<"$leaf/cpu.max")" '200 150000 100000'
	touch "done"
	await "$LAST_PID"
	assert_equal "$(report '[.exit.reason, .pressed, .usage.pressed_s > 10] | @json')" '["exited","throttle",true]'
	assert_equal "$(grep -c 'gives way by' background.err)" 2
}

@test "on_launcher_death=keep: a job that had given way has its own limits again when its launcher is killed" {
	RESRUN_CPU_THRESHOLD=60 RESRUN_ON_LAUNCHER_DEATH=keep background resrun -w 0 --on-busy run --cpu-weight 200 -c 1.9 --name job -- \
		sh -c 'echo >begun; while [ ! -e done ]; do :; done'
	eventually 60 test -s begun
	leaf=$(leaf_of)
	others_work
	seldom 240 has_limit cpu.weight 20
	seldom 240 has_limit cpu.max '10000 100000'
	# Paused beside that, it stands still for that too.
	resrunctl pause job
	eventually 60 grep -qx 'frozen 1' "$leaf/cgroup.events"
	kill -KILL "$LAST_PID"
	eventually 60 grep -qx 'frozen 0' "$leaf/cgroup.events"
	assert_equal "$(<"$leaf/cpu.weight") $(<"$leaf/cpu.max") $(<"${leaf%/*}/cpu.weight")" '200 190000 100000 200'
	eventually 20 pressed_by null
	others_end
	touch "done"
	run -0 resrun -w 100s -- true
	[[ ! -e $leaf ]]
}

# Of the job's first process and its children.
has_nice() { # VALUE
	local pid
	for pid in "$(<job)" $(pgrep -P "$(<job)"); do
		[[ $(cut -d ' ' -f 19 "/proc/$pid/stat") == "$1" ]] || return 1
	done
}

@test "without a cgroup it gives way by a nice value, which root takes back" {
	RESRUN_CPU_THRESHOLD=60 RESRUN_ON_PRESSURE=weight background resrun --isolation process -w 0 --on-busy run --name job --log log -- \
		sh -c 'while [ ! -e done ]; do :; done & echo $$ >job; while [ ! -e done ]; do :; done; wait'
	eventually 60 test -s job
	has_nice 0
	others_work
	seldom 240 has_steps '+weight'
	has_nice 19
	pressed_by weight
	# One that has become so gives way no more.
	resrunctl set job priority=critical
	seldom 120 has_steps '+weight -weight'
	has_nice 0
	touch "done"
	await "$LAST_PID"
	assert_equal "$status" 0
}

@test "others wait for memory: the job stands still, and its time limit with it; then it goes on" {
	RESRUN_MEMORY_THRESHOLD=1 background resrun -w 0 --on-busy run -t 100 --name job --log log --report report -- \
		sh -c 'echo >begun; while [ ! -e done ]; do sleep 1; done'
	eventually 60 test -s begun
	leaf=$(leaf_of)
	others_thrash
	seldom 240 has_steps '+freeze'
	eventually 60 grep -qx 'frozen 1' "$leaf/cgroup.events"
	eventually 20 pressed_by freeze
	assert_equal "$(resrunctl status --json | jq -r '.running[0].state')" paused
	run -1 resrunctl resume job
	assert_output --partial 'it goes on when the host is well (on_pressure)'
	# Paused beside that, it stands still for both.
	resrunctl pause job
	others_end
	seldom 400 has_steps '+freeze -freeze'
	grep -qx 'frozen 1' "$leaf/cgroup.events"
	resrunctl resume job
	touch "done"
	await "$LAST_PID"
	assert_equal "$(report '[.exit.reason, .pressed, .usage.frozen_s > 5] | @json')" '["exited","freeze",true]'
	assert_equal "$(grep -c 'the host is short of memory: sh stands still' background.err)" 1
}

@test "the lowest priority gives way first; on_pressure=kill ends it and says why; critical and none do not" {
	local name job
	declare -A job
	export RESRUN_MEMORY_THRESHOLD=1 RESRUN_ON_PRESSURE=reclaim,kill
	for name in low critical none; do
		RESRUN_ON_PRESSURE=$([[ $name == none ]] && echo none || echo reclaim,kill) background resrun -w 0 --on-busy run -p default \
			-j 9 --priority "${name/none/low}" --name "$name" --log "log.$name" --report "report.$name" -- sleep 1000
		job[$name]=$LAST_PID
		eventually 60 test -s "log.$name"
	done
	others_thrash
	await "${job[low]}"
	assert_equal "$(report '[.exit.reason, .pressed] | @json' report.low)" '["canceled","kill"]'
	grep -q '^resrun: sleep was ended: the host was short of room, and on_pressure says kill$' background.err
	run -0 resrunctl why low
	assert_output --partial 'as the host was short of room, and its on_pressure says kill'
	assert_equal "$(resrunctl status --json | jq -c '[.running[] | [.name, .pressed]] | sort')" '[["critical",null],["none",null]]'
	others_end
}

@test "a step that does not exist is refused with its place; none goes alone" {
	run -125 env RESRUN_ON_PRESSURE=wieght resrun -- true
	assert_output "resrun: RESRUN_ON_PRESSURE: on_pressure: 'wieght' is none of weight, throttle, reclaim, freeze, kill"
	run -125 env RESRUN_ON_PRESSURE=none,kill resrun -- true
	assert_output --partial "'none' goes with nothing else"
	run -0 env RESRUN_ON_PRESSURE=none resrun -- true
}
