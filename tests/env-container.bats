#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Places as container runtimes make them, by hand: what is mounted at /sys/fs/cgroup, whether it can be written, and who
# stands at its root (see environments.bash).
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
}

# As a runtime starts a container's first process: in a cgroup of its own, with the mounts that COMMANDS make.
contain() { # COMMANDS, the last of which runs ./look; then options of unshare
	contain_for 0 "$@"
}

contain_for() { # OWNER-OF-THE-CGROUP COMMANDS [OPTION]...
	local controller
	for controller in cpu memory pids io; do
		echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
	done
	fresh_given "$1"
	run -0 --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs" && exec unshare "${@:3}" bash -ec "$2"' \
		bash "$given" "$2" --mount "${@:3}"
}

# The same for COMMANDS of an ordinary user's who makes a container.
contain_rootless() { # COMMANDS
	contain_for 65534 "exec setpriv --reuid=65534 --regid=65534 --clear-groups \
		unshare --map-root-user --cgroup --mount bash -ec '$1'"
}

fresh='umount /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup'

@test "a read-only cgroupfs, in a cgroup namespace of its own" {
	contain "$fresh -o ro; bash look" --cgroup
	found 'a container with read-only cgroupfs' process "${PROCESS[@]}"
	[[ $(doctor_says placement) == *"not by 'delegated': cgroupfs is read-only here"* ]]
	# The test's container may do what most may not, and is told so; most are told how they are to be started.
	assert_equal "$(remedy_for placement)" 'mount -o remount,rw /sys/fs/cgroup'
	contain "$fresh -o ro; $(remedy_for placement); bash look" --cgroup
	found 'a container with read-only cgroupfs, after the command that the doctor names' delegated all
	contain "$fresh -o ro; exec setpriv --bounding-set=-sys_admin resrunctl doctor --json >doctor.json" --cgroup
	[[ $(remedy_for placement) == *'--security-opt writable-cgroups=true'* ]]
}

@test "a read-only cgroupfs, and the host's names for its cgroups" {
	contain 'mount -o remount,bind,ro /sys/fs/cgroup; bash look'
	found "a container with the host's cgroupfs, read-only" process "${PROCESS[@]}"
}

@test "a writable cgroupfs with a cgroup namespace of its own, and processes at its root, which then may have no leaves" {
	contain "$fresh; sleep 300 & bash look; kill \$!; cat /sys/fs/cgroup/cgroup.procs" --cgroup
	# Everyone has made room.
	assert_output ''
	found 'a container with writable cgroupfs, processes at its root' delegated all
	[[ $(head -n 1 job) == cgroup=/sys/fs/cgroup/rr-* ]]
}

@test "a part of the host's cgroupfs bound into the container, whose names then do not fit" {
	contain "mount --bind $given /mnt; umount /sys/fs/cgroup; mount --move /mnt /sys/fs/cgroup; bash look
		resrun --report outer -- resrun -j 2 -w 9s --report inner -- cat /proc/self/cgroup"
	found "a container with its part of the host's cgroupfs" delegated all
	# One inside the other stays there: its caps are below the outer's.
	assert_output "0::/given/rr-$(report .job_id outer)/rr-$(report .job_id inner)"
}

@test "no cgroupfs at all" {
	contain 'umount /sys/fs/cgroup; bash look'
	found 'a container without cgroupfs' process "${PROCESS[@]}"
	assert_equal "$(remedy_for hierarchy)" 'mount -t cgroup2 none /sys/fs/cgroup'
	contain "umount /sys/fs/cgroup; $(remedy_for hierarchy); bash look" --cgroup
	found 'a container without cgroupfs, after the command that the doctor names' delegated all
}

@test "an ordinary user in a container whose cgroup is root's, and in one whose cgroup is the user's" {
	contain "$fresh; exec setpriv --reuid=65534 --regid=65534 --clear-groups bash look" --cgroup
	found 'a user in a container with writable cgroupfs' process "${PROCESS[@]}"
	contain_for 65534 "$fresh; exec setpriv --reuid=65534 --regid=65534 --clear-groups bash look" --cgroup
	found 'a user in a container whose cgroup was given to the user' delegated all
}

@test "a rootless container: root of a user namespace, in a cgroup that was given to the user outside" {
	contain_rootless 'mount -t cgroup2 cgroup2 /mnt; mount --bind /mnt /sys/fs/cgroup; bash look'
	found 'a rootless container (user and cgroup namespaces)' delegated all
}

@test "what the doctor says as JSON is as its schema says" {
	assert_doctors_valid
}
