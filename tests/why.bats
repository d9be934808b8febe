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

# Lines of a job and of words that `why` has of it.
each_is_told() {
	local name words
	while read -r name words; do
		run --separate-stderr resrunctl why "$name"
		assert_success
		assert_output --partial "$words"
	done
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
	each_is_told <<-'END'
		ok it exited with status 0
		bad it exited with status 7
		slow longer than its --timeout of 0.3s, and was ended
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

# ---- the rest of the gates, and of the ways to end --------------------------------------------------------------------

closed_gates() { # JOB: of the answer, as one line
	run --separate-stderr resrunctl why --json "$1"
	assert_success
	jq -c '[.gates[] | select(.open | not) | .gate]' <<<"$output"
}

# Until it says that exactly these gates are closed.
is_held_by() { # JOB GATE...
	[[ $(closed_gates "$1") == "$2" ]]
}

# By what each of them was started with, not by what who asks would have.
@test "why: each resource of the host holds a job, with its number and what would let it go sooner" {
	local resource
	for resource in cpu memory disk; do
		background env "RESRUN_${resource^^}_THRESHOLD=0" resrun --name "$resource" -j 9 -w inf -- true
		eventually 20 knows "$resource"
		run --separate-stderr resrunctl why --json "$resource"
		holds ".gates[] | select(.gate == \"$resource\") | (.open | not) and .threshold == 0 and .value >= 0"
		holds ".gates[] | select(.gate == \"$resource\") | .sooner | test(\"a larger ${resource}_threshold\")"
	done
	[[ -r /proc/pressure/cpu ]] && grep -q avg10 /proc/pressure/cpu || return 0
	background resrun --name squeezed --pressure-threshold 0 -j 9 -w inf -- true
	eventually 20 knows squeezed
	run --separate-stderr resrunctl why squeezed
	assert_line --regexp '^pressure +WAITS +[0-9.]+% of 0.0%'
	assert_line --partial 'sooner with: less than 0.0% in use, or a larger pressure_threshold'
}

# Whether it is there.
knows() { # JOB
	resrunctl why "$1" | grep -q 'has waited for'
}

@test "why: thresholds of a job's own command line, environment and configuration" {
	background resrun --name picky --memory-threshold 0.01 -w inf -- true
	eventually 20 is_held_by picky '["memory"]'
	holds '.gates[] | select(.gate == "memory") | .threshold == 0.01 and .value > 0.01'
	printf '[default]\nmax_concurrent = 9\ndisk_threshold = 0\n' | install -m 600 /dev/stdin own.ini
	background env -u RESRUN_DISK_THRESHOLD resrun --config own.ini --name third -w inf -- true
	eventually 20 knows third
	run --separate-stderr resrunctl why --json third
	holds '.gates[] | select(.gate == "disk") | (.open | not) and .threshold == 0'
}

@test "why: of a job whose command line cannot be read, what its last look said" {
	unshare --map-root-user --pid --fork true 2>/dev/null || skip 'no PID namespace to be had'
	background unshare --map-root-user --pid --fork --kill-child resrun --name far --memory-threshold 0.01 -w inf -- true
	eventually 20 is_held_by far '["room"]'
	run --separate-stderr resrunctl why far
	assert_line --regexp '^room +WAITS at its last look there was too little on the host; by the thresholds that are known here'
	assert_line 'sooner with: larger thresholds of its own command line or environment'
}

@test "why: a waiter's deadline, from when it was submitted, and whether it can be met" {
	need python3
	for _ in 1 2 3 4 5 6; do
		echo 1710151200 0 1000000 1 7200 success
	done | "$SOURCE/tests/past" learned "$STATE" default:sh
	hold_slot --name holder
	background resrun --name hopeful --deadline 9h -w inf -- sh -c :
	eventually 20 queued 1 1
	run --separate-stderr resrunctl why --json hopeful
	holds '.gates[-1] | .gate == "deadline" and .open and (.words | test("^the deadline is in 8h5[0-9]m.*, 9 of 10 of 6 such runs took up to 2h"))'
	# Of which it does not know here yet that it takes so long.
	background resrun --name late --deadline 9h --key other -w inf -- sh -c :
	eventually 20 queued 2 1
	for _ in 1 2 3 4 5 6; do
		echo 1710151200 0 1000000 1 36000 success
	done | "$SOURCE/tests/past" learned "$STATE" other
	run --separate-stderr resrunctl why late
	assert_line --regexp '^deadline +WAITS the deadline is in 8h5[0-9]m'
	assert_line 'sooner with: a later deadline (--deadline)'
	let_go
	await "$holder"
}

@test "why: a job that is to come after another, and one whose own command line limits its rate" {
	hold_slot --name first
	background resrun -j 9 --name second --after first -w inf -- true
	eventually 20 is_held_by second '["dependency"]'
	run --separate-stderr resrunctl why second
	assert_line --regexp '^dependency WAITS a job that it is to come after has not ended'
	assert_line 'sooner with: the end of that job'
	let_go
	resrun -j 9 -r 1/1h --name third -- true
	background resrun -j 9 -r 1/1h --name fourth -w inf -- true
	eventually 20 is_held_by fourth '["rate"]'
	run --separate-stderr resrunctl why fourth
	assert_line --regexp '^rate +WAITS 1 of 1 starts in 1h: the next is free in 5[0-9]m'
	assert_line --partial 'sooner with: a rate_limit above 1'
}

is_lost() { # NAME: its launcher was killed, and the next one has put it down
	resrun -q -j 9 -- true
	[[ $(history "map(select(.name == \"$1\")) | map(.exit.reason) | first") == lost ]]
}

@test "why: canceled while it waited, and while it ran; lost; and what cannot be executed" {
	hold_slot --name ran
	background resrun --name waited -w inf -- true
	local waiter=$LAST_PID
	eventually 20 queued 1 1
	resrunctl cancel waited
	await "$waiter"
	resrunctl cancel ran
	await "$holder"
	: >plain
	resrun --name plain -- ./plain || true
	background resrun --name gone -- sleep 100
	eventually 20 queued 0 1
	kill_with_keeper "$LAST_PID"
	eventually 20 is_lost gone
	each_is_told <<-'END'
		waited has ended: it was canceled before it started
		ran has ended: it was canceled after it had run for
		plain has ended: it never started: exit 126 of resrun itself: the command cannot be executed; resrun said: cannot run './plain': Permission denied
		gone has ended: its launcher was killed, and nobody saw how it ended
	END
}

# ---- which job is meant ------------------------------------------------------------------------------------------------

@test "why: a whole id or name goes before the beginning of an id, whether the job is over or not" {
	hold_slot --name holder
	local id
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	run -0 resrunctl why "${id:0:4}"
	assert_output --regexp "^job $id .* is running"
	# One that is over, by the very name that another's id begins with.
	resrun -j 9 --name "${id:0:4}" -- sh -c 'exit 9' || true
	run -0 resrunctl why "${id:0:4}"
	assert_output --partial 'has ended: it exited with status 9'
	# One that is there, of that name.
	background resrun --name "${id:0:4}" -w inf -- true
	eventually 20 queued 1 1
	run -0 resrunctl why "${id:0:4}"
	assert_output --partial 'has waited for'
	run -0 resrunctl why "${id:0:5}"
	assert_output --regexp "^job $id .* is running"
	resrunctl cancel "${id:0:4}"
	let_go
	run -0 resrunctl why "${id:0:5}"
	assert_output --regexp "^job $id has ended"
}

@test "why: of an ended job by the index: the newest of a name, a unique beginning of an id, no scan" {
	need python3
	"$SOURCE/tests/past" history "$STATE" <<-'END'
		{"job_id": "aab1", "name": "n", "exit": {"reason": "exited", "code": 1}, "usage": {"wall_s": 1}}
		{"job_id": "aab2", "name": "n", "exit": {"reason": "exited", "code": 2}, "usage": {"wall_s": 1}}
		{"job_id": "aab21", "name": "aab", "exit": {"reason": "exited", "code": 3}, "usage": {"wall_s": 1}}
		{"job_id": "b", "name": "{", "exit": {"reason": "exited", "code": 4}, "usage": {"wall_s": 1}}
	END
	local word code
	while read -r word code; do
		run -0 resrunctl why "$word"
		assert_output --partial "it exited with status $code "
	done <<-'END'
		n 2
		aab2 2
		aab1 1
		aab21 3
		aab 3
		b 4
		{ 4
	END
	run -125 resrunctl why aa
	assert_output --regexp "'aa' could be aab1 or aab2: give more of the id"
	run -125 resrunctl why c
	assert_output --partial "there is no job 'c', neither active nor in the history"
	# Of the history only the one line is read.
	printf x | dd of="$STATE/history" bs=1 seek=3 conv=notrunc status=none
	run -0 resrunctl why n
	assert_output --partial 'it exited with status 2 '
	run -125 resrunctl why aab1
	assert_output --partial 'the record of job aab1 has changed since it was indexed: resrunctl history --rebuild'
}

@test "why: killed for memory, by whose limit" {
	need python3
	local whose words
	for whose in own above below host; do
		jq -nc --arg whose "$whose" '{job_id: $whose, exit: {reason: "oom", oom_limit: $whose},
			limits: {memory: {requested: 1048576}}, usage: {wall_s: 2, memory_working_peak_bytes: 1024}}'
	done | "$SOURCE/tests/past" history "$STATE"
	while read -r whose words; do
		run -0 resrunctl why "$whose"
		assert_output --partial "$words"
	done <<-'END'
		own after 2.0 s: it had taken 1K of its limit of 1M; a larger -m
		above after 2.0 s, by the limit of a cgroup above it: it had taken 1K at its peak
		below after 2.0 s, by the limit of a cgroup that it made itself: it had taken 1K
		host after 2.0 s, by the kernel, as the host had no more: it had taken 1K
	END
}
