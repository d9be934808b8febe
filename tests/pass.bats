#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What belongs to the job passes through untouched: streams, descriptors, words, environment, signals.
# The terminal is terminal.bats.
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

random_file() { # MEGABYTES
	head -c "$1M" /dev/urandom >random
	sum=$(sha256sum <random)
}

@test "100 MB of stdin and stdout pass unchanged, through files and through pipes" {
	random_file 100
	resrun -- cat <random >copy
	assert_equal "$(sha256sum <copy)" "$sum"
	# shellcheck disable=SC2002  # a pipe is the point
	assert_equal "$(cat random | resrun -- cat | sha256sum)" "$sum"
}

@test "100 MB of stderr pass unchanged" {
	random_file 100
	resrun -- sh -c 'cat >&2' <random 2>copy
	assert_equal "$(sha256sum <copy)" "$sum"
	assert_equal "$(resrun -- sh -c 'cat >&2' <random 2>&1 >/dev/null | sha256sum)" "$sum"
}

@test "a reader that goes early ends the job by SIGPIPE, as without resrun" {
	run -141 bash -c 'resrun -- yes | head -n 1; exit "${PIPESTATUS[0]}"'
	assert_output y
}

# Closes all that bats has opened, in this subshell, and executes.
bare() { # COMMAND [ARG]...
	local fd
	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		((fd <= 2)) || eval "exec $fd>&-"
	done
	exec "$@"
}

@test "the job has 0, 1 and 2, and nothing of resrun's" {
	(bare resrun --log log --report report -- fds out)
	assert_equal "$(<out)" '0 1 2'
	# ls itself has the directory open.
	run -0 bare resrun -- ls /proc/self/fd
	assert_output $'0\n1\n2\n3'
}

@test "so it is with a rate, a private TMPDIR, hooks, a sweep and a timeout" {
	mkdir -m 700 sweep
	(bare resrun -r 5/1h --temp --before true --cleanup true --sweep "$PWD/sweep" -t 60s --report report -- fds out)
	assert_equal "$(<out)" '0 1 2'
}

@test "so it is for hooks" {
	(bare resrun --before 'fds before' --cleanup 'fds after' -- true)
	assert_equal "$(<before)" '0 1 2'
	assert_equal "$(<after)" '0 1 2'
}

@test "so it is after a wait" {
	mkfifo gate
	background resrun --name first -- sh -c 'echo >running; read -r word <gate'
	eventually 10 test -e running
	(bare resrun -- fds out) 2>second.err &
	started+=("$!")
	eventually 10 waiters_told second.err 1
	echo go >gate
	await "${started[-1]}"
	assert_equal "$(<out)" '0 1 2'
}

@test "descriptors that the caller passed are the job's: 7 and 300" {
	echo seven >seven
	(exec 7<seven 300>three-hundred && bare_but_7_and_300)
	assert_equal "$(<out)" '0 1 2 7 300'
	assert_equal "$(resrun -- sh -c 'cat <&7' 7<seven)" seven
	run -0 bash -c 'exec 300>three-hundred; resrun -- bash -c "echo words >&300"'
	assert_equal "$(<three-hundred)" words
}

bare_but_7_and_300() {
	local fd
	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		((fd <= 2 || fd == 7 || fd == 300)) || eval "exec $fd>&-"
	done
	exec resrun -- fds out
}

@test "what the caller closed is closed for the job, and no file of resrun's takes its place" {
	local which fd words left
	for which in 0 1 2 '0 1' '0 2' '1 2' '0 1 2'; do
		words='' left='0 1 2'
		for fd in $which; do
			words+=" $fd>&-"
			left=${left/$fd/}
		done
		(eval "exec $words" && bare resrun -r 50/1h --report report --log log -- fds out)
		assert_equal "$(<out)" "$(echo $left)"
	done
	assert_equal "$(history length)" 7
}

@test "no message goes into a file that took the place of a closed stderr" {
	echo precious >file
	(exec 2>&- && bare resrun -v -m 50M -- sh -c 'exit 0') 3>&-
	(exec 2>&- && bare resrun --report file2 -- no-such-command) 3>&- || true
	assert_equal "$(<file)" precious
	assert_equal "$(history 'length')" 2
}

