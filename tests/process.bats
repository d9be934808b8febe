#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Where no cgroup can be had: the process backend does what it can, and says what it cannot (DESIGN 6).
#
# runs: outside outside-user plain-user hybrid
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

@test "the labels are honest: sampled, affinity, nice, or none with a word on why" {
	run -0 --separate-stderr resrun -m 500M -c 1 --cpu-weight 50 --report report -- sh -c 'nproc; nice'
	assert_output $'1\n10'
	assert_equal "$stderr" ''
	assert_equal "$(report .placement)" process
	assert_equal "$(report '.limits | @json')" \
		'{"memory":{"requested":524288000,"enforced":"sampled"},"cpu":{"requested":1,"enforced":"affinity"},"cpu_weight":{"requested":50,"enforced":"nice"}}'
	run -0 --separate-stderr resrun -c 0.5 --swap 1G --memory-high 1G --pids 99 --io-weight 50 --log log --report report -- true
	assert_equal "$(report '.limits | map_values(.enforced) | @json')" \
		'{"memory":"sampled","memory_high":"none","swap":"none","cpu":"none","pids":"none","io_weight":"none"}'
	assert_equal "${#stderr_lines[@]}" 5
	assert_only_own_lines "$stderr"
	[[ $stderr == *'limit cpu is not enforced: without a cgroup, only whole CPUs can be held'* ]]
	assert_equal "$(jq -r 'select(.message == "limit_not_enforced") | "\(.level) \(.limit) \(.enforced)"' log | sort | tr '\n' ';')" \
		'warning cpu none;warning io_weight none;warning memory sampled;warning memory_high none;warning pids none;warning swap none;'
}

@test "--strict and --isolation cgroup: 125, which limit and why, and nothing is run" {
	local words
	for words in '-m 100M' '-c 1' '-c 0.5' '--cpu-weight 50' '--pids 9' '--swap 0'; do
		# shellcheck disable=SC2086  # words
		run -125 --separate-stderr resrun --strict $words --report report -- touch started
		[[ $stderr == 'resrun: limit '*' is not enforced: '*'(--strict)' ]] || fail "$words: $stderr"
		assert_equal "$(report '[.exit.reason, .exit.code] | @json')" '["not-started",125]'
	done
	run -125 --separate-stderr resrun --isolation cgroup -- touch started
	[[ $stderr == 'resrun: no cgroup can be had here; '* ]]
	[[ ! -e started ]]
	run -0 resrun --strict -w 0 -- touch started
}

@test "over a sampled cap: killed whole, oom, 137, one line, within a moment" {
	run -137 --separate-stderr resrun -m 50M --report report -- sh -c 'sh -c "echo \$\$ >child; exec alloc 200 100" & wait; echo survived'
	assert_equal "$stderr" 'resrun: sh was killed for memory: it went over its limit of 50M (-m)'
	refute_output --partial survived
	assert_equal "$(report '.exit | [.reason, .signal] | @json')" '["oom",9]'
	assert_equal "$(report '.usage | [.wall_s < 20, .memory_peak_bytes > 52428800] | all')" true
	is_gone "$(<child)"
}

@test "each try has the CPU time and the memory peak of its own processes: not the last try's, nor a hook's" {
	local burn='n=50000; while [ $n -gt 0 ]; do n=$((n - 1)); done'
	# Twice as much as the hooks, and too short to be sampled when it is large.
	run -0 resrun --retries 1 --backoff 0.01 --before "$burn" -- sh -c "[ ! -e tried ] || exit 0; touch tried; $burn; $burn; alloc 100; exit 1"
	assert_equal "$(history 'length')" 2
	assert_equal "$(history '[.[1].usage.cpu_s > 0, .[1].usage.cpu_s < .[0].usage.cpu_s / 4]')" '[true,true]'
	assert_equal "$(history '[.[0].usage.memory_peak_bytes > 104857600, .[1].usage.memory_peak_bytes < 52428800]')" '[true,true]'
	# A process that has left its parents is the job's.
	run -0 env RESRUN_LEFTOVERS=wait resrun --report report -- sh -c "(setsid sh -c '$burn; $burn' &); exit 0"
	assert_equal "$(report ".usage.cpu_s > $(history '.[0].usage.cpu_s / 4')")" true
}

@test "the cap is on the sum of all processes; below it nothing happens" {
	run -137 resrun -m 100M -- sh -c 'alloc 60 100 & alloc 60 100 & wait'
	background resrun --name two -m 200M --report report -- sh -c 'alloc 60 1000 & alloc 60 1000 & wait'
	eventually 20 has_lines background.out 2
	# This looks at it; it is over when that was seen.
	resrunctl set two timeout=1ms
	await "$LAST_PID"
	assert_equal "$status" 124
	# A sum that was sampled, not the largest one.
	assert_equal "$(report '.usage.memory_working_peak_bytes > 110000000')" true
}

