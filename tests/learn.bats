#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Learning: memory=auto from the first run on, what is reserved, and the learner beside other rules over a trace.
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

@test "memory=auto: nothing, then a guess, then a limit: each time it says what it does" {
	run --separate-stderr take_until_seen 150 -m auto
	assert_success
	[[ $stderr == *"nothing is learned for 'default:python3' yet, so there is no memory limit"* ]] || fail "$stderr"
	run --separate-stderr take_until_seen 150 -m auto --report report
	assert_success
	[[ $stderr == *"is young: the only run of it took 15"*"memory.high 23"*"memory.max 3"* ]] || fail "$stderr"
	assert_equal "$(report '.limits.memory.requested / .limits.memory_high.requested * 10 | round')" 15
	run --separate-stderr take_until_seen 150 -m auto
	run --separate-stderr take_until_seen 150 -m auto
	assert_success
	[[ $stderr != *memory=auto* ]] || fail "said what nobody asked: $stderr"
	run -0 resrun -n -m auto -- python3
	assert_output --regexp 'learned: needs 1[67][0-9]M of memory: the largest of its last 4 runs took 15'
	assert_output --regexp 'memory +2[4-6][0-9]M'
	assert_output --regexp 'memory_high +1[67][0-9]M'
}

@test "memory=auto: one that outgrew its limit is killed, and gets more the next time" {
	local i limit more
	for i in 1 2 3; do
		take_until_seen 100 -m auto -q
	done
	run take_until_seen 700 -m auto --report report
	assert_failure 137
	assert_equal "$(report .exit.reason)" oom
	limit=$(report .limits.memory.requested)
	run take_until_seen 700 -m auto --report report
	more=$(report .limits.memory_high.requested)
	((more >= limit * 12 / 10 && more >= limit + (100 << 20))) || fail "$limit, then $more"
	for ((i = 0; i < 6; i++)); do
		run take_until_seen 700 -m auto --report report
		((status == 0)) && break
	done
	assert_success
}

@test "--retries with memory=auto: the second try has more room" {
	local i
	for i in 1 2 3; do
		take_until_seen 100 -m auto -q
	done
	take_until_seen 300 -m auto --retries 3 --backoff 1ms
	assert_equal "$(history '[.[-2:][].exit.reason] | join(" ")')" 'oom exited'
}

@test "the key: by profile and name, or as it is given" {
	take_until_seen 100 --key mine
	run -0 resrun -n --key mine -- true
	assert_output --partial 'the only run of it took'
	run -0 resrun -n -- python3
	assert_output --partial 'no run of it is known yet'
	run -0 resrun -n --key other -- python3
	assert_output --partial 'no run of it is known yet'
}

@test "the input: the sizes of the files that the command line names" {
	truncate -s 10M one
	truncate -s 5M two
	run -0 resrun -n -- cat one if=two nothing .
	assert_output --partial 'input 15M'
}

@test "a key that was not run for more than a year is forgotten when a new one comes" {
	local key
	for key in old young; do
		resrun --key "$key" -- true
	done
	touch -d '500 days ago' "$STATE"/learned/{old-*,.forgotten}
	resrun --key young -- true
	touch -d '300 days ago' "$STATE"/learned/young-*
	run -0 compgen -G "$STATE/learned/old-*"
	resrun --key new -- true
	run -1 compgen -G "$STATE/learned/old-*"
	run -0 compgen -G "$STATE/learned/young-*"
}

@test "what is known to be needed is reserved; what is declared stands" {
	take_until_seen 150
	hold_slot --key default:python3
	run -0 resrunctl status --json
	holds '.running[0].reserved_memory_bytes > 150e6'
	let_go
	hold_slot --key default:python3 -m 80M
	run -0 resrunctl status --json
	holds '.running[0].reserved_memory_bytes <= (80 * 1048576)'
	let_go
}

