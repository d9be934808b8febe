#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl monitor: real processes, followed by number, by job and by name.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	need jq xz
	resrun_setup
	mkdir empty
}

teardown() {
	[[ ! -v TERMINAL ]] || "${TERMINAL[@]}" kill-server 2>/dev/null || true
	end_background
}

# Looks often, whatever the load, and not at the temporary files of everybody.
watch_json() { # ARG...
	resrunctl monitor --json --debug -i 100ms --temp "$PWD/empty" "$@"
}

# A jq filter is true of some line of FILE.
some_line() { # FILTER FILE
	[[ $(jq -s "any(.[]; $1)" "$2") == true ]]
}

# Watches until FILTER is true of some line, however many looks that takes; what it has seen is in the file `lines`.
watch_until() { # FILTER ARG...
	resrunctl monitor --json --debug -i 100ms --temp "$PWD/empty" "${@:2}" >lines 3>&- 4>&- &
	started+=("$!")
	eventually 20 some_line "$1" lines
	kill "${started[-1]}"
	await "${started[-1]}"
}

# A reader of 4 MiB that stops at the middle. Its pid is $LAST_PID.
half_read() {
	truncate -s 4M film
	mkfifo gate
	background bash -c 'exec 5<film; head -c 2M <&5 >/dev/null; echo >half; read -r word <gate'
	eventually 10 test -e half
}

@test "of another user's process it is not guessed where its temporary files are" {
	[[ ! -r /proc/1/environ ]] || skip 'whoever may read that may read everything'
	run -0 resrunctl monitor --json --duration 0s 1
	holds '.temp_path == null and .temp_bytes == null and .temp_complete == null'
	background sleep 1000
	run -0 resrunctl monitor --json --duration 0s "$LAST_PID"
	holds '.temp_path == "/tmp" and .temp_bytes != null'
}

@test "a process by its number: progress is the position in its largest input" {
	half_read
	watch_until '.stage_from == "processes" and .cpu_percent != null' "$LAST_PID"
	some_line ".pid == $LAST_PID and .name == \"bash\" and .state == \"running\" and .job_id == null and .schema == 1" lines
	some_line '.progress_percent == 50 and .progress_from == "processes" and (.input_path | endswith("/film"))' lines
	some_line '.stage == "bash" and .stage_from == "processes" and .cpu_percent != null and .memory_bytes > 0 and .memory_level == "normal"' lines
	some_line '.processes == 1 and .threads == 1 and .temp_bytes == 0 and .temp_complete and .interval_s == 0.1 and .source == "processes"' lines
	some_line '.host | .cpu_percent >= 0 and .memory_percent > 0 and .memory_available_bytes > 0' lines
}

@test "where nothing fits, progress is unknown" {
	background sleep 300
	watch_json --duration 300ms "$LAST_PID" >lines
	some_line '.stage == "sleep" and .progress_percent == null and .progress_from == null and .input_path == null' lines
	run -0 resrunctl monitor --debug --duration 100ms "$LAST_PID"
	assert_line --index 0 --partial "sleep[$LAST_PID] running: stage sleep, progress unknown, CPU "
}

@test "the whole tree counts, and its busiest process is the stage" {
	background bash -c 'sleep 300 & xz -9 -c /dev/zero >/dev/null & wait'
	eventually 10 pgrep -P "$LAST_PID" xz
	watch_until '.name == "bash" and .stage == "xz" and .processes == 3 and .cpu_percent > 0' "$LAST_PID"
	pkill -P "$LAST_PID"
}

