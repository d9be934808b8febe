#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl logs and wait, for detached jobs and others.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	[[ ! -p gate ]] || echo go 1<>gate
	end_background
}

@test "wait: ends with the job's own status, at whatever moment it is asked" {
	local id
	# At once: it may not be in the ledger yet.
	id=$(resrun -d -- sh -c 'exit 3')
	run -3 resrunctl wait "$id"
	# Afterwards.
	run -3 resrunctl wait "$id"
	id=$(resrun -d -- sh -c 'kill -KILL $$')
	run -137 resrunctl wait "$id"
	id=$(resrun -d -t 0.2 -- sleep 60)
	run -124 resrunctl wait "$id"
	id=$(resrun -d -- no-such-command)
	run -127 resrunctl wait "$id"
	id=$(resrun -d -- true)
	run -0 resrunctl wait "$id"
	run -125 --separate-stderr resrunctl wait nobody
	assert_equal "$stderr" "resrunctl: there is no job 'nobody', neither active nor in the history"
}

@test "wait: by name, for a job in the foreground, and not for longer than --timeout" {
	hold_slot --name mine
	run -124 resrunctl wait -t 0.3 mine
	background resrunctl wait mine
	let_go
	await "$LAST_PID"
	assert_equal "$status" 0
	run -125 --separate-stderr resrunctl wait -t soon mine
	[[ $stderr == *"--timeout: 'soon' is not a time"* ]]
}

@test "wait: while a detached job waits between two tries, it has not ended" {
	local id pid
	id=$(resrun -d --retries 1 --backoff 1h -- false)
	eventually 20 grep -q 'trying again' "$STATE/logs/$id.log"
	run -124 resrunctl wait -t 0.3 "$id"
	# Its launcher is the only one here.
	for pid in $(pgrep -x resrun); do
		if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "RESRUN_STATE_DIR=$STATE"; then
			kill -TERM "$pid"
		fi
	done
	run -1 resrunctl wait "$id"
}

@test "logs: what there is, and with -f until the job has ended" {
	local id
	mkfifo gate
	id=$(resrun -d --name talker -- sh -c 'echo first; read -r word <gate; echo "last $word"')
	eventually 20 grep -q first "$STATE/logs/$id.log"
	run -0 resrunctl logs "$id"
	assert_output first
	run -0 resrunctl logs talker
	assert_output first
	resrunctl logs -f talker >followed 3>&- 4>&- &
	started+=("$!")
	eventually 10 grep -q first followed
	echo go >gate
	await "${started[0]}"
	assert_equal "$status" 0
	assert_equal "$(<followed)" $'first\nlast go'
	run -0 resrun --name front -- true
	run -125 --separate-stderr resrunctl logs front
	[[ $stderr == *'only detached jobs (resrun -d) have one'* ]]
	run -125 resrunctl logs
	run -125 resrunctl logs ../history
}

@test "old logs of detached jobs: the oldest go when all are larger than logs_max_size, none of a job that runs" {
	local id first last
	mkfifo gate
	first=$(resrun -j 9 -d -- sh -c 'head -c 100K /dev/zero; read -r word <gate')
	eventually 20 queued 0 1
	for id in 1 2 3; do
		last=$(resrun -j 9 -d -- head -c 100K /dev/zero)
		run -0 resrunctl wait "$last"
		touch -d "$((10 - id)) days ago" "$STATE/logs/$last.log"
		echo "$last" >>ids
	done
	touch -d '20 days ago' "$STATE/logs/$first.log"
	touch "$STATE/logs/unrelated"
	id=$(RESRUN_LOGS_MAX_SIZE=250K resrun -j 9 -d -- true)
	run -0 resrunctl wait "$id"
	# Two fit; the running one's is the oldest, and stays all the same.
	# shellcheck disable=SC2046  # ids
	assert_equal "$(cd "$STATE/logs" && printf '%s\n' *.log | sort)" "$(printf '%s.log\n' "$first" "$id" $(tail -n 2 ids) | sort)"
	[[ -e $STATE/logs/unrelated ]]
	echo go >gate
	run -0 resrunctl wait "$first"
}
