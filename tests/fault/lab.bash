# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# lab.bash: what the two sweeps share: scenarios, one run of a launcher under strace, and what must hold after it.
#
# A point is one system call of the launcher. strace counts `when=N` for each system call by itself, not over all of them,
# so a point is named by the call and its number among the calls of that name ("openat 12"), as found in a reference trace
# of the same scenario. Whatever the dynamic loader does is left out: it has touched nothing of ours yet, and what it says
# when it fails is not ours. main() begins with the one call that nothing before it makes: opening /dev/null to read and write.
#
# Each point gets a state directory of its own. Jobs are tests/helpers/mark, which shows from inside that it ran, when, and
# that it was alone; the ledger is judged by tests/helpers/ledger-check.
# shellcheck disable=SC2034  # for the files that source this

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${RESRUN_BUILD:-$LAB_ROOT/${O:-build}}
JOB_STATUS=7 # of the injected job, so that it is known for its own
# shellcheck disable=SC2016  # the inner shell's
FAMILY=(sh -c '"$@" & wait' sh) # the job as a child of the job's first process
# shellcheck disable=SC2016
# The same, and one that has left its session stays when the first process has ended; it does not mind being asked to.
HELD=(sh -c '(trap "" TERM; exec setsid sleep 1000) & exec "$@"' sh)
# shellcheck disable=SC2016
# The same as a family, and the first process ends with that status once the job is there.
LEAVING=(sh -c '"$@" & until grep -qs injected "$2/marks"; do sleep 0.01; done; exit 7' sh)
HANG=60 # seconds after which a launcher counts as hung
GONE=10 # seconds after which nothing of a job may be left whose launcher was killed

say() { printf '%s: %s\n' "${0##*/}" "$*"; }

die() {
	say "$@" >&2
	exit 2
}

# ---- waiting ------------------------------------------------------------------------------------------------------------

# A pause without a process: nothing is ever written to this pipe.
nap() { # SECONDS
	[[ -n ${nap_fd:-} ]] || exec {nap_fd}<> <(:)
	read -rt "$1" -u "$nap_fd" || true
}

now_us() { now=${EPOCHREALTIME/[.,]/}; }

