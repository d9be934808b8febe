#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Control from outside: resrunctl cancel, pause, resume and set (DESIGN 3.6), in whatever placement there is.
#
# runs: outside outside-user plain
# shellcheck disable=SC2154  # stderr: set by run
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	if in_guest; then by=cgroup; else by=sampled; fi
}

teardown() {
	end_background
}

# A job that counts in the file `beats` for as long as it is let.
beating() { # [OPTION]...
	rm -f beats job
	background resrun --report report "$@" -- bash -c 'echo $$ >job; (while :; do echo >>beats; read -rt 0.02 <> <(:); done) & wait'
	launcher=$LAST_PID
	eventually 20 test -s beats
}

beats_on() {
	local before
	before=$(wc -l <beats)
	eventually 20 has_lines beats $((before + 3))
}

# Nothing of it moves, and the kernel says so.
stands_still() {
	local pid
	if in_guest; then
		grep -qx 'frozen 1' "$(leaf)/cgroup.events"
		return
	fi
	for pid in "$(<job)" $(pgrep -P "$(<job)"); do
		grep -q '^State:.T' "/proc/$pid/status" || return 1
	done
}

leaf() {
	echo "/sys/fs/cgroup$(cut -d : -f 3 "/proc/$(<job)/cgroup")"
}

state_of() { # JOB
	resrunctl status --json | jq -r --arg job "$1" '.running + .waiting | map(select(.name == $job))[0].state'
}

@test "cancel: TERM to all of it, reason canceled, no retry; by name, by prefix and by id" {
	local word
	for word in name prefix id; do
		beating --name long --retries 3
		id=$(resrunctl status --json | jq -r '.running[0].job_id')
		case $word in
		name) run -0 --separate-stderr resrunctl cancel long ;;
		prefix) run -0 --separate-stderr resrunctl cancel "${id:0:6}" ;;
		id) run -0 --separate-stderr resrunctl cancel "$id" ;;
		esac
		assert_output "$id: asked to end; killed if it has not in 10s"
		await "$launcher"
		assert_equal "$status" 143
		assert_equal "$(report '[.exit.reason, .exit.signal, .job_id] | @json')" "[\"canceled\",15,\"$id\"]"
		is_gone "$(<job)"
	done
	assert_equal "$(history 'map(.exit.reason) | @json')" '["canceled","canceled","canceled"]'
}

@test "cancel: who ends by itself upon TERM keeps its status; who ignores it is killed, at the second word at once" {
	background resrun --name polite --report report -- bash -c 'trap "exit 3" TERM; echo >ready; while :; do read -rt 1 <> <(:); done'
	eventually 20 test -e ready
	resrunctl cancel polite
	await "$LAST_PID"
	assert_equal "$status" 3
	assert_equal "$(report '.exit | [.reason, .code] | @json')" '["canceled",3]'
	rm ready
	background resrun --name deaf --kill-after 1h --report report -- bash -c 'trap "" TERM; echo >ready; while :; do read -rt 1 <> <(:); done'
	eventually 20 test -e ready
	resrunctl cancel deaf
	run -0 resrunctl cancel deaf
	[[ $output == *': it was asked before: killed' ]]
	await "$LAST_PID"
	assert_equal "$status" 137
	assert_equal "$(report '.exit | [.reason, .signal] | @json')" '["canceled",9]'
}

@test "a job that waits is cancelled too: it never starts, and those behind it do" {
	hold_slot
	background resrun --name first -- touch started
	first=$LAST_PID
	eventually 20 queued 1 1
	background resrun --name second -- touch behind
	second=$LAST_PID
	eventually 20 queued 2 1
	run -1 --separate-stderr resrunctl pause first
	[[ $stderr == *': refused: it waits: only what runs can be paused' ]]
	run -1 --separate-stderr resrunctl set first memory=1G
	[[ $stderr == *'it waits, and memory is set when it has started'* ]]
	run -0 resrunctl cancel first
	await "$first"
	assert_equal "$status" 143
	let_go
	await "$second"
	assert_equal "$status" 0
	[[ ! -e started && -e behind ]]
	assert_equal "$(history 'map(select(.name == "first"))[0] | [.exit.reason, .exit.code, .started_at] | @json')" '["canceled",null,null]'
}