@test "the environment is the caller's, plus RESRUN_ names" {
	env -i "PATH=$PATH" A=1 $'ODD=\x01\xff\n"' EMPTY= "RESRUN_STATE_DIR=$STATE" RESRUN_CPU_THRESHOLD=100 env -0 | sort -z >without
	env -i "PATH=$PATH" A=1 $'ODD=\x01\xff\n"' EMPTY= "RESRUN_STATE_DIR=$STATE" RESRUN_CPU_THRESHOLD=100 resrun -- env -0 | sort -z >with
	grep -azv '^RESRUN_\(JOB_ID\|PROFILE\|NAME\|THREADS\|MEMORY_BYTES\|CGROUP\|HOOKS\|TMPDIR\|STATUS\|FILES\)=' with >filtered
	cmp without filtered
}

@test "the job knows its id, profile, threads and memory" {
	run -0 resrun -c 1 -m 300M --name mine --report report -- sh -c 'echo "$RESRUN_JOB_ID $RESRUN_PROFILE $RESRUN_NAME $RESRUN_THREADS $RESRUN_MEMORY_BYTES"'
	assert_output "$(report .job_id) default mine 1 314572800"
	run -0 resrun -c 1 -- echo 'a{threads}b{threads}' '{threads' '{Threads}'
	assert_output 'a1b1 {threads {Threads}'
	run -0 resrun -- echo '{threads}'
	# By affinity, and by what cgroups above us leave.
	assert_output "$(resrunctl threads --json | jq '.cpu.cpus | ceil')"
}

@test "RESRUN_STATUS names a file of the job's own, which goes with it" {
	run -0 resrun --report report -- sh -c 'test ! -e "$RESRUN_STATUS" && echo stage=one progress=10 >"$RESRUN_STATUS" && cat "$RESRUN_STATUS" && echo "$RESRUN_STATUS"'
	assert_line --index 0 'stage=one progress=10'
	assert_line --index 1 "$RESRUN_RUNTIME_DIR/status/$(report .job_id)"
	[[ -d $RESRUN_RUNTIME_DIR/status && ! -e ${lines[1]} ]]
	# Each its own, also one inside another; a failed one's goes too.
	run -3 resrun -- sh -c 'echo >"$RESRUN_STATUS"; resrun -- sh -c "test ! -e \"\$RESRUN_STATUS\" && echo >\"\$RESRUN_STATUS\"" && exit 3'
	assert_equal "$(ls "$RESRUN_RUNTIME_DIR/status")" ''
}

@test "without a place for RESRUN_STATUS the job runs all the same, and does not see another's" {
	echo >occupied
	RESRUN_STATUS=/of/another RESRUN_RUNTIME_DIR=$PWD/occupied run -0 resrun -- sh -c 'echo "<$RESRUN_STATUS>"'
	assert_output '<>'
	RESRUN_RUNTIME_DIR=$PWD/occupied run -0 resrun -v -- true
	assert_line --regexp "^resrun: no RESRUN_STATUS for the job: '$PWD/occupied': Not a directory"
}