# Until COMMAND succeeds, at most SECONDS.
until_true() { # SECONDS COMMAND...
	local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	until "${@:2}"; do
		((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
		nap 0.003
	done
}

# Dead, if only not yet waited for.
is_dead() { # PID
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	[[ $stat == [ZX]* ]]
}

has_mark() { # NAME
	[[ -e $lab/marks ]] && [[ $'\n'$(<"$lab/marks") == *$'\n'"$1 "* ]]
}

says() { # FILE WORDS
	[[ -e $1 && $(<"$1") == *"$2"* ]]
}

# The status of a background process, as $status; without the shell's own words about signals.
await() { # PID
	status=0
	{ wait "$1" || status=$?; } 2>/dev/null
}

# ---- the laboratory -----------------------------------------------------------------------------------------------------

work='' lab='' started=() workers=()

open_laboratory() {
	local program
	for program in strace timeout; do
		command -v "$program" >/dev/null || die "no $program here"
	done
	[[ -x $BUILD/resrun && -x $BUILD/tests/helpers/mark ]] || die "$BUILD/resrun and the helpers are not built: make tests"
	PATH=$BUILD:$BUILD/tests/helpers:$PATH
	# shellcheck disable=SC2086  # names
	unset ${!RESRUN_*} ${!RESOURCE_*} TMPDIR_BEFORE NO_COLOR
	work=$(mktemp -d "${TMPDIR:-/tmp}/resrun-fault.XXXXXX")
	trap close_laboratory EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# Whether the host has room is of no interest, and what is slow is to be seen as slow.
	export RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100 RESRUN_MAX_WAIT=${max_wait:-50s}
	# The leak sanitizer is a tracer, and there can be only one.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	use_lab "$work/lab"
	fresh='' new_lab
	resrun -- true || die "resrun does not even run 'true'"
	rm -f "$lab/state/history"
	cp -r "$lab/state" "$work/template"
}

close_laboratory() {
	local pid
	for pid in "${workers[@]}"; do
		kill "$pid" 2>/dev/null || true
		await "$pid"
	done
	end_all
	[[ -z $work || $BASHPID != "$$" ]] || rm -rf -- "$work"
}

use_lab() { # DIRECTORY
	lab=$1
	export RESRUN_STATE_DIR=$lab/state RESRUN_RUNTIME_DIR=$lab/run XDG_CONFIG_HOME=$lab/config TMPDIR=$lab/tmp
}

# An empty place, with a ledger that knows one lane (or, with $fresh, none).
new_lab() {
	rm -rf -- "$lab"
	mkdir -p "$lab/tmp" "$lab/run"
	[[ -n ${fresh:-} || ! -d $work/template ]] || cp -r "$work/template" "$lab/state"
	cd "$lab" || die "$lab is gone"
	[[ -z ${gated:-} ]] || mkfifo gate
}

# Nothing that a point started outlives it: jobs end with their launchers, and keepers when they have cleared up.
end_all() {
	local pid
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		await "$pid"
	done
	started=()
	[[ -z ${lab:-} ]] || until_true "$HANG" no_keeper || note "a keeper is still there"
}

# None of this lab: others have keepers as well.
no_keeper() {
	local pid
	for pid in $(pgrep -x resrun-keeper); do
		! grep -qsz "^RESRUN_STATE_DIR=$lab/state$" "/proc/$pid/environ" || return 1
	done
}

# ---- scenarios ----------------------------------------------------------------------------------------------------------

# Sets how the launcher is called (options, job), what it meets (shape), and how it ends when nothing is injected.
scenario() { # NAME
	shape=plain from='^openat\\(AT_FDCWD, "/dev/null", O_RDWR' fresh='' gated='' family=() wrapped=() options=() job=("exit=$JOB_STATUS") tries=1 expected=$JOB_STATUS
	# shellcheck disable=SC2016  # the hooks' own
	case $1 in
	first) fresh=yes ;;
	claim) ;;
	rate) options=(-r 5/1h) ;;
	queue) shape=queue gated=yes options=(-r 5/1h) ;;
	busy) shape=busy gated=yes options=(-r 5/1h -w 30ms) expected=75 ;;
	hooks) options=(-r 5/1h --before 'echo before >>hooks' --cleanup 'echo after >>hooks') ;;
	care)
		options=(--temp --before 'touch "$TMPDIR/file"' --cleanup 'echo "$RESRUN_EXIT_REASON" >>cleaned' --report "$lab/report" --log "$lab/events")
		wrapped=(sh -c 'echo progress=1 >"$RESRUN_STATUS"; exec "$@"' sh)
		;;
	again) options=(-r 5/1h --retries 1 --backoff 20ms) tries=2 from='try 1 failed' ;;
	memory) options=(-r 5/1h --isolation process -m 64M -c 1) job+=(hold=120) ;;
	dead) shape=dead options=(-r 5/1h) ;;
	family) shape=dead family=("${FAMILY[@]}") options=(-r 5/1h) ;;
	leaving) options=(-r 5/1h --isolation process) job+=(hold=250) wrapped=("${LEAVING[@]}") ;;
	timeout) options=(-r 5/1h -t 50ms --kill-after 1s) job+=(hold=60000) expected=124 ;;
	all)
		options=(-r 5/1h --isolation process -m 64M -c 1 -t 15s --temp --report "$lab/report" --log "$lab/log" --chronic
			--before "$(look_inside --running 1 --starts 1)" --cleanup "$(look_inside --running 1 --starts 1)")
		;;
	leaf | alone)
		# From when the child is told to go.
		shape=held from='^sendto\\([0-9]+, "\\\\0", 1, MSG_NOSIGNAL' wrapped=("${HELD[@]}") job+=(hold=150)
		options=(-r 5/1h --isolation cgroup -m 500M --kill-after 100ms --temp --report "$lab/state/report"
			--before 'echo "$RESRUN_CGROUP" >leaf' --cleanup 'echo "$RESRUN_EXIT_REASON" >>cleaned')
		# Without its keeper, which has its name a moment after it has come to be.
		[[ $1 == leaf ]] || options+=(--before 'until pkill -KILL -x -P "$PPID" resrun-keeper; do :; done')
		;;
	child | orphan) shape=$1 options=(-r 5/1h --isolation process -c 1 --chronic --before "echo \$PPID >'$lab/attach'; read word <'$lab/attached'") ;;
	*) die "no such scenario: $1" ;;
	esac
}

