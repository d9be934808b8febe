#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl: what it shows of host, jobs, past and configuration, and how it refuses what it does not understand.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

bats_require_minimum_version 1.5.0

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	bats_load_library bats-file
	BUILD=${RESRUN_BUILD:-$BATS_TEST_DIRNAME/../build}
	PATH=$BUILD:$PATH
	umask 022
	# A directory in which nothing is but what resrun makes: bats has files of its own beside it.
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	export RESRUN_STATE_DIR=$PWD/state RESRUN_RUNTIME_DIR=$PWD/run XDG_CONFIG_HOME=$PWD/config
	pids=()
}

teardown() {
	((${#pids[@]})) || return 0
	kill "${pids[@]}" 2>/dev/null || true
	# Only for these: bats has a background process of its own, which ends with its time limit.
	wait "${pids[@]}" || true
}

ctl() { # ARG...
	run --separate-stderr resrunctl "$@"
}

# A job that starts whatever the host is doing.
anyway=(-q --cpu-threshold 100 --memory-threshold 100 --disk-threshold 100)
job() { # ARG...
	resrun "${anyway[@]}" "$@"
}

# Not through job(): the pid is to be that of resrun itself.
job_in_background() { # ARG...
	resrun "${anyway[@]}" "$@" 3>&- </dev/null >/dev/null 2>&1 &
	pids+=($!)
}

config() { # TEXT: of the user's resrun.ini
	mkdir -p config/resrun
	printf '%s\n' "$1" >config/resrun/resrun.ini
}

# jq's program over the last output is true.
holds() { # PROGRAM
	jq -e "$1" <<<"$output" >/dev/null || fail "not so: $1 in: $output"
}

wait_until() { # SECONDS COMMAND...
	# A machine that is busy has four times as long.
	local tries=$(($1 * 80))
	while ! "${@:2}"; do
		((tries-- > 0)) || fail "in vain: ${*:2}"
		sleep 0.05
	done
}

status_holds() { # PROGRAM
	resrunctl status --json | jq -e "$1" >/dev/null
}

misused() { # WORDS ARG...: exit 125, one line that has the words and says where to look
	ctl "${@:2}"
	assert_equal "$status" 125
	assert_output ''
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == "resrunctl: "*"$1"* ]] || fail "no '$1' in: $stderr"
	[[ $stderr == *"see resrunctl --help" ]] || fail "not said where to look: $stderr"
}

# ---- the command line ----

@test "--version and --help, also of every verb" {
	ctl --version
	assert_success
	assert_output --regexp '^resrunctl [0-9]+\.[0-9]+\.[0-9]+'
	ctl --help
	assert_success
	for verb in status history doctor config; do
		assert_line --regexp "^  $verb "
	done
	for verb in status history doctor config 'config show' 'config check' 'config init'; do
		# shellcheck disable=SC2086  # two words
		ctl $verb --help
		assert_success
		assert_line --index 0 --partial "Usage: resrunctl $verb"
	done
}

@test "wrong usage: 125, one line that names the word" {
	misused 'no verb'
	misused "'stauts'" stauts
	misused "'--frobnicate'" --frobnicate
	misused "'--frobnicate'" status --frobnicate
	misused '-x' history -x
	misused '--json' status --json=yes
	misused '--since' history --since
	misused "--since: 'yesterday'" history --since yesterday
	misused "--last: '0'" history -n 0
	misused "--last: '-3'" history -n -3
	misused "'word'" status word
	misused "'word'" doctor word
	misused 'show, check or init' config
	misused "'shwo'" config shwo
	misused "'b'" config check a b
	misused "--preset: 'huge'" config init --preset huge -
}

@test "output that cannot be written is a failure" {
	[[ -c /dev/full ]] || skip "no /dev/full"
	run bash -c 'resrunctl status >/dev/full'
	assert_equal "$status" 125
	run bash -c 'resrunctl config show --json >/dev/full'
	assert_equal "$status" 125
}

# ---- status ----

@test "status without a ledger: the two lines, nothing runs, nothing is made" {
	ctl status
	assert_success
	local percent='[0-9]+\.[0-9]%' size='[0-9]+\.[0-9]GB'
	assert_line --index 0 --regexp "^\[Resource Monitor\] CPU: $percent, Memory: $percent \($size used, $size available\), Disk: $percent \($size free\)$"
	assert_line --index 1 --regexp '^\[Resource Manager\] Active operations: 0, Rate limit OK: True, Resources available: (True|False)$'
	assert_line 'Running: none'
	assert_line 'Waiting: none'
	assert_line 'Rate windows: none'
	assert_equal "$stderr" ''
	assert_not_exists state
	assert_not_exists run
}

@test "status --json without a ledger" {
	ctl status --json
	assert_success
	holds '.schema == 1 and .ledger == null and .running == [] and .waiting == [] and .rate_windows == []'
	holds '.manager.active_operations == 0 and .manager.rate_limit_ok == true'
	holds '.host | .memory_total_bytes > 1e6 and .memory_used_bytes + .memory_available_bytes == .memory_total_bytes'
	holds '.host | [.cpu_percent, .memory_percent, .disk_percent] | all(. >= 0 and . <= 100)'
	holds '.thresholds == {"cpu": 85, "memory": 85, "disk": 90, "pressure": null}'
}

@test "status judges by the thresholds in force" {
	RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100 ctl status
	assert_line --index 1 --partial 'Resources available: True'
	RESRUN_MEMORY_THRESHOLD=0 ctl status
	assert_line --index 1 --partial 'Resources available: False'
	RESRUN_MEMORY_THRESHOLD=0 ctl status --json
	holds '.manager.resources_available == false and .manager.levels.memory == "critical"'
}

@test "status says over what time it measured the CPU: since one that was there before, else this moment" {
	ctl status
	assert_line --index 2 --partial 'CPU use is that of this moment'
	ctl status --json
	holds '.host | .cpu_percent >= 0 and .cpu_over_s == null'
	assert_not_exists state
	mkdir -m 700 state
	ctl status --json
	holds '.host.cpu_over_s == null'
	wait_until 10 status_holds '.host.cpu_over_s != null'
	ctl status --json
	holds '.host | .cpu_percent >= 0 and .cpu_percent <= 100 and .cpu_over_s >= 0.5 and .cpu_over_s <= 60'
	ctl status
	assert_line --index 2 --regexp '^CPU use is that of the last [0-9.]+s\.$'
}

@test "a damaged or foreign sample of the host is not believed, and replaced" {
	mkdir -m 700 state
	resrunctl status >/dev/null
	cp state/host-sample kept
	wait_until 10 status_holds '.host.cpu_over_s != null'
	# One byte of the counters.
	printf '\377' | dd of=kept bs=1 seek=90 conv=notrunc status=none
	cp kept state/host-sample
	ctl status --json
	holds '.host | .cpu_over_s == null and .cpu_percent >= 0'
	wait_until 10 status_holds '.host.cpu_over_s != null'
	rm state/host-sample
	ln -s "$PWD/elsewhere" state/host-sample
	ctl status --json
	holds '.host | .cpu_over_s == null and .cpu_percent >= 0'
	assert_not_exists elsewhere
}

@test "status does not sleep to measure: a few milliseconds at most" {
	command -v strace >/dev/null || skip 'no strace'
	# LeakSanitizer does not work under strace.
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" run strace -qq -e trace=nanosleep,clock_nanosleep,ppoll,poll,select,pselect6 -o trace resrunctl status
	assert_success
	assert_equal "$(grep -cvE 'tv_sec=0, tv_nsec=1000000}' trace || true)" 0
	(($(wc -l <trace) <= 3))
}

@test "status shows who runs, and who waits for what, in the order of their turns" {
	job_in_background --name runner -m 100M -c 1 -- sleep 300
	wait_until 20 status_holds '.running | length == 1 and .[0].state == "running"'
	job_in_background --name second -w inf -- true
	wait_until 20 status_holds '.waiting | map(.waits_for) == ["slot"]'
	job_in_background --name first --priority high -w inf -- true
	wait_until 20 status_holds '.waiting | map(.waits_for) == ["slot", "slot"]'

	ctl status --json
	holds '.manager.active_operations == 1'
	holds ".running[0] | .name == \"runner\" and .profile == \"default\" and .user == \"$(id -un)\" and .command == \"sleep 300\""
	holds ".running[0] | .launcher_pid == ${pids[0]} and .reserved_memory_bytes == 104857600 and .reserved_cpus == 1 and .age_s > 0"
	holds '.waiting | map([.name, .position, .priority, .waits_for]) == [["first", 1, "high", "slot"], ["second", 2, "normal", "slot"]]'

	ctl status
	assert_line --index 1 --partial 'Active operations: 1,'
	assert_line --regexp "^[0-9a-z]+ +runner +default +${pids[0]} +$(id -un) +running +[0-9].* 100M, 1 CPU +sleep 300$"
	assert_line --regexp '^ +1 +[0-9a-z]+ +first +default +high +[0-9]+.* slots are taken$'
	assert_line --regexp '^ +2 +[0-9a-z]+ +second +default +normal +[0-9]+.* behind others'
}

@test "status calls a job lost whose launcher is dead, until the next one has cleared it away" {
	job_in_background --name gone -- sleep 300
	# Its keeper is there, and has its name.
	wait_until 20 pgrep -P "${pids[0]}" -x sleep >/dev/null
	wait_until 20 pgrep -P "${pids[0]}" -x resrun-keeper >/dev/null
	# With the keeper, which would clear it away at once; stopped, so that it cannot see that one die.
	kill -STOP "${pids[0]}"
	pkill -KILL -P "${pids[0]}" -x resrun-keeper
	kill -KILL "${pids[0]}"
	wait "${pids[0]}" || true
	ctl status --json
	holds '.running[0] | .name == "gone" and .state == "lost"'
	holds '.manager.active_operations == 0'
	ctl doctor --json
	holds '.findings[] | select(.topic == "ledger") | .level == "note" and (.words | contains("1 lost"))'
	wait_until 20 job -w 10s -- true
	ctl status --json
	holds '.running == []'
}

@test "status counts the starts of a rate window against the profile's limit" {
	config $'[profile scarce]\nrate_limit = 2\nrate_window = 1h'
	job -p scarce -- true
	ctl status --json
	holds '.rate_windows == [{"profile": "scarce", "starts": 1, "limit": 2, "window_s": 3600.0, "next_free_in_s": 0.0}]'
	holds '.manager.rate_limit_ok'
	job -p scarce -- true
	ctl status --json
	holds '.rate_windows[0] | .starts == 2 and .next_free_in_s > 3000 and .next_free_in_s <= 3600'
	ctl status
	assert_line --index 1 --partial 'Rate limit OK: False'
	assert_line --regexp '^scarce +2 +2 +1h +in 5[0-9]m'
	job_in_background -p scarce -w inf -- true
	wait_until 20 status_holds '.waiting[0].waits_for == "rate"'
}

@test "status tells of a window whose limit stood on a command line, but judges nothing by it" {
	job -r 1/1h -- true
	ctl status --json
	holds '.rate_windows == [{"profile": "default", "starts": 1, "limit": null, "window_s": 3600.0, "next_free_in_s": null}]'
	holds '.manager.rate_limit_ok'
}

@test "status does not wait for ever for a held ledger" {
	job -- true
	flock state/ledger sleep 300 3>&- &
	pids+=($!)
	wait_until 10 bash -c '! flock -n state/ledger true'
	ctl status
	pkill -P "${pids[0]}" sleep
	assert_equal "$status" 125
	assert_output ''
	[[ $stderr == *"state/ledger' has been locked by process ${pids[0]}"* ]] || fail "$stderr"
}

@test "status refuses a damaged ledger by name" {
	job -- true
	printf 'x' | dd of=state/ledger bs=1 seek=20 conv=notrunc status=none
	ctl status --json
	assert_equal "$status" 125
	assert_output ''
	[[ $stderr == *"state/ledger' is damaged"* ]] || fail "$stderr"
}

# ---- history ----

some_history() {
	job --name good -- true
	run job --name bad --key thing -- sh -c 'exit 3'
	run job --name killed -- sh -c 'kill -KILL $$'
}

@test "history without one is empty" {
	ctl history
	assert_success
	assert_output 'Runs: none'
	ctl history --json
	holds '. == {"schema": 1, "records": []}'
}

@test "history --json gives the records as they were written, newest last" {
	some_history
	ctl history --json
	assert_success
	assert_equal "$(jq -cS '.records[]' <<<"$output")" "$(cut -f2 state/history | jq -cS .)"
	holds '.schema == 1 and (.records | map(.name)) == ["good", "bad", "killed"]'
}

@test "history as a table" {
	some_history
	ctl history
	assert_line --index 1 --regexp '^ENDED +ID +NAME/KEY +STATUS +WALL +CPU +NEEDED +WAITED +PEAK +PLACEMENT$'
	local ended='^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} +[0-9a-z]+'
	assert_line --index 2 --regexp "$ended +good +exited 0 .* (process|direct|delegated|systemd-[a-z]+)$"
	assert_line --index 3 --regexp "$ended +bad +exited 3 "
	assert_line --index 4 --regexp "$ended +killed +signaled 9 "
}

@test "history by failure, key, name, number and time" {
	some_history
	names() { jq -c '.records | map(.name)' <<<"$output"; }
	ctl history --json --failed
	assert_equal "$(names)" '["bad","killed"]'
	ctl history --json --key thing
	assert_equal "$(names)" '["bad"]'
	ctl history --json --name good
	assert_equal "$(names)" '["good"]'
	ctl history --json -n 2
	assert_equal "$(names)" '["bad","killed"]'
	ctl history --json --last=1 --failed --since 2001-01-01
	assert_equal "$(names)" '["killed"]'
	ctl history --json -n 1000
	assert_equal "$(names)" '["good","bad","killed"]'
	ctl history --json --since 1h
	assert_equal "$(names)" '["good","bad","killed"]'
	ctl history --json --since 2199-12-31T00:00:00Z
	assert_equal "$(names)" '[]'
}

@test "history passes over damaged lines, and says so" {
	some_history
	sed -i '2s/./x/' state/history
	printf '00000000\t{"half":' >>state/history
	ctl history --json
	assert_success
	holds '.records | map(.name) == ["good", "killed"]'
	assert_equal "$stderr" "resrunctl: 2 damaged lines in the history '$RESRUN_STATE_DIR/history' passed over"
}

@test "history makes control characters harmless" {
	job --name $'a\033[31mb' -- true
	ctl history
	refute_output --partial $'\033'
	ctl history --json
	holds '.records[0].name == "a\u001b[31mb"'
}

# ---- doctor ----

@test "doctor finds no problem here, and a word on everything" {
	ctl doctor
	assert_success
	assert_line --regexp '^0 problems, [0-9]+ notes?$'
	local topic
	for topic in configuration hierarchy placement 'limit memory' systemd pressure seccomp clone3 pidfd openat2 \
		'state directory' 'runtime directory' ledger history; do
		[[ $topic == systemd && -d /run/systemd/system ]] || assert_line --regexp "^(ok|note) +$topic: "
	done
	assert_not_exists state
	assert_not_exists run
}

@test "doctor --json: the placement of this host, and what enforces each limit there" {
	ctl doctor --json
	assert_success
	holds '.schema == 1 and .problems == 0 and .notes == (.findings | map(select(.level == "note")) | length)'
	holds '.findings | all((.level | IN("ok", "note", "problem")) and (.words | length > 0) and (.level != "ok" or .remedy == null))'
	holds '.limits | keys == ["cpu", "cpu_weight", "io_max", "io_weight", "memory", "memory_high", "pids", "swap"]'
	case ${RESRUN_TEST_ENV:-} in
	plain) holds '.placement == "direct" and .limits.memory == "cgroup" and .limits.pids == "cgroup"' ;;
	systemd-user) holds '.placement == "systemd-user"' ;;
	esac
}

