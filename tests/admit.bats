#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Admission: slots, rates, order, headroom, and what becomes of them when launchers die (DESIGN 3.1, 4, 5).
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	mounted=''
}

teardown() {
	end_background
	[[ -z $mounted ]] || umount -l "$mounted"
}

# Starts COMMAND that many times at once; the exit statuses, sorted and counted, are in $statuses: "3x0 17x75".
race() { # COUNT COMMAND [ARG]...
	local pids=() pid n
	for ((n = 0; n < $1; n++)); do
		background "${@:2}"
		pids+=("$LAST_PID")
	done
	for pid in "${pids[@]}"; do
		await "$pid"
		echo "$status"
	done >statuses
	statuses=$(sort -n statuses | uniq -c | awk '{ printf "%s%dx%d", sep, $1, $2; sep = " " }')
}

no_slot_taken() {
	[[ $(resrunctl status --json | jq '.running | length') == 0 ]]
}

# Nothing waits, nothing runs, and the next one starts at once. What the killed left counts until it has been cleared away.
assert_queue_is_empty() {
	eventually 10 queued 0 0
	eventually 10 no_slot_taken
	run -0 --separate-stderr resrun -w 0 "$@" -- true
	assert_equal "$stderr" ''
}

# ---- slots --------------------------------------------------------------------------------------------------------------

@test "with -j 1, 50 launchers started together never overlap, and all run" {
	race 50 resrun -j 1 -- enter "$PWD/entered"
	assert_equal "$statuses" 50x0
	assert_equal "$(sort entered | uniq -c | tr -s ' ')" ' 50 alone'
	assert_queue_is_empty
}

