#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Places that lack a controller, each in turn: its limits do not hold, or are held as without a cgroup, and the others are
# none the worse for it. And places below another resrun (see environments.bash).
#
# runs: plain
# shellcheck disable=SC2016,SC2154  # what others expand; output, stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"
source "$BATS_TEST_DIRNAME/environments.bash"

setup() {
	environments_setup
	need_disk
}

teardown() {
	end_background
	drop_given
	for one in cpu memory pids io; do
		echo "-$one" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
	done
}

# ./look in a subtree of a user's that has these controllers only.
with_controllers() { # CONTROLLER...
	local one
	fresh_given 65534
	for one; do
		echo "+$one" >/sys/fs/cgroup/cgroup.subtree_control
	done
	in_given bash look
}

in_given() { # COMMAND [ARG]...
	run -0 --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs" && exec setpriv --reuid=65534 --regid=65534 --clear-groups "${@:2}"' \
		bash "$given" "$@"
}

# What the doctor would have root do, done, makes the place whole.
remedied() { # LIMIT
	local remedy
	remedy=$(remedy_for "limit $1")
	[[ $remedy == "echo +"*" | sudo tee /sys/fs/cgroup/cgroup.subtree_control" ]] || fail "$remedy"
	sudo() { "$@"; }
	fresh_given 65534
	eval "$remedy"
	in_given resrun -m 20M --io-max '/dev/loop0 rbps=1M' --report report -- true
	assert_equal "$(report ".limits.$1.enforced")" cgroup
}

@test "all of them" {
	with_controllers cpu memory pids io
	found 'a subtree that root gave to a user' delegated all
}

@test "without memory: sampled, as without a cgroup; the doctor's remedy helps" {
	with_controllers cpu pids io
	found 'a subtree that root gave to a user, without the memory controller' delegated all memory=sampled no-memory_high no-swap
	[[ $(<killed.err) == *'killed for memory: it went over its limit of 20M (-m)' ]] || fail "$(<killed.err)"
	assert_equal "$(report '.usage | [.cpu_s, .pids_peak, .memory_peak_bytes] | map(. != null) | all' killed)" true
	remedied memory
}

@test "without cpu: whole CPUs by affinity, the weight by nice" {
	with_controllers memory pids io
	found 'a subtree that root gave to a user, without the cpu controller' delegated all cpu=affinity cpu_weight=nice
	fresh_given 65534
	in_given resrun -c 1 --cpu-weight 50 -- sh -c 'nproc; nice'
	assert_output $'1\n10'
}

@test "without pids" {
	with_controllers cpu memory io
	found 'a subtree that root gave to a user, without the pids controller' delegated all no-pids
	[[ $(<job.err) == *'limit pids is not enforced: '*'its controller is not delegated here'* ]] || fail "$(<job.err)"
}

@test "without io" {
	with_controllers cpu memory pids
	found 'a subtree that root gave to a user, without the io controller' delegated all no-io_max
	remedied io_max
}

@test "without any: a cgroup all the same, to freeze and to end the job in" {
	with_controllers
	found 'a subtree that root gave to a user, without any controller' delegated "${PROCESS[@]}"
	[[ $(head -n 1 job) == cgroup=/sys/fs/cgroup/given/rr-* ]]
}

@test "inside a job of another resrun" {
	run -0 --separate-stderr resrun -m 400M -- bash look
	found 'inside a job of another resrun' delegated all
	[[ $(head -n 1 job) == cgroup=/sys/fs/cgroup/resrun/rr-*/rr-* ]]
}

@test "io_weight holds only where a disk goes by weights, which is said" {
	run -0 resrun --io-weight 50 --report report -- true
	assert_output --partial 'limit io_weight is not enforced: no disk here goes by weights'
	assert_equal "$(report .limits.io_weight.enforced)" none
	run -125 resrun --strict --io-weight 50 -- true
	modprobe bfq
	echo bfq >/sys/block/loop0/queue/scheduler
	# What competes with the rest of the machine is the group around the leaf.
	run -0 --separate-stderr resrun --io-weight 50 --report report -- sh -c 'cat "$RESRUN_CGROUP/io.bfq.weight" "${RESRUN_CGROUP%/*}/io.bfq.weight"'
	assert_output $'default 50\ndefault 50'
	assert_equal "$(report .limits.io_weight.enforced)" cgroup
	assert_equal "$(resrunctl doctor --json | jq -r .limits.io_weight)" cgroup
	echo none >/sys/block/loop0/queue/scheduler
	echo '7:0 enable=1' >/sys/fs/cgroup/io.cost.qos
	run -0 --separate-stderr resrun --strict --io-weight 50 -- sh -c 'cat "$RESRUN_CGROUP/io.weight" "${RESRUN_CGROUP%/*}/io.weight"'
	assert_output $'default 50\ndefault 50'
	echo '7:0 enable=0' >/sys/fs/cgroup/io.cost.qos
}
