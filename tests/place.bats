#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Placement where cgroups can be had: a fresh leaf, limits that hold, nothing left (DESIGN 6). Few tests that each show much:
# in the guest a test by itself takes a second or two.
#
# runs: plain systemd systemd-user user-manager
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	case $RESRUN_TEST_ENV in
	plain) placement=direct ;;
	systemd) placement=systemd-system ;;
	systemd-user) placement=systemd-user ;;
	user-manager) placement=systemd-user ;;
	esac
}

teardown() {
	end_background
}

leaves() {
	# rr-sup is where the launcher stands beside its leaves, in a subtree that was given to us.
	find /sys/fs/cgroup -depth -type d \( -name 'rr-*' -o -name 'resrun' -o -name 'resrun-*.scope' \) ! -name rr-sup 2>/dev/null
}

no_leaves() {
	[[ -z $(leaves) ]]
}

assert_no_leaves() {
	eventually 10 no_leaves || fail "left: $(leaves)"
}

@test "a fresh leaf for every run, named after the job; nothing is left of it" {
	local first
	run -0 --separate-stderr resrun --report report -- cat /proc/self/cgroup
	assert_equal "$stderr" ''
	first=$output
	[[ $first == "0::/"*"/rr-$(report .job_id)" ]] || fail "$first"
	assert_equal "$(report .placement)" "$placement"
	run -0 resrun --report report -- sh -c 'cat /proc/self/cgroup; echo "$RESRUN_CGROUP"; cat "$RESRUN_CGROUP/cgroup.procs"'
	[[ ${lines[0]} == "0::/"*"/rr-$(report .job_id)" && ${lines[0]} != "$first" ]] || fail "$output"
	[[ ${lines[1]} == /sys/fs/cgroup*"/rr-$(report .job_id)" ]]
	# sh and cat, and not the launcher.
	assert_equal "${#lines[@]}" 4
	assert_no_leaves
}

@test "200 MB under -m 50M: killed whole, oom, 137, and one clear line" {
	run -137 --separate-stderr resrun -m 50M --swap 0 --report report -- sh -c 'alloc 200; echo survived'
	assert_equal "$output" ''
	assert_equal "$stderr" 'resrun: sh was killed for memory: it went over its limit of 50M (-m)'
	assert_equal "$(report '.exit | [.reason, .code, .signal] | @json')" '["oom",null,9]'
	assert_equal "$(report '.limits | [.memory.requested, .memory.enforced, .swap.requested, .swap.enforced] | @json')" \
		'[52428800,"cgroup",0,"cgroup"]'
	assert_equal "$(report '.usage | [.oom_kills >= 1, .memory_peak_bytes <= 52428800, .memory_peak_bytes > 40000000] | all')" true
	assert_no_leaves
	run -0 --separate-stderr resrun -m 100M --report report -- alloc 50
	assert_output ready
	assert_equal "$(report '.usage | [.oom_kills, .memory_peak_bytes > 52428800, .memory_peak_bytes < 104857600] | @json')" '[0,true,true]'
}

@test "-c 0.5 holds a spinning job to 0.5 CPUs over 10 s" {
	# Without the limit it would be nearly one. How near to the half it comes is up to the machine below us: what that gives
	# late is counted as if it had been used, and quota that could not be used in its period is lost.
	run -0 resrun -c 0.5 --report report -- spin 10
	echo "$output" >&2
	[[ ${output%% *} < 0.700 && ${output%% *} > 0.100 ]]
	assert_equal "$(report '.limits.cpu | @json')" '{"requested":0.5,"enforced":"cgroup"}'
	assert_equal "$(report '.usage | [.throttled_s > 1, .cpu_s / .wall_s < 0.7] | all')" true
}

@test "every limit reaches the leaf before the job begins" {
	run -0 --separate-stderr resrun -m 300M --memory-high 200M --swap 10M -c 1.5 --cpu-weight 50 --pids 40 --report report -- sh -c '
		cd "$RESRUN_CGROUP" && for file in memory.max memory.high memory.swap.max cpu.max cpu.weight pids.max memory.oom.group; do
			echo "$file $(cat $file)"
		done'
	assert_equal "$output" "memory.max 314572800
memory.high 209715200
memory.swap.max 10485760
cpu.max 150000 100000
cpu.weight 50
pids.max 40
memory.oom.group 1"
	assert_equal "$(report '.limits | map_values(.enforced) | to_entries | map(.value) | unique | @json')" '["cgroup"]'
	assert_equal "$(report '.limits | keys | join(" ")')" 'cpu cpu_weight memory memory_high pids swap'
	run -0 resrun --memory-high 100M -- sh -c 'cat "$RESRUN_CGROUP/memory.max"'
	assert_output 157286400
}

@test "--pids: a fork bomb gets no further, and the launcher is untouched" {
	run --separate-stderr resrun --pids 6 --report report --cleanup 'echo hook' -- \
		sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait'
	[[ $status -ne 0 && $stderr == *ork*hook* ]] || fail "$status: $stderr"
	assert_equal "$(report '[.usage.pids_peak, .exit.reason, .hooks[0].status] | @json')" '[6,"exited",0]'
	assert_no_leaves
}