@test "doctor says of a placement without a cgroup what it lacks, and how to get one" {
	ctl doctor --json
	if ! jq -e '.placement == "process"' <<<"$output" >/dev/null; then
		holds '[.findings[] | select(.topic == "placement" and .level != "ok")] == []'
		return
	fi
	holds '.limits == {"memory": "sampled", "memory_high": "none", "swap": "none", "cpu": "affinity", "cpu_weight": "nice", "pids": "none", "io_weight": "none", "io_max": "none"}'
	holds '[.findings[] | select(.topic == "placement" and .level == "note")] | length == 1 and (.[0].remedy | length > 0)'
	holds '[.findings[] | select(.topic == "placement" and .level == "ok") | .words] | length > 0 and all(startswith("not by "))'
	RESRUN_ISOLATION=cgroup ctl doctor
	assert_failure 1
	assert_line --partial "isolation=cgroup is configured"
}

@test "doctor asks for each call of the kernel, and finds those that are not there" {
	printf 'base none\nenosys clone3 openat2 pidfd_open\n' >policy
	run --separate-stderr job --seccomp "$PWD/policy" -- resrunctl doctor --json
	assert_success
	holds '[.findings[] | select(.topic | IN("clone3", "openat2", "pidfd")) | .level] == ["note", "note", "note"]'
	ctl doctor --json
	holds '[.findings[] | select(.topic | IN("clone3", "openat2", "pidfd")) | .level] == ["ok", "ok", "ok"]'
}

