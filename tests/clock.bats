#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Clocks that leap: no burst, and no wait longer than the window. Sets the machine's clock, so it runs where that can be
# thrown away. What a reboot does is in unit/test_ledger.c.
#
# runs: plain
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	in_guest || skip "sets the machine's clock"
	resrun_setup
	now=$(date +%s)
}

teardown() {
	in_guest || return 0
	date -s "@$now" >/dev/null
	end_background
}

@test "the wall clock ten years ahead, or a day back: the same starts count" {
	run -0 resrun -r 1/1h -w 0 -- true
	date -s "@$((now + 10 * 365 * 86400))" >/dev/null
	run -75 resrun -r 1/1h -w 0 -- true
	date -s "@$((now - 86400))" >/dev/null
	run -75 --separate-stderr resrun -r 1/1h -w 0 -- true
	[[ $stderr == *'the next is free in 5'[0-9]m* ]] || fail "$stderr"
	# Of a start that was never reached no trace is left.
	run -75 resrun -r 1/1h -w 0 -- true
}

@test "a clock that leaps while somebody waits changes nothing for him" {
	run -0 resrun -r 1/25s -w 0 -- true
	background resrun -r 1/25s -w 200s -- sh -c 'echo started >started'
	eventually 30 queued 1 0
	date -s "@$((now - 86400))" >/dev/null
	eventually 60 test -e started
	date -s "@$((now + 86400))" >/dev/null
	run -75 resrun -r 1/1000s -w 0 -- true
}