@test "a file that is not sound is said once, and begun anew; the job runs" {
	resrun --key k -- true
	local file
	file=$(echo "$STATE"/learned/k-*)
	printf x | dd of="$file" conv=notrunc status=none
	run --separate-stderr resrun --key k -- echo runs
	assert_success
	assert_output runs
	[[ $stderr == *"what is learned of 'k' cannot be used: '$file'"* ]] || fail "$stderr"
	run --separate-stderr resrun --key k -- echo runs
	[[ -z $stderr ]] || fail "$stderr"
}

@test "learning that cannot be written fails no job" {
	mkdir -p "$STATE"
	: >"$STATE/learned"
	run --separate-stderr resrun -- echo runs
	assert_success
	assert_output runs
	[[ $stderr == *"what is learned"* ]] || fail "$stderr"
}

# ---- replay ----

# A trace as a workflow leaves one, made up: keys that are alike, that differ, that grow with their input, and that have
# a few tasks only. The same every time.
make_trace() {
	awk 'function random() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
		function task(key, request, peak, ms, input) {
			printf "%s,COMPLETED,%d,%d,%d,%d,%d\n", key, ++time, request, peak, ms, input
		}
		BEGIN {
			seed = 42
			print "process,status,submit,memory,peak_rss,realtime,rchar"
			for (i = 0; i < 400; i++) {
				size = 1e9 + 9e9 * random()
				task("align", 64e9, 2e9 + 1.5 * size + 4e8 * random(), 60000 + size / 1e5, size)
				task("index", 32e9, 20e9 + 2e7 * random(), 30000, 1e9 * random())
				task("sort", 16e9, 1e9 + 3e9 * random() * random(), 20000, 1e9 * random())
				task("report" int(i / 8), 8e9, 5e8 + 2e7 * random(), 5000, 1e6)
			}
			print "align,FAILED," ++time ",64000000000,1,1,1"
			print "align,COMPLETED," ++time ",64000000000,-,1,1"
		}'
}

@test "replay: the learner wastes less and fails less than the largest of the last 100" {
	make_trace >trace.csv
	run -0 resrunctl replay trace.csv
	assert_line --index 0 'Memory for the tasks of the trace:'
	assert_line --regexp '^learned +1600 '
	run -0 resrunctl replay --json trace.csv
	holds 'map(.tasks) | unique == [1600]'
	holds 'map({(.rule): .}) | add | .request.failed == 0 and .learned.waste_gbh < 0.9 * .["largest-100"].waste_gbh'
	holds 'map({(.rule): .}) | add | .learned.failed <= .["largest-100"].failed and .learned.failed < .largest.failed / 4'
}

@test "replay: what a rule costs, by hand" {
	cat >trace.csv <<-'END'
		rchar,realtime,process,status,submit,memory,peak_rss
		0,3600000,a,COMPLETED,2,4000000000,2000000000
		0,3600000,a,CACHED,1,4000000000,1000000000
		0,3600000,b,ABORTED,3,4000000000,1000000000
	END
	run -0 resrunctl replay --json trace.csv
	# 4 - 1 and 4 - 2.
	holds '.[] | select(.rule == "request") | .waste_gbh == 5 and .failed == 0 and .tasks == 2'
	# 4 - 1; then 1.2, which fails, and 2.4 - 2.
	holds '.[] | select(.rule == "last") | (.waste_gbh * 10 | round) == 46 and .failed == 1 and .retries == 1'
}

@test "replay: what is wrong is named by file and line" {
	echo 'process,status' >short.csv
	run -125 resrunctl replay short.csv
	assert_output --partial "short.csv:1: no column is named 'submit'"
	printf '%s\n' process,status,submit,memory,peak_rss,realtime,rchar a,COMPLETED,1,x,1,1,1 >bad.csv
	run -125 resrunctl replay bad.csv
	assert_output --partial "bad.csv:2: memory: 'x' is not a number"
	printf '%s\n' process,status,submit,memory,peak_rss,realtime,rchar a,COMPLETED,1 >cut.csv
	run -125 resrunctl replay cut.csv
	assert_output --partial "cut.csv:2: there is no memory: the line is short"
	run -125 resrunctl replay
	run -125 resrunctl replay nowhere.csv
	assert_output --partial "open 'nowhere.csv'"
	: >empty.csv
	run -125 resrunctl replay empty.csv
}