# None of them lives for long: what they took is known to who has waited for them. In CPU seconds.
@test "the CPU time of processes that came and went between two looks counts" {
	mkfifo gate
	cat >many <<-'END'
		until [ -s background.out ]; do sleep 0.05; done
		enough=$((60 * $(getconf CLK_TCK) / 100))
		until ((ticks >= enough)); do
			bash -c 'for ((i = 0; i < 4000; i++)); do :; done'
			read -ra stat </proc/$$/stat
			((ticks = stat[15] + stat[16]))
		done
		: >over
		read -r word <gate
	END
	background bash many
	background resrunctl monitor --json --debug -i 100ms --temp "$PWD/empty" "$LAST_PID"
	eventually 60 test -e over
	local seen
	seen=$(wc -l <background.out)
	eventually 20 has_lines background.out $((seen + 2))
	kill "$LAST_PID"
	await "$LAST_PID"
	run -0 jq -s '[range(1; length) as $i | .[$i].cpu_percent / 100 * (.[$i].age_s - .[$i - 1].age_s)] | add >= 0.4' background.out
	assert_output true
}

@test "it ends when they do, and tells their peak" {
	mkfifo gate
	background bash -c 'x=$(head -c 20000000 /dev/zero | tr "\0" x); echo >ready; read -r word <gate'
	eventually 10 test -e ready
	background resrunctl monitor --json --debug -i 100ms --temp "$PWD/empty" "$LAST_PID"
	eventually 10 some_line '.memory_bytes > 20000000' background.out
	echo go >gate
	await "$LAST_PID"
	assert_equal "$status" 0
	assert_equal "$(jq -s 'last | .state == "ended" and .memory_peak_bytes > 20000000' background.out)" true
}

@test "a job by its name or id: what it says of itself holds" {
	mkfifo gate
	background resrun --name film -- sh -c 'echo "stage=second pass progress=3/4" >"$RESRUN_STATUS"; echo >holding; read -r word <gate'
	eventually 20 test -e holding
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	watch_json --duration 300ms film >lines
	some_line ".job_id == \"$id\" and .name == \"film\" and .stage == \"second pass\" and .stage_from == \"job\"" lines
	some_line '.progress_percent == 75 and .progress_from == "job" and .processes == 1' lines
	watch_json --duration 300ms "${id:0:6}" >lines
	some_line ".job_id == \"$id\"" lines
	background resrun --name behind -w inf -- true
	waiter=$LAST_PID
	eventually 20 queued 1 1
	run -125 --separate-stderr resrunctl monitor behind
	[[ $stderr == "resrunctl: job "*" waits: see resrunctl why "* ]]
	echo go >gate
	await "$waiter"
}

@test "progress as ffmpeg -progress tells it" {
	need ffmpeg
	mkfifo gate
	background resrun -- sh -c 'ffmpeg -nostdin -v error -f lavfi -i testsrc=d=2:s=64x64 -f null -progress - - | { echo duration=4s; cat; } >"$RESRUN_STATUS"; echo >holding; read -r word <gate'
	eventually 20 test -e holding
	watch_json --duration 300ms "$(resrunctl status --json | jq -r '.running[0].job_id')" >lines
	some_line '.progress_percent == 100 and .progress_from == "job"' lines
	echo go >gate
}

@test "by name: the main process of each tree, with globs, and never ourselves" {
	# Nobody else's may have that name.
	local worker=w$BASHPID
	export WORKER=$worker
	cp "$(type -P bash)" "$worker-one"
	cp "$(type -P bash)" "$worker-two"
	mkfifo gate
	background "./$worker-one" -c "./$worker-two -c 'read -r word <gate; true'; true"
	first=$LAST_PID
	eventually 10 pgrep -P "$first" "$worker-two"
	background "./$worker-two" -c 'read -r word <gate; true'
	second=$LAST_PID
	eventually 10 grep -q "$worker-two" "/proc/$second/comm"
	bash -c 'resrunctl monitor --json --debug -i 100ms --duration 300ms --temp empty --match "nothing,$WORKER-*"; true' >lines
	assert_equal "$(jq -sc 'map(.pid) | unique' lines)" "$(jq -nc "[$first, $second] | sort")"
	# Each once in every look.
	assert_equal "$(jq -sc 'unique_by([.pid, .age_s]) | length' lines)" "$(wc -l <lines)"
	some_line ".pid == $first and .processes == 2" lines
	# A script by its own name.
	printf '#!/bin/bash\nread -r word <gate\n' >"script-$worker"
	chmod +x "script-$worker"
	background "./script-$worker"
	third=$LAST_PID
	eventually 10 grep -q "script-$worker" "/proc/$third/cmdline"
	watch_json --duration 200ms --match "script-$worker" >lines
	assert_equal "$(jq -sc 'map(.pid) | unique' lines)" "[$third]"
	run -125 resrunctl monitor --match no-such-name
	assert_output "resrunctl: no process fits --match 'no-such-name'"
}

