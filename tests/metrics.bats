#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl metrics: the text that Prometheus reads, and the dashboard that shows it.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	need python3
}

teardown() {
	end_background
}

metrics() { # [ARG]...: the text, checked, in a file
	resrunctl metrics "$@" >text
	"$SOURCE/tests/metrics-check" <text
}

# The value of a sample; empty when there is none.
value() { # NAME[LABELS]
	awk -v name="$1" '$1 == name { print $2 }' text
}

# A past of four records in two profiles, of March 2024.
a_past() {
	jq -c '{schema: 1, name: null, key: "k", submitted_at: .end, ended_at: .end, waited_s: 2, waited_for: [], attempt: 1} + .' <<-'END' |
		{"job_id": "0000000001", "profile": "encode", "end": "2024-03-10T10:00:00Z", "exit": {"reason": "exited", "code": 0}, "usage": {"wall_s": 100.5, "cpu_s": 200}}
		{"job_id": "0000000002", "profile": "encode", "end": "2024-03-10T11:00:00Z", "exit": {"reason": "exited", "code": 3}, "usage": {"wall_s": 1, "cpu_s": 0.25}}
		{"job_id": "0000000003", "profile": "encode", "end": "2024-03-10T12:00:00Z", "exit": {"reason": "oom", "signal": 9}, "usage": {"wall_s": 10, "cpu_s": null}}
		{"job_id": "0000000004", "profile": "other", "end": "2024-03-10T13:00:00Z", "exit": {"reason": "not-admitted", "code": 75}, "usage": {"wall_s": null, "cpu_s": null}}
	END
		"$SOURCE/tests/past" history "$STATE"
}

assert_the_past() { # OF encode, WHATEVER CAME LATER
	assert_equal "$(value 'resrun_jobs_ended_total{profile="encode",reason="exited"}')" 2
	assert_equal "$(value 'resrun_jobs_failed_total{profile="encode",reason="exited"}')" 1
	assert_equal "$(value 'resrun_jobs_ended_total{profile="encode",reason="oom"}')" 1
	assert_equal "$(value 'resrun_jobs_wall_seconds_total{profile="encode",reason="exited"}')" 101.5
	assert_equal "$(value 'resrun_jobs_cpu_seconds_total{profile="encode",reason="exited"}')" 200.25
	assert_equal "$(value 'resrun_jobs_cpu_seconds_total{profile="encode",reason="oom"}')" 0
	assert_equal "$(value 'resrun_jobs_waited_seconds_total{profile="other",reason="not-admitted"}')" 2
	assert_equal "$(value 'resrun_jobs_last_end_timestamp_seconds{profile="encode",reason="oom"}')" "$(date -d 2024-03-10T12:00:00Z +%s)"
	assert_equal "$(value 'resrun_jobs_last_success_timestamp_seconds{profile="encode"}')" "$(date -d 2024-03-10T10:00:00Z +%s)"
}

@test "promtool has nothing to say against it" {
	PATH=$PATH:$SOURCE/build/tools
	need promtool
	RESRUN_RATE_LIMIT=9 resrun -- true
	a_past
	RESRUN_MEMORY_THRESHOLD=99.9 RESRUN_RATE_LIMIT=9 metrics
	run -0 promtool check metrics <text
	assert_output ''
}

@test "without a past, and without a ledger, there is the host and an empty queue" {
	metrics
	assert_equal "$(value 'resrun_jobs{profile="default",state="waiting"}')" 0
	assert_equal "$(value 'resrun_host_has_room')" 1
	(($(value resrun_host_memory_bytes) > $(value resrun_host_memory_available_bytes)))
	assert_equal "$(value resrun_history_torn_lines)" 0
	run -1 grep -c _total text
	[[ $(value 'resrun_host_used_ratio{resource="memory"}') == 0.* ]]
	# A threshold of 100 is none, so that there is no level.
	run -1 grep -c '^resrun_host_level' text
	RESRUN_MEMORY_THRESHOLD=0.1 metrics
	assert_equal "$(value 'resrun_host_level{resource="memory"}')" 2
	assert_equal "$(value 'resrun_host_threshold_ratio{resource="memory"}')" 0.001
	assert_equal "$(value resrun_host_has_room)" 0
}