@test "with -j 3, never more than three run, and three do" {
	# Nobody goes before three were there together, or it is clear that they never will be.
	cat >job <<-'END'
		mkdir "running.$$"
		i=0
		set -- running.*
		while [ $# -lt 3 ] && [ ! -e three ] && [ $i -lt 500 ]; do sleep 0.05; i=$((i + 1)); set -- running.*; done
		[ $# -lt 3 ] || : >three
		echo $# >>seen
		rmdir "running.$$"
	END
	race 12 resrun -j 3 -- sh job
	assert_equal "$statuses" 12x0
	assert_equal "$(sort -n seen | tail -n 1)" 3
}

@test "slots are counted per profile" {
	write_config <<-'END'
		[profile a]
		[profile b]
		max_concurrent = 1
	END
	hold_slot -p a
	run -0 resrun -p b -w 0 -- true
	run -0 resrun -w 0 -- true
	run -75 resrun -p a -w 0 -- true
	let_go
}

@test "[resrun] max_concurrent caps all profiles together" {
	write_config <<-'END'
		[resrun]
		max_concurrent = 1
		[profile a]
		max_concurrent = 5
		[profile b]
		max_concurrent = 5
	END
	local n
	for n in 1 2 3 4 5 6 7 8; do
		background resrun -p a -- enter "$PWD/entered"
		background resrun -p b -- enter "$PWD/entered"
	done
	for n in "${started[@]}"; do
		await "$n"
		assert_equal "$status" 0
	done
	assert_equal "$(sort entered | uniq -c | tr -s ' ')" ' 16 alone'
	hold_slot -p a
	run -75 --separate-stderr resrun -p b -w 0 -- true
	[[ $stderr == *'a slot: all profiles together run 1 at once'* ]]
	let_go
	assert_queue_is_empty
}

# ---- rates --------------------------------------------------------------------------------------------------------------

@test "with -r 3/1h, of 20 racing launchers that do not wait exactly 3 run" {
	local n
	for n in 1 2 3; do
		export RESRUN_STATE_DIR=$STATE.$n
		race 20 resrun -r 3/1h -j 20 -w 0 -- sh -c 'echo >>"$1"' sh "$PWD/ran.$n"
		assert_equal "$statuses" '3x0 17x75'
		assert_equal "$(wc -l <"ran.$n")" 3
	done
}

@test "so it is when they wait a little" {
	local ran
	race 12 resrun -r 3/1h -j 1 -w 2s -- sh -c 'echo >>ran'
	# On a busy machine some give up before the slot was theirs; what they leave of the three is there for others.
	ran=$(wc -l <ran)
	((ran >= 1 && ran <= 3)) || fail "$ran ran"
	assert_equal "$statuses" "${ran}x0 $((12 - ran))x75"
	for ((; ran < 3; ran++)); do
		run -0 resrun -r 3/1h -w 0 -- true
	done
	run -75 resrun -r 3/1h -w 0 -- true
}

@test "the window slides: one more start when the oldest has left it, and no sooner" {
	local n
	for n in 1 2 3 4 5; do
		run -0 resrun -r 2/1s -w 20s -- true
	done
	# In seconds since the first start: at most two in any second.
	assert_equal "$(history '[.[].started_at | sub("(?<s>.*)\\.(?<f>.*)Z"; "\(.s)Z \(.f)") | split(" ")
		| (.[0] | fromdate) + (.[1] | tonumber) / 1000] | . as $t | [range(2; 5) | $t[.] - $t[. - 2] >= 0.998] | all')" true
	# Who waited did so for nothing else.
	assert_equal "$(history 'map(.waited_for) | . - [[], ["rate"]]')" '[]'
}

@test "rates are counted per profile, and stand in what is said" {
	write_config <<-'END'
		[profile a]
		rate_limit = 1
		rate_window = 2h
	END
	run -0 resrun -p a -w 0 -- true
	run -75 --separate-stderr resrun -p a -w 0 --report report -- touch started
	[[ $stderr == 'resrun: not admitted within 0'*': waited for the rate (1 starts per 2h); the next is free in '* ]]
	assert_equal "$(report '[.exit.reason, .exit.code, .waited_for] | @json')" '["not-admitted",75,["rate"]]'
	[[ ! -e started ]]
	run -0 resrun -w 0 -- true
}

@test "what could not be executed gives its start back, and so does a failed hook or a strict refusal" {
	run -127 resrun -r 1/1h -- no-such-command
	run -126 resrun -r 1/1h -- /
	run -125 resrun -r 1/1h --before false -- true
	run -125 resrun -r 1/1h --strict --io-max 'nowhere rbps=1M' -- true
	run -0 resrun -r 1/1h -w 0 -- true
	run -75 resrun -r 1/1h -w 0 -- true
}

@test "a job that failed has used its start" {
	run -1 resrun -r 1/1h -- false
	run -75 resrun -r 1/1h -w 0 -- true
}

# ---- waiting ------------------------------------------------------------------------------------------------------------

@test "off a terminal: one line when the wait begins, one when it ends" {
	hold_slot
	resrun -- echo out 2>waiter.err >waiter.out &
	started+=("$!")
	eventually 10 waiters_told waiter.err 1
	assert_equal "$(<waiter.err)" "resrun: waiting for a slot: profile 'default' runs 1 at once"
	let_go
	await "${started[-1]}"
	assert_equal "$status" 0
	assert_equal "$(<waiter.out)" out
	assert_equal "$(wc -l <waiter.err)" 2
	[[ $(sed -n 2p waiter.err) == 'resrun: starting after '* ]]
}

@test "-q says nothing of the wait" {
	hold_slot
	run -75 --separate-stderr resrun -q -w 0.1 -- true
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == 'resrun: not admitted within '* ]]
	let_go
}

@test "--max-wait bounds the wait: 75, nothing run, and the words" {
	local begun took
	hold_slot
	begun=$(now_ms)
	run -75 --separate-stderr resrun -w 0.5 --report report -- touch started
	took=$(($(now_ms) - begun))
	((took >= 450 && took < 60000)) || fail "$took ms"
	[[ ! -e started ]]
	assert_equal "${stderr_lines[-1]}" "resrun: not admitted within 0.5s: waited for a slot: profile 'default' runs 1 at once"
	assert_equal "$(report '[.exit.reason, .exit.code, .exit.signal, .waited_for, .started_at, .placement] | @json')" \
		'["not-admitted",75,null,["slot"],null,null]'
	assert_equal "$(report '.waited_s >= 0.45')" true
	let_go
	assert_queue_is_empty
}

