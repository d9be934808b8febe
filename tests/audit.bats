#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl audit: what killed launchers, full disks and other versions left is found, explained, and mended; nothing else is
# touched.
#
# runs: outside outside-user plain
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	mkdir -m 700 temp
	export TMPDIR=$PWD/temp
}

teardown() {
	end_background
}

audit() { # [OPTION]...
	run --separate-stderr resrunctl audit "$@"
}

# Topic and state of what is found here; /tmp is everybody's.
findings() {
	jq -r --arg here "$PWD" '.findings[] | select(.object | startswith("/tmp/") and (startswith($here) | not) | not)
		| "\(.topic) \(.state)"' <<<"$output" | sort | tr '\n' ';'
}

# The exit status says whether anything is there that is not mended, whoever's it may be in /tmp.
assert_status_fits() {
	assert_equal "$status" "$(jq '[.findings[] | select(.state | IN("found", "stays"))] | length | if . > 0 then 1 else 0 end' <<<"$output")"
}

# A launcher that was killed in the middle of a job with a private directory; what it left is still there.
kill_launcher() { # [OPTION]...
	[[ -p gate ]] || mkfifo gate
	background resrun --temp "$@" -- sh -c 'echo $$ >job.pid; echo content >"$TMPDIR/file"; echo >holding; read -r word <gate'
	eventually 20 test -e holding
	rm holding
	kill_with_keeper "$LAST_PID"
}

@test "audit: clean where nothing was ever run, and after jobs that ended well" {
	audit --json
	assert_equal "$(findings)" ''
	assert_status_fits
	[[ ! -e $STATE/ledger ]]
	run -0 resrun --temp -- true
	run -3 resrun --temp -- sh -c 'exit 3'
	audit --json
	assert_equal "$(findings)" ''
	assert_equal "$(jq .schema <<<"$output")" 1
}

@test "audit: the slot, the private directory and the job of a killed launcher" {
	kill_launcher
	audit --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'slot found;temp found;'
	assert_equal "$(ls temp | wc -l)" 1
	audit
	assert_equal "$status" 1
	assert_line --regexp "^found   slot: [0-9a-z]{10}: a slot of profile 'default' whose launcher was killed \(sh -c "
	assert_line --regexp "^found   temp: $TMPDIR/resrun-[0-9a-z]{10}: the private directory of a job that is no more \([0-9]+K\)$"
	assert_line --partial '; resrunctl audit --fix mends'
	audit --fix --json
	assert_equal "$(findings)" 'slot mended;temp mended;'
	assert_equal "$(ls -A temp)" ''
	eventually 5 is_gone "$(<job.pid)"
	audit --json
	assert_equal "$(findings)" ''
	run -0 resrun -w 0 -- true
	audit --json
	assert_equal "$(findings)" ''
}

@test "audit --fix ends what is left of a killed launcher's job, and wakes who waits for its slot" {
	kill_launcher
	kill_launcher -p default -j 2
	background resrun -j 2 -- sleep 300
	eventually 20 queued 0 1
	audit --fix
	assert_equal "$(resrunctl status --json | jq -c '[(.running | map(.state)), (.waiting | length)]')" '[["running"],0]'
	eventually 5 is_gone "$(<job.pid)"
}

@test "audit touches nothing of jobs that run, whatever ledger they are in, nor what is not of resrun's making" {
	mkdir -m 700 temp/resrun-other temp/.resrun-0123456789.new temp/unrelated
	mkdir -m 755 temp/resrun-0123456789
	hold_slot --temp
	background resrun --temp -j 2 -- sh -c 'echo >second; exec sleep 300'
	eventually 20 test -e second
	queued 0 2
	RESRUN_STATE_DIR=$PWD/elsewhere audit --fix --json
	assert_equal "$(findings)" ''
	audit --fix --json
	assert_equal "$(findings)" ''
	assert_equal "$(ls -A temp | wc -l)" 6
	let_go
	assert_equal "$status" 0
}