@test "doctor finds a configuration that cannot be used: problem, exit 1" {
	config $'[default]\nmemmory = 4G'
	ctl doctor
	assert_failure 1
	assert_line --regexp "^problem +configuration: .*resrun.ini:2: unknown key 'memmory'"
	ctl doctor --json
	assert_failure 1
	holds '.problems == 1 and (.findings[0] | .level == "problem" and (.remedy | contains("resrunctl config check")))'
	config $'[default]'
	chmod 666 config/resrun/resrun.ini
	ctl doctor
	assert_failure 1
	assert_line --partial 'refused, because others could have written it'
	config $'[profile odd]\nmemory = 1M\nmemory_high = 2M'
	chmod 644 config/resrun/resrun.ini
	ctl doctor
	assert_failure 1
	assert_line --partial "profile 'odd': "
}

@test "doctor finds a damaged ledger" {
	job -- true
	truncate -s 100 state/ledger
	ctl doctor
	assert_failure 1
	assert_line --regexp "^problem +ledger: .*is damaged \\(its size\\)"
}

@test "doctor finds directories that others can write, or that cannot be made" {
	mkdir -m 777 state
	ctl doctor
	assert_failure 1
	assert_line --regexp "^problem +state directory: '.*' can be written by others"
	assert_line --partial "chmod go-w '$RESRUN_STATE_DIR'"
	touch file
	RESRUN_STATE_DIR=$PWD/file ctl doctor
	assert_failure 1
	assert_line --partial "file' is not a directory"
	((EUID)) || return 0
	RESRUN_STATE_DIR=/nowhere/state ctl doctor
	assert_failure 1
	assert_line --partial "'/nowhere/state' is not there, and '/' is not ours to make it in"
}