@test "what two processes share counts once" {
	need python3
	run -0 resrun -m 200M -- python3 -S -c '
import os, time
data = bytearray(b"x") * (100 << 20)
pids = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        time.sleep(1); os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)'
}

@test "-c: as many CPUs as asked for, of those that we may use" {
	(($(nproc) >= 2)) || skip 'one CPU'
	run -0 resrun -c 1 -- sh -c 'nproc; echo "$RESRUN_THREADS"'
	assert_output $'1\n1'
	local last
	last=$(sed -nE 's/^Cpus_allowed_list:.*[^0-9]([0-9]+)$/\1/p' /proc/self/status)
	run -0 taskset -c "$last" resrun -c 1 -- grep Cpus_allowed_list: /proc/self/status
	assert_output $'Cpus_allowed_list:\t'"$last"
	run -0 resrun -c 2 -- nproc
	assert_output 2
	run -0 resrun -c 64 --report report -- nproc
	assert_output "$(nproc)"
}

@test "a daemon that the job leaves behind is counted, and killed after --kill-after; the status is the job's" {
	run -7 --separate-stderr resrun --kill-after 0.5 --report report -- \
		bash -c '(trap "" TERM; echo $BASHPID >daemon; exec setsid sleep 300) >/dev/null 2>&1 & until [ -s daemon ]; do :; done; exit 7'
	assert_equal "$(report '[.exit.reason, .exit.code, .leftover_processes] | @json')" '["exited",7,1]'
	is_gone "$(<daemon)"
	run -0 resrun --kill-after 60s -- sh -c '(sleep 0.5; echo late >late) & exit 0'
	assert_equal "$(<late)" late
}

@test "--timeout ends everything, whatever ignores TERM and wherever it hides" {
	background resrun --name hiding -t 1h --kill-after 0.5 --report report -- \
		sh -c 'trap "" TERM; setsid sh -c "echo \$\$ >hidden; sleep 300; sleep 300" & sleep 300; sleep 300'
	eventually 20 test -s hidden
	resrunctl set hiding timeout=1ms
	await "$LAST_PID"
	assert_equal "$status" 124
	assert_equal "$(report .exit.reason)" timeout
	is_gone "$(<hidden)"
}

@test "what is measured is measured, and the rest is null" {
	run -0 resrun --report report -- spin 1
	assert_equal "$(report '.usage | to_entries | map(select(.value == null) | .key) | join(" ")')" 'oom_kills throttled_s frozen_s'
	assert_equal "$(report '.usage | [.wall_s >= 1, .cpu_s > 0, .cpu_user_s > 0, .memory_peak_bytes > 0, .pids_peak >= 1] | all')" true
	# What the job said of itself, and what the kernel says of it, its exec included: that costs more where much else is done.
	assert_equal "$(report ".usage.cpu_s - ${output#* } | . > -0.02 and . < 0.5")" true
}

@test "no cgroup is touched; resrun inside resrun works here too" {
	local before
	before=$(cat /proc/self/cgroup)
	run -0 resrun -w 20s -m 500M -- resrun -w 10s -m 400M -- cat /proc/self/cgroup
	assert_output "$before"
	# Others' cgroups come and go while one looks.
	assert_equal "$(find /sys/fs/cgroup -type d \( -name 'rr-*' -o -name resrun \) 2>/dev/null)" ''
}

@test "--dry-run says so, and why" {
	run -0 --separate-stderr resrun -n -m 100M -c 0.5 --pids 5 -- touch started
	assert_output --partial 'placement: process'
	assert_output --regexp '  not [a-z-]+: .+'
	assert_output --regexp 'memory +100M +enforced by sampled'
	assert_output --regexp 'cpu +0.5 +enforced by none'
	assert_output --regexp 'pids +5 +enforced by none'
	[[ ! -e started && ! -e $STATE ]]
}

@test "what a killed launcher's job has started is gone before the next job starts" {
	background resrun -- sh -c "(setsid sleep 1000; true) & echo \$! >child; sleep 1000; true"
	eventually 10 test -s child
	kill -KILL "$LAST_PID"
	run -0 resrun -w 20s -- sh -c "grep -s State: /proc/$(<child)/status || echo gone"
	[[ $output == *gone* || $output == *Z* ]] || fail "$output"
}