@test "audit: the private directory of a killed launcher whose slot is free already, also of another state directory" {
	kill_launcher
	run -0 resrun -- true
	assert_equal "$(ls temp | wc -l)" 1
	RESRUN_STATE_DIR=$PWD/elsewhere audit --json
	assert_equal "$(findings)" 'temp found;'
	audit --fix --json
	assert_equal "$(findings)" 'temp mended;'
	assert_equal "$(ls -A temp)" ''
}

@test "audit: what the job of a killed launcher said of its progress, and nothing of one that runs" {
	local file
	kill_launcher
	# With one slot it starts only when the other one is cleared away.
	background resrun -- sh -c 'echo progress=5 >"$RESRUN_STATUS"; echo >said; exec sleep 60'
	eventually 20 test -e said
	file=$RESRUN_RUNTIME_DIR/status/$(history '.[] | select(.exit.reason == "lost") | .job_id' | tr -d '"')
	assert_equal "$(ls "$RESRUN_RUNTIME_DIR/status" | wc -l)" 1
	touch "$file" "$RESRUN_RUNTIME_DIR/status/other"
	audit --json
	assert_equal "$(findings)" 'status found;temp found;'
	audit --fix --json
	assert_equal "$(findings)" 'status mended;temp mended;'
	[[ ! -e $file && -e $RESRUN_RUNTIME_DIR/status/other ]]
	assert_equal "$(ls "$RESRUN_RUNTIME_DIR/status" | wc -l)" 2
	audit --json
	assert_equal "$(findings)" ''
	kill "$LAST_PID"
	await "$LAST_PID"
}

@test "audit: a torn tail of the history is mended; damaged lines are told and harmless" {
	local whole
	run -0 resrun -- true
	run -0 resrun -- true
	whole=$(md5sum <"$STATE/history")
	printf '00000000\t{"schema":1,' >>"$STATE/history"
	audit --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'history found;'
	audit --fix --json
	assert_status_fits
	assert_equal "$(findings)" 'history mended;'
	assert_equal "$(md5sum <"$STATE/history")" "$whole"
	sed -i '1s/true/trux/' "$STATE/history"
	audit --json
	assert_status_fits
	assert_equal "$(findings)" 'history note;'
}

@test "audit: halves of files go, when who wrote them is gone" {
	local half
	run -0 resrun -- true
	mkdir -p "$RESRUN_RUNTIME_DIR"
	# No process has this number: it is above the kernel's largest.
	for half in "$STATE/.learned.4194305.tmp" "$RESRUN_RUNTIME_DIR/.x.4194305.tmp"; do
		echo half >"$half"
	done
	touch "$STATE/.learned.$$.tmp" "$STATE/.4194305.tmp" "$STATE/x.4194305.tmp" "$STATE/.x.word.tmp"
	audit --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'half found;half found;'
	audit --fix --json
	assert_status_fits
	assert_equal "$(findings)" 'half mended;half mended;'
	assert_equal "$(find "$STATE" "$RESRUN_RUNTIME_DIR" -name '*.tmp' -printf '%f\n' | sort | tr '\n' ' ')" \
		"$(printf '%s\n' ".learned.$$.tmp" .4194305.tmp x.4194305.tmp .x.word.tmp | sort | tr '\n' ' ')"
}

@test "audit: a damaged ledger is mended; one of another version is told, and left alone" {
	need python3
	run -0 resrun -- true
	head -c 100 /dev/zero | dd of="$STATE/ledger" conv=notrunc status=none
	audit --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'ledger found;'
	audit --fix --json
	assert_status_fits
	assert_equal "$(findings)" 'ledger mended;'
	printf 'RESRUNL9' | dd of="$STATE/ledger" bs=1 seek=8 conv=notrunc status=none
	python3 "$SOURCE/tests/fault/forge" "$STATE/ledger" header
	audit --fix --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'ledger stays;'
	[[ $(jq -r '.findings[].words' <<<"$output") == *'another version of resrun'* ]]
	assert_equal "$(dd if="$STATE/ledger" bs=1 skip=8 count=8 status=none)" RESRUNL9
}