@test "doctor --fix makes the directories with the right mode, and nothing else" {
	ctl doctor --fix
	assert_success
	assert_equal "$(stat -c %a,%u state run)" $'700,'"$EUID"$'\n700,'"$EUID"
	assert_equal "$(find . -mindepth 1 | sort)" $'./run\n./state'
	chmod 777 state
	ctl doctor
	assert_failure 1
	ctl doctor --fix
	assert_success
	assert_equal "$(stat -c %a state)" 755
}

@test "doctor --fix touches nothing that belongs to someone else, nor without a configuration" {
	config 'nonsense'
	ctl doctor --fix
	assert_failure 1
	assert_line --partial 'nothing was mended'
	assert_not_exists state
	((!EUID)) || return 0
	config '[default]'
	mkdir state
	chown 65534 state
	ctl doctor --fix
	assert_failure 1
	assert_line --partial 'was not mended'
	assert_equal "$(stat -c %u state)" 65534
}

# ---- config ----

@test "config show: every key, its value, and where it comes from" {
	config $'[resrun]\nmax_concurrent = 5\n[default]\nmemory = 1G\n[profile encode]\nmemory = 2G\nhook_after = a; b\nhook_after = c'
	RESOURCE_CPU_THRESHOLD=70.5 ctl config show
	assert_success
	assert_line --index 0 "Profile 'default':"
	assert_line --regexp "^cpu_threshold +70.5 +RESOURCE_CPU_THRESHOLD$"
	assert_line --regexp "^memory +1G +.*resrun.ini:4$"
	assert_line --regexp '^swap +- +not set$'
	assert_line --regexp '^max_wait +5m +default$'
	assert_line --regexp "^max_concurrent +5 +.*resrun.ini:2$"
	ctl config show --profile encode
	assert_line --index 0 "Profile 'encode':"
	assert_line --regexp "^memory +2G +.*resrun.ini:6$"
	assert_line --regexp '^hook_after +a; b; c +'
	ctl config show -p nobody
	assert_equal "$status" 125
	[[ $stderr == *"no profile 'nobody'"* ]] || fail "$stderr"
}