@test "several at once; those that end leave, the others are followed on" {
	mkfifo gate
	background sleep 300
	long=$LAST_PID
	background sh -c 'read -r word <gate'
	short=$LAST_PID
	background resrunctl monitor --json --debug -i 100ms --temp "$PWD/empty" "$long" "$short"
	eventually 10 some_line ".pid == $short" background.out
	echo go >gate
	eventually 10 some_line ".pid == $short and .state == \"ended\"" background.out
	seen=$(wc -l <background.out)
	eventually 10 has_lines background.out $((seen + 2))
	tail -n +$((seen + 1)) background.out | jq -s "all(.[]; .pid == $long)" | grep -qx true
	kill "$long"
	await "$LAST_PID"
	assert_equal "$status" 0
}

@test "temporary files are measured" {
	mkdir scratch
	head -c 300000 /dev/urandom >scratch/file
	background env TMPDIR="$PWD/scratch" sleep 300
	eventually 10 grep -q sleep "/proc/$LAST_PID/comm"
	resrunctl monitor --json --debug --duration 100ms "$LAST_PID" >lines
	some_line ".temp_path == \"$PWD/scratch\" and .temp_bytes >= 300000 and .temp_bytes < 400000 and .temp_complete" lines
}

@test "CSV: a line of names, then as many values; JSON's fields" {
	background sleep 300
	sleeper=$LAST_PID
	background resrunctl monitor --csv --debug -i 100ms --temp "$PWD/empty" "$sleeper"
	eventually 10 has_lines background.out 3
	kill "$LAST_PID"
	await "$LAST_PID"
	# Killed in the middle of a line, it would have left a part of one.
	head -n 3 background.out >lines
	python3 - "$sleeper" <<-'PY'
		import csv, sys
		rows = list(csv.DictReader(open('lines', newline='')))
		assert len(rows) >= 2, rows
		for row in rows:
		    assert None not in row and None not in row.values(), row
		    assert row['pid'] == sys.argv[1] and row['stage'] == 'sleep' and row['progress_percent'] == '', row
		    assert float(row['host_memory_percent']) > 0, row
	PY
}

@test "how often it looks: by its mode, more rarely under load, and --debug always" {
	background sleep 300
	while read -r mode least most; do
		resrunctl monitor --json --duration 100ms --temp empty $mode "$LAST_PID" >lines
		some_line ".interval_s >= $least and .interval_s <= $most" lines
	done <<-'END'
		--quick 2 60
		--heavy 30 300
		--debug 1 1
		--interval=7s 7 60
		-- 5 60
	END
}

@test "wrong usage: 125, and why" {
	local words
	while IFS='|' read -r words expected; do
		# shellcheck disable=SC2086  # words
		run -125 resrunctl monitor $words
		[[ $output == "resrunctl: "*"$expected"* ]] || fail "$words: $output"
	done <<-'END'
		|whom to monitor is not said
		--quick --heavy 1|exclude each other
		--json --csv 1|exclude each other
		--interval 1ms 1|--interval: '1ms'
		--interval inf 1|--interval: 'inf'
		--duration soon 1|--duration: 'soon'
		--levels 1G,1G,2G 1|--levels: '1G,1G,2G'
		--levels 1G 1|--levels: '1G'
		--levels 1,2,3,4 1|--levels: '1,2,3,4'
		999999999|there is no process 999999999
		nobody|no process and no job
		--url https://localhost|--url: 'https://localhost'
	END
}

