#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What resrunctl monitor and top see of a job in a real leaf: the kernel's own counters, and all that is in it.
#
# runs: plain systemd

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	mkdir empty
	mkfifo gate
}

teardown() {
	end_background
}

@test "a job in a leaf: what left its tree counts, memory and CPU are the leaf's, and a frozen one is paused" {
	# A daemon: no child of anybody's of the job any more.
	background resrun --name film -m 300M -- sh -c '(setsid sh -c "while :; do :; done" &); x=$(head -c 20000000 /dev/zero | tr "\0" x); echo >holding; read -r word <gate'
	launcher=$LAST_PID
	eventually 60 test -e holding
	resrunctl monitor --json --debug -i 1s --duration 3s --temp "$PWD/empty" film >lines
	jq -se 'any(.[]; .processes == 2 and .memory_bytes >= 20000000 and .memory_bytes < 314572800 and .cpu_percent > 5 and .stage == "sh")' lines
	run -0 resrunctl top --once
	assert_line --regexp '^[0-9a-z]{10} film +running +[0-9.]+% +[0-9.]+M/300M +[0-9]+%'
	resrunctl pause film
	run -0 resrunctl top --once
	assert_line --regexp '^[0-9a-z]{10} film +paused '
	resrunctl resume film
	resrunctl cancel film
	await "$launcher"
	run -125 resrunctl monitor film
}
