#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Placement by systemd: scopes that leave nothing behind, and callers such as cron that do not say where the manager is.
#
# runs: systemd systemd-user user-manager
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	manager=()
	((!EUID)) || manager=(--user)
}

teardown() {
	end_background
}

units() {
	systemctl "${manager[@]}" list-units --all --plain --no-legend 'resrun*' | grep -v '^resrun-guest.service '
}

no_units() {
	[[ -z $(units) ]]
}

@test "no unit of systemd's is left, and none failed, however the job ended" {
	run -0 resrun -- true
	run -137 resrun -- sh -c 'kill -KILL $$'
	run -124 resrun -t 0.5 -- sleep 100
	run -127 resrun -- no-such-command
	eventually 15 no_units || fail "$(units)"
}

# What the placement is when called as cron calls.
placed_with() { # [NAME=VALUE]...
	env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS "$@" resrun --report report -- true
	report .placement
}

@test "without XDG_RUNTIME_DIR and bus address, as from cron, the manager is found; a foreign one is not asked" {
	local normal
	run -0 resrun --report report -- true
	normal=$(report .placement)
	assert_equal "$(placed_with)" "$normal"
	mkdir -p foreign
	assert_equal "$(placed_with XDG_RUNTIME_DIR="$PWD/no-such-directory")" "$normal"
	assert_equal "$(placed_with XDG_RUNTIME_DIR=/run/user/0 DBUS_SESSION_BUS_ADDRESS=unix:path=/no/such/bus)" "$normal"
}