# A dashboard, on a port of its own choosing that is then in the file `port`; it answers with the file `answer`, or, when
# there is a file `hang`, not at all.
dashboard() { # [PORT]
	rm -f port
	cat >server.py <<-'PY'
		import http.server, os, sys, time
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        while os.path.exists('hang'):
		            time.sleep(0.05)
		        body = open('answer', 'rb').read()
		        self.send_response(200 if self.path == '/api/v1/monitor' else 404)
		        self.send_header('Content-Length', str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def log_message(self, *words):
		        pass
		http.server.ThreadingHTTPServer.allow_reuse_address = True
		server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
		with open('port.new', 'w') as out:
		    out.write(str(server.server_port))
		os.rename('port.new', 'port')
		server.serve_forever()
	PY
	background python3 server.py "${1:-0}"
	eventually 20 test -e port
}

answer() { # NAME PERCENT
	jq -n --arg name "$1" --argjson percent "$2" '{schema: 1, new_name: 1, targets: [{schema: 1, name: $name, job_id: "abcdefghij", pid: 7, state: "running",
		age_s: 12.5, processes: 3, threads: 9, cpu_percent: 150, memory_bytes: 3000000000, memory_peak_bytes: 3000000001, stage: "pass\u001b[2J",
		stage_from: "job", progress_percent: $percent, progress_from: "processes", input_path: "/far/film", temp_path: "/far/tmp", temp_bytes: null,
		host: {cpu_percent: 42, memory_percent: 50.5, memory_available_bytes: 1000}}]}' >answer.new
	mv answer.new answer
}

@test "--url: what a dashboard tells, of those that are asked for" {
	need python3
	answer far 12.5
	dashboard
	run -0 resrunctl monitor --json --debug -i 100ms --duration 500ms --url "http://127.0.0.1:$(<port)" far
	head -n 1 <<<"$output" >lines
	some_line '.name == "far" and .job_id == "abcdefghij" and .pid == 7 and .age_s == 12.5 and .processes == 3 and .threads == 9' lines
	some_line '.source == "dashboard" and .memory_level == "critical" and .memory_peak_bytes == 3000000001 and .cpu_percent == 150' lines
	some_line '.stage == "pass?[2J" and .stage_from == "job" and .progress_percent == 12.5 and .progress_from == "processes"' lines
	some_line '.input_path == "/far/film" and .temp_path == "/far/tmp" and .temp_bytes == null and .temp_complete == null' lines
	some_line '.host == {"cpu_percent": 42.0, "memory_percent": 50.5, "memory_available_bytes": 1000}' lines
	for wanted in 7 abcde '--match f*'; do
		# shellcheck disable=SC2086  # two words
		run -0 resrunctl monitor --debug -i 100ms --duration 100ms --url "http://127.0.0.1:$(<port)" $wanted
		assert_output --partial 'from the dashboard'
	done
	run -0 resrunctl monitor --debug --url "http://127.0.0.1:$(<port)" other
	assert_output ''
}

@test "--url: processes are read while the dashboard does not answer, and it is asked again" {
	need python3
	background sleep 300
	near=$LAST_PID
	answer sleep 12.5
	dashboard
	server=$LAST_PID
	port=$(<port)
	background resrunctl monitor --json --debug -i 100ms --temp "$PWD/empty" --url "http://127.0.0.1:$port" "$near" 7
	monitor=$LAST_PID
	eventually 20 some_line '.source == "dashboard" and .progress_percent == 12.5' background.out
	kill "$server"
	# Refused, or cut off in the middle of an answer.
	eventually 20 grep -q "^resrunctl: the dashboard does not answer: .*; reading processes instead" background.err
	rm answer
	# 7 means nobody here: it is not the end of it, as the dashboard may come back.
	answer sleep 99
	dashboard "$port"
	eventually 20 grep -q 'the dashboard answers again' background.err
	eventually 20 some_line '.source == "dashboard" and .progress_percent == 99' background.out
	kill "$monitor"
}

