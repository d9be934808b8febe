#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# When a running job is likely to end: by its own progress, else by how long runs of its key took; said as what it is.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	need python3
}

teardown() {
	end_background
}

# Runs of KEY that took so many seconds.
took() { # KEY SECONDS...
	printf '1710151200 0 1000000 1 %s success\n' "${@:2}" | "$SOURCE/tests/past" learned "$STATE" "$1"
}

@test "by history: what is left to half of those that took longer, of the job's own key" {
	took 'my key' 1000 2000 3000
	took default:sh 7
	hold_slot --name holder --key 'my key' -t 9000s
	run -0 resrunctl status --json
	holds '.running[0] | .left_by == "history" and .left_s <= 2000 and .left_s > 1900'
	run -0 resrunctl status
	assert_output --regexp ' running +[0-9a-z]+ +3[123]m([0-9]+s)? by history '
	run -0 resrunctl why holder
	assert_output --regexp "; by its history it likely ends in 3[123]m[0-9s]*, and in 9 of 10 cases within (50m|49m|48m)[0-9s]* \\(3 runs of its key took longer than this one so far\\)\$"
	run -0 resrunctl why --json holder
	holds '.left_by == "history" and .left_s <= 2000 and .left_s > 1900'
	# Whoever waits for its slot is told.
	run -0 resrunctl why -- true
	assert_output --regexp 'sooner with: the end of [a-z0-9]+ \(likely in 3[123]m[0-9s]*: such runs take 33m20s\)'
	run -0 env COLUMNS=120 resrunctl top --once
	assert_output --regexp ' LEFT '
	assert_output --regexp ' ~3[123]m([0-9]+s)? '
	let_go
}

@test "by history: the usual key; longer than any was is overdue" {
	took default:sh 0.001
	hold_slot --name holder
	run -0 resrunctl status --json
	holds '.running[0] | .left_by == "history" and .left_s == 0'
	run -0 resrunctl status
	assert_output --partial ' overdue by history '
	run -0 resrunctl why holder
	assert_output --partial '; by its history it is overdue: runs of its key take 1ms, and none took as long as this one'
	let_go
}

@test "by progress, where the job tells it; history is not asked" {
	took default:sh 9000
	mkfifo gate
	background resrun --name teller -- sh -c 'echo progress=50 >"$RESRUN_STATUS"; echo >told; read -r word <gate'
	eventually 20 test -e told
	run -0 resrunctl status --json
	holds '.running[0] | .left_by == "progress" and .left_s < 600 and (.left_s - .age_s | fabs) < 0.01'
	run -0 resrunctl why teller
	assert_output --partial '; by its progress it ends in '
	echo go >gate
	await "$LAST_PID"
}

@test "nothing is told of a paused job, nor of a key that is not known" {
	hold_slot --name holder
	run -0 resrunctl status --json
	holds '.running[0] | .left_by == null and .left_s == null'
	run -0 resrunctl why holder
	refute_output --partial 'by its'
	took default:sh 9000
	run -0 resrunctl status --json
	holds '.running[0].left_by == "history"'
	resrunctl pause holder
	run -0 resrunctl status --json
	holds '.running[0] | .state == "paused" and .left_by == null'
	resrunctl resume holder
	let_go
}

@test "the live line says it as well" {
	need expect
	took 'a key' 2000
	mkfifo gate
	cat >drive <<-'END'
		set timeout 30
		spawn -noecho env TERM=xterm resrun --chronic --key {a key} -- sh -c {read -r word <gate}
		expect -re {running [0-9a-z.]+: [^\r]*, 3[123]m[0-9s]* left by history} {} timeout { exit 1 }
		exec sh -c {echo go >gate}
		expect eof
	END
	run -0 expect drive
}
