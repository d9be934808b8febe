#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Exit status: the job's own passes through, a signal as a signal, and resrun's own are told apart (DESIGN 3.2).
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

@test "every exit status from 0 to 255 is the job's own" {
	local n wrong=''
	for n in {0..255}; do
		status=0
		resrun -- sh -c "exit $n" || status=$?
		((status == n)) || wrong+=" $n->$status"
	done
	assert_equal "$wrong" ''
	assert_equal "$(history 'length')" 256
	assert_equal "$(history 'map(select(.exit.reason == "exited") | .exit.code) == [range(256)]')" true
}

@test "killed by a signal, resrun dies of the same one, and leaves no core of its own" {
	local n wrong=''
	ulimit -c unlimited 2>/dev/null || true
	# CHLD, CONT, URG and WINCH do not kill; the four of job control stop.
	for n in {1..16} {24..27} {29..31} 34 35 50 64; do
		run -0 ended resrun -- die "$n"
		[[ $output == "signaled $n" ]] || wrong+=" $n: $output;"
	done
	assert_equal "$wrong" ''
	assert_equal "$(history 'map(.exit | [.reason, .code]) | unique')" '[["signaled",null]]'
	assert_equal "$(history 'map(.exit.signal) | .[0:3]')" '[1,2,3]'
}

@test "a shell sees 128+n" {
	run -143 resrun -- sh -c 'kill -TERM $$'
	run -137 resrun -- sh -c 'kill -KILL $$'
	run -130 resrun -- sh -c 'kill -INT $$'
}

@test "signals that do not kill do not end it" {
	run -99 resrun -- die 17 18 23 28
}

@test "a command that is not there: 127" {
	local command
	for command in no-such-command /no/such/command ./no-such-command '' dangling no-interpreter; do
		ln -sf nowhere dangling
		printf '#!/no/such/interpreter\n' >no-interpreter
		chmod +x no-interpreter
		[[ $command != dangling && $command != no-interpreter ]] || command=./$command
		run -127 --separate-stderr resrun --report report -- "$command"
		assert_equal "$output" ''
		assert_equal "${#stderr_lines[@]}" 1
		assert_equal "$stderr" "resrun: cannot run '$command': No such file or directory"
		assert_equal "$(report '.exit | [.reason, .code, .signal] | @json')" '["not-started",127,null]'
	done
}

# A path that leads to the file named, and what the kernel says of it.
refused() { # COMMAND ERROR
	run -126 --separate-stderr resrun --report report -- "$1"
	assert_equal "$stderr" "resrun: cannot run '$1': $2"
	assert_equal "$(report '.exit | [.reason, .code] | @json')" '["not-started",126]'
}

@test "a command that cannot be executed: 126, and why" {
	echo 'echo ran' >plain
	mkdir directory
	ln -s loop loop
	cp "$(type -P true)" busy
	refused ./plain 'Permission denied'
	refused ./directory 'Permission denied'
	refused ./loop 'Too many levels of symbolic links'
	refused ./plain/below 'Not a directory'
	exec 9>>busy
	refused ./busy 'Text file busy'
	exec 9>&-
	run -0 resrun -- ./busy
}

@test "arguments too long for the job, though not for resrun: 126" {
	local size text
	# With a small stack there is room for 128 KiB of arguments and environment; what resrun adds to the environment is too much.
	for ((size = 131072; size > 120000; size -= 16)); do
		printf -v text "%${size}s" x
		status=0
		(ulimit -s 400 && exec resrun -q -- true "$text") >out 2>err || status=$?
		! grep -q '^resrun: ' err || break
	done
	assert_equal "$status" 126
	assert_equal "$(<err)" "resrun: cannot run 'true': Argument list too long"
}

@test "PATH is searched as execvp does: past what may not be executed, to the end" {
	mkdir first second
	echo 'echo wrong' >first/tool
	run -126 env PATH="$PWD/first:$PATH" resrun -- tool
	printf '#!/bin/sh\necho right\n' >second/tool
	chmod +x second/tool
	run -0 env PATH="$PWD/first:$PWD/second:$PATH" resrun -- tool
	assert_output right
}

