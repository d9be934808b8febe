#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# On a real terminal, from an interactive shell: ^C, ^Z, ^\, fg, bg, hangup, and who may read. The terminal is tmux's.
#
# runs: outside outside-user
# shellcheck disable=SC2016  # what is typed is expanded there

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	need tmux
	resrun_setup
	TERMINAL=(tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null)
	# tmux runs it by the shell of the account, which may be nologin.
	SHELL=/bin/bash LANG=C.UTF-8 TERM=xterm "${TERMINAL[@]}" new-session -d -x 100 -y 30 "PS1='ready$ ' exec bash --norc --noprofile -i" 3>&- 4>&-
	eventually 10 shows 'ready$'
}

teardown() {
	"${TERMINAL[@]}" kill-server 2>/dev/null || true
	end_background
}

type_line() { # TEXT
	"${TERMINAL[@]}" send-keys -l "$1"
	"${TERMINAL[@]}" send-keys Enter
}

press() { # KEY
	"${TERMINAL[@]}" send-keys "$1"
}

screen() {
	"${TERMINAL[@]}" capture-pane -p -J
}

shows() { # TEXT: some line holds it
	screen | grep -qF -- "$1"
}

shows_re() { # RE: some line matches it
	screen | grep -qE -- "$1"
}

shows_line() { # TEXT: some line is it
	screen | grep -qxF -- "$1"
}

@test "a sweep shows one line that changes, and it is gone when the sweep is over" {
	mkdir -m 700 scratch
	touch scratch/{1,2,3}
	write_config <<<"[default]
sweep_dirs = $PWD/scratch"
	# What comes to the terminal, however short it stands there.
	"${TERMINAL[@]}" pipe-pane "cat >'$PWD/shown'"
	type_line 'resrunctl sweep; echo status=$?'
	eventually 20 shows 'status=0'
	eventually 20 grep -q $'\r\033\\[Kresrunctl: .*: 1 seen, 0 removed, 0' shown
	shows 'removed 0 files and 0 directories'
	run ! shows ' seen, '
}

@test "^C reaches the job once, from the terminal; the job's own answer is the status" {
	type_line 'resrun -- catch caught 2 15; echo status=$?'
	eventually 10 has_lines caught 1
	press C-c
	eventually 10 has_lines caught 2
	# A second delivery would be here by the time the next signal is.
	kill -TERM "$(sed -n 's/^ready //p' caught)"
	eventually 10 shows 'status=42'
	assert_equal "$(sed -n 2p caught)" '2 0'
	assert_equal "$(cut -d ' ' -f 1 caught | tr '\n' ' ')" 'ready 2 15 '
}

@test "^C reaches a job that is paused" {
	type_line 'resrun --name held -- catch caught 2 15; echo status=$?'
	eventually 10 has_lines caught 1
	run -0 resrunctl pause held
	press C-c
	eventually 10 has_lines caught 2
	assert_equal "$(sed -n 2p caught)" '2 0'
	kill -TERM "$(sed -n 's/^ready //p' caught)"
	eventually 10 shows 'status=42'
}

@test "^C ends a job that does not care: 130, and a loop of the shell with it" {
	type_line 'for i in 1 2 3; do echo try-$i; resrun -- sleep 100; done'
	eventually 10 shows_line try-1
	eventually 10 test -s "$STATE/ledger"
	eventually 10 pgrep -P "$(launcher)" sleep
	press C-c
	type_line 'echo status=$?'
	eventually 10 shows_line 'status=130'
	refute_shows try-2
	type_line 'stty -a | grep -c " echo " ; echo still=here'
	eventually 10 shows_line 'still=here'
}

refute_shows() { # TEXT
	! shows_line "$1" || fail "the terminal shows: $1"
}

# The resrun that the terminal's shell has started.
launcher() {
	pgrep -P "$("${TERMINAL[@]}" list-panes -F '#{pane_pid}')" -x resrun
}

@test '^\ ends it: 131' {
	type_line 'ulimit -c 0; resrun -- sleep 100; echo status=$?'
	eventually 10 launcher
	eventually 10 pgrep -P "$(launcher)" sleep
	press 'C-\'
	eventually 10 shows_line 'status=131'
}

state_of() { # PID LETTER
	grep -q "^State:.$2" "/proc/$1/status"
}

@test "^Z stops job and launcher, the slot stays taken, fg goes on; and again by bg" {
	local pid job
	type_line 'resrun -t 60s -- catch caught 10 15; echo status=$?'
	eventually 10 has_lines caught 1
	job=$(sed -n 's/^ready //p' caught)
	pid=$(launcher)
	press C-z
	eventually 10 shows Stopped
	eventually 10 state_of "$job" T
	eventually 10 state_of "$pid" T
	run -75 resrun -w 0 -- true
	type_line fg
	eventually 10 state_of "$job" S
	eventually 10 state_of "$pid" S
	kill -USR1 "$job"
	eventually 10 has_lines caught 2
	press C-z
	eventually 10 state_of "$job" T
	type_line bg
	eventually 10 state_of "$job" S
	eventually 10 state_of "$pid" S
	kill -TERM "$job"
	eventually 10 is_gone "$pid"
	run -0 resrun -w 0 -- true
}