@test "--on-busy skip: 0, nothing run, nothing said; and it is on record" {
	hold_slot
	run -0 --separate-stderr resrun -w 0 --on-busy skip --report report -- touch started
	assert_equal "$stderr" ''
	[[ ! -e started ]]
	assert_equal "$(report .exit.reason)" not-admitted
	let_go
	assert_equal "$(history 'map(.exit.reason) | sort')" '["exited","not-admitted"]'
}

@test "--on-busy run: runs without room, and says so" {
	hold_slot
	run -3 --separate-stderr resrun -w 0 --on-busy run --report report -- sh -c 'echo ran; exit 3'
	assert_output ran
	[[ $stderr == "resrun: running without room (on_busy=run): waited for a slot: profile 'default' runs 1 at once" ]]
	assert_equal "$(report .exit.reason)" exited
	let_go
	assert_queue_is_empty
}

@test "the wait is in the report" {
	hold_slot
	background resrun --report report -- true
	eventually 10 queued 1 1
	let_go
	await "$LAST_PID"
	assert_equal "$(report '.waited_for | @json')" '["slot"]'
	assert_equal "$(report '.waited_s > 0')" true
}

# ---- order --------------------------------------------------------------------------------------------------------------

# Queues a waiter that notes NAME when it runs; returns when it stands in the queue.
queue_up() { # NAME [OPTION]...
	waiting=$((${waiting:-0} + 1))
	background resrun "${@:2}" --name "$1" -- sh -c "echo $1 >>order"
	eventually 20 queued "$waiting"
}

await_all() {
	local pid
	for pid in "${started[@]}"; do
		await "$pid"
	done
}

@test "within a priority, first come, first served" {
	hold_slot
	local n
	for n in 1 2 3 4 5 6 7 8; do
		queue_up "$n"
	done
	let_go
	await_all
	assert_equal "$(tr '\n' ' ' <order)" '1 2 3 4 5 6 7 8 '
}

@test "priorities go before arrival" {
	hold_slot
	queue_up low --priority low
	queue_up normal
	queue_up high-1 --priority high
	queue_up critical --priority critical
	queue_up high-2 --priority high
	queue_up normal-2
	let_go
	await_all
	assert_equal "$(tr '\n' ' ' <order)" 'critical high-1 high-2 normal normal-2 low '
}

@test "a waiter that gives up, is ended or killed is passed over at once" {
	local killed ended
	hold_slot
	queue_up killed
	killed=$LAST_PID
	queue_up ended
	ended=$LAST_PID
	queue_up last
	kill -KILL "$killed"
	kill -TERM "$ended"
	await "$ended"
	assert_equal "$status" 143
	eventually 10 queued 1
	let_go
	await "${started[-1]}"
	assert_equal "$(<order)" last
	assert_queue_is_empty
}

@test "TERM, INT and HUP end a wait by that signal" {
	local signo
	hold_slot
	for signo in 15 2 1; do
		env --default-signal resrun -- touch started 2>waiter.err &
		started+=("$!")
		eventually 10 waiters_told waiter.err 1
		kill -"$signo" "${started[-1]}"
		await "${started[-1]}"
		assert_equal "$status" $((128 + signo))
		rm waiter.err
	done
	eventually 10 queued 0 1
	assert_equal "$(history 'map([.exit.reason, .started_at]) | unique')" '[["canceled",null]]'
	assert_equal "$(history length)" 3
	let_go
	[[ ! -e started ]]
}

# ---- launchers that are killed -------------------------------------------------------------------------------------------