@test "config show --json: base units, null for what is not set" {
	config $'[default]\nmemory = 1G\nswap = none\nmemory_high = 50%\nmax_wait = inf\nsweep_dirs = /a:/b\nstrict = yes\ncpus = 1.5'
	ctl config show --json
	assert_success
	holds ".schema == 1 and .profile == \"default\" and .files == [\"$XDG_CONFIG_HOME/resrun/resrun.ini\"] and .state_dir == \"$RESRUN_STATE_DIR\""
	holds '.settings.memory | .value == 1073741824 and .text == "1G" and (.origin | endswith("resrun.ini:2"))'
	holds '.settings.pids == {"value": null, "text": null, "origin": null}'
	holds '.settings.swap | .value == null and .text == "none"'
	holds '.settings.memory_high | .value == null and .text == "50%"'
	holds '.settings.max_wait | .value == null and .text == "inf"'
	holds '.settings | .rate_window.value == 3600 and .strict.value == true and .cpus.value == 1.5 and .sweep_dirs.value == ["/a", "/b"]'
	holds '.settings.cpu_threshold == {"value": 85.0, "text": "85", "origin": "default"}'
	holds '.machine.scope.value == "user" and .machine.state_dir.origin == "RESRUN_STATE_DIR"'
}

@test "config check: ok and the files, or FILE:LINE and 125" {
	config '[default]'
	printf '[default]\nmemory = 4X\n' >bad.ini
	printf '[default]\nmemory = 1M\n[profile x]\nmemory_high = 2M\n' >crossed.ini
	ctl config check
	assert_success
	assert_output --partial "ok: $XDG_CONFIG_HOME/resrun/resrun.ini"
	ctl config check bad.ini
	assert_equal "$status" 125
	assert_output ''
	[[ $stderr == "resrunctl: bad.ini:2: memory: '4X' is not a size"* ]] || fail "$stderr"
	ctl config check crossed.ini
	assert_equal "$status" 125
	[[ $stderr == "resrunctl: crossed.ini:4: memory_high (2M) is above memory"* ]] || fail "$stderr"
	ctl config check missing.ini
	assert_equal "$status" 125
	[[ $stderr == *"'missing.ini': No such file"* ]] || fail "$stderr"
	chmod g+w bad.ini
	ctl config check bad.ini
	[[ $stderr == *"'bad.ini': refused"* ]] || fail "$stderr"
}