@test "a job that somebody stops from elsewhere shows as stopped, and fg continues it" {
	local job
	type_line 'resrun -- catch caught 15; echo status=$?'
	eventually 10 has_lines caught 1
	job=$(sed -n 's/^ready //p' caught)
	kill -STOP "$job"
	eventually 10 shows Stopped
	type_line fg
	eventually 10 state_of "$job" S
	kill -TERM "$job"
	eventually 10 is_gone "$job"
}

@test "the job reads and writes the terminal, and its settings are left alone" {
	type_line 'resrun -- sh -c "printf quest%s: ion; read -r answer; echo got=\$answer; tty"; stty -a | cksum'
	eventually 10 shows 'question:'
	type_line forty-two
	eventually 10 shows_line got=forty-two
	type_line 'stty -a | cksum'
	eventually 10 shows '/dev/pts/'
}

@test "a job in the background that reads the terminal is stopped, as without; the shell keeps the terminal" {
	type_line 'resrun -- sh -c "read -r word; echo got=\$word" &'
	eventually 10 launcher
	eventually 10 state_of "$(launcher)" T
	type_line 'echo shell=$((40 + 2))'
	eventually 10 shows_line shell=42
	shows Stopped
	type_line fg
	# What comes while the shell still edits its line has a return at its end, which is no end to who reads lines.
	eventually 10 state_of "$(launcher)" S
	type_line word-for-it
	eventually 10 shows_line got=word-for-it
}

@test "a job in the background may write" {
	type_line 'resrun -- sh -c "echo from-behind" & wait; echo done=$?'
	eventually 10 shows from-behind
	eventually 10 shows_line done=0
}

@test "the terminal goes: job and launcher get HUP and end; under nohup they stay" {
	local job pid
	type_line 'nohup resrun -p default --max-concurrent 2 -- catch caught 10 15 >/dev/null 2>&1 &'
	eventually 10 has_lines caught 1
	job=$(sed -n 's/^ready //p' caught)
	# The parent of a job without a cgroup is its launcher.
	type_line 'resrun --max-concurrent 2 -- sh -c "echo \$PPID >second; exec sleep 1000"'
	eventually 10 has_lines second 1
	pid=$(<second)
	"${TERMINAL[@]}" kill-server
	eventually 10 is_gone "$pid"
	! is_gone "$job" || fail 'the job is gone as well'
	kill -TERM "$job"
	eventually 10 is_gone "$job"
}

@test "a window that changes its size: the job is told, and no more" {
	local job
	type_line 'resrun -- catch caught 28 15; stty size'
	eventually 10 has_lines caught 1
	job=$(sed -n 's/^ready //p' caught)
	"${TERMINAL[@]}" resize-window -x 77 -y 22
	eventually 10 has_lines caught 2
	kill -TERM "$job"
	eventually 10 shows_line '22 77'
}

@test "a pager and a screen full of processes: drawn, steered by keys, and gone without a trace" {
	need less top
	seq 1000 >numbers
	type_line 'resrun -- less numbers; echo status=$?'
	eventually 10 shows_line 29
	press G
	eventually 10 shows_line 1000
	press q
	eventually 10 shows_line status=0
	! shows_line 1000 || fail 'its screen is still there'
	type_line 'clear; resrun -- top; echo status=$?'
	eventually 20 shows 'load average:'
	press q
	eventually 10 shows_line status=0
}

@test "an editor: drawn, stopped by ^Z and continued, told of a new size, and the file is written" {
	need vi
	type_line 'resrun -- vi -u NONE file; echo status=$?'
	eventually 10 shows_re '^~ *$'
	press i
	type_line first
	eventually 10 shows_line first
	press Escape
	press C-z
	eventually 10 shows Stopped
	! shows_re '^~ *$' || fail 'its screen is still there'
	"${TERMINAL[@]}" resize-window -x 77 -y 22
	type_line 'fg; echo back=$?'
	eventually 10 shows_re '^~ *$'
	press o
	type_line second
	press Escape
	type_line ':set columns?'
	eventually 10 shows 'columns=77'
	type_line ':wq'
	eventually 10 shows_line back=0
	assert_equal "$(<file)" $'first\n\nsecond'
}

# Waits until it is alone on the terminal, whatever that makes of the end of a line; then its settings are in `after`.
settings_after() {
	eventually 10 is_gone "$(<job)"
	"${TERMINAL[@]}" send-keys -l 'stty -a >after'
	"${TERMINAL[@]}" send-keys C-j
	eventually 10 test -s after
}

