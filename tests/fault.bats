#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Faults: a launcher that is killed, or whose system calls fail, wherever it may be; here a sample of the points, all of them
# by `make fault`. And the checker that judges what such a launcher leaves: that it sees what is wrong with a ledger.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	FAULT=$SOURCE/tests/fault
}

teardown() {
	end_background
}

# One runs and has used a start, one waits; both have ended when the ledger is damaged, but their records stay.
busy_ledger() {
	hold_slot -r 5/1h
	background resrun -w inf -r 5/1h -- true
	# What it waits for is the last that is written.
	eventually 20 waiters_told background.err 1
	eventually 20 job_is_noted
	run -0 ledger-check --running 1 --waiting 1 --starts 1 --limit 1 --lane-max 1 "$STATE"
	flock "$STATE/ledger" cp -r "$STATE" good
}

job_is_noted() {
	ledger-check --dump "$STATE" | grep -q '^ticket 0 .* launcher=alive job=alive'
}

undamaged() {
	rm -rf bad
	cp -r good bad
}

# A copy of the good ledger with these changes: each is a word list for forge.
damage() { # RECORD FIELD=VALUE... [and RECORD FIELD=VALUE...]...
	local word words=()
	undamaged
	for word in "$@" and; do
		if [[ $word == and ]]; then
			"$FAULT/forge" bad/ledger "${words[@]}"
			words=()
		else
			words+=("$word")
		fi
	done
}

refuses() { # WORDS [OPTION]...
	run -1 ledger-check "${@:2}" bad
	[[ $output == *"$1"* ]] || fail "expected '$1': $output"
}

# ---- the checker ----------------------------------------------------------------------------------------------------------

@test "ledger-check: a sound ledger passes, whatever is in fields that it does not know" {
	need python3
	busy_ledger
	run -0 --separate-stderr ledger-check --running 1 --waiting 1 --starts 1 good
	assert_output ''
	damage ticket:0 spare=99
	run -0 ledger-check --running 1 bad
	run -0 ledger-check --dump good
	assert_line --regexp '^ticket 0 number=1 state=running lane=default .* launching=[12] .* launcher=alive job=alive'
	assert_line --regexp '^ticket 1 number=2 state=waiting .* job=gone'
	assert_line --regexp '^start lane=default slot=0 number=1 '
	let_go
	eventually 20 queued 0 0
	run -0 ledger-check --running 0 --waiting 0 --starts 2 "$STATE"
}

@test "ledger-check: the file itself" {
	busy_ledger
	undamaged
	truncate -s -1 bad/ledger
	refuses 'bytes instead of'
	cp --sparse=always good/ledger bad/ledger
	refuses 'of its bytes are allocated'
	rm bad/ledger
	refuses 'cannot be opened'
	mkdir bad/ledger
	refuses 'not a regular file'
	rmdir bad/ledger
	ln -s ../good/ledger bad/ledger
	refuses 'cannot be opened'
}

