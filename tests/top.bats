#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl top: a frame by itself, and the live screen on a real terminal, which is tmux's.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	export LANG=C.UTF-8 LC_ALL=C.UTF-8
}

teardown() {
	[[ ! -v TERMINAL ]] || "${TERMINAL[@]}" kill-server 2>/dev/null || true
	end_background
}

start_top() { # COLUMNS ROWS [OPTION]...
	need tmux
	TERMINAL=(tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null)
	SHELL=/bin/bash TERM=xterm "${TERMINAL[@]}" new-session -d -x "$1" -y "$2" "PS1='ready$ ' exec bash --norc --noprofile -i" 3>&- 4>&-
	eventually 20 shows 'ready$'
	"${TERMINAL[@]}" send-keys -l "resrunctl top -i 200ms ${*:3}; echo status=\$?"
	press Enter
}

press() { # KEY...
	"${TERMINAL[@]}" send-keys "$@"
}

screen() {
	"${TERMINAL[@]}" capture-pane -p
}

shows() { # TEXT: some line holds it
	screen | grep -qF -- "$1"
}

shows_re() { # RE: some line matches it
	screen | grep -qE -- "$1"
}

is_state() { # PID LETTER
	grep -q "^State:.$2" "/proc/$1/status"
}

# A job that says how far it is, its process's pid in the file `job`; and two behind it.
some_jobs() {
	mkfifo gate
	background resrun --name film -m 1G -- sh -c 'echo "stage=second pass progress=42.5" >"$RESRUN_STATUS"; echo $$ >job.new; mv job.new job; read -r word <gate'
	film=$LAST_PID
	eventually 20 test -e job
	background resrun --name behind -w inf -- true
	eventually 20 queued 1 1
	background resrun --name ünï -w inf --priority low -- true
	# In the queue, and known for what.
	eventually 20 both_wait
}

both_wait() {
	resrunctl status --json | jq -e '.waiting | map(.waits_for) == ["slot", "slot"]'
}

@test "--once without jobs: the host, and that nothing runs" {
	run -0 --separate-stderr resrunctl top --once
	assert_line --index 0 --regexp '^resrun on .*: 0 running, 0 waiting, (no )?room for more +[0-9:]{8}$'
	assert_line --regexp '^CPU +\[.*\] +[0-9.]+% of [0-9.]+ CPUs'
	assert_line --regexp '^Memory +\[.*\] +[0-9.]+%, [0-9.]+[MGT] available'
	assert_line --regexp '^Disk +\[.*\] +[0-9.]+%, [0-9.]+[MGT] free$'
	assert_line --regexp '^Pressure +\['
	assert_line 'Nothing runs, and nothing waits.'
	[[ $output != *$'\e'* && -z $stderr ]]
}

@test "--once: a row for each job, those that run first, then the waiters in turn" {
	some_jobs
	run -0 resrunctl top --once
	assert_line --index 0 --partial ': 1 running, 2 waiting,'
	assert_line --regexp '^[0-9a-z]{10} film +running +[0-9.]+% +[0-9.]+[KM]/1G +[-0-9%]+ 42\.5% +[0-9]+s second pass'
	assert_line --regexp '^[0-9a-z]{10} behind +waiting +[0-9]+s #1, for slot$'
	assert_line --regexp '^[0-9a-z]{10} ünï +waiting +[0-9]+s #2, for slot$'
	assert_equal "$(grep -nE ' (film|behind|ünï) ' <<<"$output" | awk '{ print $2 }' | tr '\n' ' ')" 'film behind ünï '
	# In a locale without these letters nothing else than ASCII.
	LC_ALL=C LANG=C run -0 resrunctl top --once
	[[ $output != *[$'\x80'-$'\xff']* ]]
	assert_line --regexp '^[0-9a-z]{10} \?\?n\?\? +waiting'
}

@test "lines end where the screen does" {
	some_jobs
	for columns in 40 80 200; do
		COLUMNS=$columns run -0 resrunctl top --once
		(($(wc -L <<<"$output") <= columns))
	done
}

@test "live at 80x24; and in another size, at once" {
	some_jobs
	start_top 80 24
	eventually 20 shows_re '^[0-9a-z]{10} film +running .* 42\.5% .* second pass'
	shows 'q quit  up/down  c cancel  p pause  r resume  s set  < > priority  +/- interval'
	shows_re '^Memory +\[.*\] '
	assert_equal "$(screen | wc -l)" 24
	"${TERMINAL[@]}" resize-window -x 140 -y 12
	eventually 20 shows_re '^resrun on .{110,130}[0-9:]{8}$'
	eventually 20 shows_re '^q quit'
	assert_equal "$(screen | sed -n '12s/  .*//p')" 'q quit'
	"${TERMINAL[@]}" resize-window -x 20 -y 4
	eventually 20 shows_re '^CPU +\['
	"${TERMINAL[@]}" resize-window -x 80 -y 24
	eventually 20 shows_re '^[0-9a-z]{10} ünï +waiting'
	press q
	eventually 20 shows 'status=0'
	# The terminal is as it was.
	"${TERMINAL[@]}" send-keys -l 'stty -a | grep -c " icanon.* echo " ; echo still=here'
	press Enter
	eventually 20 shows_re '^still=here'
}

@test "more jobs than rows: the chosen one can always be seen" {
	mkfifo gate
	background resrun -- sh -c 'read -r word <gate'
	eventually 20 queued 0 1
	for i in {1..9}; do
		background resrun --name "waiter$i" -w inf -- true
		eventually 20 queued "$i" 1
	done
	start_top 80 12
	eventually 20 shows_re 'waiter1 +waiting'
	! shows waiter9 || fail 'the screen is too large for this test'
	press Down Down Down Down Down Down Down Down Down
	eventually 20 shows_re 'waiter9 +waiting'
	press PageUp PageUp
	eventually 20 shows_re ' running '
}