@test "--url: without an answer at all, or one that is not understood, processes; --fallback does not even ask" {
	need python3
	background sleep 300
	near=$LAST_PID
	echo '{"schema": 2, "targets": []}' >answer
	dashboard
	url=http://127.0.0.1:$(<port)
	run -0 --separate-stderr resrunctl monitor --json --debug -i 100ms --duration 500ms --temp empty --url "$url" "$near"
	[[ $stderr == 'resrunctl: the dashboard does not answer: its answer is not of schema 1; reading processes instead' ]]
	jq -e ".source == \"processes\" and .pid == $near" <<<"${lines[0]}"
	run -0 --separate-stderr resrunctl monitor --debug --duration 100ms --temp empty --url "$url/elsewhere" "$near"
	[[ $stderr == *"it answers 'HTTP/1.0 404 Not Found'; reading"* ]]
	touch hang
	run -0 --separate-stderr resrunctl monitor --json --debug -i 100ms --duration 300ms --temp empty --url "$url" --fallback "$near"
	assert_equal "$stderr" ''
	jq -e '.source == "processes"' <<<"${lines[0]}"
	rm hang
	# Without a name: all jobs that run here.
	mkfifo gate
	background resrun --name here -- sh -c 'echo >holding; read -r word <gate'
	eventually 20 test -e holding
	for address in "--url $url" ''; do
		# shellcheck disable=SC2086  # two words, or none
		run -0 --separate-stderr resrunctl monitor --json --debug -i 100ms --duration 100ms --temp empty $address --fallback
		jq -e '.name == "here"' <<<"${lines[0]}"
	done
	echo go >gate
}

@test "on a terminal memory is coloured by its level; not with NO_COLOR, and not in a pipe" {
	need tmux
	TERMINAL=(tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null)
	background sleep 300
	SHELL=/bin/bash LANG=C.UTF-8 TERM=xterm "${TERMINAL[@]}" new-session -d -x 180 -y 30 "PS1='ready$ ' exec bash --norc --noprofile -i" 3>&- 4>&-
	eventually 20 shows_prompt
	monitor="resrunctl monitor --debug --duration 100ms --temp $PWD/empty $LAST_PID"
	"${TERMINAL[@]}" send-keys -l "$monitor; $monitor --levels 1,2,3; NO_COLOR=1 $monitor; echo all=done"
	"${TERMINAL[@]}" send-keys Enter
	eventually 20 shows_line all=done
	"${TERMINAL[@]}" capture-pane -p -J -e >screen
	mapfile -t lines < <(grep -a 'running: stage sleep' screen)
	((${#lines[@]} >= 3))
	[[ ${lines[0]} == *$'memory \e[32m'* ]]
	[[ $(printf '%s\n' "${lines[@]}") == *$'memory \e[1m\e[31m'* ]]
	[[ ${lines[-1]} != *$'\e['* ]]
	run -0 resrunctl monitor --debug --duration 100ms --temp "$PWD/empty" "$LAST_PID"
	[[ $output != *$'\e'* ]]
}

shows_prompt() {
	"${TERMINAL[@]}" capture-pane -p -J | grep -qF 'ready$'
}

shows_line() { # TEXT
	"${TERMINAL[@]}" capture-pane -p -J | grep -qxF -- "$1"
}

@test "the levels of memory are those of the configuration, and --levels goes before them" {
	level() { # OPTION...
		resrunctl monitor --json --duration 0s "$@" $$ | jq -r .memory_level
	}
	assert_equal "$(RESRUN_MONITOR_LEVELS=1,2,3 level)" critical
	write_config <<-'END'
		[resrun]
		monitor_levels = 1,2,900G
	END
	assert_equal "$(level)" high
	assert_equal "$(level --levels 1,800G,900G)" elevated
	write_config <<-'END'
		[resrun]
		monitor_levels = 3,2
	END
	run -125 resrunctl monitor --duration 0s $$
	assert_output --regexp "/resrun.ini:2: '3,2' is not three rising sizes such as 500M,1G,2G"
}
