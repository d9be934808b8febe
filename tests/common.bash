# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# common.bash: what every bats file shares. Sourced at the top of a file; its setup() calls resrun_setup.
#
# No test reads or writes the real state: RESRUN_STATE_DIR, RESRUN_RUNTIME_DIR and XDG_CONFIG_HOME lie below the test's own
# directory. Whether the host has room is of no interest, except to the tests about headroom, which set the thresholds.
# shellcheck disable=SC2034,SC2154  # BUILD, HELPERS, LAST_*: for the files that source this; output: set by run

bats_require_minimum_version 1.5.0

# Sourced one by one: their load.bash starts a process for each, which costs 3 s a test in the guest.
load_assertions() {
	local file
	for file in /usr/lib/bats/bats-{support,assert}/src/*.bash; do
		# shellcheck disable=SC1090
		source "$file"
	done
}

if [[ -d /usr/lib/bats/bats-support/src && -d /usr/lib/bats/bats-assert/src ]]; then
	load_assertions
else
	bats_load_library bats-support
	bats_load_library bats-assert
fi

BUILD=${RESRUN_BUILD:-$(cd "$BATS_TEST_DIRNAME/../build" && pwd -P)}
HELPERS=$BUILD/tests/helpers
SOURCE=$(cd "$BATS_TEST_DIRNAME/.." && pwd -P)
PATH=$BUILD:$HELPERS:$PATH

resrun_setup() {
	STATE=$BATS_TEST_TMPDIR/state
	export RESRUN_STATE_DIR=$STATE RESRUN_RUNTIME_DIR=$BATS_TEST_TMPDIR/run XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
	export RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100
	# Long enough for any wait that ends, short enough for the test's own limit to be far away.
	export RESRUN_MAX_WAIT=120s
	unset TMPDIR GITHUB_STEP_SUMMARY
	# A group's umask would have configurations refused that are made here.
	umask 022
	cd "$BATS_TEST_TMPDIR" || return
	# The first one changes $!, which no test expects of waiting for something.
	nap 0
}

# ---- the environment ----------------------------------------------------------------------------------------------------

in_guest() { [[ ${RESRUN_TEST_ENV:-outside} != outside* ]]; }

# One amount for the fast machine outside, another for the guest, which is some 20 times slower.
pick() { # OUTSIDE GUEST
	if in_guest; then echo "$2"; else echo "$1"; fi
}

# Skips, where skipping is allowed; in the guest check counts it as a failure.
need() { # PROGRAM...
	local program
	for program; do
		command -v "$program" >/dev/null || skip "no $program"
	done
}

# ---- waiting ------------------------------------------------------------------------------------------------------------

# A pause without a process: nothing is ever written to this pipe.
nap() { # SECONDS
	[[ -n ${nap_fd:-} ]] || exec {nap_fd}<> <(:)
	read -rt "$1" -u "$nap_fd" || true
}

# Until COMMAND succeeds. The one way in which tests wait. SECONDS are what it may take where nothing else is to be done;
# a machine that is busy has four times as long.
eventually() { # SECONDS COMMAND [ARG]...
	local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 4000000))
	until "${@:2}" >/dev/null 2>&1; do
		if ((${EPOCHREALTIME/[.,]/} > deadline)); then
			echo "not within $((4 * $1)) s: ${*:2}" >&2
			return 1
		fi
		nap 0.02
	done
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

is_gone() { # PID...
	local pid
	for pid; do
		# A zombie is gone as well: whose child it is, is not our business.
		[[ ! -e /proc/$pid ]] || grep -qs '^State:.Z' "/proc/$pid/status" || return 1
	done
}

has_lines() { # FILE COUNT
	# Whole ones: of the last one there may be only a part yet.
	[[ -e $1 ]] && (($(wc -l <"$1") >= $2))
}

# ---- processes ----------------------------------------------------------------------------------------------------------

# Starts COMMAND in the background, in the same session but without what bats holds open (else bats waits for it). Its pid
# is in LAST_PID; its output in LAST_PID's name.
background() { # COMMAND [ARG]...
	"$@" </dev/null >>"$BATS_TEST_TMPDIR/background.out" 2>>"$BATS_TEST_TMPDIR/background.err" 3>&- 4>&- &
	LAST_PID=$!
	started+=("$LAST_PID")
}

# The exit status of a background command, as $status.
await() { # PID
	status=0
	wait "$1" || status=$?
}

# Every process of the launcher's that is not the job's. One that was only just made has the launcher's name still.
keeper_of() { # LAUNCHER
	local pid
	for pid in $(pgrep -P "$1"); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != resrun?(-keeper) ]] || echo "$pid"
	done
}

is_stopped() { # PID
	grep -q '^State:.[Tt]' "/proc/$1/status"
}

# Kills a launcher and its keeper, which would clear up: what they leave is for the next one to find.
kill_with_keeper() { # LAUNCHER
	local keepers
	# Stopped, so that it cannot make a keeper now, nor see it die and act on that.
	kill -STOP "$1"
	eventually 20 is_stopped "$1"
	keepers=$(keeper_of "$1")
	# shellcheck disable=SC2086  # pids
	[[ -z $keepers ]] || kill -KILL $keepers
	kill -KILL "$1"
	await "$1"
}

# For teardown: nothing that a test started outlives it.
end_background() {
	local pid
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		# Each by name: bats has a child of its own here, which watches the time.
		wait "$pid" 2>/dev/null || true
	done
	# A keeper still writes where bats will remove.
	((!${#started[@]})) || eventually 5 nobody_works || true
}
started=()

# Whether no resrun, and none of its keepers, has this test's state any more.
nobody_works() {
	local environ
	while read -r environ; do
		! grep -qs '^resrun' "${environ%/environ}/comm" || return 1
	done < <(grep -lsz "^RESRUN_STATE_DIR=$RESRUN_STATE_DIR\$" /proc/[0-9]*/environ)
}