@test "--timeout ends everything, whatever ignores TERM and wherever it hides" {
	background resrun --name hiding -t 1h --kill-after 1 --report report -- \
		sh -c 'trap "" TERM; setsid sh -c "echo \$\$ >hidden; sleep 300; sleep 300" & sleep 300; sleep 300'
	eventually 30 test -s hidden
	resrunctl set hiding timeout=1ms
	await "$LAST_PID"
	assert_equal "$status" 124
	assert_equal "$(report .exit.reason)" timeout
	is_gone "$(<hidden)"
	assert_no_leaves
}

@test "a daemon that the job leaves behind is counted, and killed after --kill-after; the status is the job's" {
	run -7 --separate-stderr resrun --kill-after 1 --report report -- \
		bash -c '(trap "" TERM; echo $BASHPID >daemon; exec setsid sleep 300) >/dev/null 2>&1 & until [ -s daemon ]; do :; done; exit 7'
	assert_equal "$(report '[.exit.reason, .exit.code, .leftover_processes] | @json')" '["exited",7,1]'
	is_gone "$(<daemon)"
	assert_no_leaves
	# One that ends by itself in time is waited for: what it writes is not lost.
	run -0 resrun --kill-after 60s -- sh -c '(sleep 1; echo late >late) & exit 0'
	assert_equal "$(<late)" late
}

@test "a launcher killed with its job: the next one clears the leaf away, then starts" {
	background resrun -- bash -c '(exec setsid sleep 300) & echo $! >daemon; echo $$ >job; exec sleep 300'
	eventually 30 test -s job
	kill -KILL "$LAST_PID"
	run -0 resrun -w 30s -- true
	is_gone "$(<job)"
	is_gone "$(<daemon)"
	assert_no_leaves
}

@test "resrun inside resrun: no deadlock on its own slot, caps nest, and which one was hit is told" {
	run -0 resrun -w 20s -m 300M --report outer -- resrun -w 10s -m 100M --report inner -- cat /proc/self/cgroup
	[[ $output == *"/rr-$(report .job_id outer)"*"/rr-$(report .job_id inner)" ]] || fail "$output"
	assert_equal "$(report .placement inner)" delegated
	run -137 --separate-stderr resrun -w 20s -m 300M --report outer -- resrun -w 10s -m 50M --swap 0 --report inner -- alloc 200
	assert_equal "$(report .exit.reason inner)" oom
	[[ $stderr != *'its limit of 300M'* ]] || fail "the outer limit was not hit: $stderr"
	assert_no_leaves
}

@test "--isolation, --strict and --dry-run say and do what can be had" {
	run -0 resrun --isolation cgroup --strict -m 100M -c 1 --report report -- true
	assert_equal "$(report .placement)" "$placement"
	run -0 resrun --isolation process -m 100M --report report -- true
	assert_equal "$(report '[.placement, .limits.memory.enforced] | @json')" '["process","sampled"]'
	run -125 --separate-stderr resrun --strict --io-max '/proc rbps=1M' -- touch started
	[[ $stderr == *'io_max'* ]]
	run -0 --separate-stderr resrun -n --strict -m 100M -c 0.5 -- touch started
	assert_output --partial "placement: $placement"
	assert_output --regexp 'memory +100M +enforced by cgroup'
	assert_output --regexp 'cpu +0.5 +enforced by cgroup'
	[[ ! -e started ]]
	assert_no_leaves
}

@test "ten at once, each in a leaf of its own, and none left" {
	local n
	for n in {1..10}; do
		background resrun -j 10 -- sh -c 'cat /proc/self/cgroup >>cgroups'
	done
	for n in "${started[@]}"; do
		await "$n"
		assert_equal "$status" 0
	done
	assert_equal "$(sort -u cgroups | wc -l)" 10
	assert_no_leaves
}

# A weight counts among siblings only: what competes with the rest of the machine is the group around the leaf.
@test "the group around a leaf weighs as much as the heaviest job in it" {
	local around expected=20
	around='cat "${RESRUN_CGROUP%/*}/cpu.weight"'
	run -0 resrun --cpu-weight 20 -- sh -c "$around"
	assert_output 20
	run -0 resrun -- sh -c "$around"
	assert_output 100
	# With systemd that group is the manager's, which sets it anew at every reload.
	if [[ $RESRUN_TEST_ENV == systemd ]]; then
		run -0 resrun --cpu-weight 20 --io-weight 30 -- \
			sh -c "systemctl show -p CPUWeight -p IOWeight resrun-\$RESRUN_JOB_ID.scope; systemctl daemon-reload; $around"
		assert_line CPUWeight=20
		assert_line IOWeight=30
		assert_line 20
	fi
	mkfifo gate
	background resrun -j 2 --name heavy -- sh -c "$around >holding; read -r word <gate; $around >later; read -r word <gate"
	eventually 60 test -s holding
	run -0 resrun -j 2 --cpu-weight 20 -- sh -c "$around"
	# With systemd each job has a scope of its own.
	[[ $RESRUN_TEST_ENV != plain ]] || expected=100
	assert_output "$expected"
	run -0 resrunctl set heavy cpu_weight=300
	echo >gate
	eventually 60 test -s later
	assert_equal "$(<later)" 300
	echo >gate
	end_background
}