@test "a launcher killed with the slot: its job dies, the next one goes" {
	local job
	background resrun -- catch "$PWD/caught" 15
	eventually 10 has_lines caught 1
	job=$(sed -n 's/^ready //p' caught)
	local launcher=$LAST_PID
	queue_up next
	kill -KILL "$launcher"
	await "${started[-1]}"
	assert_equal "$status" 0
	assert_equal "$(<order)" next
	# It was gone before the next one started.
	is_gone "$job"
	assert_queue_is_empty
}

@test "all launchers killed at once: nothing is left in the ledger" {
	local n
	hold_slot
	for n in 1 2 3 4 5 6 7 8 9 10; do
		background resrun -- true
	done
	eventually 20 queued 10 1
	kill -KILL "${started[@]}"
	for n in "${started[@]}"; do
		await "$n"
	done
	# Killed before it could make a keeper, one leaves its slot to the next.
	run -0 resrun -- true
	assert_queue_is_empty
}

@test "a killed launcher's start has been used" {
	hold_slot -r 1/1h
	kill -KILL "$holder"
	await "$holder"
	run -75 resrun -r 1/1h -w 0 -- true
}

@test "a stopped launcher keeps its slot" {
	hold_slot
	kill -STOP "$holder"
	run -75 resrun -w 0.2 -- true
	kill -CONT "$holder"
	let_go
	assert_equal "$status" 0
	assert_queue_is_empty
}

# ---- other jobs ----------------------------------------------------------------------------------------------------------

@test "--after waits for a running job, by name and by id, and starts when it has succeeded" {
	local id
	hold_slot --name first
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	background resrun -j 5 --after first -- sh -c 'echo by-name >>order'
	background resrun -j 5 --after "$id" --report report -- sh -c 'echo by-id >>order'
	eventually 10 queued 2 1
	[[ ! -e order ]]
	let_go
	await_all
	assert_equal "$(sort order | tr '\n' ' ')" 'by-id by-name '
	assert_equal "$(report '.waited_for | @json')" '["dependency"]'
	run -0 resrun --after "first,$id" -w 0 -- true
}

@test "--after a job that failed: 75, and which; --after-any does not mind" {
	run -1 resrun --name bad -- false
	run -75 --separate-stderr resrun --after bad --report report -- touch started
	assert_equal "$stderr" "resrun: --after: job 'bad' did not succeed"
	[[ ! -e started ]]
	assert_equal "$(report '[.exit.reason, .exit.code, .waited_for] | @json')" '["not-admitted",75,["dependency"]]'
	run -0 resrun --after-any bad -- true
	run -0 resrun --name bad -- true
	run -0 resrun --after bad -- true
}

@test "--after-any a job that gives up waiting: it is there until the history has it" {
	resrun -- true
	hold_slot
	flock "$RESRUN_STATE_DIR/history" sh -c 'touch locked; while [ ! -e unlock ]; do sleep 0.05; done' &
	eventually 20 test -e locked
	background resrun --name tired -w 0.2 -- true
	eventually 20 grep -q 'not admitted within' background.err
	background resrun -j 5 --after-any tired -- touch started
	eventually 20 queued 2 1
	touch unlock
	await "$LAST_PID"
	[[ -e started ]]
	let_go
	await_all
}

@test "--after a job that nobody knows: 125" {
	run -125 --separate-stderr resrun --after nobody -- touch started
	[[ $stderr == *"there is no job 'nobody'"* ]]
	run -125 resrun --after-any nobody -- touch started
	assert_output --partial "--after-any: there is no job 'nobody'"
	[[ ! -e started ]]
	assert_queue_is_empty
}

@test "--after a job that is killed with its launcher: not a success" {
	hold_slot --name lost
	background resrun -j 5 --after lost -- touch started
	eventually 10 queued 1 1
	kill -KILL "$holder"
	await "$LAST_PID"
	[[ ! -e started ]]
	((status == 75 || status == 125)) || fail "status $status"
}

