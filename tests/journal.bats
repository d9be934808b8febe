#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Alerts in the journal of a systemd that is at work. What is sent to it, byte by byte, is in syslog.bats.
#
# runs: systemd
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	# The guest boots without.
	systemctl start systemd-journald
}

teardown() {
	end_background
	systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald 2>/dev/null || true
}

in_journal() { # SEVERITY JOB
	journalctl -o json --no-pager SYSLOG_IDENTIFIER=resrun RESRUN_RESOURCE=memory "RESRUN_SEVERITY=$1" "RESRUN_JOB_ID=$2" >found
	[[ -s found ]]
}

@test "under systemd the journal has an alert, with its fields" {
	resrun --on-busy run -w 0 -q -t 120 --log log --report report --memory-threshold 0.1 -- \
		sh -c 'until grep "\"message\":\"alert\"" log | grep -q "\"resource\":\"memory\""; do sleep 0.1; done'
	eventually 20 in_journal critical "$(report .job_id)"
	run -0 jq -r '[.PRIORITY, .RESRUN_THRESHOLD, (.MESSAGE | startswith("memory is critical: "))] | @json' found
	assert_output '["2","0.1",true]'
}
