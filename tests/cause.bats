#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Why a job ended, each cause brought about on purpose where a cgroup can be had: whose memory limit it was, and a job that
# memory_high holds up for ever.
#
# runs: plain
# shellcheck disable=SC2154  # stderr: set by run
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	tight=/sys/fs/cgroup/tight
}

teardown() {
	end_background
	[[ ! -d $tight ]] || rmdir "$tight"/rr-* "$tight" 2>/dev/null || true
}

# What the report says, in words.
told() { # WORDS
	run -0 resrunctl why "$(report .job_id)"
	assert_output --partial "$1"
}

@test "oom: its own limit, one above, one that it has made below, and the host's are told apart" {
	run -137 --separate-stderr resrun -m 50M --swap 0 --report report -- alloc 200
	assert_equal "$(report '.exit | [.reason, .oom_limit] | @json')" '["oom","own"]'
	assert_equal "$stderr" 'resrun: alloc was killed for memory: it went over its limit of 50M (-m)'
	told 'of its limit of 50M, and the kernel counts '

	echo '+cpu +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$tight"
	echo 60M >"$tight/memory.max"
	echo 0 >"$tight/memory.swap.max" || true
	# As in a container, whose own cgroup the leaf is made in.
	run -137 --separate-stderr sh -c 'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup --mount sh -c "
		umount /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec resrun -m 500M --report report -- alloc 200"' sh "$tight"
	assert_equal "$(report '.exit | [.reason, .oom_limit] | @json')" '["oom","above"]'
	[[ $stderr == *"by the limit of cgroup '/sys/fs/cgroup' above it"* ]] || fail "$stderr"

	told ', by the limit of a cgroup above it: it had taken '

	run -137 --separate-stderr resrun -m 500M --report report -- sh -c '
		cd "$RESRUN_CGROUP" && mkdir inner sup && echo 0 >sup/cgroup.procs && echo +memory >cgroup.subtree_control &&
		echo 1 >inner/memory.oom.group && echo 50M >inner/memory.max && echo 0 >inner/memory.swap.max
		echo 0 >inner/cgroup.procs && exec alloc 200'
	assert_equal "$(report '.exit | [.reason, .oom_limit] | @json')" '["oom","below"]'
	told ', by the limit of a cgroup that it made itself: it had taken '

	# The kernel's own choice, at a word: before a machine has really no memory left, it may stand nearly still for many
	# minutes. The job shall be the one that is chosen.
	background choom -n 900 -- resrun --report report -- sh -c 'alloc 100 1000 & wait'
	eventually 60 grep -qx ready background.out
	echo f >/proc/sysrq-trigger
	await "$LAST_PID"
	assert_equal "$status" 137
	assert_equal "$(report '.exit | [.reason, .oom_limit] | @json')" '["oom","host"]'
	told ', by the kernel, as the host had no more: it had taken '
	grep -q 'the host had no more' background.err
}

@test "stalled: above memory_high without progress: raised by itself, or ended, or only told of" {
	export RESRUN_STALL_AFTER=5s
	run -0 --separate-stderr resrun --memory-high 30M -m 500M --swap 0 --log log --report report -- alloc 400
	[[ $stderr == 'resrun: alloc was held up by memory_high=30M for '*': raised to 500M' ]] || fail "$stderr"
	assert_equal "$(report '[.exit.reason, .limits.memory_high.requested] | @json')" '["exited",524288000]'
	assert_equal "$(jq -r 'select(.message == "job_stalled") | "\(.level) \(.action) \(.stalled_s >= 5)"' log)" 'warning raise true'
	run -143 --separate-stderr env RESRUN_STALL_ACTION=kill resrun --memory-high 30M -m 500M --swap 0 --report report -- alloc 400
	assert_equal "$(report .exit.reason)" stalled
	[[ $stderr == 'resrun: alloc was ended: memory_high=30M had held it up for '*' (stall_after)' ]] || fail "$stderr"
	run -0 resrunctl why "$(report .job_id)"
	assert_output --regexp 'it was ended after .* s because it stood still: it had taken .*M, and was held at its memory_high of 30M'
	RESRUN_STALL_ACTION=report background resrun --name stuck --memory-high 30M -m 500M --swap 0 -- alloc 400
	eventually 60 grep -q 'alloc has been held up by memory_high=30M for ' background.err
	resrunctl cancel stuck
	await "$LAST_PID"
}

@test "not stalled: a job that sleeps, and one that gets on under memory_high" {
	export RESRUN_STALL_AFTER=3s RESRUN_STALL_ACTION=kill
	run -0 resrun --memory-high 100M -m 500M -- sleep 12
	run -0 resrun --memory-high 30M -m 500M --swap 0 -- spin 12
}

# What the log has: the messages since the last one that is WORD, or all of them.
since() { # WORD
	jq -sc --arg word "$1" 'map(.message) | .[(rindex($word) // -1) + 1:]' log
}

told_since() { # WORD MESSAGE [COUNT]
	(($(since "$1" | jq --arg message "$2" 'map(select(. == $message)) | length') >= ${3:-1}))
}

@test "not stalled: one that is paused while memory_high holds it up; when it goes on it is, anew" {
	export RESRUN_STALL_AFTER=4s RESRUN_STALL_ACTION=report
	background resrun --name held --memory-high 30M -m 500M --swap 0 --log log -- alloc 400
	eventually 100 told_since '' job_stalled
	resrunctl pause held
	eventually 20 told_since '' job_paused
	# That is a look at it. That it counts anew, only the unit test is sure to see: memory_high lets a job on at times.
	eventually 60 told_since job_paused process_resources
	run -0 since job_paused
	refute_output --partial job_stalled
	resrunctl resume held
	eventually 100 told_since job_resumed job_stalled
	resrunctl cancel held
	await "$LAST_PID"
}

@test "leftovers=wait: what outlives the first process is waited for, for as long as it takes" {
	run -0 env RESRUN_LEFTOVERS=wait resrun --kill-after 0.2 --report report -- sh -c '(sleep 3; echo late >late) & exit 0'
	assert_equal "$(<late)" late
	assert_equal "$(report '[.exit.reason, .leftover_processes >= 1] | @json')" '["exited",true]'
}