# A hook that judges the ledger while the launcher has a slot.
look_inside() { # OPTION...
	echo "ledger-check $* '$lab/state' 2>>'$lab/inside' || true"
}

# The launcher in question, under "${inject[@]}". Its words go to err, the job's to out.
injected() {
	exec "${inject[@]}" resrun -j 1 "${options[@]}" -- "${wrapped[@]}" mark "$lab" injected "${job[@]}" >out 2>err
}

launch_injected() {
	injected &
	injected_pid=$!
	started+=("$injected_pid")
}

await_injected() {
	until_true "$HANG" is_dead "$injected_pid" || {
		note "it hangs"
		kill -KILL "$injected_pid"
	}
	await "$injected_pid"
	injected_status=$status
	now_us
	injected_ended=$now
}

# A launcher that nothing is done to, and that must get its turn.
launch_next() {
	now_us
	next_begun=$now
	resrun -j 1 -- mark "$lab" next >next.out 2>next.err &
	next_pid=$!
	started+=("$next_pid")
}

await_next() {
	until_true "$HANG" is_dead "$next_pid" || kill -KILL "$next_pid"
	await "$next_pid"
	next_status=$status
}

# One that keeps the slot until let_go.
hold_slot() { # [WORD]...
	resrun -j 1 -- "${family[@]}" mark "$lab" holder "$@" >holder.out 2>holder.err &
	holder_pid=$!
	started+=("$holder_pid")
	until_true "$HANG" has_mark holder || note "the holder does not run: $(<holder.err)"
}

let_go() {
	local gate_fd
	# Open both ways, this does not wait for a holder that has gone.
	exec {gate_fd}<>gate
	echo >&"$gate_fd"
	await "$holder_pid"
	exec {gate_fd}<&-
	((!status)) || note "the holder's status is $status: $(<holder.err)"
	now_us
	holder_ended=$now
}

# What it says is not enough: it may be the saying that fails.
waits_or_ended() {
	is_dead "$injected_pid" || says err 'waiting for' || [[ $(ledger-check --dump state 2>&1) == *state=waiting* ]]
}

# The act of each shape: everything up to the end of the injected launcher and of the next one. $free_at: from when on
# nothing but what was injected kept the next one from its turn.

act_plain() {
	launch_injected
	await_injected
	check_ledger after
	launch_next
	await_next
	free_at=$next_begun
}

# It has a leaf, and its keeper alone (or, in the scenario of that name, nobody) is there to end the job when it is killed.
act_held() {
	launch_injected
	await_injected
	[[ $name == alone ]] || check_gone
	check_ledger after
	launch_next
	await_next
	free_at=$next_begun
}

# The slot is taken; the injected one waits for it, and the next one behind that.
act_queue() {
	hold_slot "gate=$lab/gate"
	launch_injected
	until_true "$HANG" waits_or_ended || true
	check_ledger 'while it waits'
	launch_next
	until_true "$HANG" says next.err 'waiting for' || note "the next one does not wait"
	let_go
	await_injected
	await_next
	free_at=$((injected_ended > holder_ended ? injected_ended : holder_ended))
}

