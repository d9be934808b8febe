#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Alerts: the host runs short while a job runs, and recovers: events, and resrunctl alerts.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# A job that runs until the alerts have that many lines about memory. How busy the machine is otherwise, and how full its
# disks are, is of no interest.
until_alerts() { # COUNT [OPTION]...
	resrun --on-busy run -w 0 -q -t 120 "${@:2}" -- \
		sh -c "until [ \"\$(grep -cs '\"resource\": *\"memory\"' '$STATE/alerts')\" -ge $1 ]; do sleep 0.1; done" 2>/dev/null
}

about_memory() { # FILTER
	jq -r ".alerts | map(select(.resource == \"memory\")) | $1" <<<"$output"
}

# shellcheck disable=SC2016  # the hook's own
@test "hook_on_alert: has its output capped and its time limited, and is none of the job's processes" {
	write_config <<-END
		[default]
		hook_on_alert = echo \$RESRUN_ALERT_RESOURCE >>$PWD/alerted; yes | head -c 3M; touch $PWD/wrote
		hook_on_alert = echo \$\$ >$PWD/slow; exec sleep 1000
		hook_timeout = 20s
	END
	# The second one goes on when the job ends, which does not wait for it.
	run -0 --separate-stderr timeout 50 resrun --isolation process --on-busy run -w 0 -q --memory-threshold 0.1 --report report -- \
		sh -c 'until [ -e wrote ] && [ -s slow ]; do sleep 0.1; done'
	assert_equal "$(<alerted)" memory
	# stderr holds what run() could hold of it: y and newline.
	assert_equal "$(tr -d '\n' <<<"$stderr" | tr -cd y | wc -c)" 524288
	assert_equal "$(report .leftover_processes)" 0
	eventually 20 is_gone "$(<slow)"
}

@test "alerts: none" {
	run -0 resrunctl alerts
	assert_output 'Alerts: none'
	run -0 resrunctl alerts --json
	holds '. == {"schema": 1, "alerts": []}'
	run -125 resrunctl alerts --since yesterday
	run -125 resrunctl alerts word
}

@test "alerts: critical while one job runs, well again when the next looks; as events too" {
	until_alerts 1 --memory-threshold 0.1 --log events
	assert_equal "$(jq -r 'select(.message == "alert" and .resource == "memory") | "\(.resource) \(.severity) \(.threshold)"' events)" 'memory critical 0.1'
	until_alerts 2 --log later
	run -0 resrunctl alerts --json
	assert_equal "$(about_memory 'map("\(.resource) \(.severity)") | @json')" '["memory critical","memory ok"]'
	holds 'first(.alerts[] | select(.resource == "memory")) | .value > .threshold and .threshold == 0.1'
	assert_equal "$(history '.[0].job_id')" "$(about_memory '.[0].job_id')"
	# To whom it was well all the time, nothing happened.
	assert_equal "$(jq -r 'select(.message == "alert" and .resource == "memory")' later)" ''
	if python3 -c 'import jsonschema' 2>/dev/null; then
		"$SOURCE/tests/validate" alerts <<<"$output"
	fi
	run -0 resrunctl alerts
	assert_line --regexp '^[0-9-]+ [0-9:]+ +memory +critical +[0-9.]+% +0.1% '
	run -0 resrunctl alerts --json --since 2199-01-01
	holds '.alerts == []'
}

@test "status and top: the level of each resource, and since when as far as a job has seen it" {
	need python3
	"$SOURCE/tests/past" alerts "$STATE" <<-'END'
		{"time": "2024-03-05T10:00:00Z", "resource": "memory", "severity": "warning", "value": 9, "threshold": 10, "job_id": "a"}
		{"time": "2024-03-05T10:01:00Z", "resource": "memory", "severity": "critical", "value": 11, "threshold": 10, "job_id": "a"}
		{"time": "2024-03-05T10:02:00Z", "resource": "disk", "severity": "critical", "value": 11, "threshold": 10, "job_id": "a"}
	END
	export RESRUN_MEMORY_THRESHOLD=0.1 RESRUN_DISK_THRESHOLD=99.99
	run -0 resrunctl status --json
	holds '.alerts | map(.resource) == ["memory", "disk"]'
	holds '.alerts[0] | .severity == "critical" and .since == "2024-03-05T10:01:00.000Z" and .value > .threshold'
	# It is no more what it was then.
	holds '.alerts[1] | .severity != "critical" and .since == null and .threshold == 99.99'
	if python3 -c 'import jsonschema' 2>/dev/null; then
		"$SOURCE/tests/validate" status <<<"$output"
	fi
	run -0 resrunctl status
	assert_line --regexp '^memory +critical +[0-9.]+% +0.1% +[0-9]+h([0-9]+m)?$'
	run -0 resrunctl top --once
	assert_line --regexp '^memory critical for [0-9]+h([0-9]+m)?'
	RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100 run -0 resrunctl status
	assert_line 'Thresholds: none'
}