@test "the queue, by profile and state" {
	printf '[profile night]\nrate_limit = 3\nrate_window = 2h\n' | write_config
	hold_slot -m 3G
	background resrun -- true
	eventually 20 queued 1 1
	metrics
	assert_equal "$(value 'resrun_jobs{profile="default",state="running"}')" 1
	assert_equal "$(value 'resrun_jobs{profile="default",state="waiting"}')" 1
	assert_equal "$(value 'resrun_jobs{profile="night",state="running"}')" 0
	[[ $(value 'resrun_longest_wait_seconds{profile="default"}') == *[1-9]* ]]
	assert_equal "$(value 'resrun_longest_wait_seconds{profile="night"}')" 0
	let_go
	await "$holder"
	resrun -p night -- true
	metrics
	assert_equal "$(value 'resrun_rate_starts{profile="night"}')" 1
	assert_equal "$(value 'resrun_rate_limit{profile="night"}')" 3
	assert_equal "$(value 'resrun_rate_window_seconds{profile="night"}')" 7200
}

@test "counters: what has ended, by profile and reason" {
	a_past
	metrics
	assert_the_past
	resrun -- true
	run -3 resrun -- sh -c 'exit 3'
	metrics
	assert_the_past
	assert_equal "$(value 'resrun_jobs_ended_total{profile="default",reason="exited"}')" 2
	assert_equal "$(value 'resrun_jobs_failed_total{profile="default",reason="exited"}')" 1
}

@test "counters do not fall when old parts of the history are removed" {
	a_past
	metrics
	printf '[resrun]\nhistory_size = 1\nhistory_age = 1h\n' | write_config
	# Every run sets aside what there is; what was set aside long ago goes.
	resrun -- true
	metrics
	touch -d '3 hours ago' "$STATE/history.1"
	resrun -- true
	assert_equal "$(resrunctl history --json | jq -c '.records | map(.profile) | unique')" '["default"]'
	metrics
	assert_the_past
	assert_equal "$(value 'resrun_jobs_ended_total{profile="default",reason="exited"}')" 2
	resrunctl history --rebuild >/dev/null
	metrics
	assert_equal "$(value 'resrun_jobs_ended_total{profile="encode",reason="exited"}')" ''
}

@test "whatever a record says, there are only the reasons that there are" {
	jq -nc '{schema: 1, job_id: "0000000001", profile: "odd \"one\"\\", submitted_at: "2024-03-10T10:00:00Z", ended_at: "2024-03-10T10:00:00Z", exit: {reason: "new-\(1, 2)"}}' |
		"$SOURCE/tests/past" history "$STATE"
	metrics
	assert_equal "$(grep '^resrun_jobs_ended_total' text)" 'resrun_jobs_ended_total{profile="odd \"one\"\\",reason="unknown"} 2'
}

@test "--textfile replaces the file at once, readable for all, and leaves nothing else" {
	local before
	mkdir collector
	umask 077
	run -0 resrunctl metrics --textfile collector/resrun.prom
	assert_output ''
	"$SOURCE/tests/metrics-check" <collector/resrun.prom
	assert_equal "$(stat -c %a collector/resrun.prom)" 644
	before=$(stat -c %i collector/resrun.prom)
	exec {held}<collector/resrun.prom
	run -0 resrunctl metrics --textfile "$PWD/collector/resrun.prom"
	# Who has the old one open reads it to its end.
	"$SOURCE/tests/metrics-check" <&"$held"
	exec {held}<&-
	[[ $(stat -c %i collector/resrun.prom) != "$before" ]]
	assert_equal "$(ls -A collector)" resrun.prom
	run -125 --separate-stderr resrunctl metrics --textfile nowhere/resrun.prom
	[[ $stderr == "resrunctl: write 'nowhere/resrun.prom'"* ]]
	run -125 --separate-stderr resrunctl metrics --textfile collector
	assert_equal "$(ls -A collector)" resrun.prom
	run -125 resrunctl metrics word
}

@test "the dashboard is JSON, and names every metric, and no other" {
	local dashboard=$SOURCE/docs/grafana-dashboard.json
	jq -e '.title == "resrun" and (.panels | length > 10) and ([.panels[].id] | length == (unique | length))' "$dashboard"
	# All that there are: the table in the source.
	sed -nE 's/^\t\{ "(resrun_[a-z_]+)", .*/\1/p' "$SOURCE/control/metrics_text.c" | sort >ours
	(($(wc -l <ours) > 20))
	jq -r '.. | (.expr?, .query?) | strings' "$dashboard" | grep -oE 'resrun_[a-z_]+' | sort -u >named
	run -0 diff ours named
	a_past
	RESRUN_RATE_LIMIT=9 resrun -- true
	RESRUN_MEMORY_THRESHOLD=99.9 RESRUN_RATE_LIMIT=9 resrunctl metrics | "$SOURCE/tests/metrics-check" --names | sort >printed
	run -0 diff ours printed
}
