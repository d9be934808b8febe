#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What only the kernel can tell, on a machine where we may ask it and mount: which disk a limit was set for, and what a policy
# has recorded.
#
# runs: plain

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	mkdir mounted
}

teardown() {
	umount mounted 2>/dev/null || true
	end_background
}

@test "io_max: the disk is found from any path on it" {
	local disk
	modprobe loop
	truncate -s 16M image
	/sbin/mkfs.ext4 -q image
	mount -o loop image mounted
	mkdir mounted/directory
	touch mounted/directory/file
	disk=$(mountpoint -d mounted)
	for path in mounted mounted/directory/file "$(losetup -nO NAME -j image)"; do
		# shellcheck disable=SC2016  # what the job expands
		run -0 resrun --strict --io-max "$path rbps=1M" --report report -- sh -c 'cat "$RESRUN_CGROUP/io.max"'
		assert_output "$disk rbps=1048576 wbps=max riops=max wiops=max"
		assert_equal "$(report '.limits.io_max.enforced')" cgroup
	done
}

recorded() { # NUMBER
	dmesg | grep -q "type=1326 .* exe=.*try-syscall.* syscall=$1 .* code=0x7ffc0000"
}

@test "--seccomp log: the kernel records what baseline would refuse, and nothing is refused" {
	# process_vm_readv with flags that there are not, and one that every policy lets through.
	run -0 --separate-stderr resrun --seccomp log -- sh -c 'try-syscall process_vm_readv; try-syscall getpid'
	assert_output $'EINVAL\nok'
	eventually 20 recorded 310
	! recorded 39 || fail 'getpid was recorded as well'
}