@test "config check FILE does not hide a file's mistake behind the environment" {
	printf '[default]\nrate_limit = 0\n' >zero.ini
	RESRUN_RATE_LIMIT=3 ctl config check zero.ini
	assert_equal "$status" 125
	[[ $stderr == *"zero.ini:2: rate_limit: 0 is not between"* ]] || fail "$stderr"
}

# KEY=VALUE of every setting, without where it comes from.
values() {
	resrunctl config show --json | jq -c '(.settings, .machine) | map_values(.value | if . == [] then null else . end)'
}

@test "config init without a preset changes nothing, also with every key taken in" {
	local before
	before=$(values)
	mkdir -p config/resrun
	ctl config init config/resrun/resrun.ini
	assert_success
	assert_output "wrote config/resrun/resrun.ini"
	assert_equal "$(values)" "$before"
	sed -i -E 's/^# ([a-z_]+ =.*)$/\1/; s/^# (\[.*\])$/\1/' config/resrun/resrun.ini
	resrunctl config check
	assert_equal "$(values)" "$before"
	# Every key of the table stands there.
	diff <(resrunctl config show --json | jq -r '(.settings, .machine) | keys[] | select(. != "match")' | sort) \
		<(sed -nE 's/^([a-z_]+) =.*/\1/p' config/resrun/resrun.ini | sort)
}