@test "who waits for another job does not keep that job, or others, from starting" {
	hold_slot
	queue_up needed
	background resrun --priority high --after needed --name dependent -- sh -c 'echo dependent >>order'
	eventually 20 queued 2
	waiting=2
	queue_up other
	let_go
	await_all
	# Who of the other two is first is decided by who looks first when `needed` has ended.
	assert_equal "$(head -n 1 order)" needed
	assert_equal "$(sort order | tr '\n' ' ')" 'dependent needed other '
}

# ---- headroom ------------------------------------------------------------------------------------------------------------

@test "memory in use above the threshold: it waits, and says why" {
	run -75 --separate-stderr resrun --memory-threshold 0.01 -w 0 --report report -- touch started
	[[ $stderr =~ ^'resrun: not admitted within 0'.*': waited for headroom: memory ('[0-9]+'%, limit 0%' ]] || fail "$stderr"
	assert_equal "$(report '.waited_for | @json')" '["memory"]'
	[[ ! -e started ]]
	run -0 resrun --memory-threshold 0.01 -w 0 --on-busy skip -- touch started
	[[ ! -e started ]]
	run -0 resrun --memory-threshold 0.01 -w 0 --on-busy run -- touch started
	[[ -e started ]]
}

# It has come to use a CPU: a tick of it at least was counted.
has_run() { # PID
	[[ $(cut -d ' ' -f 14 "/proc/$1/stat") -gt 0 ]]
}

@test "CPUs in use above the threshold: it waits until they are not" {
	local n
	for ((n = 0; n < 2 * $(nproc); n++)); do
		background spin 200
	done
	for n in "${started[@]}"; do
		eventually 10 has_run "$n"
	done
	run -75 --separate-stderr resrun --cpu-threshold 50 -w 1s --report report -- touch started
	[[ ${stderr_lines[-1]} =~ 'headroom: cpu ('[0-9]+'%, limit 50%' ]] || fail "$stderr"
	[[ ! -e started ]]
	end_background
	# What else this machine does meanwhile is not ours to say: only that a higher bar lets it in.
	run -0 resrun --cpu-threshold 100 -w 20s -- true
}

@test "a disk nearly full: it waits, and starts when there is room" {
	mkdir full
	mount -t tmpfs -o size=1m tmpfs full 2>/dev/null || skip 'may not mount'
	mounted=$PWD/full
	# To the last byte: how full the machine's own disks are is of no interest.
	head -c 1M /dev/zero >full/ballast
	export RESRUN_DISK_PATHS=$PWD/full
	run -75 --separate-stderr resrun --disk-threshold 99.9 -w 0 --report report -- true
	[[ $stderr == *"headroom: disk ("*"%, limit 100% of '$PWD/full', "*' free)'* ]] || fail "$stderr"
	assert_equal "$(report '.waited_for | @json')" '["disk"]'
	resrun --disk-threshold 99.9 -- true 2>waiter.err &
	started+=("$!")
	eventually 10 waiters_told waiter.err 1
	rm full/ballast
	await "${started[-1]}"
	assert_equal "$status" 0
}

@test "the working directory's disk counts too" {
	mkdir full
	mount -t tmpfs -o size=1m tmpfs full 2>/dev/null || skip 'may not mount'
	mounted=$PWD/full
	head -c 1M /dev/zero >full/ballast
	cd full
	run -75 resrun --disk-threshold 99.9 -w 0 -- true
	cd ..
	run -0 resrun --disk-threshold 99.9 -w 0 -- true
}

@test "what a job has declared is reserved for it until it has taken it" {
	hold_slot -j 5 -m 99%
	run -75 --separate-stderr resrun -j 5 --memory-threshold 98 -w 0 -- true
	[[ $stderr == *'headroom: memory ('* ]] || fail "$stderr"
	let_go
	run -0 resrun -j 5 --memory-threshold 98 -w 0 -- true
}
