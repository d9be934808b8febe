#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Many jobs, one after the other, by one launcher, and at once: nothing is left of them. A sample; `make many` has more, and
# judges what launchers take.
#
# runs: outside outside-user

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	need strace
}

@test "many jobs leave no process, cgroup, descriptor or file but the documented ones" {
	run -0 env "TMPDIR=$BATS_TEST_TMPDIR" "RESRUN_BUILD=$BUILD" "$SOURCE/tests/fault/many" --row 60 --tries 40 --at-once 50 --watch 0 3>&-
	assert_output --partial 'nothing is left'
}
