#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# docs/schema: what every --json and every report says is what its schema says, name by name.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	python3 -c 'import jsonschema' 2>/dev/null || skip 'no python3-jsonschema'
}

teardown() {
	end_background
}

valid() { # SCHEMA [--lines] <JSON
	run "$SOURCE/tests/validate" "$@"
	assert_success
}

ctl() { # ARG...: the last output, in a file
	run --separate-stderr resrunctl "$@"
	assert_success
	printf '%s\n' "$output" >answer
}

@test "every verb with --json has a schema, and every schema a verb" {
	local verb verbs schemas
	mapfile -t verbs < <(resrunctl --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
	((${#verbs[@]} > 5))
	for verb in "${verbs[@]/#config/config show}"; do
		# shellcheck disable=SC2086  # config show
		if resrunctl $verb --help | grep -q -- '--json'; then
			echo "${verb/ /-}"
		fi
	done | sort >with
	schemas=("$SOURCE"/docs/schema/*.json)
	schemas=("${schemas[@]##*/}")
	printf '%s\n' "${schemas[@]%.json}" | grep -vx report | sort >have
	run -0 diff with have
}

@test "a schema refuses what it does not know, what is missing, and what is of another kind" {
	ctl status --json
	valid status <answer
	run -1 "$SOURCE/tests/validate" status < <(jq '.more = 1' answer)
	run -1 "$SOURCE/tests/validate" status < <(jq '.host.more = 1' answer)
	run -1 "$SOURCE/tests/validate" status < <(jq 'del(.host.cpus)' answer)
	run -1 "$SOURCE/tests/validate" status < <(jq '.host.memory_total_bytes = "8"' answer)
	run -1 "$SOURCE/tests/validate" status < <(jq '.time = "now"' answer)
	ctl history --json
	resrun -- true
	ctl history --json
	run -1 "$SOURCE/tests/validate" history < <(jq '.records[0].usage.more = 1' answer)
}

@test "the report: however it ended, with all limits, hooks and a sweep" {
	local reports=()
	resrun --report r1 -m 1G -c 1 --cpu-weight 100 --pids 100 --io-weight 100 --memory-high 512M --swap 0 --before true --cleanup true --temp -- true
	run resrun --report r2 -- sh -c 'exit 3'
	run resrun --report r3 -- sh -c 'kill -TERM $$'
	run resrun --report r4 -t 0.2 -- sleep 30
	run -127 resrun --report r5 -- /nowhere/at/all
	hold_slot
	run resrun --report r6 -w 0 -- true
	let_go
	await "$holder"
	run resrun --report r7 --isolation process -m 40M -- python3 -c 'import time
x = bytearray(200 << 20)
time.sleep(30)'
	reports=(r1 r2 r3 r4 r5 r6 r7)
	assert_equal "$(jq -r .exit.reason "${reports[@]}" | tr '\n' ' ')" \
		'exited exited signaled timeout not-started not-admitted oom '
	jq -c . "${reports[@]}" | valid report --lines
	ctl history --json
	valid history <answer
	assert_equal "$(jq '.records | length' answer)" 8
}

has_lost() { # JOB: its launcher was killed, and somebody has said so
	resrun -q -j 9 -- true
	[[ $(history "map(select(.name == \"$1\")) | map(.exit.reason) | first") == lost ]]
}

@test "the report of a job that was lost" {
	background resrun --name gone -- sleep 60
	eventually 10 queued 0 1
	kill -KILL "$LAST_PID"
	await "$LAST_PID"
	eventually 20 has_lost gone
	ctl history --json
	valid history <answer
	ctl stats --json
	valid stats <answer
	assert_equal "$(jq -c '.keys | map(.key)' answer)" '["default:true"]'
}

@test "status: nothing, one that runs, one that waits, and rate windows" {
	ctl status --json
	valid status <answer
	export RESRUN_RATE_LIMIT=9
	hold_slot --name holder -m 100M
	background resrun --name waiter -- true
	eventually 10 queued 1 1
	ctl status --json
	assert_equal "$(jq '[(.running, .waiting, .rate_windows) | length] | tostring' answer)" '"[1,1,1]"'
	valid status <answer
	let_go
	await "$holder"
}

@test "why: of one that waits, runs, is over, and is not there yet" {
	export RESRUN_RATE_LIMIT=9
	hold_slot --name holder
	background resrun --name waiter -- true
	eventually 10 queued 1 1
	ctl why --json waiter
	valid why <answer
	ctl why --json holder
	valid why <answer
	ctl why --json -- true
	valid why <answer
	let_go
	await "$holder"
	ctl why --json holder
	valid why <answer
}

@test "stats: without runs, young, and with all that can be known" {
	ctl stats --json
	valid stats <answer
	local i
	for i in 1 2 3 4 5 6 7 8 9; do
		truncate -s "${i}M" input
		resrun --key k -- sh -c : input
	done
	run resrun --key failed -- false
	ctl stats --json
	assert_equal "$(jq -c '.keys | map(.key)' answer)" '["failed","k"]'
	valid stats <answer
}

@test "the other verbs: replay, doctor, alerts, config show, audit, sweep, monitor" {
	printf '%s\n' process,status,submit,memory,peak_rss,realtime,rchar a,COMPLETED,1,1000,500,10,1 >trace.csv
	ctl replay --json trace.csv
	valid replay <answer
	run resrunctl doctor --json
	valid doctor <<<"$output"
	ctl alerts --json
	valid alerts <answer
	ctl threads --json
	valid threads <answer
	ctl threads --json --memory-per 1G --max 3
	valid threads <answer
	ctl idle --json --for 1h
	valid idle <answer
	hold_slot
	run -1 resrunctl idle --json --for 1h
	valid idle <<<"$output"
	let_go
	await "$holder"
	ctl config show --json
	valid config-show <answer
	run resrunctl audit --json
	valid audit <<<"$output"
	mkdir swept
	touch -d '9 days ago' swept/old
	run resrunctl sweep --json -n "$PWD/swept"
	valid sweep <<<"$output"
	ctl monitor --json --duration 1s --debug $$
	valid monitor --lines <answer
}