@test "a job that is killed cannot put the terminal's settings back: that is done for it, whoever killed it" {
	local way
	type_line 'stty -a >before'
	eventually 10 test -s before
	# By the shell, for a job that died of a signal; by resrun, for which it is told 124, and in a script.
	for way in 'resrun' 'resrun --name holdout --kill-after 0.1'; do
		rm -f job after
		type_line "$way -- sh -c 'trap \"\" TERM; stty raw -echo; echo \$\$ >job; exec sleep 1000'"
		eventually 10 test -s job
		if [[ $way == resrun ]]; then
			kill -KILL "$(<job)"
		else
			eventually 10 resrunctl set holdout timeout=0.1s
		fi
		settings_after
		assert_equal "$(<after)" "$(<before)"
	done
}

@test "the same in a script, and of a shell that had the terminal for itself; a job that ends by itself leaves what it likes" {
	type_line 'stty -a >before'
	eventually 10 test -s before
	echo 'resrun -- bash --norc --noprofile -i; stty -a >after; read -r word; echo read=$word' >script
	type_line 'bash script'
	eventually 10 shows_re '^bash-[0-9.]+[$#] *$'
	# At its prompt, it has the settings as it likes them.
	type_line 'PS1="inner> "; echo $$ >job'
	eventually 10 shows_re '^inner> *$'
	kill -KILL "$(<job)"
	eventually 10 test -s after
	assert_equal "$(<after)" "$(<before)"
	type_line line
	eventually 10 shows_line read=line
	rm after
	type_line 'resrun -- stty -onlcr; stty -a >after; stty onlcr'
	eventually 10 grep -qw -- -onlcr after
}

@test "a live line while it waits, gone when it starts; then a summary" {
	mkfifo gate
	background resrun -- sh -c 'read -r word <gate'
	eventually 10 test -s "$STATE/ledger"
	eventually 10 pgrep -P "$LAST_PID"
	type_line 'resrun -- echo job-output; echo status=$?'
	# Whatever second we come to see.
	eventually 10 shows_re "^resrun: waiting [0-9]+s of 2m for a slot: profile 'default' runs 1 at once"
	echo go >gate
	eventually 10 shows_line status=0
	shows_line job-output
	shows 'resrun: echo exited 0 after'
	! shows 'resrun: waiting' || fail 'the live line is still there'
}

@test "with --chronic the live line shows stage and progress; then nothing is left of it" {
	mkfifo gate
	type_line 'resrun --chronic -- sh -c "echo stage=second pass progress=1/4 >\$RESRUN_STATUS; echo hidden; read -r word <gate"; echo status=$?'
	eventually 20 shows_re '^resrun: running [0-9]+s: second pass, 25.0%'
	echo go >gate
	eventually 10 shows_line status=0
	! shows 'second pass, 25' || fail 'the live line is still there'
	! shows_line hidden || fail 'the output is there'
}

@test "without --chronic all of the terminal is the job's" {
	mkfifo gate
	type_line 'resrun --log log -- sh -c "echo stage=second progress=10 >\$RESRUN_STATUS; echo begun; read -r word <gate"; echo status=$?'
	eventually 10 shows_line begun
	# Each of these is a look, at the first of which it would be drawn.
	eventually 20 grep -q process_resources log
	! shows 'running' || fail 'a live line'
	echo go >gate
	eventually 10 shows_line status=0
}

@test "a terminal that is known to show progress is told it, and that it is over; another is not" {
	need expect
	for name in ghostty unknown; do
		cat >drive <<-END
			log_user 1
			set timeout 20
			spawn -noecho env -u TMUX -u STY TERM=xterm TERM_PROGRAM=$name resrun --chronic -- sh -c {echo progress=42 >"\$RESRUN_STATUS"; echo >"ready-$name"; read -r word <gate}
			expect -re {running [0-9a-z.]+: [^\r]*42.0%} {} timeout { exit 1 }
			exec sh -c {echo go >gate}
			expect eof
		END
		[[ -p gate ]] || mkfifo gate
		run -0 expect drive
		printf '%s' "$output" >"seen-$name"
	done
	grep -qF $'\e]9;4;1;42\e\\' seen-ghostty
	grep -qF $'\e]9;4;0;\e\\' seen-ghostty
	run ! grep -qF $'\e]9;4' seen-unknown
}

@test "^C while it waits: 130, and the queue is left" {
	mkfifo gate
	background resrun -- sh -c 'read -r word <gate'
	eventually 10 pgrep -P "$LAST_PID"
	type_line 'resrun -- touch started'
	eventually 10 shows 'for a slot'
	waiter=$(launcher)
	press C-c
	eventually 10 is_gone "$waiter"
	type_line 'echo status=$?'
	eventually 10 shows_line status=130
	echo go >gate
	await "$LAST_PID"
	run -0 resrun -w 0 -- true
	[[ ! -e started ]]
}