preset_is() { # NAME CPU MEMORY DISK CONCURRENT LIMIT WINDOW
	ctl config init --preset "$1" --force config/resrun/resrun.ini
	assert_success
	ctl config show --json
	assert_equal "$(jq -c '.settings | [.cpu_threshold, .memory_threshold, .disk_threshold, .max_concurrent, .rate_limit, .rate_window] | map(.value | floor)' <<<"$output")" \
		"[$2,$3,$4,$5,$6,$7]"
	assert_equal "$(jq '[.settings[] | select(.origin != null and .origin != "default")] | length' <<<"$output")" 6
}

@test "config init --preset low, mid, high and auto" {
	mkdir -p config/resrun
	preset_is low 70 75 85 1 1 7200
	preset_is mid 80 80 90 1 2 3600
	preset_is high 85 85 90 2 3 3600
	ctl config init --preset auto -
	assert_success
	assert_line --index 0 --regexp 'config init --preset (low|mid|high)\.'
}

@test "config init never replaces a file without --force" {
	echo '# mine' >resrun.ini
	ctl config init resrun.ini
	assert_equal "$status" 125
	[[ $stderr == *"'resrun.ini' is there already: --force replaces it"* ]] || fail "$stderr"
	assert_equal "$(cat resrun.ini)" '# mine'
	ln -s nowhere dangling
	ctl config init dangling
	assert_equal "$status" 125
	assert_not_exists nowhere
	ctl config init --force resrun.ini
	assert_success
	assert_file_contains resrun.ini '^\[default\]$'
	assert_equal "$(stat -c %a resrun.ini)" 644
}

@test "config init - writes to stdout only; without FILE, to the user's own place" {
	ctl config init -
	assert_success
	assert_line '[default]'
	assert_equal "$(find . -mindepth 1)" ''
	((EUID)) || return 0
	ctl config init
	assert_success
	assert_output "wrote $XDG_CONFIG_HOME/resrun/resrun.ini"
	resrunctl config check
	unset XDG_CONFIG_HOME
	export HOME=$PWD/home
	ctl config init
	assert_success
	assert_output "wrote $HOME/.config/resrun/resrun.ini"
}
