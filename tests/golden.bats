#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What each verb of resrunctl writes to a terminal of 80 columns, byte by byte: tests/golden/VERB.txt. The past is made up, with
# fixed names, times and numbers (tests/past); of the present, what is of the moment is masked (tests/golden/terminal).
#
# `make golden` writes the files anew: read what has changed in them, then commit it with what changed it. What a job in a
# leaf looks like is in tests/leaf.bats.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # status: set by await

source "$BATS_TEST_DIRNAME/common.bash"
source "$BATS_TEST_DIRNAME/golden.bash"

setup() {
	resrun_setup
	golden_setup
}

teardown() {
	end_background
}

# ---- a past --------------------------------------------------------------------------------------------------------------

# One record a line: ID NAME KEY REASON CODE SIGNAL DAY WALL_S CPU_S NEEDED_MB, of March 2024; - is null.
records() {
	jq -Rc '[splits(" +")] | map(if . == "-" then null else . end) | .[:4] + (.[4:] | map(tonumber? // .)) | {
		schema: 1, job_id: .[0], name: .[1], profile: (.[2] | split(":")[0]), key: .[2],
		submitted_at: "2024-03-\(.[6] + 10)T09:00:00Z", ended_at: "2024-03-\(.[6] + 10)T10:00:00Z",
		waited_s: 1.5, waited_for: ["slot"], attempt: 1, placement: "direct",
		limits: {memory: {requested: 536870912, enforced: "cgroup"}},
		exit: {reason: .[3], code: .[4], signal: .[5]},
		usage: {wall_s: .[7], cpu_s: .[8], memory_working_peak_bytes: (.[9] | if . then . * 1048576 else . end),
			memory_peak_bytes: (.[9] | if . then . * 2097152 else . end), oom_kills: 0, throttled_s: 0}}'
}

a_past() {
	records <<-'END' | "$SOURCE/tests/past" history "$STATE"
		0000000001 - encode:ffmpeg exited 0 - 1 600.5 1100.25 400
		0000000002 - encode:ffmpeg exited 0 - 2 610.5 1110.25 410
		0000000003 nightly-backup-of-the-archive default:rsync exited 0 - 2 30.25 1.5 20
		0000000004 - encode:ffmpeg exited 0 - 3 620.5 1120.25 420
		0000000005 bad encode:ffmpeg exited 7 - 4 1.25 0.5 30
		0000000006 greedy encode:ffmpeg oom - 9 5 300.5 500.25 512
		0000000007 killed default:rsync signaled - 15 6 3.5 0.25 12
		0000000008 slow default:sleep timeout 124 15 7 60.25 0.01 1
		0000000009 busy encode:ffmpeg not-admitted 75 - 8 - - -
		0000000010 missing default:nothing not-started 127 - 9 - - -
		0000000011 lost default:rsync lost - - 10 - - -
		0000000012 tired default:rsync canceled - 15 11 9.5 0.5 13
		0000000013 stuck encode:ffmpeg stalled - 9 12 99.5 0.5 511
	END
	"$SOURCE/tests/past" learned "$STATE" encode:ffmpeg <<-'END'
		1710151200 1000000000 419430400 1100.25 600.5 success
		1710237600 1100000000 429916160 1110.25 610.5 success
		1710324000 1200000000 440401920 1120.25 620.5 success
		1710496800 1200000000 536870912 500.25 300.5 killed
	END
}

@test "golden: history" {
	a_past
	look history
	look history --failed --key default:rsync
	look history --format csv --last 3
	look history --since 2024-03-22T00:00:00Z --json
	look history --key nobody
	compare history
}

@test "golden: history --plot" {
	a_past
	look history --plot encode:ffmpeg
	compare history-plot
}

@test "golden: stats" {
	a_past
	# How long ago the last one was.
	mask -m ' +[0-9hms]+$' ' AGO' -m ' +LAST AGO$' ' LAST AGO'
	look stats
	masks=()
	look stats encode:ffmpeg
	look stats default:sleep
	look stats nobody
	compare stats
}

@test "golden: why, of jobs that have ended" {
	a_past
	local id
	for id in 01 05 06 07 08 09 10 11 12 13; do
		look why "00000000$id"
	done
	look why greedy --json
	look why nobody
	compare why-ended
}