@test "a script without #! runs through sh" {
	echo 'echo "ran $0 $1"; exit 7' >script
	chmod +x script
	run -7 resrun -- ./script argument
	assert_output 'ran ./script argument'
}

@test "the job's own 75, 124, 125, 126, 127 and 137 are told apart from resrun's in the report" {
	local n
	for n in 75 124 125 126 127 137; do
		run -"$n" --separate-stderr resrun --report report -- sh -c "exit $n"
		assert_equal "$(report '.exit | [.reason, .code, .signal] | @json')" "[\"exited\",$n,null]"
		assert_equal "$stderr" ''
	done
}

usage_error() { # WORDS-ON-STDERR [ARG]...
	run -125 --separate-stderr resrun "${@:2}"
	assert_equal "$output" ''
	assert_only_own_lines "$stderr"
	[[ $stderr == *"$1"* ]] || fail "resrun ${*:2}: $stderr"
	[[ ! -e started ]] || fail "resrun ${*:2} has run the job"
}

@test "wrong usage: 125, said on stderr, and nothing is run" {
	usage_error 'no COMMAND'
	usage_error 'no COMMAND' --
	usage_error 'no COMMAND' -j 1
	usage_error '--no-such-option' --no-such-option touch started
	usage_error '-Z' -Z touch started
	usage_error '--max-concurrent' -j 0 touch started
	usage_error '--max-concurrent' -j -1 touch started
	usage_error '--max-concurrent' -j x touch started
	usage_error '--max-concurrent' -j 99999999999999999999 touch started
	usage_error '--rate' -r 3 touch started
	usage_error '--rate' -r 0/60s touch started
	usage_error '--rate' -r 3/0 touch started
	usage_error '--memory' -m lots touch started
	usage_error '--memory' -m -5M touch started
	usage_error '--memory' -m 101% touch started
	usage_error '--cpus' -c 0 touch started
	usage_error '--cpus' -c none-at-all touch started
	usage_error '--timeout' -t soon touch started
	usage_error '--max-wait' -w -1 touch started
	usage_error '--cpu-threshold' --cpu-threshold 101 touch started
	usage_error '--on-busy' --on-busy maybe touch started
	usage_error '--priority' --priority urgent touch started
	usage_error '--isolation' --isolation some touch started
	usage_error '--quiet' --quiet=yes touch started
	usage_error '--strict' --strict=maybe touch started
	usage_error '--timeout' --timeout
	usage_error '--profile' --profile
	usage_error 'no-such-profile' -p no-such-profile touch started
	usage_error 'missing.ini' --config missing.ini touch started
	usage_error '--log' --log /no/such/directory/log touch started
	usage_error '--report' --report /no/such/directory/report touch started
	usage_error 'fd:99' --report fd:99 touch started
}

@test "help and version go to stdout and end well; unless stdout is full" {
	run -0 --separate-stderr resrun --help
	[[ $output == 'Usage: resrun [OPTION]... [--] COMMAND [ARG]...'* ]]
	assert_equal "$stderr" ''
	local option
	for option in --profile --memory --timeout --kill-after --on-busy --dry-run --detach --chronic --sweep-age; do
		assert_output --partial -- "$option"
	done
	run -0 --separate-stderr resrun --version
	[[ $output =~ ^resrun\ [0-9]+\.[0-9]+ ]]
	run -125 sh -c 'resrun --version >/dev/full'
	run -125 sh -c 'resrun --help >/dev/full'
}

@test "--timeout: TERM, exit 124, one line, and the reason" {
	run -124 --separate-stderr resrun -t 0.2 --report report -- sleep 60
	assert_equal "$stderr" 'resrun: sleep was ended: it ran longer than 0.2s (--timeout)'
	assert_equal "$(report '.exit | [.reason, .code, .signal] | @json')" '["timeout",null,15]'
}