@test "p and r: pause and resume, after a yes" {
	some_jobs
	start_top 80 24
	eventually 20 shows_re 'film +running'
	press p
	eventually 20 shows_re '^pause [0-9a-z]{10}\? y: yes'
	press n
	eventually 20 shows 'nothing was changed'
	is_state "$(<job)" S
	press p y
	eventually 20 is_state "$(<job)" T
	eventually 20 shows_re 'film +paused'
	press r y
	eventually 20 is_state "$(<job)" S
	eventually 20 shows_re 'film +running'
}

@test "a job that somebody else has stopped is shown as such" {
	some_jobs
	kill -STOP "$(<job)"
	stopped() { resrunctl top --once | grep -qE 'film +stopped'; }
	eventually 20 stopped
	kill -CONT "$(<job)"
}

@test "c: cancel the chosen job, and no other" {
	some_jobs
	start_top 80 24
	eventually 20 shows_re 'behind +waiting'
	press Down c
	id=$(resrunctl status --json | jq -r '.waiting[] | select(.name == "behind").job_id')
	eventually 20 shows "cancel $id? y: yes"
	press y
	eventually 20 queued 1 1
	resrunctl status --json | jq -e '.waiting[0].name != "behind"'
	eventually 20 shows "$id: "
	press Up c y
	await "$film"
	assert_equal "$status" 143
}

@test "s: set a limit, typed, mended and confirmed; a wrong one is refused in words" {
	some_jobs
	start_top 100 24
	eventually 20 shows_re 'film +running'
	press s
	eventually 20 shows 'KEY=VALUE, such as memory=2G: _'
	press -l 'memory=2X'
	press BSpace
	press -l 'G'
	press Enter
	eventually 20 shows_re '^set [0-9a-z]{10} memory=2G\? y: yes'
	press y
	eventually 20 shows_re 'film .*/2G '
	press s
	press -l 'colour=blue'
	press Enter
	press y
	eventually 20 shows 'colour'
	press s Escape
	eventually 20 shows 'nothing was changed'
}

is_first() { # NAME: of those that wait
	resrunctl status --json | jq -e --arg name "$1" '.waiting[] | select(.position == 1).name == $name'
}

has_priority() { # NAME WORD
	resrunctl status --json | jq -e --arg name "$1" --arg word "$2" '.running + .waiting | map(select(.name == $name).priority) == [$word]'
}

@test "> and <: raise and lower a priority, after a yes; no further than there are any" {
	some_jobs
	is_first behind
	start_top 80 24
	eventually 20 shows_re 'ünï +waiting'
	press Down Down '>'
	eventually 20 shows_re '^set [0-9a-z]{10} priority=normal\? y: yes'
	press n
	eventually 20 shows 'nothing was changed'
	has_priority ünï low
	press '>' y
	eventually 20 has_priority ünï normal
	# What the next key goes by is what top has seen.
	eventually 20 raised high
	press y
	eventually 20 has_priority ünï high
	eventually 20 is_first ünï
	# A job that runs has one as well.
	press Up Up Up '<'
	eventually 20 shows 'priority=low? y: yes'
	press y
	eventually 20 has_priority film low
	eventually 20 lowest
}

# A frame after the change asks for the next priority, or says that there is none.
raised() { # WORD
	press Escape '>'
	nap 0.3
	shows "priority=$1? y: yes"
}

lowest() {
	press Escape '<'
	nap 0.3
	shows 'its priority is low: there is no lower one'
}

@test "wrong usage, and no terminal: 125, and why" {
	run -125 resrunctl top </dev/null
	assert_output 'resrunctl: top needs a terminal; --once prints a frame'
	run -125 resrunctl top word
	[[ $output == *"'word' is one word too many"* ]]
	run -125 resrunctl top --interval 1ms --once
	[[ $output == "resrunctl: --interval: '1ms'"* ]]
	start_top 80 24
	press q
	eventually 20 shows 'status=0'
	"${TERMINAL[@]}" send-keys -l 'TERM=no-such-terminal resrunctl top'
	press Enter
	eventually 20 shows "resrunctl: the terminal 'no-such-terminal' is not known (TERM)"
}

@test "what a job reads and writes, its private temp, and what is left: columns where there is room, else a line" {
	[[ -r /proc/self/io ]] || skip 'no /proc/PID/io'
	need python3
	printf '1710151200 0 1000000 1 9000 success\n' | "$SOURCE/tests/past" learned "$STATE" default:sh
	mkfifo gate
	background resrun --name film --temp -- sh -c 'head -c 3145728 /dev/urandom >"$TMPDIR/file"; sync; echo >written; read -r word <gate'
	film=$LAST_PID
	eventually 40 test -e written
	run -0 env COLUMNS=130 resrunctl top --once
	assert_line --regexp '^ID .* STAGE +LEFT +I/O +TEMP +CPU$'
	assert_line --regexp ' film .* ~2h(2[0-9]m)? +[0-9.]+[KMG]?/s +3(\.[01])?M'
	# Without the room, of the chosen one.
	start_top 80 24
	eventually 20 shows_re '^[0-9a-z]{10}: I/O [0-9.]+[KMG]?/s, private temp 3(\.[01])?M, left 2h[0-9m]* by history$'
	press q
	echo go >gate
	await "$film"
	assert_equal "$status" 0
}