# Takes that much memory in a job without a cgroup, and stays until the launcher has looked at what it has: a change of any
# limit makes it look. Every try does so. The words of the launcher go to stderr; the status is its own.
take_until_seen() { # MB [OPTION]... [-- ARG...]
	local status=0 launcher word before=() after=()
	for word in "${@:2}"; do
		if [[ ${after[*]} || $word == -- ]]; then after+=("$word"); else before+=("$word"); fi
	done
	rm -f taken seen
	mkfifo seen
	resrun --isolation process --name holdout "${before[@]}" -- python3 -c 'import sys
x = bytearray(int(sys.argv[1]) << 20)
open("taken", "w").close()
open("seen").read(1)' "$1" "${after[@]:1}" </dev/null 2>take.err 3>&- 4>&- &
	launcher=$!
	started+=("$launcher")
	# Open both ways, so that nobody waits for one who has gone.
	exec {seen_fd}<>seen
	until is_gone "$launcher"; do
		if [[ -e taken ]]; then
			rm taken
			until resrunctl set holdout timeout=1h >/dev/null 2>&1 || is_gone "$launcher"; do nap 0.02; done
			echo >&"$seen_fd"
		fi
		nap 0.02
	done
	exec {seen_fd}<&-
	wait "$launcher" || status=$?
	cat take.err >&2
	return "$status"
}

# ---- what resrun tells --------------------------------------------------------------------------------------------------

# The value of a jq path in a report (default: ./report).
report() { # PATH [FILE]
	jq -r "$1" "${2:-report}"
}

# Fails unless that is true of the JSON that the last command printed.
holds() { # PROGRAM
	jq -e "$1" <<<"$output" >/dev/null || fail "not so: $1 in: $output"
}

# The history's records, one a line.
history_records() {
	[[ ! -e $STATE/history ]] || cut -f 2- "$STATE/history"
}

# A jq filter over all records as one array.
history() { # FILTER
	history_records | jq -rsc "$1"
}

# True when that many launchers have said in FILE that they wait.
waiters_told() { # FILE COUNT
	(($(grep -c '^resrun: waiting for' "$1" || true) >= $2))
}

write_config() { # LINES ON STDIN: the user's resrun.ini
	mkdir -p "$XDG_CONFIG_HOME/resrun"
	(umask 077 && cat >"$XDG_CONFIG_HOME/resrun/resrun.ini")
}

# stderr holds only resrun's own lines, in their one form.
assert_only_own_lines() { # TEXT
	local line
	while IFS= read -r line; do
		[[ -z $line || $line == 'resrun: '* ]] || fail "not of the form 'resrun: message': $line"
	done <<<"$1"
}

# ---- the queue ----------------------------------------------------------------------------------------------------------

# True when so many wait and run, as resrunctl tells; those that a killed launcher left do not count.
queued() { # WAITING [RUNNING]
	local counts
	counts=$(resrunctl status --json | jq -r '[.waiting, .running] | map(map(select(.state != "lost")) | length | tostring) | join(" ")')
	[[ $counts == "$1 "* && $counts == *" ${2:-${counts#* }}" ]]
}

# A tenth of the memory that can be had below $RESRUN_MEMORY_THRESHOLD, in bytes; a little less, for what others take.
memory_tenth() {
	resrunctl status --json | jq --argjson threshold "$RESRUN_MEMORY_THRESHOLD" \
		'.host | ((($threshold - 2) / 100) * .memory_total_bytes - .memory_used_bytes) / 10 | floor'
}

# A job that keeps the slot until let_go. Its launcher is $holder.
hold_slot() { # [OPTION]...
	[[ -p gate ]] || mkfifo gate
	background resrun "$@" -- sh -c 'echo >holding; read -r word <gate'
	holder=$LAST_PID
	eventually 20 test -e holding
	rm holding
}

let_go() {
	echo go >gate
	await "$holder"
}