@test "audit: what is learned and cannot be used, and halves of it" {
	local file
	run -0 resrun --key one -- true
	run -0 resrun --key two -- true
	file=$(echo "$STATE"/learned/one-*)
	printf 2 | dd of="$file" bs=1 seek=15 conv=notrunc status=none
	# No process has this number.
	touch "$STATE/learned/two-00000000.4194305.tmp"
	audit --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'half found;learned found;'
	run -0 cmp -n 16 "$file" - <<<'resrun learned 2'
	audit --fix --json
	assert_equal "$(findings)" 'half mended;learned mended;'
	[[ ! -e $file && -s $file.aside && -e $(echo "$STATE"/learned/two-*) ]]
	audit --json
	assert_equal "$(findings)" ''
	run -0 --separate-stderr resrun --key one -- true
	assert_equal "$stderr" ''
	audit --json
	assert_equal "$(findings)" ''
}

@test "audit: the lock is that of sweeps" {
	need flock
	run -0 resrun -- true
	audit
	run --separate-stderr flock "$STATE/upkeep" resrunctl audit --fix
	assert_equal "$status" 75
	assert_equal "$stderr" "resrunctl: another sweep or audit is at work (it holds '$STATE/upkeep')"
}

@test "audit: the empty cgroup of a job that is over goes; one with processes is only told" {
	in_guest || skip 'needs a cgroup v2 hierarchy of our own'
	local leaf id
	run -0 resrun --report report -- sh -c 'sed s/^0::// /proc/self/cgroup >cgroup'
	id=$(report .job_id)
	leaf=/sys/fs/cgroup$(<cgroup)
	[[ $leaf == */rr-$id ]] || fail "$leaf"
	mkdir -p "$leaf"
	audit --json
	assert_equal "$(findings)" 'leaf found;'
	sleep 60 &
	started+=("$!")
	echo "$!" >"$leaf/cgroup.procs"
	audit --fix --json
	assert_equal "$status" 1
	assert_equal "$(findings)" 'leaf stays;'
	kill "$!"
	await "$!"
	audit --fix --json
	assert_equal "$(findings)" 'leaf mended;'
	[[ ! -e $leaf ]]
}

@test "--recover alone runs nothing, and takes no COMMAND" {
	run -0 --separate-stderr resrun --recover
	assert_equal "$output$stderr" ''
	run -125 --separate-stderr resrun --recover -- touch started
	assert_equal "$stderr" "resrun: --recover runs no COMMAND: 'touch' is one word too many; see resrun --help"
	[[ ! -e started ]]
	assert_equal "$(history length)" 0
}

@test "audit: half of a report that a killed launcher was writing elsewhere is found by its note" {
	run -0 resrun --report report -- true
	assert_equal "$(ls -A "$STATE/halves")" ''
	# As it is between the two system calls of a launcher that is no more.
	touch .report.2147483647.tmp .other.2147483647.tmp
	ln -s "$PWD/.report.2147483647.tmp" "$STATE/halves/0123456789"
	ln -s "$PWD/.never-made.2147483647.tmp" "$STATE/halves/0123456780"
	ln -s "$PWD/report" "$STATE/halves/0123456781"
	run -1 resrunctl audit
	assert_line "found   half: $PWD/.report.2147483647.tmp: a file that a killed process did not come to finish"
	resrunctl audit --fix
	[[ ! -e .report.2147483647.tmp && -e .other.2147483647.tmp && -e report ]]
	# What is no half is not ours to remove.
	assert_equal "$(ls -A "$STATE/halves")" 0123456781
}

@test "audit: a history that nothing ever removes is noted, once there is much of it" {
	run -0 resrun -- true
	for n in 1 2 3 4; do cp "$STATE/history" "$STATE/history.$n"; done
	run -0 resrunctl audit
	refute_output --partial 'set aside'
	cp "$STATE/history" "$STATE/history.5"
	run -0 resrunctl audit
	assert_line --regexp "^note    history: $STATE/history: 5 parts of it were set aside \\([0-9.]+K?\\), and nothing removes them: history_age = 365d would$"
	RESRUN_HISTORY_AGE=30d run -0 resrunctl audit
	refute_output --partial 'set aside'
}