@test "the job's words arrive byte for byte" {
	local words=('' ' ' '-n' '--' $'new\nline' $'\xff\xfe' '*' '$HOME' "quote'\"" '\\' $'\t' 'ünï' '%s' '{}')
	printf '<%s>\0' "${words[@]}" >without
	resrun --report report -- printf '<%s>\0' "${words[@]}" >with
	cmp without with
	# And the report stays JSON.
	assert_equal "$(report '.command | length')" $((${#words[@]} + 2))
	assert_equal "$(report '.command[6]')" $'new\nline'
}

@test "options end at the first word that is not one" {
	run -0 resrun echo -v --help -j 0 --no-such
	assert_output -- '-v --help -j 0 --no-such'
	run -127 resrun -- --help
	assert_output "resrun: cannot run '--help': No such file or directory"
}

@test "working directory, umask, limits, niceness and parent's death are as without" {
	mkdir -p 'a dir'
	cat >probe <<-'END'
		pwd -P; umask; ulimit -Ha; ulimit -Sa; nice; cat /proc/self/oom_score_adj
		grep -E '^(NoNewPrivs|Seccomp|Cpus_allowed|CapEff|Uid|Gid|Groups):' /proc/self/status
	END
	(cd 'a dir' && umask 027 && ulimit -n 200 && ulimit -c 0 && nice -n 3 bash ../probe >../without)
	(cd 'a dir' && umask 027 && ulimit -n 200 && ulimit -c 0 && nice -n 3 resrun -- bash ../probe >../with)
	diff without with
}

@test "process group and session are the caller's" {
	local mine
	mine=$(cut -d ' ' -f 5,6 "/proc/$BASHPID/stat")
	run -0 resrun -- cut -d ' ' -f 5,6 /proc/self/stat
	assert_output "$mine"
}

@test "signals that the caller ignores or blocks are so in the job; the rest is not" {
	local words
	for words in '--default-signal' '--ignore-signal=PIPE' '--ignore-signal=INT,HUP,QUIT,CHLD,XFSZ,TSTP,TTOU,WINCH' \
		'--block-signal=USR1,TERM,CHLD,PIPE' '--ignore-signal=PIPE,INT --block-signal=INT,HUP,ALRM'; do
		# shellcheck disable=SC2086  # words
		env --default-signal $words grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status >without
		# shellcheck disable=SC2086
		env --default-signal $words resrun -- grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status >with
		diff without with || fail "with $words"
	done
}

@test "so are they in hooks" {
	env --default-signal --ignore-signal=PIPE,INT --block-signal=USR1 sh -c 'exec grep -E "^Sig(Blk|Ign)" /proc/self/status' >without
	env --default-signal --ignore-signal=PIPE,INT --block-signal=USR1 \
		resrun --before 'exec grep -E "^Sig(Blk|Ign)" /proc/self/status >with' -- true
	diff without with
}

@test "a caller that ignores SIGCHLD, or blocks all, still gets the status" {
	run -5 env --ignore-signal=CHLD resrun -- sh -c 'exit 5'
	run -6 env --block-signal resrun -- sh -c 'exit 6'
	run -143 env --block-signal=TERM resrun -- die 15
}

# Starts `catch` under resrun; the launcher is $launcher, the job $job.
start_catch() { # SIGNAL... (the last ends it)
	rm -f caught
	background resrun --kill-after 1h -- catch "$PWD/caught" "$@"
	launcher=$LAST_PID
	eventually 10 has_lines caught 1
	job=$(sed -n 's/^ready //p' caught)
}

@test "a signal to the launcher is forwarded, once" {
	local signo n=1
	start_catch 1 2 3 10 12 14 15 16 23 24 26 27 28 29 30 34 64 42
	for signo in 1 2 3 10 12 14 15 16 23 24 26 27 28 29 30 34 64; do
		kill -"$signo" "$launcher"
		n=$((n + 1))
		eventually 10 has_lines caught "$n"
	done
	kill -42 "$launcher"
	await "$launcher"
	assert_equal "$status" 42
	assert_equal "$(sed 1d caught | cut -d ' ' -f 1 | tr '\n' ' ')" '1 2 3 10 12 14 15 16 23 24 26 27 28 29 30 34 64 42 '
}

@test "a second TERM escalates: the job is killed, long before --kill-after" {
	start_catch 15 42
	kill -TERM "$launcher"
	eventually 10 has_lines caught 2
	# Not at once: two that come together may be one wish, as timeout's are.
	nap 1.1
	kill -TERM "$launcher"
	await "$launcher"
	assert_equal "$status" 137
	is_gone "$job"
}

@test "a job that signals its own group gets that once" {
	# shellcheck disable=SC2016
	setsid resrun -- bash -c '(trap : RTMIN; until [ -s caught ]; do :; done; kill -RTMIN 0) & exec catch caught 34 12' \
		3>&- 4>&- >/dev/null 2>&1 &
	eventually 10 has_lines caught 2
	job=$(sed -n 's/^ready //p' caught)
	kill -USR2 "$job"
	eventually 10 has_lines caught 3
	assert_equal "$(sed 1d caught | cut -d ' ' -f 1 | tr '\n' ' ')" '34 12 '
}

@test "a job that somebody stops and continues is not left behind by a stopped launcher" {
	start_catch 10 12
	kill -STOP "$job"
	eventually 10 grep -q '^State:.T' "/proc/$job/status"
	kill -CONT "$job"
	kill -USR2 "$job"
	eventually 10 is_gone "$launcher"
	await "$launcher"
	assert_equal "$status" 42
}

@test "stderr is the job's: resrun says nothing when nothing is waited for" {
	run -0 --separate-stderr resrun -- sh -c 'echo out; echo err >&2'
	assert_output out
	assert_equal "$stderr" err
	run -0 --separate-stderr resrun -v -- sh -c 'echo err >&2'
	[[ $stderr == *'resrun: placed by '*err*'resrun: sh exited 0 after '* ]]
	run -0 --separate-stderr resrun -v -q -- true
	assert_equal "$stderr" ''
}

@test "the job's own children and orphans are not mistaken for it" {
	# The first process waits for a child that exits 9; an orphan exits 8.
	run -4 resrun -- bash -c '(exit 9) & wait; (sh -c "exit 8" &) ; exit 4'
}