@test "golden: alerts" {
	look alerts
	"$SOURCE/tests/past" alerts "$STATE" <<-'END'
		{"time": "2024-03-05T10:00:00Z", "resource": "memory", "severity": "warning", "value": 70.5, "threshold": 85.0, "job_id": "a"}
		{"time": "2024-03-05T10:01:00Z", "resource": "memory", "severity": "critical", "value": 90.2, "threshold": 85, "job_id": "b"}
		{"time": "2024-03-05T10:02:00Z", "resource": "memory", "severity": "ok", "value": 40.0, "threshold": 85.0, "job_id": null}
	END
	look alerts
	look alerts --json --since 2024-03-05T10:02:00Z
	compare alerts
}

@test "golden: replay" {
	printf '%s\n' process,status,submit,memory,peak_rss,realtime,rchar >trace.csv
	local i
	for i in {1..40}; do
		echo "align,COMPLETED,$i,8,$((1000000000 + i * 10000000)),$((3600000 + i)),$((i * 100000000))"
	done >>trace.csv
	look replay trace.csv
	look replay nowhere.csv
	compare replay
}

# ---- a present -----------------------------------------------------------------------------------------------------------

@test "golden: status" {
	mask_host
	look status
	a_present --isolation process
	mask -m ' +PID +USER +STATE +AGE' ' PID USER STATE AGE' -m " +PID +$(id -un) +running +[0-9a-z.]+" ' PID USER running AGE'
	mask -m ' +WAITED' ' WAITED' -m ' +[0-9hms]+(?= its )' ' AGE'
	RESRUN_RATE_LIMIT=9 RESRUN_RATE_WINDOW=2h look status
	compare status
}

@test "golden: top" {
	a_present --isolation process
	mask -m '^resrun on [^ ]+:' 'resrun on HOST:' -m ' +[0-9:]{8}$' ' TIME' -m '\[[^]]*\]' '[BAR]'
	mask -m '[▁▂▃▄▅▆▇█ ]+$' ''
	mask -m 'of [0-9.]+ CPUs' 'of N CPUs' -m '[0-9.]+[KMGTP]?(?= available$| free$)' N -m '^Pressure .*' 'Pressure …'
	mask -w '(?<=running ) +(?:[0-9.]+%|-) +[0-9.]+[KMG]?/100M' '   CPU   USED/100M'
	mask -w ' +[0-9hms]+(?= hold)' ' AGE' -w ' +[0-9hms]+(?= #1)' ' AGE'
	mask -m '([0-9.]+)%' N
	look top --once
	compare top
}

@test "golden: why, of jobs that are there, and of one that is not" {
	a_present --isolation process
	mask -m 'for [0-9hms]+' 'for AGE' -m 'since [0-9hms]+ ago' 'since AGE ago'
	look why film
	look why waiter
	look why 'a waiter with quite a long name'
	mask -m '"value": ([0-9.]+|null)' N
	look why 'a waiter with quite a long name' --json
	look why -- ffmpeg -i in.mkv
	look why
	compare why
}

@test "golden: monitor" {
	mkdir empty
	a_present --isolation process
	mask -m '^[0-9:]{8}' TIME -m '\[[0-9]+\]' '[PID]' -m 'CPU ([0-9.]+%|unknown)' N% -m 'memory ([0-9.]+%|unknown)' N%
	mask -m 'memory ([0-9.]+[KMG]?)(?!%)' N -m 'stage (hold|sh)' STAGE -m '\bage ([0-9hms.]+)' AGE
	mask -m '[0-9.]+[KMGTP]? available' 'N available'
	look monitor --temp "$PWD/empty" --duration 0s film
	masks+=(-m '^[^s].*\n' '')
	look monitor --temp "$PWD/empty" --duration 0s --csv film
	masks=()
	look monitor
	look monitor --quick --debug 1
	compare monitor
}

@test "golden: pause, resume, set, cancel, wait, logs" {
	a_present --isolation process
	look set film memory=200M
	look set film colour=red
	look set waiter priority=high
	look set 'a waiter with quite a long name' priority=high
	look pause film
	look resume film
	look wait --timeout 0s film
	look cancel 'a waiter with quite a long name'
	await "$waiter"
	look cancel nobody
	look cancel film
	await "$holder"
	look wait film
	look logs film
	look logs nobody
	compare steer
}

