#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The queue under load: crowds of launchers, some of them killed (tests/fault/soak; `make soak` runs it for longer).
#
# runs: outside outside-user

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	need jq
}

# Not about speed: a stall that is one lasts until the fallback of half a minute.
soak() { # OPTION...
	run -0 "$SOURCE/tests/fault/soak" --stall 20000 --limit 200 "$@"
}

@test "120 launchers for 4 slots, a tenth killed: no slot too many, in order, no wake-up lost, nothing left" {
	soak --launchers 120
}

@test "the same with one slot, where the jobs themselves see the order" {
	soak --launchers 60 --slots 1 --seed 2
}

@test "the same when a third of them is killed" {
	soak --launchers 120 --kill 33 --seed 3
}

@test "the same when all are killed" {
	soak --launchers 120 --kill 100 --seed 4
}