# The slot stays taken: the injected one gives up.
act_busy() {
	hold_slot "gate=$lab/gate"
	launch_injected
	await_injected
	check_ledger after
	let_go
	launch_next
	await_next
	free_at=$next_begun
}

# The slot is a dead launcher's, whose job, or a child of it, goes on: that has to be ended first.
act_dead() {
	hold_slot escape hold=100000
	until_true "$HANG" job_is_noted || note "the holder's job is not noted in the ledger"
	kill -KILL "$holder_pid"
	await "$holder_pid"
	launch_injected
	await_injected
	check_ledger after
	launch_next
	await_next
	free_at=$next_begun
}

job_is_noted() { [[ $(ledger-check --dump state 2>&1) == *job=alive* ]]; }

# strace on the launcher only from when its hook runs, so that it counts the calls of the child from its first, and none of
# those that the launcher made before. `injection` is what it is to do.
act_child() {
	follow_child
	await_injected
	exec {attach_fd}<&-
	await "$tracer_pid"
	check_ledger after
	launch_next
	await_next
	free_at=$next_begun
}

follow_child() {
	local pid=''
	mkfifo attach attached
	launch_injected
	exec {attach_fd}<>attach
	read -rt "$HANG" -u "$attach_fd" pid || note "the hook was not run"
	exec {attach_fd}<&-
	strace -f -b execve -o child.trace "${injection[@]}" -p "${pid:-0}" 2>attach.err &
	tracer_pid=$!
	started+=("$tracer_pid")
	until_true "$HANG" tracer_is_ready || true
	launcher_pid=$pid
	says attach.err attached || note "strace cannot attach: $(<attach.err)"
	# Closed only when it has been read for certain.
	exec {attach_fd}<>attached
	echo >&"$attach_fd"
}

tracer_is_ready() { is_dead "$tracer_pid" || says attach.err attached; }

# The same, but the child is held up at the call, and its launcher is killed meanwhile.
act_orphan() {
	follow_child
	until_true "$HANG" child_is_there || note "no child was seen"
	nap 0.02
	kill -KILL "$launcher_pid"
	await_injected
	exec {attach_fd}<&-
	check_ledger after
	launch_next
	await_next
	await "$tracer_pid"
	free_at=$next_begun
}

# Cloned, and as yet the launcher's own image.
child_is_there() {
	local pid comm
	is_dead "$injected_pid" && return
	for pid in $(<"/proc/$launcher_pid/task/$launcher_pid/children"); do
		{ read -r comm <"/proc/$pid/comm"; } 2>/dev/null || continue
		[[ $comm == sh ]] || return 0
	done 2>/dev/null
	return 1
}

# ---- what must hold -----------------------------------------------------------------------------------------------------

findings=()

note() { findings+=("$*"); }

# What the ledger tells is in $dump.
check_ledger() { # WHEN [OPTION]...
	dump=''
	[[ -e state/ledger ]] || return 0
	dump=$(ledger-check --dump "${@:2}" state 2>problems) || note "the ledger, $1: $(tr '\n' ';' <problems)"
}