# ---- what does not depend on jobs ------------------------------------------------------------------------------------------

@test "golden: config" {
	unset RESRUN_{CPU,MEMORY,DISK}_THRESHOLD RESRUN_MAX_WAIT
	write_config <<-'END'
		[default]
		memory = 2G
		[profile encode]
		match = ffmpeg
		cpus = 1.5
		rate_limit = 2
	END
	look config check
	# The width of this column is that of a path.
	mask -m '^(?:state_dir|runtime_dir) .*\n' '' -m '(?<=[^ ]) +(?=[^ ])' ' '
	look config show -p encode
	masks=()
	look config init --preset low -
	write_config <<-'END'
		[default]
		memory = much
		colour = red
	END
	look config check
	look config
	compare config
}

@test "golden: threads" {
	look threads --max 1
	mask -m '"(?:cpus|threads)": ([0-9.]+)' N -m '"(?:busy_percent|over_s|available_bytes)": ([-+0-9.e]+|null)' N
	mask -m '"bound_by": "([a-z]+)"' …
	look threads --max 3 --memory-per 512M --json
	look threads --memory-per much
	compare threads
}

@test "golden: metrics" {
	a_past
	# Which pressure there is, and how much, is the host's.
	mask -m '^resrun_(?:host|reserved)_[^ ]+ ([^ ]+)$' N -m '^.*resource="pressure".*\n' '' -m 'version="([^"]*)"' …
	look metrics
	look metrics --textfile "$PWD/nowhere/resrun.prom"
	compare metrics
}

@test "golden: idle" {
	look idle --for 1h
	a_past
	mask -m 'over [0-9hm]+ ago' 'over AGE ago' -m '"idle_s": ([0-9.]+)' N
	look idle --for 1h
	look idle --for 100000h
	look idle --for 1h --json
	a_present
	mask -m 'there for [0-9hms]+' 'there for AGE' -m '"age_s": ([0-9.]+)' N
	# Which of them is named first is the order of their slots.
	look idle --for 1h
	look idle --for 1h -q
	look idle
	compare idle
}

@test "golden: doctor" {
	# What a host allows is its own affair: which questions are asked, in which order.
	mask -m '^ +to change that.*\n' '' -m '^(?:ok|note|problem) +' '' -m ':.*' '' -m '(?:^placement\n)+' $'placement\n'
	mask -m '^[0-9]+ problems?, [0-9]+ notes?' 'N problems, N notes' -m '^\[exit 1\]\n' ''
	look doctor
	compare doctor
}

are_older() { # SECONDS FILE...
	local file
	for file in "${@:2}"; do
		(($(date +%s) - $(stat -c %Z "$file") >= $1)) || return 1
	done
}

@test "golden: sweep" {
	# A file each: the order in a directory is the file system's.
	mkdir -p old/deeper
	printf 0123456789 >old/deeper/a
	write_config <<<"[default]
sweep_dirs = $PWD/old"
	mask -m '^ +[0-9.]+K? +[0-9-]+ [0-9:]+' '  SIZE  TIME' -m ', [0-9.]+K?;' ', N;'
	mask -m '\r' '' -m '(?:\x1b\[K)?resrunctl: [^\n\x1b]* seen, [^\n\x1b]*' '' -m '\x1b\[K' '' -m '\b[0-9.]+[KMGTP]? left' 'N left'
	look sweep --dry-run
	eventually 20 are_older 3 old/deeper/a old/deeper
	look sweep --dry-run --age 1s
	look sweep --age 1s
	look sweep "$PWD/nowhere"
	rm "$XDG_CONFIG_HOME/resrun/resrun.ini"
	look sweep
	compare sweep
}

@test "golden: audit" {
	look audit
	resrun -- true
	printf 'half a line' >>"$STATE/history"
	look audit
	look audit --fix
	look audit --json
	compare audit
}

@test "every verb has been looked at" {
	local verb
	while read -r verb; do
		grep -q "^\$ resrunctl $verb" "$GOLDEN"/*.txt || fail "no golden output of $verb"
	done < <(resrunctl --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
}