@test "ledger-check: a flipped bit anywhere in a record" {
	local record first size at
	busy_ledger
	undamaged
	for record in 0:56 4096:128 12288:128 536576:512 2633728:32; do
		first=${record%:*} size=${record#*:}
		for ((at = first; at < first + size; at += size / 8)); do
			flip "$at"
			run -1 ledger-check bad
			flip "$at"
		done
	done
	run -0 ledger-check bad
}

flip() { # OFFSET
	local byte
	byte=$(od -An -tu1 -j "$1" -N 1 bad/ledger)
	# shellcheck disable=SC2059  # an escape
	printf "\\x$(printf %02x $((byte ^ 16)))" | dd of=bad/ledger bs=1 seek="$1" conv=notrunc status=none
}

@test "ledger-check: the header" {
	need python3
	busy_ledger
	damage header magic=0
	refuses 'another magic'
	damage header n_tickets=5000
	refuses 'counts 5000 tickets'
	damage header tickets_max=1
	refuses 'other sizes'
	damage header n_tickets=1
	refuses 'ticket 1 is in use, but the header counts only 1'
	damage header next=2
	refuses 'ticket 1: its number 2 is not below the next, 2'
}

@test "ledger-check: tickets" {
	need python3
	busy_ledger
	damage ticket:1 crc=1
	refuses 'ticket 1: the checksum is wrong'
	damage ticket:1 state=0
	refuses 'ticket 1 is free, but not empty'
	damage ticket:1 state=3
	refuses 'ticket 1 is in state 3'
	damage ticket:1 number=1
	refuses 'tickets 0 and 1 have the same number'
	damage ticket:1 number=0
	refuses 'its number 0'
	damage ticket:1 id=
	refuses 'no proper id'
	damage ticket:1 pid=0
	refuses 'which process is its launcher'
	damage ticket:1 priority=4
	refuses 'out of its range'
	damage ticket:1 nested=3
	refuses 'out of its range'
	damage ticket:1 lane_max=0
	refuses 'lets none run'
	damage ticket:1 lane=5
	refuses 'which does not exist'
	damage ticket:1 entered=+1000000000000000
	refuses 'entered at no time that has been'
	damage ticket:1 launching=1
	refuses 'waits and is launching'
	damage ticket:1 started=1
	refuses 'waits and has started'
	damage ticket:0 started=1
	refuses 'started at no time since it entered'
	damage ticket:0 blocked=1
	refuses 'runs and is blocked'
	damage detail:0 crc=1
	refuses 'the checksum of its detail is wrong'
	damage detail:0 leaf=relative
	refuses 'no absolute path'
}

@test "ledger-check: slots" {
	need python3
	local second=(ticket:1 state=2 launching=1)
	busy_ledger
	second+=("started=$(od -An -tu8 -j $((12288 + 128 + 56)) -N 8 good/ledger | tr -d ' ')")
	damage "${second[@]}"
	refuses 'ticket 1 started as number 2 of its lane, which may run 1'
	damage "${second[@]}" lane_max=2
	run -0 ledger-check bad
	refuses '2 run in lane' --lane-max 1
	refuses '2 run in all' --total-max 1
	refuses '2 run instead of 1' --running 1
	refuses '0 wait instead of 1' --waiting 1
	damage "${second[@]}" lane_max=2 total_max=1
	refuses 'started as number 2 of all, of which 1 may run'
	# A job inside a job goes on that one's slot.
	damage "${second[@]}" nested=2
	run -0 ledger-check --lane-max 1 --total-max 1 bad
}

@test "ledger-check: lanes and starts" {
	need python3
	busy_ledger
	damage lane:0 crc=1
	refuses 'lane 0: the checksum is wrong'
	damage lane:0 name=
	refuses 'no proper name'
	damage lane:1 name=default
	refuses 'both called'
	damage lane:0 n_tokens=1025
	refuses 'counts 1025 starts'
	damage lane:0 window=0
	refuses 'has no window'
	damage token:0:0 crc=1
	refuses 'the checksum of start 0 is wrong'
	damage token:0:0 number=0
	refuses 'which nobody had'
	damage token:0:0 number=77
	refuses 'which nobody had'
	damage token:0:0 number=2
	refuses 'of a ticket that waits'
	damage token:0:0 wall_ns=0
	refuses 'has no time'
	damage token:0:0 boot_ns=+1000000000000000
	refuses 'still to come'
	damage ticket:0 lane=1 and lane:1 name=other
	refuses 'of a ticket of another lane'
	undamaged
	refuses '1 starts are counted; expected: 0 to 0' --starts 0
	refuses '1 starts are counted; expected: 2 to 3' --starts 2-3
	refuses 'holds 1 starts' --limit 0
	run -0 ledger-check --starts 0-1 --limit 1 --lane default bad
	run -0 ledger-check --starts 0 --lane other bad
}

@test "ledger-check: windows slide" {
	need python3
	local at
	busy_ledger
	at=$(od -An -tu8 -j $((2633728 + 16)) -N 8 good/ledger | tr -d ' ')
	# A second start, 10 s before the first.
	damage header next=10 and lane:0 n_tokens=2 and token:0:1 number=3 wall_ns=1 "boot_ns=$((at - 10000000000))"
	run -0 ledger-check --limit 2 bad
	# Of no boot: the copy has the first one's tag only when it is given one.
	dd if=good/ledger of=bad/ledger bs=1 skip=$((2633728 + 4)) seek=$((2633728 + 32 + 4)) count=4 conv=notrunc status=none
	"$FAULT/forge" bad/ledger token:0:1
	run -0 ledger-check --limit 1 --window 9.9 bad
	refuses 'the window up to start 0 holds 2 starts' --limit 1 --window 10.1
	refuses 'the window up to start 0 holds 2 starts' --limit 1
	"$FAULT/forge" bad/ledger token:0:1 number=1
	refuses 'starts 0 and 1 are of the same ticket'
}

@test "ledger-check: what the dead leave is no fault, but it has to be freed" {
	hold_slot -r 5/1h
	background resrun -w inf -- true
	eventually 20 queued 1 1
	# The waiter first: it would take what the holder leaves.
	kill -KILL "$LAST_PID"
	await "$LAST_PID"
	kill_with_keeper "$holder"
	run -0 ledger-check --running 1 --waiting 1 --starts 1 "$STATE"
	cp -r "$STATE" bad
	refuses 'and nobody freed it' --reaped
	run -0 resrun -w 20s -- true
	run -0 ledger-check --reaped --running 0 --waiting 0 --starts 1 "$STATE"
}

# ---- the sweeps -------------------------------------------------------------------------------------------------------------

# Every so many points, fewer with a sanitizer, which makes each of them slow; always the same ones, as `make fault` has all.
sweep() { # NAME EVERY SCENARIO...
	local every=$2
	strace -o /dev/null true 2>/dev/null || skip 'strace may not trace'
	[[ -z ${RESRUN_TEST_SANITIZED:-} ]] || every=$((every * 4))
	run -0 env "TMPDIR=$BATS_TEST_TMPDIR" "RESRUN_BUILD=$BUILD" "$FAULT/$1-sweep" --sample "$every" --seed "${RESRUN_FAULT_SEED:-1}" "${@:3}" 3>&-
	assert_output --regexp '[1-9][0-9]* points, 0 failed$'
}

# Only the tracer of a process's own ancestor may attach, where Yama says so.
may_attach() {
	((!EUID)) || [[ $(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0) == 0 ]] || skip 'strace may not attach'
}

@test "killed at any system call: making the ledger, claiming a slot, with a rate, with hooks" {
	sweep crash 20 first claim rate hooks
	sweep crash 50 care
}

@test "killed at any system call: waiting, giving up, with a sampled cap" {
	sweep crash 20 queue busy memory again
}

@test "killed at any system call: taking over from a dead one, a job that leaves others behind" {
	sweep crash 40 dead family leaving
}

@test "killed at any system call: the child before its exec, and the launcher meanwhile" {
	may_attach
	sweep crash 2 child orphan
}

@test "any system call fails: making the ledger, many options at once" {
	sweep error 50 first all
}

@test "any system call fails: waiting, giving up" {
	sweep error 50 queue busy
}

@test "any system call fails: taking over from a dead one, a job that leaves others behind" {
	sweep error 120 dead family leaving again
}

@test "any system call fails: a job that takes too long" {
	sweep error 50 timeout
}

@test "any system call fails: the child's before its exec" {
	may_attach
	sweep error 4 child
}

# ---- a week of cron ---------------------------------------------------------------------------------------------------------

@test "100 starts of all kinds, some killed, some with a full disk: each is on record once, and nothing is left" {
	need jq unshare
	run -0 env "TMPDIR=$BATS_TEST_TMPDIR" "RESRUN_BUILD=$BUILD" "$FAULT/cron-week" --starts 100 3>&-
}