@test "set priority of a waiter: it goes before those that came earlier" {
	local name pids=()
	hold_slot
	# Names that cannot be the beginning of an id, in which there is no o.
	for name in one two four; do
		background resrun --name "$name" -- sh -c "echo $name >>order"
		pids+=("$LAST_PID")
		eventually 20 queued ${#pids[@]} 1
	done
	resrunctl set four priority=high
	resrunctl set one priority=low
	let_go
	for name in "${pids[@]}"; do
		await "$name"
		assert_equal "$status" 0
	done
	assert_equal "$(tr '\n' ' ' <order)" 'four two one '
}

@test "pause and resume: all of it stands still and goes on; it keeps its slot, and its reservation goes" {
	beating --name long -m 500M -c 1
	run -0 resrunctl pause long
	eventually 20 stands_still
	assert_equal "$(state_of long)" paused
	assert_equal "$(resrunctl status --json | jq -c '.running[0] | [.reserved_memory_bytes, .reserved_cpus]')" '[0,0]'
	run -75 resrun -w 0 -- true
	run -0 resrunctl pause long
	run -0 resrunctl resume long
	beats_on
	assert_equal "$(state_of long)" running
	run -1 --separate-stderr resrunctl resume long
	[[ $stderr == *': refused: it is not paused by resrunctl' ]]
	resrunctl cancel long
	await "$launcher"
	assert_equal "$(report '.usage.frozen_s > 0')" true
}

@test "the time limit stands still with the job; a paused job can be cancelled" {
	local age
	beating --name long
	resrunctl pause long
	eventually 20 stands_still
	# It has run for less than that, and has two seconds more.
	age=$(resrunctl status --json | jq -r '.running[0].age_s | ceil')
	resrunctl set long timeout=$((age + 2))s
	nap 3.5
	assert_equal "$(state_of long)" paused
	resrunctl resume long
	await "$launcher"
	assert_equal "$status" 124
	assert_equal "$(report '.usage | .frozen_s >= 3.4 and .wall_s > .frozen_s')" true
	beating --name long
	resrunctl pause long
	resrunctl cancel long
	await "$launcher"
	assert_equal "$(report .exit.reason)" canceled
}

@test "a TERM for the launcher of a paused job reaches the job" {
	beating --name long
	resrunctl pause long
	eventually 20 stands_still
	kill -TERM "$launcher"
	await "$launcher"
	assert_equal "$status" 143
}

@test "set: the limits of a running job change, the report has the last ones, and the timeout counts from the start" {
	beating --name long -m 500M -c 2 -t 1h
	run -0 --separate-stderr resrunctl set long memory=300M cpus=1 timeout=2h
	[[ $output == *": memory=300M ($by), cpus=1 ("*'), timeout=2h' ]] || fail "$output"
	if in_guest; then
		assert_equal "$(cat "$(leaf)/memory.max" "$(leaf)/cpu.max")" $'314572800\n100000 100000'
		run -0 resrunctl set long pids=100 cpu-weight=50 memory_high=200M swap=0
		assert_equal "$(cat "$(leaf)"/{pids.max,cpu.weight,memory.high,memory.swap.max})" $'100\n50\n209715200\n0'
		run -0 resrunctl set long pids=none memory_high=none cpus=none
		assert_equal "$(cat "$(leaf)"/{pids.max,memory.high,cpu.max})" $'max\nmax\nmax 100000'
	else
		grep -qE '^Cpus_allowed_list:.[0-9]+$' "/proc/$(<job)/status"
		run -0 resrunctl set long cpus=none
		assert_equal "$(grep Cpus_allowed_list "/proc/$(<job)/status")" "$(grep Cpus_allowed_list /proc/self/status)"
	fi
	run -0 resrunctl set long timeout=1s
	await "$launcher"
	assert_equal "$status" 124
	assert_equal "$(report '[.limits.memory.requested, .limits.cpu] | @json')" '[314572800,null]'
	[[ $(<background.err) == *'it ran longer than 1s (--timeout)'* ]]
}

@test "set: a cap below what is in use is refused, and nothing of that change is made" {
	background resrun --name big -m 1G --report report -- alloc 100 100
	eventually 20 test -s background.out
	eventually 20 sh -c 'resrunctl set big memory=200M priority=low'
	run -1 --separate-stderr resrunctl set big priority=high memory=50M
	[[ $stderr == *': refused: memory=50M would kill it, as it has '*' in use'* ]] || fail "$stderr"
	assert_equal "$(resrunctl status --json | jq -r '.running[0].priority')" low
	resrunctl cancel big
	await "$LAST_PID"
	assert_equal "$(report '[.exit.reason, .limits.memory.requested] | @json')" '["canceled",209715200]'
}

@test "set: what cannot be enforced is refused, and the rest of that request is not made either" {
	beating --name long -m 500M
	if in_guest; then
		run -1 --separate-stderr resrunctl set long cpus=1 'io_max=/nowhere rbps=1M'
		assert_equal "$(cat "$(leaf)/cpu.max")" 'max 100000'
	else
		run -1 --separate-stderr resrunctl set long cpus=1 pids=100
		[[ $stderr == *': refused: pids: needs a cgroup, and the job has none' ]] || fail "$stderr"
		assert_equal "$(grep Cpus_allowed_list "/proc/$(<job)/status")" "$(grep Cpus_allowed_list /proc/self/status)"
	fi
	run -1 --separate-stderr resrunctl set long memory=none memory_high=100M
	[[ $stderr == *': refused: '* ]] || fail "$stderr"
	resrunctl cancel long
	await "$launcher"
	assert_equal "$(report '.limits | keys | @json')" '["memory"]'
}

@test "wrong usage: 125, in words, and nothing is asked" {
	beating --name long
	run -125 --separate-stderr resrunctl cancel
	assert_equal "$stderr" 'resrunctl: cancel: which job? Give its id, or its name; see resrunctl status'
	run -125 --separate-stderr resrunctl cancel long nosuch
	assert_equal "$stderr" "resrunctl: no job 'nosuch' waits or runs; see resrunctl status"
	run -125 --separate-stderr resrunctl set long
	assert_equal "$stderr" 'resrunctl: set: to what? Give KEY=VALUE, such as memory=2G'
	run -125 --separate-stderr resrunctl set long retries=3
	[[ $stderr == "resrunctl: 'retries' is nothing that can be set for a job; there are memory, "* ]]
	run -125 --separate-stderr resrunctl set long memory=lots
	[[ $stderr == 'resrunctl: memory: '*lots* ]] || fail "$stderr"
	run -125 --separate-stderr resrunctl set long cpu_weight=0
	[[ $stderr == *'is not between 1 and 10000' ]]
	run -125 --separate-stderr resrunctl set long memory=auto
	beating --name long -j 2
	# The beats may be the first one's.
	eventually 20 queued 0 2
	run -125 --separate-stderr resrunctl cancel long
	[[ $stderr == "resrunctl: 'long' could be "*' or '*': give more of the id' ]]
	beats_on
}

# What resrunctl would send, from whoever runs this; prints the answer.
forge() { # SOCKET-NAME ID [UNTIL_NS]
	python3 -S -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind("")
s.settimeout(float(sys.argv[4]))
s.sendto(("resrun-steer-1\n%s\n%s\ncancel\n" % (sys.argv[2], sys.argv[3])).encode(), "\0" + sys.argv[1])
try: print(s.recv(4096).decode())
except TimeoutError: print("nothing")' "$1" "$2" "${3:-18000000000000000000}" "${4:-20}"
}

# The name of the launcher's socket: the only abstract one that it has.
socket_of() { # PID
	local fd inode
	for fd in "/proc/$1/fd/"*; do
		inode=$(readlink "$fd") || continue
		[[ $inode == socket:* ]] || continue
		inode=${inode//[^0-9]/}
		awk -v inode="$inode" '$7 == inode && $8 ~ /^@/ { print substr($8, 2) }' /proc/net/unix
	done
}

@test "a stranger is refused by the kernel's word; an old request, another job's and nonsense change nothing" {
	need python3
	beating --name long
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	name=$(socket_of "$launcher")
	[[ -n $name ]]
	run -0 forge "$name" "$id" 1 0.5
	assert_output nothing
	run -0 forge "$name" otherjobid 18000000000000000000 0.5
	assert_output nothing
	if ((EUID == 0)); then
		run -0 setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "$(declare -f forge); forge $name $id"
		assert_output $'no\nit is another user\'s job'
	fi
	head -c 3000 /dev/urandom >nonsense
	python3 -S -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("")
for size in (0, 1, 2, 20, 3000): s.sendto(open("nonsense", "rb").read(size), "\0" + sys.argv[1])' "$name"
	beats_on
	run -0 forge "$name" "$id"
	[[ $output == done$'\n'* ]]
	await "$launcher"
	assert_equal "$status" 143
}

has_socket() { # PID
	find "/proc/$1/fd" -lname 'socket:*' | grep -q .
}

@test "a launcher that does not answer is named; one that ends meanwhile too" {
	beating --name long
	kill -STOP "$launcher"
	background sh -c 'resrunctl cancel long >said 2>&1; echo $? >status'
	asker=$LAST_PID
	await "$asker"
	kill -CONT "$launcher"
	assert_equal "$(<status)" 1
	[[ $(<said) == *"its launcher (pid $launcher) does not answer: it is stopped, or runs a hook" ]]
	# It was given up, so it is not done later.
	beats_on
	kill -STOP "$launcher"
	background resrunctl cancel long
	asker=$LAST_PID
	eventually 20 has_socket "$asker"
	kill -KILL "$launcher"
	await "$asker"
	assert_equal "$status" 1
	[[ $(<background.err) == *': it has ended meanwhile'* ]] || fail "$(<background.err)"
	eventually 20 is_gone "$(<job)"
}
