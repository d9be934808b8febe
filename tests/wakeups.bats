#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Wake-ups that must not get lost when launchers are killed in the queue. What happens here was found by the model
# (tests/model/ledger.pml); each test is one of its traces. Whoever could go must go at once: before the look that a head
# takes every 30 s. Nobody gives up meanwhile, however long the queue takes to form.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # pid_first: set by job

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	export RESRUN_MAX_WAIT=inf
}

teardown() {
	end_background
}

# Starts a job that notes its name and runs until told to end; its launcher's pid is in $pid_NAME.
job() { # NAME [OPTION]...
	mkfifo "fifo.$1"
	background resrun --name "$1" "${@:2}" -- sh -c "echo $1 >>order; read -r word <fifo.$1"
	printf -v "pid_$1" %s "$LAST_PID"
}

end() { # NAME
	echo end >"fifo.$1"
	local -n pid=pid_$1
	await "$pid"
}

has_started() { # NAME
	grep -qsx "$1" order
}

kill_waiter() { # NAME
	local -n pid=pid_$1
	kill -KILL "$pid"
	eventually 5 is_gone "$pid"
}

@test "who is killed after it came to stand between two waiters is passed over" {
	job one -j 2
	eventually 10 queued 0 1
	job two -j 2
	eventually 10 queued 0 2
	job first -j 2
	eventually 10 queued 1 2
	job last -j 2 --priority low
	eventually 10 queued 2 2
	job between -j 2
	eventually 10 queued 3 2
	kill_waiter between
	end one
	eventually 5 has_started first
	end two
	eventually 5 has_started last
}

@test "so is one that came to stand there because the job before it has ended" {
	job before
	eventually 10 queued 0 1
	write_config <<<'[profile two]'
	job one -p two -j 2
	eventually 10 queued 0 2
	job two -p two -j 2
	eventually 10 queued 0 3
	job first -p two -j 2
	eventually 10 queued 1 3
	job between -p two -j 2 --after before
	eventually 10 queued 2 3
	job last -p two -j 2
	eventually 10 queued 3 3
	end before
	# It stands before the last one now; its own look tells.
	nap 0.5
	kill_waiter between
	end one
	eventually 5 has_started first
	end two
	eventually 5 has_started last
}

@test "two waiters that changed places do not sleep watching each other" {
	export RESRUN_PRIORITY_AGING=1500ms
	job one
	eventually 10 queued 0 1
	job zero --priority critical
	eventually 10 queued 1 1
	job first --priority critical
	eventually 10 queued 2 1
	job early
	eventually 10 queued 3 1
	job late --priority high
	eventually 10 queued 4 1
	# Now the early one stands, and looks, behind the late one.
	kill_waiter first
	# Both are critical, and arrival counts.
	nap 3.5
	kill_waiter zero
	nap 0.3
	kill_waiter one
	eventually 5 has_started early
}

@test "who stood behind one that passes others is told whom to watch now" {
	export RESRUN_MEMORY_THRESHOLD=85
	tenth=$(memory_tenth)
	RESRUN_RESERVE=$((tenth * 7)) job one -j 3 -m $((tenth * 7)) -c 1
	eventually 10 queued 0 1
	job two -j 3 -m $((tenth / 10)) -c 1
	eventually 10 queued 0 2
	RESRUN_RESERVE=$((tenth * 6)) job large -j 3 -m $((tenth * 6)) -c 1
	eventually 10 queued 1 2
	job small -j 3 -m $((tenth / 10)) -c 1
	eventually 10 queued 2 2
	job last -j 3 -m $((tenth / 10)) -c 1
	eventually 10 queued 3 2
	end two
	eventually 5 has_started small
	kill_waiter large
	eventually 5 has_started last
}

# Two heads that the same total keeps waiting. The first one is stopped, and the other has looked since there is room.
two_heads() {
	write_config <<-'END'
		[resrun]
		max_concurrent = 1
		[profile a]
		rate_limit = 1
		rate_window = 1h
		[profile b]
		[profile c]
	END
	run -0 resrun -p a -- true
	job one -p c
	eventually 10 queued 0 1
	job first -p a
	eventually 10 queued 1 1
	job second -p b
	eventually 10 queued 2 1
	kill -STOP "$pid_first"
	end one
	nap 0.5
	run ! has_started second
}

@test "a head that cannot use the room that is left for it tells the next" {
	two_heads
	kill -CONT "$pid_first"
	eventually 5 has_started second
}

@test "a head that dies before it takes the room that is left for it is noticed by the next" {
	two_heads
	kill_waiter first
	eventually 5 has_started second
}

@test "a start whose launcher is killed at once counts from then, not from when it was allowed" {
	need strace
	strace -o /dev/null true 2>/dev/null || skip 'strace may not trace'
	export RESRUN_RATE_LIMIT=1 RESRUN_RATE_WINDOW=2s
	local launcher
	# It is held up where it would note that the job runs: look, unlock, begin, unlock, note.
	background strace -o trace -e trace=flock -e inject=flock:delay_enter=200000000:when=5 resrun --before 'sleep 2.2' -- touch started
	eventually 20 test -e started
	launcher=$(pgrep -P "$LAST_PID" -x resrun)
	# It is the next one that finds it: later, the start would be over again.
	kill -KILL "$(keeper_of "$launcher")"
	# strace would sit out its delay.
	kill -KILL "$launcher" "$LAST_PID"
	eventually 10 is_gone "$launcher"
	run -75 resrun -w 0 -- true
}
