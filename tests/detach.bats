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
	# A failing test leaves them: bats would wait for those that wait for an hour.
	resrunctl status --json | jq '.waiting[].launcher_pid' | xargs -r kill || true
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
	eventually 20 queued 1 0
	pid=$(resrunctl status --json | jq '.waiting[0].launcher_pid')
	kill -TERM "$pid"
	run -143 resrunctl wait "$id"
}

@test "wait, logs and --after: all tries are one job, by the id of any of them and by its name" {
	local id ids
	mkfifo gate
	id=$(resrun -d --name flaky --retries 2 --backoff 10ms -- \
		sh -c 'echo "$RESRUN_JOB_ID" >>ids; n=$(($(wc -l <ids))); echo "try $n"; [ "$n" -lt 3 ] || read -r word <gate; exit "$n"')
	eventually 20 has_lines ids 3
	mapfile -t ids <ids
	assert_equal "${ids[0]}" "$id"
	for id in "${ids[@]}" flaky; do
		run -124 resrunctl wait -t 0.1 "$id"
	done
	background resrun --after-any "${ids[0]}" -- touch first
	background resrun --after-any "${ids[1]}" -- touch second
	eventually 20 queued 2 1
	[[ ! -e first && ! -e second ]]
	run -0 resrunctl set "${ids[1]}" timeout=1h
	assert_output --partial "${ids[2]}: "
	run -0 resrunctl why "${ids[0]}"
	assert_output --partial 'has ended: it exited with status 1'
	echo go >gate
	for id in "${ids[@]}" flaky; do
		run -3 resrunctl wait "$id"
		run -0 resrunctl logs "$id"
		assert_equal "$(grep '^try' <<<"$output" | tr '\n' ' ')" 'try 1 try 2 try 3 '
	done
	eventually 20 test -e first
	eventually 20 test -e second
	assert_equal "$(history '[.[] | select(.name == "flaky") | [.attempt, .first_job_id, .exit.code]]')" \
		"[[1,\"${ids[0]}\",1],[2,\"${ids[0]}\",2],[3,\"${ids[0]}\",3]]"
	# It is the whole job whose success counts.
	run -75 resrun --after "${ids[0]}" -- true
	rm ids
	run -0 resrun --name better --retries 1 --backoff 10ms -- \
		sh -c 'echo "$RESRUN_JOB_ID" >>ids; [ "$(wc -l <ids)" = 2 ]'
	mapfile -t ids <ids
	for id in "${ids[@]}" better; do
		run -0 resrun --after "$id" -- true
		run -0 resrunctl wait "$id"
	done
}

@test "wait: a further try that was not let in does not hide how the job ended" {
	run -3 resrun --name rated --retries 2 --backoff 10ms -r 1/1h -w 0 --on-busy skip -- sh -c 'exit 3'
	assert_equal "$(history 'map(.exit.reason)')" '["exited","not-admitted"]'
	run -3 resrunctl wait rated
	run -3 resrunctl wait "$(history '.[0].job_id' | tr -d '"')"
}

@test "cancel: between two tries, by the id of the first or by name: the job is over" {
	local id
	id=$(resrun -d --name twice --retries 1 --backoff 1h -- false)
	eventually 20 queued 1 0
	# The wait for the next try holds no slot.
	run -0 resrun -w 0 -- true
	run -0 --separate-stderr resrunctl cancel "$id"
	[[ $output == *': it will not start' ]] || fail "$output"
	run -143 resrunctl wait "$id"
	run -143 resrunctl wait twice
	assert_equal "$(history '[.[] | select(.name == "twice") | [.attempt, .exit.reason]]')" '[[1,"exited"],[2,"canceled"]]'
	queued 0 0
	background resrun --name again --retries 1 --backoff 1h -- false
	eventually 20 queued 1 0
	# Who comes meanwhile sees that it is there.
	run -0 resrun --name again --on-overlap skip -- touch started
	[[ ! -e started ]]
	run -0 resrunctl cancel again
	await "$LAST_PID"
	assert_equal "$status" 143
}

@test "--retries: inside a job of its own profile every try goes on that one's slot" {
	run -5 resrun -j 1 -- resrun -j 1 -w 0 --retries 1 --backoff 10ms -- sh -c 'echo >>tries; exit 5'
	assert_equal "$(wc -l <tries)" 2
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

@test "the log of a running job: what is more than half of logs_max_size is moved out of it, and logs shows all in order" {
	local id log
	cat >job <<-'END'
		#!/bin/bash
		# Each round when all before has been read, and what is too much been moved.
		log=$RESRUN_STATE_DIR/logs/$RESRUN_JOB_ID.log
		for round in 1 2 3 4; do
			seq -f '%015.0f' $((round * 20000 - 20000)) $((round * 20000 - 1))
			until (($(stat -c %s followed) == round * 320000)); do sleep 0.05; done
			until (($(stat -c %s "$log") - $(stat -c %s "$log.1" 2>/dev/null || echo 0) <= 524288)); do sleep 0.05; done
		done
		echo end
	END
	chmod 755 job
	echo >followed
	id=$(RESRUN_LOGS_MAX_SIZE=1M resrun -d -t 200s -- ./job)
	log=$STATE/logs/$id.log
	resrunctl logs -f "$id" >followed 2>follow.err 3>&- 4>&- &
	started+=("$!")
	await "${started[0]}"
	assert_equal "$status" 0
	assert_equal "$(<follow.err)" ''
	(seq -f '%015.0f' 0 79999 && echo end) >wanted
	cmp wanted followed
	run -0 resrunctl wait "$id"
	# Of what is gone by now, logs tells how much it was; the rest is the end of all.
	resrunctl logs "$id" >rest 2>rest.err
	[[ $(<rest.err) == 'resrunctl: '*' bytes of the log are gone: logs_max_size' ]] || fail "$(<rest.err)"
	assert_equal "$(tr -cd 0-9 <rest.err)" $(($(stat -c %s wanted) - $(stat -c %s rest)))
	tail -c "$(stat -c %s rest)" wanted | cmp - rest
	(($(stat -c '%b * 512' "$log") + $(stat -c '%b * 512' "$log.1") <= 1048576))
	# With the log goes what was moved out of it.
	RESRUN_LOGS_MAX_SIZE=4K resrun -d -- true >last
	resrunctl wait "$(<last)"
	[[ ! -e $log && ! -e $log.1 ]]
}

@test "a log that a launcher was killed in moving: audit finds the half, and mends" {
	mkdir -p "$STATE/logs"
	touch "$STATE/logs/0123456789.log" "$STATE/logs/0123456789.log.new"
	run -1 resrunctl audit
	assert_line "found   half: $STATE/logs/0123456789.log.new: a file that a killed process did not come to finish"
	run -0 resrunctl audit --fix
	assert_equal "$(ls "$STATE/logs")" 0123456789.log
}