# The job's time is over when it has made the file `ready`, however long that takes.
time_out_when_ready() { # [OPTION]... -- COMMAND [ARG]...
	background resrun --name limited -t 1h --report report "$@"
	eventually 20 test -e ready
	resrunctl set limited timeout=1ms
	await "$LAST_PID"
	assert_equal "$status" 124
}

@test "--timeout: 124 too when the job ends well on TERM" {
	time_out_when_ready -- sh -c 'trap "exit 0" TERM; echo >ready; sleep 60 & wait'
	assert_equal "$(report '.exit | [.reason, .code] | @json')" '["timeout",0]'
}

@test "--timeout: a job that ignores TERM is killed after --kill-after, with its children" {
	time_out_when_ready --kill-after 0.3 -- sh -c 'trap "" TERM; sleep 1000 & echo $! >child; echo >ready; sleep 1000; sleep 1000'
	assert_equal "$(report '.exit | [.reason, .signal] | @json')" '["timeout",9]'
	eventually 5 is_gone "$(<child)"
	assert_equal "$(report '.usage.wall_s >= 0.3')" true
}

@test "--timeout: reaches a stopped job as well" {
	run -124 resrun -t 0.3 --kill-after 20s -- sh -c 'kill -TSTP $$; sleep 60'
}

@test "--timeout that is not reached changes nothing" {
	run -3 --separate-stderr resrun -t 60s --report report -- sh -c 'exit 3'
	assert_equal "$stderr" ''
	assert_equal "$(report .exit.reason)" exited
	run -0 resrun -t inf -- true
}

@test "ended by TERM to resrun: canceled, and the shell sees 143" {
	background resrun --report report -- catch caught 15
	local launcher=$LAST_PID
	eventually 10 has_lines caught 1
	kill -TERM "$launcher"
	await "$launcher"
	assert_equal "$status" 42
	assert_equal "$(report '.exit | [.reason, .code] | @json')" '["exited",42]'
	background resrun --report report -- sleep 60
	launcher=$LAST_PID
	eventually 10 pgrep -P "$launcher" -x sleep
	kill -TERM "$launcher"
	await "$launcher"
	assert_equal "$status" 143
	assert_equal "$(report '.exit | [.reason, .signal] | @json')" '["canceled",15]'
}

@test "the report has every field, and none is left out" {
	run -0 resrun --report report --name job -- true
	assert_equal "$(report 'keys_unsorted | join(" ")')" "schema job_id name profile key command cwd user host submitted_at \
started_at ended_at waited_s waited_for attempt first_job_id placement limits exit usage pressed leftover_processes hooks sweep"
	assert_equal "$(report '.usage | keys_unsorted | join(" ")')" "wall_s cpu_s cpu_user_s cpu_system_s memory_peak_bytes \
memory_working_peak_bytes io_read_bytes io_write_bytes pids_peak oom_kills throttled_s frozen_s pressed_s"
	assert_equal "$(report '[.schema, .name, .profile, .key, .command, .attempt, .waited_for, .leftover_processes] | @json')" \
		'[1,"job","default","default:true",["true"],1,[],0]'
	assert_equal "$(report '[.cwd, .user] | @json')" "[\"$PWD\",\"$(id -un)\"]"
	assert_equal "$(report .host)" "$(uname -n)"
	assert_equal "$(report '[.submitted_at, .started_at, .ended_at] | . == sort and all(test("^[0-9-]{10}T[0-9:]{8}(\\.[0-9]+)?Z$"))')" true
	assert_equal "$(report '.usage | [.wall_s, .cpu_s] | all(. > 0)')" true
}

@test "what was not run has a report as well, with nothing invented" {
	run -127 resrun --report report -- no-such-command
	assert_equal "$(report '[.started_at, .ended_at] | @json')" '[null,null]'
	assert_equal "$(report '.usage | map(. == null) | all')" true
	assert_equal "$(history '[length, .[0].exit.reason]')" '[1,"not-started"]'
}

@test "a job that ends at once is still seen to end" {
	local n
	for n in {1..100}; do
		resrun -- true || fail "run $n: $?"
	done
}
