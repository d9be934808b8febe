#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What is seen of a job in a real leaf: the kernel's own counters, all that is in it, and limits that hold; and what is
# learned from it.
#
# runs: plain systemd
# shellcheck disable=SC2154  # holder, stderr: set by a_present, by run

source "$BATS_TEST_DIRNAME/common.bash"
source "$BATS_TEST_DIRNAME/golden.bash"

setup() {
	resrun_setup
	golden_setup
	mkdir empty
}

teardown() {
	end_background
}

@test "a job in a leaf: what left its tree counts, memory and CPU are the leaf's, and a frozen one is paused" {
	mkfifo gate
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

# What the same verbs show of a job without a cgroup is in tests/golden.bats.
@test "golden: a job in a leaf" {
	a_present -c 1
	mask_host
	mask -m ' +PID +USER +STATE +AGE' ' PID USER STATE AGE' -m " +PID +$(id -un) +running +[0-9a-z.]+" ' PID USER running AGE'
	mask -m ' +WAITED' ' WAITED' -m ' +[0-9hms]+(?= its )' ' AGE'
	look status
	mask -m '^resrun on [^ ]+:' 'resrun on HOST:' -m ' +[0-9:]{8}$' ' TIME' -m '\[[^]]*\]' '[BAR]'
	mask -m '[▁▂▃▄▅▆▇█ ]+$' ''
	mask -m 'of [0-9.]+ CPUs' 'of N CPUs' -m '[0-9.]+[KMGTP]?(?= available$| free$)' N -m '^Pressure .*' 'Pressure …'
	mask -w '(?<=running ) +(?:[0-9.N]+%|-) +[0-9.]+[KMG]?/100M +(?:[0-9.N]+%)' '   CPU   USED/100M  PSI'
	mask -w ' +[0-9hms]+(?= hold)' ' AGE' -w ' +[0-9hms]+(?= #1)' ' AGE'
	look top --once
	mask -m 'for [0-9hms]+' 'for AGE' -m 'since [0-9hms]+ ago' 'since AGE ago'
	look why film
	look set film memory=200M
	look set film pids=50
	look pause film
	look resume film
	look cancel film
	await "$holder"
	mask -m 'run for AGE[0-9.]* s' 'run for AGE'
	look why film
	compare leaf
}

@test "memory=auto in a leaf: learned, set, outgrown, and then there is more" {
	local max
	run take_until_seen 100 --isolation auto -m auto
	assert_success
	assert_output --partial "nothing is learned for 'default:python3' yet, so there is no memory limit"
	run take_until_seen 100 --isolation auto -m auto --report report
	assert_success
	assert_output --partial "'default:python3' is young: the only run of it took 10"
	assert_equal "$(report '.limits | map(.enforced) | unique | join(" ")')" cgroup
	assert_equal "$(report '.limits.memory.requested / .limits.memory_high.requested * 10 | round')" 15

	rm -f taken seen report
	mkfifo seen
	background resrun --name grower -m auto --report report -- python3 -c 'open("taken", "w"), open("seen").read(1), bytearray(1 << 30)'
	launcher=$LAST_PID
	eventually 60 test -e taken
	max=$(cat /sys/fs/cgroup"$(cut -d : -f 3 "/proc/$(pgrep -P "$launcher" python3)/cgroup")"/memory.max)
	# Otherwise it would be held up there for a minute before that is raised.
	resrunctl set grower memory_high="$max"
	echo >seen
	await "$launcher"
	assert_equal "$(report .exit.reason)" oom

	run -0 resrunctl stats default:python3
	assert_line --partial '1 killed for memory'
	assert_line --regexp '^learned: the next needs [0-9]+M .*the last run was killed for memory; the largest took 1[0-9]+M$'
	run -0 resrunctl stats default:python3 --json
	holds ".keys[0].learned.ground == \"kill\" and .keys[0].learned.memory_bytes >= $max + (100 * 1048576)"
}
