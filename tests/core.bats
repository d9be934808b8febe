#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The main promises again where the job is in a cgroup: short forms of exit.bats, pass.bats and admit.bats, for the guest.
#
# runs: plain systemd systemd-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

@test "exit statuses and signals are the job's" {
	local n wrong=''
	for n in 0 1 2 63 75 124 125 126 127 128 137 255; do
		status=0
		resrun --isolation cgroup -- sh -c "exit $n" || status=$?
		((status == n)) || wrong+=" $n->$status"
	done
	for n in 1 2 3 9 11 13 15 24 64; do
		run -0 ended resrun --isolation cgroup -- die "$n"
		[[ $output == "signaled $n" ]] || wrong+=" $n: $output;"
	done
	assert_equal "$wrong" ''
	run -127 resrun -- no-such-command
	run -126 resrun -- /
	run -124 resrun -t 0.3 -- sleep 100
}

@test "5 MB of stdin, stdout and stderr pass unchanged" {
	head -c 5M /dev/urandom >random
	resrun -- sh -c 'tee /dev/stderr' <random >out 2>err
	cmp random out
	cmp random err
}

@test "the job has the descriptors that the caller passed, and no other" {
	(
		for fd in /proc/"$BASHPID"/fd/*; do
			fd=${fd##*/}
			((fd <= 2)) || eval "exec $fd>&-"
		done
		exec 7<&0
		resrun -r 5/1h --temp --log log --report report -- fds one
		resrun 0<&- 2>&- -- fds two
	)
	assert_equal "$(<one)" '0 1 2 7'
	assert_equal "$(<two)" '1 7'
}

@test "signals, process group and session are as without" {
	local words='--default-signal --ignore-signal=PIPE,INT --block-signal=USR1,HUP'
	cat >probe <<-'END'
		grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
		cut -d ' ' -f 5,6 /proc/self/stat
	END
	# shellcheck disable=SC2086  # words
	env $words sh probe >without
	# shellcheck disable=SC2086
	env $words resrun -- sh probe >with
	diff without with
}

@test "a TERM is forwarded once, a second one kills" {
	background resrun --kill-after 250s -- catch "$PWD/caught" 15 42
	eventually 30 has_lines caught 1
	kill -TERM "$LAST_PID"
	eventually 30 has_lines caught 2
	# Not at once: two that come together may be one wish, as timeout's are.
	nap 1.1
	assert_equal "$(wc -l <caught)" 2
	kill -TERM "$LAST_PID"
	await "$LAST_PID"
	assert_equal "$status" 137
}

@test "with -j 1, 15 launchers started together never overlap, and all run" {
	local n
	for n in {1..15}; do
		background resrun -w 200s -- enter "$PWD/entered"
	done
	for n in "${started[@]}"; do
		await "$n"
		assert_equal "$status" 0
	done
	assert_equal "$(sort entered | uniq -c | tr -s ' ')" ' 15 alone'
}

@test "with -r 3/600s, of 10 racing launchers that do not wait exactly 3 run" {
	local n ran=0 busy=0
	for n in {1..10}; do
		background resrun -r 3/600s -j 20 -w 0 -- true
	done
	for n in "${started[@]}"; do
		await "$n"
		((status == 0)) && ran=$((ran + 1))
		((status == 75)) && busy=$((busy + 1))
	done
	assert_equal "$ran $busy" '3 7'
}
