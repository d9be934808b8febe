#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl idle: whether nothing has run or waited for so long. What clocks do to it is in unit/test_idle.c.
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

# One record, that of a job that ended then.
ended_at() { # ID TIME
	need python3
	jq -nc --arg id "$1" --arg at "$2" '{schema: 1, job_id: $id, profile: "default", key: "k", submitted_at: $at, ended_at: $at,
		waited_s: 0, exit: {reason: "exited", code: 0}, usage: {wall_s: 1}}' | "$SOURCE/tests/past" history "$STATE"
}

@test "where nothing ever ran it is idle, and nothing is made" {
	run -0 resrunctl idle --for 10000h
	assert_output 'idle: no job has ever run here'
	run -0 resrunctl idle --for 10000h --json
	holds '.idle and .idle_s == null and .jobs == 0 and .job == null and .last_job_id == null and .for_s == 36000000'
	[[ ! -e $STATE ]]
}

@test "not while a job runs or waits; and then from its end on" {
	hold_slot --name busy
	run -1 resrunctl idle --for 0s
	assert_output --regexp "^not idle: job [a-z0-9]{10} 'busy' \(default\) has been there for [0-9hms.]+$"
	background resrun --name waiter -- true
	eventually 20 queued 1 1
	run -1 resrunctl idle --for 0s
	assert_output --partial ', and 1 more'
	run -1 resrunctl idle --for 0s --json
	holds '(.idle | not) and .jobs == 2 and .job.state == "running" and .job.name == "busy" and .job.age_s >= 0'
	run -1 resrunctl idle --for 0s -q
	assert_output ''
	let_go
	await "$holder"
	eventually 20 queued 0 0
	run -0 resrunctl idle --for 0s
	assert_output --regexp '^idle: the last job, [a-z0-9]{10}, was over [0-9hms.]+ ago; 0s was asked for$'
	run -1 resrunctl idle --for 1h
	assert_output --regexp '^not idle: the last job, [a-z0-9]{10}, was over [0-9hms.]+ ago; 1h was asked for$'
	eventually 20 resrunctl idle --for 1s
	run -0 resrunctl idle --for 1s -q
	assert_output ''
}

@test "also a job that waited in vain was there" {
	ended_at 0000000001 2024-03-10T10:00:00Z
	run -0 resrunctl idle --for 1h
	run -75 resrun -w 0.1s --memory-threshold 0.001 -- true
	run -1 resrunctl idle --for 1h
	eventually 20 resrunctl idle --for 1s
}

@test "what ended before the boot counts as well, and an end that is yet to come as now" {
	ended_at 0000000001 2024-03-10T10:00:00Z
	run -0 resrunctl idle --for 1000h --json
	holds '.idle and .idle_s > 3600000 and .last_job_id == "0000000001"'
	# The clock was set back: from the first look on it is the other one that counts.
	ended_at 0000000002 2199-03-10T10:00:00Z
	run -1 resrunctl idle --for 1s --json
	holds '.idle_s == 0 and .last_job_id == "0000000002"'
	eventually 20 resrunctl idle --for 1s
}

@test "what was remembered is not believed when it is damaged" {
	ended_at 0000000001 2199-03-10T10:00:00Z
	run -1 resrunctl idle --for 1s
	[[ -s $STATE/idle-look ]]
	printf garbage | dd of="$STATE/idle-look" bs=1 seek=40 conv=notrunc status=none
	run -1 resrunctl idle --for 1s --json
	holds '.idle_s == 0'
	# It is as good as new.
	eventually 20 resrunctl idle --for 1s
	run -0 resrunctl audit
}

@test "wrong usage" {
	run -125 --separate-stderr resrunctl idle
	assert_equal "$stderr" 'resrunctl: idle needs --for TIME; see resrunctl --help'
	run -125 --separate-stderr resrunctl idle --for ever
	assert_equal "$stderr" "resrunctl: --for: 'ever' is not a time such as 30m or 2h"
	run -125 resrunctl idle --for inf
	run -125 resrunctl idle --for 1h word
}

@test "make install brings a timer that asks it and powers off, for the system alone" {
	[[ -e $SOURCE/Makefile ]] || skip 'installed elsewhere'
	need make
	local unit root=$PWD/root
	make -s -C "$SOURCE" -o all O="$BUILD" PREFIX=/usr SYSCONF=/etc DESTDIR="$root" install
	run -0 find "$root" -name 'resrun-idle*' -printf '%P %m\n'
	assert_equal "$(sort <<<"$output" | tr '\n' ';')" \
		'usr/lib/systemd/system/resrun-idle-poweroff.service 644;usr/lib/systemd/system/resrun-idle-poweroff.timer 644;'
	# Nobody has enabled it.
	run -0 find "$root" -type l
	assert_output ''
	grep -qx 'ExecCondition=/usr/bin/resrunctl idle --for 1h' "$root/usr/lib/systemd/system/resrun-idle-poweroff.service"
	if command -v systemd-analyze >/dev/null; then
		for unit in service timer; do
			sed "s|/usr/bin/resrunctl|$BUILD/resrunctl|" "$root/usr/lib/systemd/system/resrun-idle-poweroff.$unit" >"resrun-idle-poweroff.$unit"
		done
		run -0 systemd-analyze verify --man=no "$PWD/resrun-idle-poweroff.service" "$PWD/resrun-idle-poweroff.timer"
		refute_output --partial resrun-idle
	fi
}