# Whatever has the job's id in its environment: the job, and hooks; neither launchers nor keepers.
nothing_of_job() {
	local found
	mapfile -t found < <(grep -lsz '^RESRUN_JOB_ID=' /proc/[0-9]*/environ)
	((!${#found[@]})) || ! grep -qsz "^RESRUN_STATE_DIR=$lab/state$" "${found[@]}"
}

check_gone() {
	until_true "$GONE" nothing_of_job || note "$GONE s after its launcher's death the job is still there"
	now_us
	gone=$((now - injected_ended))
}

check_inside() {
	[[ ! -s inside ]] || note "the ledger, while it had the slot: $(tr '\n' ';' <inside)"
}

count_marks() { # NAME
	local line n=0
	[[ -e marks ]] || echo >marks
	while read -r line; do
		[[ $line != "$1 "* ]] || n=$((n + 1))
	done <marks
	echo "$n"
}

check_marks() {
	[[ -e marks ]] || return 0
	[[ $(<marks) != *' overlap '* ]] || note "two jobs in one slot: $(tr '\n' ';' <marks)"
}

# Sets $turn, in microseconds.
check_next() {
	local name how at=''
	[[ -e marks ]] || : >marks
	while read -r name how at; do
		[[ $name != next ]] || break
	done <marks
	turn=$((${at:-0} > free_at ? at - free_at : 0))
	if ((next_status != 0)) || [[ $name != next ]]; then
		note "the next one did not get its turn: status $next_status, $(<next.err)"
	elif ((turn > turn_limit)); then
		note "the next one got its turn after $((turn / 1000)) ms"
	fi
}

check_history() {
	local line
	[[ -e state/history ]] || return 0
	while IFS= read -r line; do
		[[ $line =~ ^[0-9a-f]{8}$'\t'\{.*\}$ ]] || note "a line of the history is torn: $line"
	done <state/history
}

# What a launcher left lying about, in $leftovers.
find_leftovers() {
	local file
	leftovers=()
	for file in state/.[!.]* tmp/*; do
		[[ ! -e $file ]] || leftovers+=("$file")
	done
}

# ---- points -------------------------------------------------------------------------------------------------------------

# From a trace without -f: "CALL NUMBER TEXT" for each call from main() on. Of the looks at other processes' environment, one
# for each process of the machine and all alike, the first and the last few have to do. With $from, a pattern, from the first
# call on that it fits instead.
read_points() { # TRACE
	awk -v from="$from" 'function is_middle(i, all) { return i > 3 && i <= all - 8 }
		NR == FNR { looks += /"[0-9]+\/environ"/; opens += /^pidfd_open\(/; next }
		!/^[a-z0-9_]+\(/ { next }
		{ name = substr($0, 1, index($0, "(") - 1); n[name]++ }
		$0 ~ from { begun = 1 }
		!begun || name == "pidfd_open" && is_middle(++open, opens) { next }
		/"[0-9]+\/environ"/ { looking = is_middle(++look, looks) }
		looking { looking = name != "close"; next }
		{ print name, n[name], $0 }' "$1" "$1"
}

# From a trace with -f, attached in the hook: the calls of the child, to its exec.
read_child_points() { # TRACE
	awk '{ pid = $1; sub(/^[0-9]+ +/, "") }
		!launcher { launcher = pid }
		child && pid == child && !/^[a-z0-9_]+\(/ { next }
		pid == launcher || child && pid != child { next }
		{ child = pid; name = substr($0, 1, index($0, "(") - 1); print name, ++n[name], $0 }' "$1"
}

# The points of the scenario as it goes when nothing is injected.
reference() { # SCENARIO
	inject=(strace -o "$work/reference") injection=()
	scenario "$1"
	[[ $shape != @(child|orphan) ]] || inject=()
	[[ $shape != orphan ]] || shape=child
	findings=()
	new_lab
	"act_$shape"
	end_all
	((injected_status == expected)) || note "status $injected_status instead of $expected: $(<err)"
	check_marks
	check_next
	((!${#findings[@]})) || die "scenario $1, with nothing injected: ${findings[*]}"
	if [[ $shape == child ]]; then
		read_child_points child.trace
	else
		read_points "$work/reference"
	fi >"$work/points"
	mapfile -t points <"$work/points"
	((${#points[@]})) || die "scenario $1: where does it begin? Nothing in the trace fits $from"
}

# Every K-th of the lines in $points, from a random one on; all when there is no K.
thin_out() {
	local kept=() i
	((sample > 1)) || return 0
	for ((i = RANDOM % sample; i < ${#points[@]}; i += sample)); do
		kept+=("${points[i]}")
	done
	points=("${kept[@]}")
}

# ---- results ------------------------------------------------------------------------------------------------------------

# FUNCTION for each of $points, by $jobs processes, each in a lab of its own. What they report with put() is in
# $work/results.
over_points() { # FUNCTION
	local worker i failed=''
	for ((worker = 0; worker < jobs; worker++)); do
		(
			trap 'exit 143' TERM
			trap end_all EXIT
			use_lab "$work/lab.$worker"
			: >"$lab.results"
			scenario "$name"
			for ((i = worker; i < ${#points[@]}; i += jobs)); do
				one_point "$1" "${points[i]}"
			done
		) 2>"$work/lab.$worker.words" &
		workers+=("$!")
	done
	for worker in "${workers[@]}"; do
		wait "$worker" || failed=yes
	done
	workers=()
	# bash tells of every background process that a signal ended.
	grep -hvE '^[^ ]*/lab\.bash: line [0-9]+: +[0-9]+ Killed ' "$work"/lab.*.words >&2 || true
	[[ -z $failed ]] || die "a worker failed"
	cat "$work"/lab.*.results >"$work/results"
}

one_point() { # FUNCTION POINT
	local call number text
	read -r call number text <<<"$2"
	findings=() turn=0
	new_lab
	"$1" "$call" "$number" "$text"
	end_all
	((!${#findings[@]})) || tell_findings "$call" "$number" "$text"
}

put() { printf '%s\n' "$*" >>"$lab.results"; }

tell_findings() { # CALL NUMBER TEXT
	local line
	put "failed"
	{
		printf 'FAILED %s: %s at %s %s: %s\n' "$name" "${what:-}" "$1" "$2" "${3:0:150}"
		printf '    %s\n' "${findings[@]:0:20}"
		[[ ! -s err ]] || head -n 20 err | sed 's/^/    err: /'
		printf '    by: %s resrun -j 1 %s -- mark %s injected %s\n' "${inject[*]} ${injection[*]}" "${options[*]@Q}" "$lab" "${job[*]}"
	} >&2
}

count_results() { # WORD
	grep -c "^$1\b" "$work/results" || true
}

# Of the lines "WORD N": the greatest, the 99th percentile and the median, in milliseconds, if there are any.
sum_times() { # WORD TEXT
	awk -v word="$1" '$1 == word { print $2 }' "$work/results" | sort -n | awk -v text="$2" '{ t[NR] = $1 / 1000 }
		function part(percent) { return t[int((NR * percent + 99) / 100)] }
		END { if (NR) printf "%s %.1f ms at most, p99 %.1f ms, median %.1f ms; ", text, t[NR], part(99), part(50) }'
}

# ---- options ------------------------------------------------------------------------------------------------------------

# A file that sources this may add scenarios which are run only when named.
NAMED_ONLY=()

# A wake-up that was lost is made good by the look that a head takes every 30 s.
sample=1 seed='' jobs=1 turn_limit=20000000
wanted=()

parse_options() { # WORD...
	while (($#)); do
		case $1 in
		--sample | --seed | --jobs)
			[[ ${2:-} =~ ^[0-9]+$ ]] || die "$1 needs a number"
			printf -v "${1#--}" '%s' "$2"
			shift
			;;
		--slow) HANG=200 GONE=60 turn_limit=60000000 max_wait=150s ;;
		--help) usage && exit 0 ;;
		-*) die "unknown option $1 (see --help)" ;;
		*)
			[[ " ${SCENARIOS[*]} ${NAMED_ONLY[*]} " == *" $1 "* ]] || die "no such scenario: $1 (see --help)"
			wanted+=("$1")
			;;
		esac
		shift
	done
	((${#wanted[@]})) || wanted=("${SCENARIOS[@]}")
	((jobs >= 1 && jobs <= 2 && sample >= 1)) || die "--jobs is 1 or 2, --sample at least 1"
	seed=${seed:-$((SRANDOM % 100000))}
	RANDOM=$seed
	((sample == 1)) || say "every $sample. point, --seed $seed"
}
